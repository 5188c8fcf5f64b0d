package main

import (
	"context"
	"fmt"
	"net"
	"sync"

	"github.com/holdfast-proxy/holdfast/cmd/holdfast/internal/handover"
	"github.com/holdfast-proxy/holdfast/proxy"
)

// entrances are the sockets that this process listens on. Those that it has from a running holdfast are shared with that
// until own.
type entrances struct {
	sockets    []socket // for clients, and behind these the admin listener
	clients    int      // how many of them are for clients
	serveAdmin func(context.Context)
	answering  sync.WaitGroup // for serveAdmin, until endAdmin
	endAdmin   context.CancelFunc
	door       *handover.Door // for the next holdfast; nil: there is no --handover
	shared     bool           // their paths are not ours to remove
}

// inherit takes over what systemd or a running holdfast has for this process. The predecessor is nil if there is none.
func (h *holdfast) inherit(ctx context.Context) (*predecessor, error) {
	if err := h.inherited.addSystemd(); err != nil {
		return nil, err
	}
	return h.takeOver(ctx)
}

// open opens every socket that was not inherited. On an error it is for the caller to close those that were opened.
func (h *holdfast) open(before *predecessor) (*entrances, error) {
	e := &entrances{shared: before != nil, clients: len(h.options.listen)}
	for _, addr := range h.options.listen {
		if _, err := h.listenAs(e, listenSocket, addr); err != nil {
			return e, fmt.Errorf("--listen %q: %w", addr, err)
		}
	}
	if err := h.openAdmin(e); err != nil {
		return e, err
	}
	if before == nil && len(h.inherited) > 0 { // clients would wait there for ever
		s := h.inherited[0]
		return e, fmt.Errorf("systemd's socket %s: want a --listen or --admin %s", s.name, s.Addr())
	}
	return e, h.openDoor(e)
}

// listenAs opens addr, unless it was inherited, and puts it among the entrances.
func (h *holdfast) listenAs(e *entrances, purpose, addr string) (net.Listener, error) {
	s, found := h.inherited.claim(purpose, addr)
	if found {
		h.log.Info("socket taken over", "addr", s.Addr().String())
	} else {
		ln, err := listen(addr)
		if err != nil {
			return nil, err
		}
		s.Listener = ln
	}
	if purpose == listenSocket {
		ln, err := proxy.Unpolled(s.Listener)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.Listener = ln
		s.removePath(!found)
	}
	s.name = purpose + " " + addr
	e.sockets = append(e.sockets, s)
	return s.Listener, nil
}

// openDoor opens --handover, unless it was inherited.
func (h *holdfast) openDoor(e *entrances) (err error) {
	path := h.options.handover
	if path == "" {
		return nil
	}
	if s, found := h.inherited.claim(doorSocket, "unix:"+path); found {
		e.door, err = handover.Adopt(s.Listener, path)
	} else {
		e.door, err = handover.Open(path)
	}
	if err != nil {
		return fmt.Errorf("--handover %q: %w", path, err)
	}
	return nil
}

// forClients are the sockets that clients come to.
func (e *entrances) forClients() []socket { return e.sockets[:e.clients] }

// own makes the sockets' paths this process's own, which it removes when it ends.
func (e *entrances) own() {
	e.shared = false
	for _, s := range e.sockets {
		s.removePath(true)
	}
}

// leave leaves the sockets to a successor, and waits until the last question was answered here: that clients are not wanted
// here any more is nobody's answer now.
func (e *entrances) leave() {
	e.shared = true
	for _, s := range e.sockets {
		s.removePath(false)
	}
	e.endAdmin()
	e.answering.Wait()
}

// close closes what is still open.
func (e *entrances) close() {
	for _, s := range e.sockets {
		s.Close()
	}
	e.closeDoor()
}

// closeDoor has nobody take over from this process any more.
func (e *entrances) closeDoor() {
	if e.door != nil {
		e.door.Close()
	}
}

// removeDoor removes the path of a door that is closed and that no other process has.
func (e *entrances) removeDoor() {
	if e.door != nil && !e.shared {
		e.door.RemovePath()
	}
}
