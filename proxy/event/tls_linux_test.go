package event

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onVersions runs a test with TLS 1.3 and 1.2, whose records differ.
func onVersions(t *testing.T, test func(t *testing.T, g *rig, version uint16)) {
	for name, version := range map[string]uint16{"TLS 1.3": tls.VersionTLS13, "TLS 1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) { test(t, runLoop(t), version) })
	}
}

// arrived waits until the socket has so many bytes to be read, or its end.
func arrived(t *testing.T, s *Socket, n int) {
	t.Helper()
	p := make([]byte, n)
	eventually(t, "bytes arrive", func() bool {
		got, _, err := unix.Recvfrom(int(s.fd), p, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return got == n || err == nil && got == 0
	})
}

// TestTLSReadsAllThatIsThere sends records in a single segment: a TryRead returns what they say together, and a single call
// of the socket's tells that nothing is left.
func TestTLSReadsAllThatIsThere(t *testing.T) {
	onVersions(t, func(t *testing.T, g *rig, version uint16) {
		server, calls, peer := g.dialTLS(t, version)
		s := calls.Stream.(*Socket)
		for _, messages := range [][]string{{"one"}, {"one", "two", "three"}, {"", "four"}} {
			segment := peer.records(func() {
				for _, m := range messages {
					io.WriteString(peer, m)
				}
			})
			calls.reads = 0
			peer.tcp.Write(segment)
			arrived(t, s, len(segment))
			p := make([]byte, 100)
			n, err := server.TryRead(p)
			if want := strings.Join(messages, ""); string(p[:n]) != want || err != nil || server.More() || calls.reads != 1 {
				t.Errorf("read %q, %v, with more: %v, by %d calls; want %q by 1", p[:n], err, server.More(), calls.reads, want)
			}
		}
	})
}

// TestTLSReadsARecordInPieces sends a record byte by byte, and then two cut where the first one's header ends.
func TestTLSReadsARecordInPieces(t *testing.T) {
	onVersions(t, func(t *testing.T, g *rig, version uint16) {
		server, calls, peer := g.dialTLS(t, version)
		s, p := calls.Stream.(*Socket), make([]byte, 100)
		record := peer.records(func() { io.WriteString(peer, "message") })
		for i := range record {
			if n, err := server.TryRead(p); n > 0 || err != unix.EAGAIN || server.More() || server.Whole() != (i == 0) {
				t.Fatalf("after %d of %d bytes: %d, %v, more %v, whole %v", i, len(record), n, err, server.More(), server.Whole())
			}
			peer.tcp.Write(record[i : i+1])
			arrived(t, s, 1)
		}
		if n, err := server.TryRead(p); string(p[:n]) != "message" || err != nil || !server.Whole() {
			t.Errorf("read %q, %v", p[:n], err)
		}
		two := peer.records(func() { io.WriteString(peer, "first"); io.WriteString(peer, "second") })
		for _, row := range []struct{ segment, want string }{
			{string(two[:5]), ""}, {string(two[5 : len(two)-1]), "first"}, {string(two[len(two)-1:]), "second"},
		} {
			io.WriteString(peer.tcp, row.segment)
			arrived(t, s, len(row.segment))
			if n, _ := server.TryRead(p); string(p[:n]) != row.want || server.More() {
				t.Errorf("read %q, want %q", p[:n], row.want)
			}
		}
	})
}

// TestTLSIsReadInSmallPieces reads records through a buffer that is smaller: the socket has nothing left, and its edges say
// that there is more until the last byte is read.
func TestTLSIsReadInSmallPieces(t *testing.T) {
	onVersions(t, func(t *testing.T, g *rig, version uint16) {
		server, calls, peer := g.dialTLS(t, version)
		s := calls.Stream.(*Socket)
		server.Over(s) // which is to know of what is left
		segment := peer.records(func() { io.WriteString(peer, "abcdefg"); io.WriteString(peer, "hij") })
		peer.tcp.Write(segment)
		arrived(t, s, len(segment))
		p := make([]byte, 4)
		for _, want := range []string{"abcd", "efgh", "ij"} {
			eventually(t, "something tells of "+want, func() bool { return s.Edges()&In != 0 })
			if n, err := server.TryRead(p); string(p[:n]) != want || err != nil {
				t.Errorf("read %q, %v; want %q", p[:n], err, want)
			}
		}
		if n, err := server.TryRead(p); n > 0 || err != unix.EAGAIN || s.Edges()&In != 0 || server.More() {
			t.Errorf("read %d bytes, %v, edges %b", n, err, s.Edges())
		}
	})
}

// TestTLSEnds has the peer end the connection behind a message.
func TestTLSEnds(t *testing.T) {
	rows := map[string]struct {
		how func(*securePeer) []byte // returns what is sent, and may do more then
		fin bool
		err error // nil: any but EOF
	}{
		"by close_notify":         {func(p *securePeer) []byte { return p.records(func() { p.CloseWrite() }) }, false, io.EOF},
		"by close_notify and FIN": {func(p *securePeer) []byte { return p.records(func() { p.CloseWrite() }) }, true, io.EOF},
		"by FIN":                  {func(*securePeer) []byte { return nil }, true, io.EOF},
		"by FIN within a record":  {func(*securePeer) []byte { return []byte{23, 3, 3} }, true, io.ErrUnexpectedEOF},
		"by garbage":              {func(*securePeer) []byte { return []byte("GET / HTTP/1.1\r\n\r\n") }, false, nil},
		"by a record that nobody can have sealed": {func(*securePeer) []byte {
			return append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...)
		}, false, nil},
		"by a record that is too long": {func(*securePeer) []byte { return []byte{23, 3, 3, 255, 255} }, false, nil},
	}
	onVersions(t, func(t *testing.T, g *rig, version uint16) {
		for name, row := range rows {
			t.Run(name, func(t *testing.T) {
				server, calls, peer := g.dialTLS(t, version)
				s := calls.Stream.(*Socket)
				segment := append(peer.records(func() { io.WriteString(peer, "last") }), row.how(peer)...)
				peer.tcp.Write(segment)
				arrived(t, s, len(segment))
				if row.fin {
					peer.tcp.CloseWrite()
					eventually(t, "the FIN arrives", func() bool { return s.Edges()&Hup != 0 })
				}
				p := make([]byte, 100)
				n, err := server.TryRead(p)
				if string(p[:n]) != "last" || err != nil {
					t.Fatalf("read %q, %v", p[:n], err)
				}
				for range 2 { // it stays so
					n, err = server.TryRead(p)
					if n > 0 || row.err != nil && err != row.err || row.err == nil && (err == nil || err == io.EOF || err == unix.EAGAIN) {
						t.Errorf("read %d bytes, %v; want %v", n, err, row.err)
					}
				}
				server.Close()
				if rest, err := io.ReadAll(peer); len(rest) > 0 || row.err != nil && err != nil || row.err == nil && err == nil {
					t.Errorf("the peer got %q, %v", rest, err)
				}
			})
		}
	})
}

