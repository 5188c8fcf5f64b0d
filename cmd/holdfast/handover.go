package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/holdfast-proxy/holdfast/cmd/holdfast/internal/handover"
	"github.com/holdfast-proxy/holdfast/routing"
)

const (
	handoverChunk = 32 << 10 // bytes of sessions in one message, about
	handoverQueue = 4096     // sessions learned while the successor does not keep up; the successor searches for the rest
)

// successor is a holdfast that takes over from this one.
type successor struct {
	*handover.Conn
	places  map[*routing.Backend]int // of our backends, in the list that it has got
	learned chan []byte              // sessions that it has yet to be told of
}

// awaitSuccessor serves the door until somebody has taken over, who is sent to taken, or ctx is done. Whoever fails
// halfway leaves nothing behind but a line in the log.
func (h *holdfast) awaitSuccessor(ctx context.Context, e *entrances, taken chan<- *successor) {
	for {
		c, err := e.door.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s := &successor{Conn: c, learned: make(chan []byte, handoverQueue)}
			if err = h.handOver(ctx, s, e); err == nil {
				taken <- s
				return
			}
			c.Close()
		}
		h.log.Warn("not handed over, serving on", "err", err)
	}
}

// handOver gives the successor all it needs and waits until it is ready.
func (h *holdfast) handOver(ctx context.Context, s *successor, e *entrances) error {
	defer context.AfterFunc(ctx, s.Close)()
	ready := make(chan error, 1)
	var listening sync.WaitGroup
	listening.Go(func() { ready <- awaitReady(s.Conn) })
	defer listening.Wait()
	err := h.giveAll(s, e)
	if err == nil {
		err = h.giveLearned(s, ready)
	}
	if err != nil {
		h.options.router.Sessions.OnLearn(nil)
		s.Close()
	}
	return err
}

func awaitReady(c *handover.Conn) error {
	m, err := c.Receive()
	if err == nil && m.Kind != handover.Ready {
		err = fmt.Errorf("the successor said %q, want %q", m.Kind, handover.Ready)
	}
	return err
}

// giveAll sends the sockets, the backends and every session.
func (h *holdfast) giveAll(s *successor, e *entrances) error {
	if err := s.SendListener(doorSocket, e.door); err != nil {
		return err
	}
	for _, from := range e.sockets {
		name := from.name
		if from.systemd {
			name = fromSystemd + name
		}
		if err := s.SendListener(name, from.Listener.(syscall.Conn)); err != nil {
			return err
		}
	}
	if err := h.giveBackends(s); err != nil {
		return err
	}
	return h.giveSessions(s)
}

// giveSessions sends the whole table, and what is learned from now on.
func (h *holdfast) giveSessions(s *successor) error {
	sessions := h.options.router.Sessions
	sessions.OnLearn(s.learn)
	var chunk []byte
	for sid, e := range sessions.All() {
		if chunk = s.appendSession(chunk, sid, e); len(chunk) < handoverChunk {
			continue
		}
		if err := errors.Join(s.Send(handover.Sessions, chunk), s.sendLearned()); err != nil {
			return err
		}
		chunk = chunk[:0]
	}
	return errors.Join(s.Send(handover.Sessions, chunk), s.Send(handover.Complete, nil))
}

// giveBackends sends the list of backends, and what is known of their health.
func (h *holdfast) giveBackends(s *successor) error {
	l := legacy{PID: os.Getpid(), Version: version()}
	s.places = map[*routing.Backend]int{}
	health, snapshot := h.health(), h.pool.Snapshot()
	for i, m := range h.pool.Members() {
		b := legacyBackend{
			ID: m.ID, URL: m.URL, Weight: m.Weight, MaxSessions: m.MaxSessions, Backup: m.Backup, Draining: m.Draining, Left: m.Left,
		}
		if snapshot.ByID(m.ID) == m.Backend { // else health is that of another one, which has taken over its ID
			b.Health = health[m.ID].Status
		}
		l.Backends = append(l.Backends, b)
		s.places[m.Backend] = i
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.Send(handover.State, text)
}

// appendSession writes a session, unless the successor has not heard of its backend.
func (s *successor) appendSession(dst []byte, sid string, e routing.Entry) []byte {
	if at, known := s.places[e.Backend]; known {
		return appendSession(dst, at, sid, e)
	}
	return dst
}

// learn is told of every session that is learned while it is being handed over. It never waits: the successor searches for
// those that find no room.
func (s *successor) learn(sid string, e routing.Entry) {
	text := s.appendSession(nil, sid, e)
	if text == nil {
		return
	}
	select {
	case s.learned <- text:
	default:
	}
}

// sendLearned sends what has been learned by now.
func (s *successor) sendLearned() error {
	for {
		select {
		case text := <-s.learned:
			if err := s.Send(handover.Sessions, text); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// giveLearned sends what is being learned, until the successor is ready.
func (h *holdfast) giveLearned(s *successor, ready <-chan error) error {
	for {
		select {
		case err := <-ready:
			return err
		case text := <-s.learned:
			if err := s.Send(handover.Sessions, text); err != nil {
				return err
			}
		}
	}
}

// giveLast tells the successor that nothing is accepted here any more, and then what requests that are still under way
// here teach, until ctx is done.
func (h *holdfast) giveLast(ctx context.Context, s *successor) {
	defer s.Close()
	defer h.options.router.Sessions.OnLearn(nil)
	err := s.Send(handover.Taken, nil)
	for err == nil {
		select {
		case text := <-s.learned:
			err = s.Send(handover.Sessions, text)
		case <-ctx.Done():
			s.sendLearned()
			return
		}
	}
	h.log.Warn("the holdfast after this one listens no more", "err", err)
}
