package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// foyer is a room in front of a pool; it is for use in one synctest bubble.
type foyer struct {
	*room
	testing.TB
	pool *routing.Pool
	stop chan struct{}
}

// openRoom makes a room in front of n backends, b0, b1, …, as configured by change.
func openRoom(t testing.TB, n int, change func(*Config, *routing.Config, []routing.BackendConfig)) *foyer {
	w := &foyer{TB: t, pool: routing.NewPool(routing.PoolConfig{}), stop: make(chan struct{})}
	members := make([]routing.BackendConfig, n)
	for i := range members {
		members[i] = routing.BackendConfig{ID: fmt.Sprint("b", i), URL: fmt.Sprint("http://127.0.0.1:", i+1)}
	}
	cfg := Config{Pool: w.pool, Sessions: routing.NewSessions(routing.SessionsConfig{})}
	to := routing.Config{Pool: w.pool, Sessions: cfg.Sessions}
	change(&cfg, &to, members)
	var err error
	if cfg.Router, err = routing.NewRouter(to); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.pool.Set(members), cfg.complete()); err != nil {
		t.Fatal(err)
	}
	w.room = newRoom(&Proxy{cfg: cfg, stop: w.stop})
	return w
}

// visit is how a handshake fared.
type visit struct {
	backend string
	hold    routing.Hold
	err     error
	at      time.Time // when it was placed or refused

	leave chan struct{} // to be closed when its client leaves
	over  chan struct{} // closed when all else is set
}

// arrive has a handshake come, after all those that have arrived before.
func (w *foyer) arrive(req routing.Request) *visit {
	req.Opens = true
	v := &visit{leave: make(chan struct{}), over: make(chan struct{})}
	d, g, err := w.enter(req, nil)
	go func() {
		defer close(v.over)
		if g != nil {
			d, err = w.wait(g, v.leave)
		}
		v.hold, v.err, v.at = d.Hold, err, time.Now()
		if err == nil {
			v.backend = d.Backend.ID()
		}
	}()
	return v
}

func (w *foyer) arriveMany(n int, req routing.Request) (all []*visit) {
	for range n {
		all = append(all, w.arrive(req))
	}
	return all
}

func (v *visit) wait() *visit {
	<-v.over
	return v
}

// busiest returns the most handshakes of one backend ("": of all together) in any second.
func busiest(all []*visit, backend string) int {
	var times []time.Time
	for _, v := range all {
		if v.wait(); v.err == nil && (backend == "" || v.backend == backend) {
			times = append(times, v.at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	most := 0
	for i, at := range times {
		end, _ := slices.BinarySearchFunc(times, at.Add(time.Second), time.Time.Compare)
		most = max(most, end-i)
	}
	return most
}

func TestNoSecondHasMoreHandshakesThanItsRateAndTheBurst(t *testing.T) {
	for name, c := range map[string]struct {
		rate, total, burst int
		each, all, took    int // the most in a second, and the seconds until 300 are placed
	}{
		"for each of three backends":             {rate: 25, burst: 10, each: 35, all: 105, took: 4},
		"for each, with a burst of a second":     {rate: 25, each: 50, all: 150, took: 3},
		"in all":                                 {total: 50, burst: 1, each: 51, all: 51, took: 6},
		"for each and in all":                    {rate: 30, total: 60, burst: 1, each: 31, all: 61, took: 5},
		"in all, far below what is for each":     {rate: 1000, total: 50, burst: 1, each: 51, all: 51, took: 6},
		"for each, faster than one can look":     {rate: 50_000, burst: 1, each: 100, all: 300, took: 1},
		"not at all":                             {each: 100, all: 300},
		"for each, and all fit into the burst":   {rate: 1, burst: 100, each: 100, all: 300},
		"in all, and all of them fit into burst": {total: 1, burst: 300, each: 100, all: 300},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := openRoom(t, 3, func(c2 *Config, _ *routing.Config, _ []routing.BackendConfig) {
					c2.HandshakeRate, c2.HandshakeRateTotal, c2.HandshakeBurst = c.rate, c.total, c.burst
				})
				began := time.Now()
				all := w.arriveMany(300, routing.Request{})
				for _, id := range []string{"b0", "b1", "b2"} {
					if got := busiest(all, id); got > c.each {
						t.Errorf("%s has %d handshakes in a second, want at most %d", id, got, c.each)
					}
				}
				if got := busiest(all, ""); got > c.all {
					t.Errorf("%d handshakes in a second, want at most %d", got, c.all)
				}
				for _, v := range all {
					if v.err != nil {
						t.Fatalf("a handshake was refused: %v", v.err)
					}
				}
				if took := time.Since(began); took > time.Duration(c.took)*time.Second {
					t.Errorf("it took %v, want at most %d s: no turn may be left out", took, c.took)
				}
			})
		})
	}
}

func TestWhoCameFirstGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 2, func(c *Config, _ *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst = 10, 1
		})
		all := w.arriveMany(50, routing.Request{})
		for i, v := range all[1:] {
			if v.wait().at.Before(all[i].wait().at) {
				t.Fatalf("the handshake that came as number %d was placed before the one before it", i+2)
			}
		}
	})
}

func TestAKeysOwnBackendIsWaitedForAndHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 2, func(c *Config, to *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst = 10, 1
			to.Affinity = []routing.Affinity{routing.AffinitySID, routing.AffinityKey}
		})
		keyed := w.arriveMany(21, routing.Request{Key: "the same room"})
		free := w.arriveMany(5, routing.Request{})
		for _, v := range keyed {
			if v.wait().backend != keyed[0].backend {
				t.Fatalf("one key is at %s and %s", keyed[0].backend, v.backend)
			}
		}
		if last := slices.MaxFunc(keyed, func(a, b *visit) int { return a.at.Compare(b.at) }); time.Since(last.at) > 0 ||
			last.at.Sub(keyed[0].wait().at) < 2*time.Second {
			t.Errorf("21 handshakes of a key took %v, want 2 s", last.at.Sub(keyed[0].wait().at))
		}
		for _, v := range free {
			if v.wait().backend == keyed[0].backend || v.at.Sub(keyed[0].wait().at) > 600*time.Millisecond {
				t.Errorf("a handshake without a key went to %s after %v, want the other backend, at its rate",
					v.backend, v.at.Sub(keyed[0].wait().at))
			}
		}
	})
}

func TestAKeyMovesOnWhenItsBackendFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 2, func(c *Config, to *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst = 1, 1
			to.Affinity = []routing.Affinity{routing.AffinityKey}
		})
		all := w.arriveMany(2, routing.Request{Key: "a room"})
		own := all[0].wait().backend
		w.pool.SetState(own, routing.Down)
		if v := all[1].wait(); v.err != nil || v.backend == own || v.at.Sub(all[0].wait().at) > 2*roomLook {
			t.Errorf("it went to %q (%v) after %v, want the other backend at the next look", v.backend, v.err, v.at.Sub(all[0].wait().at))
		}
	})
}

func TestACookieDoesNotMakeAClientWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 2, func(c *Config, to *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst = 1, 1
			to.BalanceFactor = 100 // so that load is no reason to leave the cookie's backend
		})
		token := w.pool.Snapshot().ByID("b1").Token()
		first, second := w.arrive(routing.Request{Cookie: token}), w.arrive(routing.Request{Cookie: token})
		if first.wait().backend != "b1" || second.wait().backend != "b0" || second.at.After(first.at) {
			t.Errorf("went to %s and %s, want b1 and, at once, b0", first.backend, second.backend)
		}
	})
}

func TestAFullFleetsNextPlaceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 2, func(_ *Config, _ *routing.Config, members []routing.BackendConfig) {
			members[0].MaxSessions, members[1].MaxSessions = 1, 2
		})
		all := w.arriveMany(5, routing.Request{})
		time.Sleep(time.Second)
		all[1].wait().hold.Release()
		if v := all[3].wait(); v.err != nil || v.backend != all[1].backend || v.at.Sub(all[0].wait().at) > time.Second+2*roomLook {
			t.Errorf("the place at %s went to %q (%v) after %v", all[1].backend, v.backend, v.err, v.at.Sub(all[0].wait().at))
		}
		if v := all[4].wait(); v.err != routing.ErrOverloaded || v.at.Sub(all[0].wait().at) != 10*time.Second {
			t.Errorf("the last one heard %v after %v, want ErrOverloaded after 10 s", v.err, v.at.Sub(all[0].wait().at))
		}
		var s Stats
		w.addTo(&s)
		if s.HandshakesWaiting != 0 || s.HandshakesWaited != 2 || s.HandshakesLate != 1 || s.HandshakesFull != 0 ||
			s.HandshakeWait < 11*time.Second {
			t.Errorf("counts are %+v", s)
		}
	})
}

