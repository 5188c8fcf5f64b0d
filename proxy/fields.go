package proxy

import (
	"sync"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// fieldList is an array that a head's fields are parsed into. What waits holds none: a head's fields are of use only until
// they have been passed on.
type fieldList struct{ fields []http1.Field }

var fieldLists = sync.Pool{New: func() any { return new(fieldList) }}

// lend gives fields an array, and returns what reclaim takes it back with.
func lend(fields *[]http1.Field) *fieldList {
	l := fieldLists.Get().(*fieldList)
	*fields = l.fields[:0]
	return l
}

// reclaim takes back what lend gave, if it did.
func (l *fieldList) reclaim(fields *[]http1.Field) {
	if l != nil {
		l.fields = (*fields)[:0]
		*fields = nil
		fieldLists.Put(l)
	}
}
