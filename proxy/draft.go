package proxy

import (
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
	"github.com/holdfast-proxy/holdfast/routing"
)

// draft is what an exchange has only while somebody carries it, for as long as the request may still have to be sent, or to be
// sent again. A poll that waits for its reply has none: see slim.
//
// The head's fields in req alias the client's buffer. collect serialises them into wire, as the backend is to see
// them, and consumes them; afterwards only what facts has copied may be read of them.
type draft struct {
	req     http1.Request
	headLen int        // of req, at the start of the client's buffer
	from    forwarding // its chain, proto and host alias the head
	cookie  string     // the affinity cookie's value
	key     string     // the affinity key's value

	tried     []*routing.Backend // those that could not be dialled
	firstDial time.Time          // when dialling the first of them began

	seeking  bool    // its session is searched for
	search   *search // that it is a member of; nil: its backend is known
	opening  bool    // it waits at the gate for the search
	asking   bool    // it asks a backend about the session
	proved   bool    // it has found the session's owner
	presumed bool    // the backend it is at has been silent, and is presumed to own the session
	kept     answer  // what an upgrade gets if no backend takes it
	heldSize int64   // bytes of wire that count against the bound on held bodies

	wire   []byte  // the request as the backend sees it, up to the part of its body that is streamed
	upload *upload // the streaming of the rest of the body; nil: wire is all there is

	guest   *guest // what the next stage waits for, if that is a place
	failure error  // what it is about, if that is a failure
	said    said   // what it is about, if that is something said at once
}

var drafts = sync.Pool{New: func() any { return new(draft) }}

// takeDraft lends an empty draft; whoever takes it gives it back with giveDraft.
func takeDraft() *draft { return drafts.Get().(*draft) }

// giveDraft takes a draft back. The arrays that its request and its list have grown to serve the next one.
func giveDraft(d *draft) {
	clear(d.tried)
	d.req.Body = http1.Body{}
	*d = draft{req: d.req, tried: d.tried[:0]}
	drafts.Put(d)
}

// slim gives back the draft of a request that has been sent and will not be sent again, while its reply is waited for.
func (x *exchange) slim() {
	if x.wire == nil && x.upload == nil && x.search == nil && !x.repeatable() {
		giveDraft(x.draft)
		x.draft = nil
	}
}
