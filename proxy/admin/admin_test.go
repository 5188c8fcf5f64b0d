package admin_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/admin"
)

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := admin.New(admin.Config{}); err == nil || !strings.Contains(err.Error(), "needs Pool, Sessions and Proxy") {
		t.Errorf("error %v, want one that names the fields", err)
	}
}

// TestRefusals writes requests as bytes; XHOST stands for the listener's own address.
func TestRefusals(t *testing.T) {
	d := openDesk(t, named("a"), func(c *admin.Config) { c.Host = "gate.example" })
	for name, c := range map[string]struct {
		request string
		status  string
		want    string // in the reply
	}{
		"the listener's own address is answered":       {"GET /healthz HTTP/1.1\r\nHost: XHOST\r\n\r\n", "200 OK", `{"status":"alive"}`},
		"any IP address is":                            {"GET /healthz HTTP/1.1\r\nHost: [fe80::1]:9900\r\n\r\n", "200 OK", "alive"},
		"an IPv6 address without a port is":            {"GET /healthz HTTP/1.1\r\nHost: [::1]\r\n\r\n", "200 OK", "alive"},
		"localhost is, in any case":                    {"GET /healthz HTTP/1.1\r\nHost: LocalHost:9900\r\n\r\n", "200 OK", "alive"},
		"the name it was given is":                     {"GET /healthz HTTP/1.1\r\nHost: Gate.Example\r\n\r\n", "200 OK", "alive"},
		"a probe of HTTP/1.0 without a Host is":        {"GET /healthz HTTP/1.0\r\n\r\n", "200 OK", "alive"},
		"a query changes nothing":                      {"GET /healthz?x=1 HTTP/1.1\r\nHost: XHOST\r\n\r\n", "200 OK", "alive"},
		"another name is refused, for DNS lies":        {"GET /healthz HTTP/1.1\r\nHost: evil.example:9900\r\n\r\n", "403 Forbidden", "evil.example"},
		"a name that begins like an address is":        {"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", "403 Forbidden", "want an IP address"},
		"a name that ends like localhost is":           {"GET /healthz HTTP/1.1\r\nHost: notlocalhost\r\n\r\n", "403 Forbidden", "want an IP address"},
		"a foreign page's request is refused":          {"GET /metrics HTTP/1.1\r\nHost: XHOST\r\nOrigin: http://evil.example\r\n\r\n", "403 Forbidden", "Origin"},
		"also from a page of no origin":                {"GET /metrics HTTP/1.1\r\nHost: XHOST\r\norigin: null\r\n\r\n", "403 Forbidden", "Origin"},
		"even an empty Origin is one":                  {"GET /metrics HTTP/1.1\r\nHost: XHOST\r\nOrigin:\r\n\r\n", "403 Forbidden", "Origin"},
		"a preflight is a page's request":              {"OPTIONS /metrics HTTP/1.1\r\nHost: XHOST\r\nOrigin: http://evil.example\r\n\r\n", "403 Forbidden", "Origin"},
		"our own page is answered":                     {"GET /healthz HTTP/1.1\r\nHost: XHOST\r\nOrigin: http://XHOST\r\n\r\n", "200 OK", "alive"},
		"POST is not allowed":                          {"POST /backends HTTP/1.1\r\nHost: XHOST\r\nContent-Length: 2\r\n\r\n{}", "405 Method Not Allowed", "Allow: GET, HEAD"},
		"nor is a method that nobody knows":            {"BREW /healthz HTTP/1.1\r\nHost: XHOST\r\n\r\n", "405 Method Not Allowed", "want GET or HEAD"},
		"an unknown path is not found":                 {"GET / HTTP/1.1\r\nHost: XHOST\r\n\r\n", "404 Not Found", "want /healthz"},
		"a path is taken as it is":                     {"GET /x/../healthz HTTP/1.1\r\nHost: XHOST\r\n\r\n", "404 Not Found", "want /healthz"},
		"two Hosts are no request":                     {"GET /healthz HTTP/1.1\r\nHost: XHOST\r\nHost: evil.example\r\n\r\n", "400 Bad Request", "not an HTTP request"},
		"no Host in HTTP/1.1 is none":                  {"GET /healthz HTTP/1.1\r\n\r\n", "400 Bad Request", "not an HTTP request"},
		"bytes that are no HTTP are none":              {"\x16\x03\x01\x02\r\n\r\n", "400 Bad Request", "not an HTTP request"},
		"a head of more than 16 KiB is too long":       {fmt.Sprintf("%-16384s", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: x"), "431 ", "too long"},
		"a body of more than 4 KiB is, without a look": {"POST /x HTTP/1.1\r\nHost: XHOST\r\nContent-Length: 5000\r\n\r\n", "413 ", "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			reply := (&desk{TB: t, addr: d.addr}).send(strings.ReplaceAll(c.request, "XHOST", d.addr))
			head, body, _ := strings.Cut(reply, "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 "+c.status) || !strings.Contains(reply, c.want) {
				t.Errorf("reply %q, want %s with %q", reply, c.status, c.want)
			}
			if !strings.HasPrefix(c.status, "200") {
				errorIn(t, body)
			}
			for _, field := range []string{"Server:", "Access-Control-"} {
				if strings.Contains(head, field) {
					t.Errorf("the reply has %s\n%s", field, head)
				}
			}
		})
	}
	if log := d.log.String(); strings.Contains(log, "evil") {
		t.Errorf("what clients send is in the log:\n%s", log)
	}
}

func TestHEADIsGETWithoutTheBody(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	for path, status := range map[string]string{"/metrics": "200", "/status": "200", "/nothing": "404"} {
		reply := d.send("HEAD " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		head, body, _ := strings.Cut(reply, "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 "+status) || body != "" || strings.Contains(head, "Content-Length: 0") {
			t.Errorf("HEAD %s: %q", path, reply)
		}
	}
}

func TestAPanicEndsItsOwnRequestOnly(t *testing.T) {
	d := openDesk(t, named("a"), func(c *admin.Config) {
		c.Health = func() map[string]admin.Health { panic("10.1.2.3 is not for clients") }
	})
	status, body := d.get("/backends")
	if status != http.StatusInternalServerError || strings.Contains(body, "10.1.2.3") {
		t.Errorf("%d %q, want 500 without the reason", status, body)
	}
	errorIn(t, body)
	if status, _ := d.get("/healthz"); status != http.StatusOK {
		t.Errorf("%d after it, want 200", status)
	}
	if log := d.log.String(); !strings.Contains(log, "10.1.2.3") || !strings.Contains(log, "desk_test.go") && !strings.Contains(log, "admin_test.go") {
		t.Errorf("the log has neither reason nor place:\n%s", log)
	}
}

func TestBeyondItsConnectionsItAnswers503(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	const most, more = 64, 6
	replies := make(chan string, most+more)
	var readers sync.WaitGroup
	defer readers.Wait()
	for range most + more {
		c, err := net.Dial("tcp", d.addr)
		must(t, err)
		defer c.Close()
		readers.Go(func() {
			status, _ := bufio.NewReader(c).ReadString('\n')
			replies <- status
		})
	}
	for range more {
		if status := <-replies; !strings.Contains(status, "503") {
			t.Errorf("a silent client got %q, want 503 at once, or nothing yet", status)
		}
	}
}

func TestRunEndsWithSilentClients(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	server := newServer(t, d)
	ln := listen(t)
	stop := running(server, ln)
	var open []net.Conn
	for _, sent := range []string{"", "GET /healthz HTTP/1.1\r\nHo"} {
		c, err := net.Dial("tcp", ln.Addr().String())
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(time.Now().Add(patience)))
		_, err = io.WriteString(c, sent)
		must(t, err)
		open = append(open, c)
	}
	if status, _ := get(t, "http://"+ln.Addr().String()+"/healthz"); status != http.StatusOK { // so that both are accepted
		t.Errorf("status %d, want 200", status)
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v to end, want less than the clients' 5 s", took)
	}
	for _, c := range open {
		if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
			t.Errorf("the connection is still open: %v", err)
		}
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the listener is still open")
	}
}

