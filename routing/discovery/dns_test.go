package discovery_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
	"github.com/holdfast-proxy/holdfast/routing/discovery"
)

// step is what a name server knows, and what the pool and the log make of it within five seconds.
type step struct {
	zone zone
	has  []string
	said []string
}

const (
	works  = "discovery works again"
	failed = "the last answer stands"
)

func TestNamesOfBackends(t *testing.T) {
	web := func(records ...string) zone { return zone{"web.test.": records} }
	for name, steps := range map[string][]step{
		"addresses of both families are backends named after them": {
			{web("A 10.0.0.2", "A 10.0.0.1", "AAAA fd00::1"), []string{"10.0.0.1:3000", "10.0.0.2:3000", "[fd00::1]:3000"},
				[]string{`joined="10.0.0.1:3000 10.0.0.2:3000 [fd00::1]:3000" left="" backends=3`}},
		},
		"one that is new joins, one that has gone drains, and is its old self when it returns": {
			{web("A 10.0.0.1"), []string{"10.0.0.1:3000"}, []string{"joined=10.0.0.1:3000"}},
			{web("A 10.0.0.2"), []string{"10.0.0.2:3000", "10.0.0.1:3000,draining"}, []string{"joined=10.0.0.2:3000 left=10.0.0.1:3000 backends=1"}},
			{web("A 10.0.0.1", "A 10.0.0.2"), []string{"10.0.0.1:3000", "10.0.0.2:3000"}, []string{`joined=10.0.0.1:3000 left="" backends=2`}},
		},
		"another order, or a record twice, is no change": {
			{web("A 10.0.0.1", "A 10.0.0.2"), []string{"10.0.0.1:3000", "10.0.0.2:3000"}, []string{"joined"}},
			{web("A 10.0.0.2", "A 10.0.0.1", "A 10.0.0.2"), []string{"10.0.0.1:3000", "10.0.0.2:3000"}, nil},
		},
		"a failure keeps the last answer and is said once, and so is its end": {
			{web("A 10.0.0.1"), []string{"10.0.0.1:3000"}, []string{"joined"}},
			{web("A SERVFAIL", "AAAA SERVFAIL"), []string{"10.0.0.1:3000"}, []string{failed + `" source=dns://web.test.:3000 backends=1 err="lookup web.test. on`}},
			{web("A SERVFAIL", "AAAA SERVFAIL"), []string{"10.0.0.1:3000"}, nil},
			{web("A 10.0.0.1"), []string{"10.0.0.1:3000"}, []string{works}},
			{web("A REFUSED", "AAAA REFUSED"), []string{"10.0.0.1:3000"}, []string{failed}},
		},
		"an empty answer empties nothing, and is told from a failure": {
			{web("A 10.0.0.1", "AAAA fd00::1"), []string{"10.0.0.1:3000", "[fd00::1]:3000"}, []string{"joined"}},
			{web("TXT none"), []string{"10.0.0.1:3000", "[fd00::1]:3000"}, []string{"lookup web.test.: no A or AAAA records"}},
			{zone{}, []string{"10.0.0.1:3000", "[fd00::1]:3000"}, nil},
			{web("A SERVFAIL", "AAAA SERVFAIL"), []string{"10.0.0.1:3000", "[fd00::1]:3000"}, []string{"server misbehaving"}},
			{web("A 10.0.0.2"), []string{"10.0.0.2:3000", "10.0.0.1:3000,draining", "[fd00::1]:3000,draining"}, []string{works, "joined=10.0.0.2:3000"}},
		},
		"a name server that fails on every AAAA does no harm": {
			{web("A 10.0.0.1", "AAAA SERVFAIL"), []string{"10.0.0.1:3000"}, []string{failed, "joined=10.0.0.1:3000"}},
			{web("A 10.0.0.2", "AAAA SERVFAIL"), []string{"10.0.0.2:3000", "10.0.0.1:3000,draining"}, []string{"joined=10.0.0.2:3000"}},
		},
		"of a family that fails the last answer stands, whatever becomes of the other": {
			{web("A 10.0.0.1", "AAAA fd00::1"), []string{"10.0.0.1:3000", "[fd00::1]:3000"}, []string{"joined"}},
			{web("A 10.0.0.2", "AAAA SERVFAIL"), []string{"10.0.0.2:3000", "[fd00::1]:3000", "10.0.0.1:3000,draining"}, []string{failed, "joined"}},
		},
		"all of one family may go while there is the other": {
			{web("A 10.0.0.1", "AAAA fd00::1"), []string{"10.0.0.1:3000", "[fd00::1]:3000"}, []string{"joined"}},
			{web("AAAA fd00::1"), []string{"[fd00::1]:3000", "10.0.0.1:3000,draining"}, []string{"left=10.0.0.1:3000"}},
		},
		"a resolver that flaps changes nothing": {
			{web("A 10.0.0.1", "A 10.0.0.2"), []string{"10.0.0.1:3000", "10.0.0.2:3000"}, []string{"joined"}},
			{zone{}, []string{"10.0.0.1:3000", "10.0.0.2:3000"}, []string{failed}},
			{web("A 10.0.0.2", "A 10.0.0.1"), []string{"10.0.0.1:3000", "10.0.0.2:3000"}, []string{works}},
			{web("A SERVFAIL"), []string{"10.0.0.1:3000", "10.0.0.2:3000"}, []string{failed}},
			{web("A 10.0.0.1", "A 10.0.0.2"), []string{"10.0.0.1:3000", "10.0.0.2:3000"}, []string{works}},
		},
		"a name that comes to be known later": {
			{zone{}, nil, []string{failed}},
			{web("A 10.0.0.1"), []string{"10.0.0.1:3000"}, []string{works, "joined=10.0.0.1:3000"}},
		},
	} {
		t.Run(name, func(t *testing.T) { walk(t, "dns://web.test.:3000", steps) })
	}
}