// TestTLSKeepsWhatIsNotTaken fills the socket: what is reported as written arrives, in order, if the rest is offered again.
func TestTLSKeepsWhatIsNotTaken(t *testing.T) {
	onVersions(t, func(t *testing.T, g *rig, version uint16) {
		for _, size := range []int{1, 1000, 5000, 1 << 20} {
			server, _, peer := g.dialTLS(t, version)
			p := make([]byte, size)
			total, most := 0, 0
			for { // until nothing is taken: a socket that took a part may take more a moment later
				for i := range p {
					p[i] = byte((total + i) * 7)
				}
				n, err := server.TryWrite(p)
				most = max(most, server.Kept())
				if total += n; n == 0 && err == unix.EAGAIN {
					break
				} else if n == 0 || err != nil {
					t.Fatalf("%d bytes were taken, %v", n, err)
				}
			}
			if limit := burst + burst/10; most > limit || server.Kept() == 0 {
				t.Errorf("%d bytes are kept, and up to %d were; want at most %d", server.Kept(), most, limit)
			}
			var all sync.WaitGroup
			all.Go(func() {
				if n, err := server.Write(p); n != len(p) || err != nil {
					t.Errorf("wrote %d of %d bytes, %v", n, len(p), err)
				}
				server.CloseWrite()
			})
			got, err := io.ReadAll(peer)
			all.Wait()
			if err != nil || len(got) != total+len(p) {
				t.Errorf("%d bytes arrived, %v; want %d", len(got), err, total+len(p))
			}
			for i := range got {
				if got[i] != byte(i*7) {
					t.Fatalf("of %d bytes at a time, byte %d is another one", size, i)
				}
			}
		}
	})
}

