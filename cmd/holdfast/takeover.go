package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/holdfast-proxy/holdfast/cmd/holdfast/internal/handover"
	"github.com/holdfast-proxy/holdfast/healthcheck"
	"github.com/holdfast-proxy/holdfast/routing"
)

// predecessor is the running holdfast that this one takes over from.
type predecessor struct {
	*handover.Conn
	legacy
	backends []*routing.Backend // ours, in the order of its list; nil: none
	sessions int                // taken over before we were ready
	taken    chan struct{}      // closed when it does not accept any more
	ended    chan struct{}      // closed when it has nothing more to say
}

// takeOver asks the holdfast at --handover for all it has. There is none: predecessor and error are nil.
func (h *holdfast) takeOver(ctx context.Context) (*predecessor, error) {
	if h.options.handover == "" {
		return nil, nil
	}
	c, err := handover.Dial(h.options.handover)
	if errors.Is(err, handover.ErrNobody) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--handover %q: %w", h.options.handover, err)
	}
	began := time.Now()
	p := &predecessor{Conn: c, taken: make(chan struct{}), ended: make(chan struct{})}
	defer context.AfterFunc(ctx, c.Close)()
	if err := h.receive(p); err != nil {
		c.Close()
		return nil, fmt.Errorf("--handover %q: the running holdfast was not taken over from: %w", h.options.handover, err)
	}
	h.log.Info("taking over", "pid", p.PID, "version", p.Version, "sessions", p.sessions,
		"took", time.Since(began).Round(time.Millisecond))
	return p, nil
}

// receive takes all that must be known before the first client is accepted.
func (h *holdfast) receive(p *predecessor) error {
	for {
		m, err := p.Receive()
		if err != nil {
			return err
		}
		switch m.Kind {
		case handover.Listener:
			h.inherited.add(string(m.Text), m.Listener)
		case handover.State:
			err = h.takeBackends(p, m.Text)
		case handover.Sessions:
			err = h.takeSessions(p, m.Text)
		case handover.Complete:
			p.ReceiveWithin = 0
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// takeBackends makes the predecessor's backends known to the pool, and what it has found of them to the checker.
func (h *holdfast) takeBackends(p *predecessor, text []byte) (err error) {
	if p.legacy, err = parseLegacy(text); err != nil {
		return err
	}
	members := make([]routing.Member, len(p.Backends))
	found := map[healthcheck.Target]healthcheck.Status{}
	for i, b := range p.Backends {
		members[i] = b.member()
		found[healthcheck.Target{ID: b.ID, URL: b.URL}] = statusNamed(b.Health)
	}
	if err := h.pool.Succeed(members); err != nil {
		return err
	}
	known := map[healthcheck.Target]*routing.Backend{}
	for _, b := range h.pool.Snapshot().Backends() {
		known[healthcheck.Target{ID: b.ID(), URL: b.URL()}] = b
	}
	for _, b := range p.Backends {
		p.backends = append(p.backends, known[healthcheck.Target{ID: b.ID, URL: b.URL}])
	}
	if h.checker != nil {
		h.watchMembers()
		h.checker.Assume(found)
	}
	return nil
}

// takeSessions pins the sessions of one message.
func (h *holdfast) takeSessions(p *predecessor, text []byte) error {
	for len(text) > 0 {
		at, sid, e, rest, err := parseSession(text, len(p.backends))
		if err != nil {
			return err
		}
		text = rest
		if e.Backend = p.backends[at]; e.Backend != nil && h.options.router.Sessions.Import(sid, e) {
			p.sessions++
		}
	}
	return nil
}

// follow takes what the predecessor still learns, until it ends.
func (h *holdfast) follow(p *predecessor) {
	defer close(p.ended)
	for {
		m, err := p.Receive()
		if err == nil && m.Kind == handover.Sessions {
			err = h.takeSessions(p, m.Text)
		}
		switch {
		case errors.Is(err, net.ErrClosed):
			return // this one ends first
		case errors.Is(err, io.EOF):
			h.log.Info("the holdfast before this one has ended", "pid", p.PID)
			return
		case err != nil:
			h.log.Warn("nothing more is heard of the holdfast before this one", "pid", p.PID, "err", err)
			return
		case m.Kind == handover.Taken:
			close(p.taken)
		}
	}
}

var errNoBackend = errors.New("none of the backends may get new sessions, while some of the running holdfast's may")

// usable refuses to take over if that would leave new clients without a backend, which the predecessor has for them: its
// sources of backends may have an answer that ours do not have yet.
func (h *holdfast) usable(p *predecessor) error {
	had := false
	for _, b := range p.Backends {
		had = had || !b.Draining && !b.Left && (b.Health == "" || b.Health == healthcheck.Up.String())
	}
	snapshot := h.pool.Snapshot()
	for _, b := range snapshot.Backends() {
		had = had && snapshot.State(b) != routing.Up
	}
	if had {
		return errNoBackend
	}
	return nil
}

// announceReady tells the predecessor, if there is one, that this process accepts, and waits until that one does not.
func (h *holdfast) announceReady(ctx context.Context, p *predecessor) error {
	if p == nil {
		return nil
	}
	if err := p.Send(handover.Ready, nil); err != nil {
		return fmt.Errorf("--handover %q: the running holdfast has changed its mind: %w", h.options.handover, err)
	}
	select {
	case <-p.taken:
		return nil
	case <-p.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.taken: // and then it had nothing more to do
		return nil
	default:
		return fmt.Errorf("--handover %q: the running holdfast has ended the conversation", h.options.handover)
	}
}
