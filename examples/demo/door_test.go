package main

import (
	"errors"
	"net"
	"testing"
)

func TestDoorLosesNobodyBetweenTwoTurns(t *testing.T) {
	door := openDoor(t)
	first := door.newTurn()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a turn that is over accepts: %v", err)
	}
	visitor, err := net.Dial("tcp", door.listener.Addr().String()) // while it is nobody's turn
	if err != nil {
		t.Fatal(err)
	}
	defer visitor.Close()
	conn, err := door.newTurn().Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.RemoteAddr().String() != visitor.LocalAddr().String() {
		t.Errorf("the next turn got %v, want %v", conn.RemoteAddr(), visitor.LocalAddr())
	}
}

func TestClosedDoorEndsEveryTurn(t *testing.T) {
	door := openDoor(t)
	turn := door.newTurn()
	door.close()
	if _, err := turn.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a turn behind a closed door accepts: %v", err)
	}
}

func openDoor(t *testing.T) *door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(listener)
	go d.run()
	t.Cleanup(d.close)
	return d
}
