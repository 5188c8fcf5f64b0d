package proxy

import (
	"testing"
	"unsafe"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

// TestOnlyWhatIsSentForGoodGivesItsDraftBack has requests wait for their replies.
func TestOnlyWhatIsSentForGoodGivesItsDraftBack(t *testing.T) {
	poll := func(d draft) *exchange {
		return &exchange{draft: &d, facts: facts{method: "GET", safe: true, query: &engineio.Query{SID: "abc"}}}
	}
	handshake := poll(draft{})
	handshake.query = &noQuery
	for name, row := range map[string]struct {
		x     *exchange
		keeps bool
	}{
		"a poll":                             {poll(draft{}), false},
		"one that may have to be sent again": {poll(draft{wire: []byte("GET")}), true},
		"one whose body is being sent":       {poll(draft{upload: new(upload)}), true},
		"one whose session is searched for":  {poll(draft{search: new(search)}), true},
		"a handshake":                        {handshake, true},
	} {
		if row.x.slim(); (row.x.draft != nil) != row.keeps {
			t.Errorf("%s: draft kept: %v, want %v", name, row.x.draft != nil, row.keeps)
		}
	}
}

// TestWhoWaitsIsSmall keeps what thousands wait with in the runtime's classes of sizes that it is in.
func TestWhoWaitsIsSmall(t *testing.T) {
	for name, row := range map[string]struct{ size, limit uintptr }{
		"a request that waits for its reply": {unsafe.Sizeof(exchange{}), 224},
		"a client's connection":              {unsafe.Sizeof(conn{}), 384},
		"a backend's connection":             {unsafe.Sizeof(upConn{}), 224},
	} {
		if row.size > row.limit {
			t.Errorf("%s has %d bytes, want at most %d", name, row.size, row.limit)
		}
	}
}