// walk has a source live through the steps, five seconds each.
func walk(t *testing.T, text string, steps []step) {
	server := startNameServer(t)
	server.knows(steps[0].zone)
	watch(t, discovery.Config{Resolver: server.resolver()}, []string{text}, func(w *watched) {
		for i, s := range steps {
			if i > 0 {
				server.knows(s.zone)
				after(5 * time.Second)
			}
			w.has(t, s.has...)
			w.said(t, s.said...)
		}
	})
}

func TestAnAnswerTooLargeForUDPIsWhole(t *testing.T) {
	var records, all []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("A 10.0.0.%d", i))
	}
	server := startNameServer(t)
	server.knows(zone{"web.test.": records})
	watch(t, discovery.Config{Resolver: server.resolver()}, []string{"dns://web.test.:3000"}, func(w *watched) {
		for _, b := range w.pool.Snapshot().Backends() {
			all = append(all, b.ID())
		}
		if len(all) != len(records) {
			t.Errorf("%d backends, want %d", len(all), len(records))
		}
	})
}

func TestANameServerThatIsGoneIsSaidOnce(t *testing.T) {
	server := startNameServer(t)
	server.knows(zone{"web.test.": {"A 10.0.0.1"}})
	watch(t, discovery.Config{Resolver: server.resolver()}, []string{"dns://web.test.:3000"}, func(w *watched) {
		w.said(t, "joined")
		server.gone.Store(true)
		after(5 * time.Second)
		w.said(t, failed)
		after(time.Minute)
		w.said(t)
		w.has(t, "10.0.0.1:3000")
		server.gone.Store(false)
		after(5 * time.Second)
		w.said(t, works)
	})
}

func TestNamesInTheHostsFileCount(t *testing.T) {
	watch(t, discovery.Config{}, []string{"dns://localhost:3000"}, func(w *watched) {
		if w.pool.Snapshot().ByID("127.0.0.1:3000") == nil {
			t.Errorf("no 127.0.0.1:3000; log:\n%s", w.log.take())
		}
	})
}

func TestChangesOfMembershipTouchNoSession(t *testing.T) {
	server := startNameServer(t)
	server.knows(zone{"web.test.": {"A 10.0.0.1", "A 10.0.0.2"}})
	watch(t, discovery.Config{Resolver: server.resolver()}, []string{"dns://web.test.:3000"}, func(w *watched) {
		sessions := routing.NewSessions(routing.SessionsConfig{})
		router, err := routing.NewRouter(routing.Config{Pool: w.pool, Sessions: sessions})
		if err != nil {
			t.Fatal(err)
		}
		owner := map[string]*routing.Backend{}
		for _, sid := range []string{"a", "b", "c", "d"} {
			d, err := router.Route(routing.Request{EIO: 4, Opens: true})
			if err != nil {
				t.Fatal(err)
			}
			d.Hold.Learn(sid, time.Hour)
			d.Hold.Release()
			owner[sid] = d.Backend
		}
		for _, z := range []zone{
			{"web.test.": {"A 10.0.0.2", "A 10.0.0.3"}}, {}, {"web.test.": {"A SERVFAIL"}}, {"web.test.": {"A 10.0.0.1"}},
		} {
			server.knows(z)
			after(5 * time.Second)
			w.pool.Sweep()
			for sid, b := range owner {
				d, err := router.Route(routing.Request{EIO: 4, SID: sid})
				if err != nil || d.Backend != b {
					t.Errorf("%v: session %s: %v, %v; want %s", z, sid, d.Backend, err, b.ID())
				}
				d.Hold.Release()
			}
		}
	})
}

func TestRunEndsInTheMiddleOfALookUp(t *testing.T) {
	server := startNameServer(t)
	server.mu.Lock() // so that it does not answer
	defer server.mu.Unlock()
	ctx, stop := context.WithCancel(t.Context())
	resolver := server.resolver()
	dial := resolver.Dial
	resolver.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		defer stop()
		conn, err := dial(ctx, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() }) // the standard resolver would wait for its timeout
		}
		return conn, err
	}
	d, err := discovery.New(discovery.Config{
		Sources:  []discovery.Source{source(t, "dns://web.test.:3000")},
		Resolver: resolver,
		Set:      func([]routing.BackendConfig) error { t.Error("set"); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Run(ctx)
}
