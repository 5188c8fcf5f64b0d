package handover

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Kind says what a message is about.
type Kind byte

// The kinds of messages, in the order of a conversation.
const (
	Listener Kind = 'L' // a listening socket; the text is its name
	State    Kind = 'S'
	Sessions Kind = 'T'
	Complete Kind = 'C' // the last of what must be known before the successor may accept
	Ready    Kind = 'R' // the successor accepts
	Taken    Kind = 'K' // the running process does not accept any more
)

const (
	// MaxMessage is how many bytes a message may have.
	MaxMessage = 1 << 20

	head     = 5  // bytes before a message's text: its kind and its length
	maxFiles = 16 // descriptors that may come with one read; each message has one
	atOnce   = 64 << 10
)

// Message is one that was received. Its text is valid until the next Receive; its listener, if it is of that kind, is the
// receiver's to close.
type Message struct {
	Kind     Kind
	Text     []byte
	Listener net.Listener
}

// Conn is a conversation between a running process and its successor. One goroutine may send while another receives.
type Conn struct {
	// SendWithin and ReceiveWithin are how long the other side may take to take what is sent, and to send the next byte.
	// 0: for ever. Only who sends may change the former, only who receives the latter.
	SendWithin, ReceiveWithin time.Duration

	socket *net.UnixConn
	in     []byte // read and not yet received; its first bytes are the last message, of which done have been received
	done   int
	files  []int // descriptors that came with it, in order
}

// Close ends the conversation, and what either side waits for in it. It may be called from any goroutine.
func (c *Conn) Close() { c.socket.Close() }

// Send sends a message.
func (c *Conn) Send(k Kind, text []byte) error { return c.send(k, text, nil) }

// SendListener sends a listening socket, which stays open here, and the name that the other side is to know it by.
func (c *Conn) SendListener(name string, ln syscall.Conn) error {
	raw, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = c.send(Listener, []byte(name), unix.UnixRights(int(fd))) })
	return errors.Join(err, failed)
}

func (c *Conn) send(k Kind, text, rights []byte) error {
	if len(text) > MaxMessage {
		return fmt.Errorf("handover: a message of %d bytes, want at most %d", len(text), MaxMessage)
	}
	message := make([]byte, head, head+len(text))
	message[0] = byte(k)
	binary.BigEndian.PutUint32(message[1:], uint32(len(text)))
	return c.write(append(message, text...), rights)
}

func (c *Conn) write(message, rights []byte) error {
	c.socket.SetWriteDeadline(deadline(c.SendWithin))
	n, _, err := c.socket.WriteMsgUnix(message, rights, nil)
	if err == nil && n < len(message) {
		_, err = c.socket.Write(message[n:])
	}
	return err
}

// deadline is the moment until which something may take; the zero time, which is none, if it may take for ever.
func deadline(within time.Duration) time.Time {
	if within == 0 {
		return time.Time{}
	}
	return time.Now().Add(within)
}

// Receive waits for the next message. The error is io.EOF where the other side has ended the conversation between two
// messages. After an error nothing more can be received.
func (c *Conn) Receive() (Message, error) {
	m, err := c.receive()
	if err != nil {
		c.dropFiles()
	}
	return m, err
}

func (c *Conn) receive() (Message, error) {
	c.in = append(c.in[:0], c.in[c.done:]...)
	c.done = 0
	if err := c.fill(head); err != nil {
		return Message{}, err
	}
	k, n := Kind(c.in[0]), int(binary.BigEndian.Uint32(c.in[1:]))
	if n > MaxMessage {
		return Message{}, fmt.Errorf("handover: a message of %d bytes, want at most %d", n, MaxMessage)
	}
	if err := c.fill(head + n); err != nil {
		return Message{}, unexpected(err)
	}
	c.done = head + n
	m := Message{Kind: k, Text: c.in[head:c.done]}
	if k != Listener {
		return m, nil
	}
	var err error
	m.Listener, err = c.takeListener(string(m.Text))
	return m, err
}

// fill reads until n bytes of the next message are there.
func (c *Conn) fill(n int) error {
	for len(c.in) < n {
		if err := c.read(max(n-len(c.in), atOnce)); err != nil {
			if len(c.in) > 0 {
				return unexpected(err)
			}
			return err
		}
	}
	return nil
}

// read reads once, up to n bytes, and keeps the descriptors that come with them.
func (c *Conn) read(n int) error {
	c.socket.SetReadDeadline(deadline(c.ReceiveWithin))
	old := len(c.in)
	if cap(c.in) < old+n {
		c.in = append(make([]byte, 0, old+n), c.in...)
	}
	control := make([]byte, unix.CmsgSpace(maxFiles*4))
	got, controls, _, _, err := c.socket.ReadMsgUnix(c.in[old:old+n], control)
	if err == nil && got == 0 || errors.Is(err, io.EOF) {
		err = io.EOF // and no more than that
	}
	if err != nil {
		return err
	}
	c.in = c.in[:old+got]
	return c.keepFiles(control[:controls])
}

func (c *Conn) keepFiles(control []byte) error {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return fmt.Errorf("handover: control message: %w", err)
	}
	for i := range messages {
		if files, err := unix.ParseUnixRights(&messages[i]); err == nil {
			c.files = append(c.files, files...)
		}
	}
	return nil
}

// takeListener makes a listener of the next descriptor that has come.
func (c *Conn) takeListener(name string) (net.Listener, error) {
	if len(c.files) == 0 {
		return nil, fmt.Errorf("handover: listener %q came without its descriptor", name)
	}
	f := os.NewFile(uintptr(c.files[0]), name)
	c.files = c.files[1:]
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("handover: listener %q: %w", name, err)
	}
	return ln, nil
}

// dropFiles closes the descriptors that no message has claimed.
func (c *Conn) dropFiles() {
	for _, fd := range c.files {
		unix.Close(fd)
	}
	c.files = nil
}

// unexpected is err where more must have come.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
