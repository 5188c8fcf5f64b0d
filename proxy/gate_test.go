package proxy

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

var (
	office = netip.MustParseAddr("192.0.2.1")
	phone  = netip.MustParseAddr("198.51.100.7")
)

// nobodyLeaves is the look-out for a client that stays.
func nobodyLeaves() (gone <-chan struct{}, stop func()) { return nil, func() {} }

// passed counts how many of n searches of a client have passed after d, and waits for all of them to end.
func passed(g *gate, client netip.Addr, n int, d time.Duration) int {
	results := make(chan bool, n)
	for range n {
		go func() { results <- g.enter(client, nobodyLeaves) }()
	}
	time.Sleep(d)
	count := 0
	for range len(results) {
		if <-results {
			count++
		}
	}
	return count
}

// waitingIn counts the searches that wait.
func waitingIn(g *gate) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, line := range g.turns {
		n += len(line.waiting)
	}
	return n
}

func TestGateLetsABurstPassAndThenTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(10, nil)
		if got := passed(g, office, 25, time.Millisecond); got != 11 {
			t.Errorf("%d searches passed at once, want a second's worth and the next", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if waiting := waitingIn(g); waiting != 4 {
			t.Errorf("%d searches wait after a second, want 4", waiting)
		}
		time.Sleep(gateWait)
	})
}

func TestGateRefusesWhatWaitsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, nil)
		passed(g, office, 1, 500*time.Millisecond) // so that no turn falls on the very end of the wait
		if got := passed(g, office, 20, gateWait+time.Second); got != 6 {
			t.Errorf("%d searches passed, want one at once and 5 in the time that a search may wait", got)
		}
		if waiting := waitingIn(g); waiting != 0 || len(g.turns) != 0 {
			t.Errorf("%d searches of %d clients wait, want none", waiting, len(g.turns))
		}
		for range 7 {
			g.leave(office, undecided)
		}
		if len(g.lines) != 0 {
			t.Errorf("%d clients are in the books, want none", len(g.lines))
		}
	})
}

func TestGateGivesEveryClientItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(10, nil)
		for range 200 { // one client floods
			go g.enter(office, nobodyLeaves)
		}
		synctest.Wait()
		began := time.Now()
		if !g.enter(phone, nobodyLeaves) {
			t.Fatal("the other client did not pass")
		}
		if waited := time.Since(began); waited > 200*time.Millisecond {
			t.Errorf("the other client waited for %v, want two turns at most", waited)
		}
		time.Sleep(2 * gateWait)
	})
}

func TestGateTakesAnIPv6NetworkForOneClient(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:1")
	if network(a) != network(b) {
		t.Errorf("%v and %v count as two clients", a, b)
	}
	if far := netip.MustParseAddr("2001:db8:0:1::1"); network(a) == network(far) {
		t.Errorf("%v and %v count as one client", a, far)
	}
}

func TestGateBoundsAClientsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, nil)
		for range gateQueue + 10 {
			go g.enter(office, nobodyLeaves)
		}
		synctest.Wait()
		if g.enter(office, nobodyLeaves) {
			t.Error("a search passed although its client's line is full")
		}
		time.Sleep(2 * gateWait)
	})
}

func TestGateLetsNobodyWaitOnceTheProxyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		g := newGate(1, stop)
		for g.pass(time.Now()) { // use up the burst
		}
		close(stop)
		began := time.Now()
		if g.enter(office, nobodyLeaves) || time.Since(began) > 0 {
			t.Error("a search waited although the proxy ends")
		}
	})
}

// TestGateKeepsVainSearchesFew has one client's searches find nobody, again and again: it may then have four asking at a
// time, whatever room there is, until one of them finds an owner. Another client's begin beside them.
func TestGateKeepsVainSearchesFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1000, nil)
		g.enter(office, nobodyLeaves) // so that it stays in the books
		for range vainAfter {
			g.enter(office, nobodyLeaves)
			g.leave(office, foundNobody)
		}
		if got := passed(g, office, 20, time.Millisecond); got != vainSlots-1 {
			t.Errorf("%d searches passed beside the one that asks, want %d", got, vainSlots-1)
		}
		if got := passed(g, phone, 20, time.Millisecond); got != 20 {
			t.Errorf("%d of another client's 20 searches passed", got)
		}
		g.leave(office, foundOwner)
		if waiting := waitingIn(g); waiting != 0 {
			t.Errorf("%d searches wait after one has found an owner, want none", waiting)
		}
	})
}
