package handover

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Version is the protocol's. Processes of different versions do not talk.
const Version = 1

const (
	// magic begins a greeting; the version follows in one byte. Both are the same in every version.
	magic = "HOLDFAST"
	// greetTime is how long somebody at the door may take to say who he is.
	greetTime = 5 * time.Second
	// takeTime is how long a successor may take to take a message; then it has all the time it needs to get ready.
	takeTime = 10 * time.Second
	// answerTime is how long a running process may take to answer: it may be busy with another successor.
	answerTime = 30 * time.Second
)

// ErrNobody is Dial's error where no process listens at the path.
var ErrNobody = errors.New("handover: nobody listens there")

// Door is where successors come: a listening unix socket. It refuses other users, root excepted, and other versions.
type Door struct {
	ln   *net.UnixListener
	path string
}

// Open makes a door at a path at which Dial has found nobody. What a process that was killed has left there is replaced.
// From the first moment nobody but this user may connect.
func Open(path string) (*Door, error) {
	if err := free(path); err != nil {
		return nil, err
	}
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	if err = os.Chmod(temporary, 0o600); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		ln.Close()
		os.Remove(temporary)
		return nil, err
	}
	return &Door{ln, path}, nil
}

// Adopt is Open with the socket of a door at that path, received from the process that had it.
func Adopt(ln net.Listener, path string) (*Door, error) {
	u, ok := ln.(*net.UnixListener)
	if !ok {
		return nil, fmt.Errorf("handover: the door is a %s socket, want a unix socket", ln.Addr().Network())
	}
	return &Door{u, path}, nil
}

// free says whether path is free for a socket, or has one.
func free(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("exists and is not a socket, want a free path or a handover socket")
	}
	return nil
}

// SyscallConn makes the door's socket one that SendListener can send.
func (d *Door) SyscallConn() (syscall.RawConn, error) { return d.ln.SyscallConn() }

// Accept waits for the next who comes. The error is net.ErrClosed after Close; any other is about this one
// only.
func (d *Door) Accept() (*Conn, error) {
	socket, err := d.ln.AcceptUnix()
	if err != nil {
		return nil, err
	}
	c := &Conn{SendWithin: greetTime, ReceiveWithin: greetTime, socket: socket}
	if err = c.checkUser(); err == nil {
		err = c.welcome()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	c.SendWithin, c.ReceiveWithin = takeTime, 0
	return c, nil
}

// Close closes the door here. Its path stays, for the successor that was sent its socket.
func (d *Door) Close() { d.ln.Close() }

// RemovePath removes the door's path. It is for the last who had the door, after Close.
func (d *Door) RemovePath() { os.Remove(d.path) }

// Dial asks the process whose door is at path for what it has to leave.
func Dial(path string) (*Conn, error) {
	if err := free(path); err != nil {
		return nil, err
	}
	socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, err
	}
	c := &Conn{SendWithin: answerTime, ReceiveWithin: answerTime, socket: socket}
	if err = c.checkUser(); err == nil {
		err = c.greet()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// greet is the successor's part of the greeting. What the other side says goes before a failure to send.
func (c *Conn) greet() error {
	unsent := c.write(greeting(), nil)
	if err := c.checkGreeting(); err != nil {
		return err
	}
	return unsent
}

// welcome is the running process's part. It answers even those of another version, so that they can say so.
func (c *Conn) welcome() error {
	err := c.checkGreeting()
	if foreign := (*versionError)(nil); err == nil || errors.As(err, &foreign) {
		err = errors.Join(err, c.write(greeting(), nil))
	}
	return err
}

func greeting() []byte { return append([]byte(magic), Version) }

func (c *Conn) checkGreeting() error {
	err := c.fill(len(magic) + 1)
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("handover: the other side has left without a word")
	case err != nil:
		return fmt.Errorf("handover: no greeting: %w", err)
	case string(c.in[:len(magic)]) != magic:
		return errors.New("handover: the other side does not speak this protocol")
	}
	c.done = len(magic) + 1
	if v := c.in[len(magic)]; v != Version {
		return &versionError{v}
	}
	return nil
}

// versionError says that the other side is of another version.
type versionError struct{ theirs byte }

func (e *versionError) Error() string {
	return fmt.Sprintf("handover: the other side speaks version %d of the protocol, this one %d", e.theirs, Version)
}

// checkUser refuses other users than this process's own and root.
func (c *Conn) checkUser() error {
	uid, known, err := peerUser(c.socket)
	if err != nil {
		return fmt.Errorf("handover: the other side's user: %w", err)
	}
	if !known {
		return nil
	}
	return refuseUser(uid, os.Geteuid())
}

// refuseUser says why a process of user own does not talk to one of user uid; nil: it does.
func refuseUser(uid, own int) error {
	if uid != own && uid != 0 {
		return fmt.Errorf("handover: the other side is user %d, want %d or root", uid, own)
	}
	return nil
}
