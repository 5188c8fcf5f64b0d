package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

// What sockets are for. A purpose, or one with the address as it was configured, is a socket's name.
const (
	listenSocket = "listen"
	adminSocket  = "admin"
	doorSocket   = "handover"
	// fromSystemd begins the name of a socket that systemd has opened, on its way to a successor too.
	fromSystemd = "systemd "
)

// socket is a listening socket.
type socket struct {
	net.Listener
	name    string
	systemd bool // its path, if it has one, is systemd's to remove
}

// removePath says whether the path of a unix socket goes when it is closed here.
func (s *socket) removePath(yes bool) {
	if u, ok := s.Listener.(interface{ SetUnlinkOnClose(bool) }); ok {
		u.SetUnlinkOnClose(yes && !s.systemd)
	}
}

// inherited are sockets that somebody else has opened for this process: the one before it, or systemd. Each is claimed by
// whoever needs it. Closing them removes no path.
type inherited []socket

func (in *inherited) add(name string, ln net.Listener) {
	name, systemd := strings.CutPrefix(name, fromSystemd)
	*in = append(*in, socket{ln, name, systemd})
}

// addSystemd adds the sockets of systemd's socket activation (sd_listen_fds(3)), if there are any.
func (in *inherited) addSystemd() error {
	for _, f := range activation.Files(true) {
		ln, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return fmt.Errorf("systemd's socket %s: %w (want ListenStream= sockets only)", f.Name(), err)
		}
		in.add(fromSystemd+f.Name(), ln)
	}
	return nil
}

// claim returns the socket that was opened for this purpose and address: that of the whole name, else that of the purpose
// whatever its address is, else that of the address whatever its name is.
func (in *inherited) claim(purpose, addr string) (socket, bool) {
	for _, fits := range []func(socket) bool{
		func(s socket) bool { return s.name == purpose+" "+addr },
		func(s socket) bool { return s.name == purpose },
		func(s socket) bool { return sameAddress(addr, s.Addr()) },
	} {
		for i, s := range *in {
			if fits(s) {
				*in = append((*in)[:i], (*in)[i+1:]...)
				return s, true
			}
		}
	}
	return socket{}, false
}

// sameAddress says that a socket at addr is what --listen or --admin with that text would open.
func sameAddress(text string, addr net.Addr) bool {
	if path, found := strings.CutPrefix(text, "unix:"); found {
		return addr.Network() == "unix" && addr.String() == path
	}
	have, ok := addr.(*net.TCPAddr)
	want, err := net.ResolveTCPAddr("tcp", text)
	if !ok || err != nil || want.Port == 0 || want.Port != have.Port {
		return false
	}
	return want.IP.Equal(have.IP) || want.IP == nil && have.IP.IsUnspecified()
}

// drop closes what nobody has claimed. With remove, the paths of unix sockets go too: nobody has them any more.
func (in *inherited) drop(remove bool) {
	for _, s := range *in {
		s.removePath(remove)
		s.Close()
	}
	*in = nil
}
