package main

import (
	"net"
	"testing"
)

// at is a listener that has nothing but an address.
type at struct {
	net.Listener
	addr net.Addr
}

func (a at) Addr() net.Addr { return a.addr }

func tcp(ip string, port int) at { return at{addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: port}} }

func TestInheritedSocketsAreMatchedToAddresses(t *testing.T) {
	sockets := map[string]at{
		"listen 127.0.0.1:0":  tcp("127.0.0.1", 40001),
		"listen :8080":        tcp("::", 8080),
		"listen unix:/run/a":  {addr: &net.UnixAddr{Name: "/run/a", Net: "unix"}},
		"systemd web.socket":  tcp("0.0.0.0", 9000),
		"systemd admin":       tcp("127.0.0.1", 9901),
		"admin 127.0.0.1:990": tcp("127.0.0.1", 990),
	}
	for name, c := range map[string]struct {
		purpose, addr string
		want          string // whose socket; "": none
	}{
		"the same text, whatever port it has got":      {listenSocket, "127.0.0.1:0", "listen 127.0.0.1:0"},
		"the port that it has got":                     {listenSocket, "127.0.0.1:40001", "listen 127.0.0.1:0"},
		"any port of another address is not that one":  {listenSocket, "127.0.0.2:0", ""},
		"no host is all hosts":                         {listenSocket, "[::]:8080", "listen :8080"},
		"IPv4's all hosts are not all":                 {listenSocket, "0.0.0.0:8080", ""},
		"one host is not all hosts":                    {listenSocket, "127.0.0.1:8080", ""},
		"another port":                                 {listenSocket, ":8081", ""},
		"a path":                                       {listenSocket, "unix:/run/a", "listen unix:/run/a"},
		"another path":                                 {listenSocket, "unix:/run/b", ""},
		"systemd's, by its address":                    {listenSocket, "0.0.0.0:9000", "systemd web.socket"},
		"systemd's, whose host is left out":            {listenSocket, ":9000", "systemd web.socket"},
		"systemd's, by its name, wherever it listens":  {adminSocket, "127.0.0.1:9900", "systemd admin"},
		"that of the very text goes before one's name": {adminSocket, "127.0.0.1:990", "admin 127.0.0.1:990"},
		"something that is no address":                 {listenSocket, "nowhere", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var in inherited
			for n, ln := range sockets {
				in.add(n, ln)
			}
			got, found := in.claim(c.purpose, c.addr)
			if !found {
				if c.want != "" {
					t.Errorf("found none, want %q", c.want)
				}
				return
			}
			if c.want == "" || got.Listener != sockets[c.want] {
				t.Errorf("found %q, want %q", got.name, c.want)
			}
			if again, found := in.claim(c.purpose, c.addr); found && again.Listener == got.Listener {
				t.Error("it can be claimed twice")
			}
		})
	}
}