func isReset(err error) bool {
	return err != nil && strings.Contains(err.Error(), "reset")
}

// newServer returns a second admin server for the desk's parts.
func newServer(t *testing.T, d *desk) *admin.Server {
	t.Helper()
	s, err := admin.New(admin.Config{Pool: d.pool, Sessions: d.sessions, Proxy: d.proxy})
	must(t, err)
	return s
}

// weak fails to accept a few times first, as a listener does in a process that has no descriptors left.
type weak struct {
	net.Listener
	failures int
}

func (w *weak) Accept() (net.Conn, error) {
	if w.failures > 0 {
		w.failures--
		return nil, errors.New("too many open files")
	}
	return w.Listener.Accept()
}

func TestAcceptingGoesOnAfterFailures(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	ln := listen(t)
	defer running(newServer(t, d), &weak{Listener: ln, failures: 3})()
	if status, _ := get(t, "http://"+ln.Addr().String()+"/healthz"); status != http.StatusOK {
		t.Errorf("status %d, want 200", status)
	}
}

func TestUnixSocket(t *testing.T) {
	d := openDesk(t, named("a"), nil)
	ln, err := net.Listen("unix", t.TempDir()+"/admin.sock")
	must(t, err)
	defer running(newServer(t, d), ln)()
	c, err := net.Dial("unix", ln.Addr().String())
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", resp.StatusCode)
	}
}