// TestTLSSendsAtOnce counts how often a message, with the records that it takes, is given to the socket.
func TestTLSSendsAtOnce(t *testing.T) {
	onVersions(t, func(t *testing.T, g *rig, version uint16) {
		for _, size := range []int{1, oneRecord, oneRecord + 1, 5000, burst} {
			server, calls, peer := g.dialTLS(t, version)
			if n, err := server.TryWrite(make([]byte, size)); n != size || err != nil || calls.writes != 1 {
				t.Errorf("%d of %d bytes are written by %d calls, %v", n, size, calls.writes, err)
			}
			if _, err := io.ReadFull(peer, make([]byte, size)); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestTLSKeepsBoundedAnswers has the peer ask for answers of crypto/tls's own, as a key update does, and read none.
func TestTLSKeepsBoundedAnswers(t *testing.T) {
	server, calls, _ := runLoop(t).dialTLS(t, tls.VersionTLS13)
	fill(calls.Stream.(*Socket))
	for range 2 * maxKept / 100 {
		server.wire.Write(make([]byte, 100))
	}
	if n := server.Kept(); n > maxKept {
		t.Errorf("%d bytes are kept, want at most %d", n, maxKept)
	}
}

// TestTLSDeadlines pass without harm to the connection, in the middle of a record too.
func TestTLSDeadlines(t *testing.T) {
	server, _, peer := runLoop(t).dialTLS(t, tls.VersionTLS13)
	record := peer.records(func() { io.WriteString(peer, "message") })
	p := make([]byte, 100)
	for _, piece := range [][]byte{record[:3], record[3:20]} {
		peer.tcp.Write(piece)
		server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if n, err := server.Read(p); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read %d bytes, %v", n, err)
		}
	}
	server.SetReadDeadline(time.Time{})
	peer.tcp.Write(record[20:])
	if n, err := server.Read(p); string(p[:n]) != "message" || err != nil {
		t.Errorf("read %q, %v", p[:n], err)
	}
	server.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	zeros := make([]byte, 64<<20)
	n, err := server.Write(zeros)
	if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d bytes, %v", n, err)
	}
	go func() {
		server.SetWriteDeadline(time.Time{})
		server.Write(zeros[n:])
	}()
	if _, err := io.CopyN(io.Discard, peer, int64(len(zeros))); err != nil {
		t.Error(err)
	}
}

// TestTLSIsClosedWhileItIsUsed has goroutines wait to read and to write.
func TestTLSIsClosedWhileItIsUsed(t *testing.T) {
	server, _, _ := runLoop(t).dialTLS(t, tls.VersionTLS13)
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := server.Read(make([]byte, 1)); err == nil {
			t.Error("read a byte")
		}
	})
	all.Go(func() {
		if _, err := server.Write(make([]byte, 64<<20)); err == nil {
			t.Error("wrote everything")
		}
	})
	eventually(t, "the socket is full", func() bool { return server.Kept() > 0 })
	server.Close()
	all.Wait()
	if err := server.Close(); err != net.ErrClosed {
		t.Error("closing again:", err)
	}
}

// TestTLSBeginsWithWhatWasReadBefore has a part of the first flight come from elsewhere.
func TestTLSBeginsWithWhatWasReadBefore(t *testing.T) {
	s, far, o := runLoop(t).dial(t)
	o.await(t, Out)
	peer := tls.Client(far, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- peer.Handshake() }()
	o.await(t, In)
	early := make([]byte, 10)
	if n, err := s.TryRead(early); n != len(early) {
		t.Fatal(n, err)
	}
	server := NewTLS(s, s, early, tls.Server, serverTLS())
	if err := server.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	io.WriteString(peer, "x")
	if n, err := server.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Error(n, err)
	}
}
