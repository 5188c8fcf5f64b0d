package proxy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy"
)

// cookieRow is a request, what its backend answers, and the cookie that the client then gets.
type cookieRow struct {
	name    string
	request string
	answer  string
	config  proxy.Cookie
	want    string // the whole field value, with TOKEN for the backend's token; "": none is set
}

const (
	inert    = "TOKEN; Path=/; HttpOnly; SameSite=Lax"
	asCookie = "GET " + handshakeTarget + " HTTP/1.1\r\nHost: a\r\nCookie: "
)

var (
	named  = proxy.Cookie{Name: "hf"}
	opener = opened("cookie")
)

var cookieRows = []cookieRow{
	{"a handshake sets it", handshake4, opener, named, "hf=" + inert},
	{"an EIO=3 handshake sets it", strings.Replace(handshake4, "EIO=4", "EIO=3", 1), opener, named, "hf=" + inert},
	{"a WebSocket that opens a session sets it", "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n" + upgradeFields + "\r\n", switching, named, "hf=" + inert},
	{"a handshake with another cookie sets it", asCookie + "a=b; hfx=1; xhf=2\r\n\r\n", opener, named, "hf=" + inert},
	{"a handshake with a token that is nobody's sets it", asCookie + "hf=AAAAAAAA\r\n\r\n", opener, named, "hf=" + inert},
	{"a handshake with an address for a token sets it", asCookie + "hf=127.0.0.1:80\r\n\r\n", opener, named, "hf=" + inert},
	{"a handshake with an empty token sets it", asCookie + "hf=\r\n\r\n", opener, named, "hf=" + inert},
	{"a handshake with the right token sets none", asCookie + "a=b; hf=TOKEN\r\n\r\n", opener, named, ""},
	{"a handshake with the right token in a second field sets none", asCookie + "a=b\r\nCookie: hf=TOKEN; c=d\r\n\r\n", opener, named, ""},
	{"a name in other letters is another cookie", asCookie + "HF=TOKEN\r\n\r\n", opener, named, "hf=" + inert},
	{"a refused handshake sets none", handshake4, reply("400 Bad Request", ""), named, ""},
	{"a forbidden handshake sets none", handshake4, reply("403 Forbidden", ""), named, ""},
	{"an interim reply sets none, the final one does", handshake4, hints + opener, named, "hf=" + inert},
	{"a preflight sets none", "OPTIONS " + handshakeTarget + " HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n", reply("200 OK", ""), named, ""},
	{"a HEAD sets none", "HEAD " + handshakeTarget + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", named, ""},
	{"a POST sets none", "POST " + handshakeTarget + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ok, named, ""},
	{"a page sets none", plainGet, ok, named, ""},
	{"a plain WebSocket sets none", upgradeRequest, switching, named, ""},
	{"a poll sets none", poll("cookie"), ok, named, ""},
	{"a post sets none", post("cookie"), ok, named, ""},
	{"without a name none is set", handshake4, opener, proxy.Cookie{}, ""},
	{"SameSite=None", handshake4, opener, proxy.Cookie{Name: "hf", SameSite: http.SameSiteNoneMode, Secure: true}, "hf=TOKEN; Path=/; HttpOnly; SameSite=None; Secure"},
	{"SameSite=Strict", handshake4, opener, proxy.Cookie{Name: "hf", SameSite: http.SameSiteStrictMode}, "hf=TOKEN; Path=/; HttpOnly; SameSite=Strict"},
	{"Secure", handshake4, opener, proxy.Cookie{Name: "hf", Secure: true}, "hf=TOKEN; Path=/; HttpOnly; SameSite=Lax; Secure"},
	{"Partitioned", handshake4, opener, proxy.Cookie{Name: "hf", SameSite: http.SameSiteNoneMode, Secure: true, Partitioned: true},
		"hf=TOKEN; Path=/; HttpOnly; SameSite=None; Secure; Partitioned"},
	{"Max-Age", handshake4, opener, proxy.Cookie{Name: "__Host-hf", Secure: true, MaxAge: 90 * time.Minute}, "__Host-hf=TOKEN; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=5400"},
}

// TestCookies holds the cookies that a client gets against each row. The backend's own go on untouched, and it gets the
// client's as they came.
func TestCookies(t *testing.T) {
	t.Parallel()
	for _, row := range cookieRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.Cookie = row.config })
			token := g.owner(t, 0).Token()
			g.session(t, 0, "cookie").Close()
			answer := strings.Replace(row.answer, "\r\nContent-Length", "\r\nSet-Cookie: io=x\r\nSet-Cookie: hf=mine\r\nContent-Length", 1)
			g.backend(0).serve(answering(answer))
			for _, c := range g.backend(0).all() {
				c.Close()
			}
			c := g.dial(t)
			request := strings.ReplaceAll(row.request, "TOKEN", token)
			c.send(request)
			got := c.replyTo(strings.Split(request, " ")[0])
			for got.status() == 103 {
				if got.has("Set-Cookie") {
					t.Errorf("the interim reply sets a cookie: %q", got.raw())
				}
				got = c.reply()
			}
			var want []string
			if answer != row.answer {
				want = append(want, "io=x", "hf=mine")
			}
			if row.want != "" {
				want = append(want, strings.ReplaceAll(row.want, "TOKEN", token))
			}
			if cookies := got.values("Set-Cookie"); strings.Join(cookies, "\n") != strings.Join(want, "\n") {
				t.Errorf("the client got the cookies %q, want %q", cookies, want)
			}
			asked, _ := readHead(newReader(request))
			seen := g.backend(0).seen()
			if came := seen[len(seen)-1].values("Cookie"); strings.Join(came, "\n") != strings.Join(asked.values("Cookie"), "\n") {
				t.Errorf("the backend got the cookies %q, want %q", came, asked.values("Cookie"))
			}
		})
	}
}