func TestWhoCannotBeServedByWaitingHearsItAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 1, func(c *Config, _ *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst = 1, 1
		})
		all := w.arriveMany(3, routing.Request{})
		all[0].wait()
		w.pool.SetState("b0", routing.Down)
		for _, v := range append(all[1:], w.arrive(routing.Request{})) {
			if v.wait().err != routing.ErrNoBackend || v.at.Sub(all[0].wait().at) > time.Second+2*roomLook {
				t.Errorf("heard %v after %v, want ErrNoBackend soon", v.err, v.at.Sub(all[0].wait().at))
			}
		}
	})
}

func TestAFullRoomRefusesUntilSomebodyLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 1, func(c *Config, _ *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst, c.HandshakeQueue = 1, 1, 2
		})
		all := w.arriveMany(4, routing.Request{})
		if v := all[3].wait(); v.err != errPaced || v.at != all[0].wait().at {
			t.Errorf("one too many heard %v after %v, want errPaced at once", v.err, v.at.Sub(all[0].wait().at))
		}
		close(all[1].leave)
		if all[1].wait().err != errAborted {
			t.Errorf("who left heard %v", all[1].err)
		}
		last := w.arrive(routing.Request{})
		if all[2].wait().at.Sub(all[0].wait().at) > time.Second || last.wait().at.Sub(all[0].wait().at) > 2*time.Second || last.err != nil {
			t.Errorf("after somebody left the others were placed after %v and %v (%v), want 1 s and 2 s",
				all[2].at.Sub(all[0].wait().at), last.at.Sub(all[0].wait().at), last.err)
		}
	})
}

func TestNobodyWaitsWhereWaitingIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 1, func(c *Config, _ *routing.Config, members []routing.BackendConfig) {
			c.HandshakeWait, members[0].MaxSessions = -1, 1
		})
		all := w.arriveMany(2, routing.Request{})
		if v := all[1].wait(); v.err != routing.ErrOverloaded || v.at != all[0].wait().at {
			t.Errorf("heard %v after %v, want ErrOverloaded at once", v.err, v.at.Sub(all[0].wait().at))
		}
	})
}

func TestNobodyWaitsOnceTheProxyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 1, func(c *Config, _ *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst = 1, 1
		})
		all := w.arriveMany(9, routing.Request{})
		close(w.stop)
		for _, v := range all[1:] {
			if v.wait().err != errPaced || time.Since(all[0].wait().at) > 0 {
				t.Errorf("heard %v, want errPaced at once", v.err)
			}
		}
	})
}

func TestWhoMustGoElsewhereIsCountedThereToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 2, func(c *Config, _ *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst, c.HandshakeRateTotal = 1, 1, 1000
		})
		all := w.arriveMany(2, routing.Request{})
		all[1].wait()
		dead, counted := w.pool.Snapshot().ByID(all[0].wait().backend), w.total.free
		_, g, err := w.enter(routing.Request{Opens: true}, []*routing.Backend{dead})
		if g == nil {
			t.Fatalf("it did not have to wait: %v", err)
		}
		d, err := w.wait(g, nil)
		if err != nil || d.Backend == dead || time.Since(all[1].at) != time.Second {
			t.Errorf("went to %v (%v) after %v, want the other backend after 1 s", d.Backend, err, time.Since(all[1].at))
		}
		if w.total.free != counted {
			t.Error("one handshake has counted twice in all")
		}
	})
}

func TestTheLogTellsOfARushTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openRoom(t, 1, func(c *Config, _ *routing.Config, _ []routing.BackendConfig) {
			c.HandshakeRate, c.HandshakeBurst = 10, 1
		})
		var lines strings.Builder
		log := slog.New(slog.NewTextHandler(&lines, nil))
		all := w.arriveMany(30, routing.Request{})
		for range 30 {
			w.report(time.Now(), log)
			time.Sleep(time.Second)
		}
		for _, v := range all {
			v.wait()
		}
		for _, want := range []string{`"handshakes wait" waiting=29 refused=0`, `"handshakes wait no longer" took=2.9s waited=29 refused=0`} {
			if strings.Count(lines.String(), want) != 1 || strings.Count(lines.String(), "\n") != 2 {
				t.Errorf("the log is\n%s, want one line with %s", lines.String(), want)
			}
		}
	})
}
