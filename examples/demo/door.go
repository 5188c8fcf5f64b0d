package main

import (
	"net"
	"sync"
)

// door is the one listening socket of the demo. Instances of holdfast come and
// go behind it without a moment in which a dial is refused, as behind a socket
// that systemd holds.
type door struct {
	listener net.Listener
	arrivals chan net.Conn
	closed   chan struct{}
}

func newDoor(listener net.Listener) *door {
	return &door{listener: listener, arrivals: make(chan net.Conn), closed: make(chan struct{})}
}

// run accepts until the door is closed.
func (d *door) run() {
	defer close(d.closed)
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return
		}
		d.arrivals <- conn
	}
}

// close ends run. A connection that nobody will take is closed.
func (d *door) close() {
	_ = d.listener.Close()
	for {
		select {
		case conn := <-d.arrivals:
			_ = conn.Close()
		case <-d.closed:
			return
		}
	}
}

// turn is the door as one instance sees it: closing it sends nobody else away.
type turn struct {
	*door
	over chan struct{}
	once sync.Once
}

func (d *door) newTurn() *turn { return &turn{door: d, over: make(chan struct{})} }

// Accept waits for the next connection, or for the end of this turn.
func (t *turn) Accept() (net.Conn, error) {
	select {
	case conn := <-t.arrivals:
		return conn, nil
	case <-t.over:
		return nil, net.ErrClosed
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close ends this turn.
func (t *turn) Close() error {
	t.once.Do(func() { close(t.over) })
	return nil
}

// Addr is the address of the listening socket.
func (t *turn) Addr() net.Addr { return t.listener.Addr() }