// TestCookieLeadsBack sends pages with a backend's token, which all go to that backend.
func TestCookieLeadsBack(t *testing.T) {
	t.Parallel()
	g := startProxy(t, 3, func(cfg *proxy.Config) { cfg.Cookie = named })
	c := g.dial(t)
	for i := range 3 {
		for range 5 {
			c.ask("GET /page HTTP/1.1\r\nHost: a\r\nCookie: x=y; hf=" + g.owner(t, i).Token() + "\r\n\r\n")
		}
		if n := len(g.backend(i).seen()); n != 5 {
			t.Errorf("backend %d got %d pages, want 5", i, n)
		}
	}
}

// tagRow is a handshake's reply and what the client sees of it when sids are tagged.
type tagRow struct {
	name    string
	request string
	answer  string
	want    string // with TOKEN for the backend's token, bodies decoded
}

var tagRows = []tagRow{
	{"an EIO=4 handshake is tagged", handshake4, reply("200 OK", `0{"sid":"s","pingInterval":1}`),
		"HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n" + `0{"sid":"s~TOKEN","pingInterval":1}`},
	{"webtransport is removed from the upgrades", handshake4, reply("200 OK", `0{"sid":"s","upgrades":["websocket","webtransport"]}`),
		"HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\n" + `0{"sid":"s~TOKEN","upgrades":["websocket"]}`},
	{"what stands behind the first packet stays", handshake4, reply("200 OK", `0{"sid":"s"}`+"\x1e40"+`{"sid":"s"}`),
		"HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n" + `0{"sid":"s~TOKEN"}` + "\x1e40" + `{"sid":"s"}`},
	{"a chunked handshake is tagged", handshake4, inChunks("", `0{"si`, `d":"s"}`), chunked + `0{"sid":"s~TOKEN"}`},
	{"an EIO=3 handshake is not", strings.Replace(handshake4, "EIO=4", "EIO=3", 1), reply("200 OK", `12:0{"sid":"s"}`),
		"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n" + `12:0{"sid":"s"}`},
	{"a handshake without EIO is not Engine.IO's", plainGet, reply("200 OK", `0{"sid":"s"}`), "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + `0{"sid":"s"}`},
	{"a refusal is not tagged", handshake4, reply("400 X", `0{"sid":"s"}`), "HTTP/1.1 400 X\r\nContent-Length: 12\r\n\r\n" + `0{"sid":"s"}`},
	{"what is not understood keeps its length", handshake4, reply("200 OK", `hello`), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
}

// TestTags holds the tagged replies against their rows, and has the session's requests reach its backend without the tag.
func TestTags(t *testing.T) {
	t.Parallel()
	for _, row := range tagRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := startProxy(t, 1, func(cfg *proxy.Config) { cfg.SIDTag = true })
			token := g.owner(t, 0).Token()
			g.backend(0).serve(answeringBy(func(m message) string {
				if strings.Contains(m.target(), "sid=") {
					return ok
				}
				return row.answer
			}))
			c := g.dial(t)
			want := strings.ReplaceAll(row.want, "TOKEN", token)
			if got := c.ask(row.request); got.head+got.body != want {
				t.Errorf("the client got %q, want %q", got.head+got.body, want)
			}
			if !strings.Contains(row.want, "~TOKEN") {
				return
			}
			for _, request := range []string{
				poll("s~" + token), post("s~" + token), poll("s%7E" + token), "OPTIONS " + pollTarget + "s~" + token + "&t=%20x&" + asked + "\r\n",
			} {
				c.ask(request)
				seen := g.backend(0).seen()
				want := strings.NewReplacer("~"+token, "", "%7E"+token, "").Replace(strings.Split(request, " ")[1])
				if came := seen[len(seen)-1].target(); came != want {
					t.Errorf("the backend got the target %q, want %q", came, want)
				}
			}
		})
	}
}
