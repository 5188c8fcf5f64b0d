package main_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// tunnel is a WebSocket with a session of the test protocol in it, spoken by
// hand to see how it ends.
type tunnel struct {
	net.Conn
	in     *bufio.Reader
	server string // who said welcome
}

// openTunnel opens a session on a WebSocket alone and waits for the welcome.
func openTunnel(addr string) (*tunnel, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	w := &tunnel{Conn: c, in: bufio.NewReader(c)}
	_ = c.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(c, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: holdfast\r\n"+
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err == nil {
		err = w.begin()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return w, nil
}

func (w *tunnel) begin() error {
	res, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("upgrade: status %d, want 101", res.StatusCode)
	}
	if err := w.send("40"); err != nil {
		return err
	}
	for {
		packet, err := w.receive()
		if err != nil {
			return err
		}
		if values, found := strings.CutPrefix(packet, "42"); found {
			return json.Unmarshal([]byte(values), &[]any{new(string), &struct{ Server *string }{&w.server}})
		}
	}
}

// send writes a text frame of fewer than 126 bytes, masked with zeros.
func (w *tunnel) send(packet string) error {
	_, err := w.Write(append([]byte{0x81, 0x80 | byte(len(packet)), 0, 0, 0, 0}, packet...))
	return err
}

// receive reads a frame of fewer than 64 KiB.
func (w *tunnel) receive() (string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(w.in, head[:2]); err != nil {
		return "", err
	}
	n := int(head[1])
	if n == 126 {
		if _, err := io.ReadFull(w.in, head[2:]); err != nil {
			return "", err
		}
		n = int(binary.BigEndian.Uint16(head[2:]))
	}
	packet := make([]byte, n)
	_, err := io.ReadFull(w.in, packet)
	return string(packet), err
}

// end reads until the tunnel ends and says how: FIN, RST, or the error.
func (w *tunnel) end() string {
	_ = w.SetDeadline(time.Now().Add(patience))
	for {
		_, err := w.receive()
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return "FIN"
		case errors.Is(err, syscall.ECONNRESET):
			return "RST"
		default:
			return err.Error()
		}
	}
}
