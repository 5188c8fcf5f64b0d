package main_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// TestMovedPinsAreSeen is the control of TestNobodyElseMovesAPin: the same
// attack is seen to succeed on proxies with the faults that it is made for.
func TestMovedPinsAreSeen(t *testing.T) {
	t.Parallel()
	tests := map[string]fault{
		"a cookie moves a pin": func(p *foolishProxy, sid, cookie string) {
			if to, known := p.tokens[cookie]; known && sid != "" {
				p.pins[sid] = to
			}
		},
		"the oldest pin makes room for a handshake": func(p *foolishProxy, _, _ string) {
			if len(p.learned) > 60 {
				delete(p.pins, p.learned[0])
				p.learned = p.learned[1:]
			}
		},
	}
	backends := startBackends(t, "js4", 3)
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			p := newFoolishProxy(t, backends, fault)
			tokens := slices.Collect(maps.Keys(p.tokens))
			problems := attack(t, serve(t, p.serve), tokens, func() int { return 0 })
			if len(problems) == 0 {
				t.Error("the attack was not seen to succeed")
			}
			t.Logf("seen: %v", problems)
		})
	}
}

// fault is what goes wrong before a request is placed; the proxy is locked.
type fault func(p *foolishProxy, sid, cookie string)

// foolishProxy pins sids to backends as holdfast does, but for a fault. What it
// has no pin for goes to the next backend.
type foolishProxy struct {
	onward map[string]http.Handler // by backend
	tokens map[string]string       // the backends, by their cookie
	fault  fault

	mu      sync.Mutex
	turn    int
	pins    map[string]string // backends by sid
	learned []string          // sids, the oldest first
}

func newFoolishProxy(t *testing.T, backends []*backend, fault fault) *foolishProxy {
	t.Helper()
	p := &foolishProxy{onward: map[string]http.Handler{}, tokens: map[string]string{}, fault: fault, pins: map[string]string{}}
	for _, b := range backends {
		p.onward[b.id] = forward(t, b)
		p.tokens["of-"+b.id] = b.id
	}
	return p
}

func (p *foolishProxy) serve(w http.ResponseWriter, r *http.Request) {
	sid := r.URL.Query().Get("sid")
	to := p.place(sid, r)
	if sid != "" {
		p.onward[to].ServeHTTP(w, r)
		return
	}
	reply := httptest.NewRecorder()
	p.onward[to].ServeHTTP(reply, r)
	s := session{sessionConfig: sessionConfig{EIO: 4}}
	if s.take(httpReply{body: reply.Body.String(), status: reply.Code}) == nil {
		p.learn(s.SID, to)
	}
	maps.Copy(w.Header(), reply.Header())
	http.SetCookie(w, &http.Cookie{Name: "holdfast", Value: "of-" + to})
	w.WriteHeader(reply.Code)
	_, _ = w.Write(reply.Body.Bytes())
}

func (p *foolishProxy) place(sid string, r *http.Request) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	cookie := ""
	if c, err := r.Cookie("holdfast"); err == nil {
		cookie = c.Value
	}
	p.fault(p, sid, cookie)
	if to, pinned := p.pins[sid]; pinned {
		return to
	}
	ids := slices.Sorted(maps.Keys(p.onward))
	p.turn++
	return ids[p.turn%len(ids)]
}

func (p *foolishProxy) learn(sid, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pins[sid] = to
	p.learned = append(p.learned, sid)
}
