package healthcheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/valyala/fasthttp"
)

// ErrNotEngineIO is what an EngineIO probe's error wraps when a valid HTTP
// reply below 500 came that no Engine.IO server would give: a custom path, a
// login in front, or the wrong backend. The Checker counts it as alive, with one
// warning, until the target has once answered as Engine.IO: then it has to.
var ErrNotEngineIO = errors.New("not an Engine.IO reply")

// EngineIO returns a probe that polls r.Path ("" = "/socket.io/") with a sid
// nobody has and wants to be told so: Engine.IO itself answers, and no session
// is opened. recognise is asked whether a reply (its body trimmed, nil when
// longer than 4 KiB) says "unknown sid"; that of a WebSocket-only server,
// which serves no polls, is recognised here.
//
// A server that answers unknown sids with 500 (netty-socketio) cannot be told
// from a broken one: use HTTP or TCP for it.
func EngineIO(r Request, recognise func(status int, body []byte, sid string) bool) Probe {
	path := orElse(r.Path, "/socket.io/")
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	pose := func() (string, judgement) {
		sid := bogusSID()
		return path + separator + "EIO=4&transport=polling&sid=" + sid, func(got reply) error {
			switch {
			case recognise(got.status, got.body, sid), servesNoPolls(got.status, got.body):
				return nil
			case got.status >= fasthttp.StatusInternalServerError:
				return fmt.Errorf("status %d: want the refusal of an unknown sid", got.status)
			}
			return fmt.Errorf("%w: status %d, body begins %.40q", ErrNotEngineIO, got.status, got.body)
		}
	}
	return &question{Request: r, body: withBody, pose: pose}
}

// bogusSID returns exactly 16 characters of [A-Za-z0-9_-], anew for each check.
// Any other length costs: socketioxide opens a session for a sid of another
// shape than its own, and cluster-engine asks around for a second at 20.
func bogusSID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var sid [16]byte
	bits := [2]uint64{rand.Uint64(), rand.Uint64()}
	for i := range sid {
		sid[i] = alphabet[bits[i/8]>>(6*(i%8))&63]
	}
	return string(sid[:])
}

// servesNoPolls recognises what a server with transports: ["websocket"] says to
// every poll: code 0, "Transport unknown", or Python's own words. The body is
// trimmed.
func servesNoPolls(status int, body []byte) bool {
	if status != fasthttp.StatusBadRequest {
		return false
	}
	if string(body) == `"Invalid transport"` {
		return true
	}
	var refusal struct {
		Code json.RawMessage `json:"code"`
	}
	if json.Unmarshal(body, &refusal) != nil {
		return false
	}
	return string(refusal.Code) == "0" || string(refusal.Code) == `"0"`
}
