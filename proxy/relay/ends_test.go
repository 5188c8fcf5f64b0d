package relay_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

func TestHalfCloseLeavesTheOtherDirectionOpen(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		for _, end := range []struct {
			name  string
			cause relay.Cause
			sides func(*tunnel) (closer, other net.Conn)
		}{
			{"client closes first", relay.ClientClosed, func(tn *tunnel) (_, _ net.Conn) { return tn.client, tn.backend }},
			{"backend closes first", relay.BackendClosed, func(tn *tunnel) (_, _ net.Conn) { return tn.backend, tn.client }},
		} {
			t.Run(end.name, func(t *testing.T) {
				tn := k.open(relay.Tunnel{})
				closer, other := end.sides(tn)
				say(t, closer, "last words")
				closeWrite(t, closer)
				hear(t, other, "last words")
				hearEOF(t, other)
				pass(t, other, closer, "still here")
				closeWrite(t, other)
				hearEOF(t, closer)
				tn.ended(end.cause)
			})
		}
	})
}

func TestTheOtherDirectionEndsAfterTheHalfCloseTimeout(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{})
		closeWrite(t, tn.client)
		hearEOF(t, tn.backend)
		k.clock.turnAsleep(t, 29*time.Second)
		pass(t, tn.backend, tn.client, "still here")
		k.clock.turnAsleep(t, time.Second+relay.WheelTick)
		tn.ended(relay.ClientClosed)
		hearEOF(t, tn.client)
	})
}

func TestAResetEndsTheOtherSide(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		if k.network == "unix" {
			return // Unix sockets have no reset
		}
		t.Run("client resets", func(t *testing.T) {
			tn := k.open(relay.Tunnel{})
			tn.exchange()
			reset(tn.client)
			hearEnd(t, tn.backend)
			tn.ended(relay.ClientFailed)
		})
		t.Run("backend resets: the client gets a plain FIN", func(t *testing.T) {
			tn := k.open(relay.Tunnel{})
			tn.exchange()
			reset(tn.backend)
			hearEOF(t, tn.client)
			say(t, tn.client, "said too late, and dropped")
			tn.client.Close()
			tn.ended(relay.BackendFailed)
		})
	})
}

// hearEnd expects an end of any kind.
func hearEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.ReadAll(c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Fatal("the connection is still open")
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestABackendThatAnswersAndLeavesIsHeardOut(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		answer := strings.Repeat("answer ", 30_000)
		tn := k.open(relay.Tunnel{})
		say(t, tn.client, "question")
		say(t, tn.backend, answer)
		tn.backend.Close() // with the question unread: a reset on TCP
		say(t, tn.client, "more")
		got, _ := io.ReadAll(tn.client)
		if k.network == "unix" && string(got) != answer {
			t.Errorf("the client read %d bytes of %d", len(got), len(answer))
		}
		tn.client.Close()
		receive(t, tn.done)
	})
}

func TestIdleTunnelsEnd(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{IdleTimeout: time.Minute})
		never := k.open(relay.Tunnel{})
		for range 3 { // bytes either way keep it
			k.clock.turnAsleep(t, 40*time.Second)
			pass(t, tn.client, tn.backend, "ping")
			k.clock.turnAsleep(t, 40*time.Second)
			pass(t, tn.backend, tn.client, "pong")
		}
		k.clock.turnAsleep(t, time.Minute+relay.WheelTick)
		hearEOF(t, tn.client)
		hearEnd(t, tn.backend)
		tn.client.Close()
		tn.ended(relay.Idle)
		never.exchange()
	})
}

func TestAnIdleTimeoutOfHoursIsKept(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{IdleTimeout: 2 * time.Hour})
		for range 119 {
			k.clock.turnAsleep(t, time.Minute)
		}
		k.clock.awaitSleeper(t)
		if n := k.relay.Ending(); n != 0 {
			t.Fatal("ended before its time")
		}
		k.clock.turnAsleep(t, time.Minute+relay.WheelTick)
		hearEOF(t, tn.client)
		tn.client.Close()
		tn.ended(relay.Idle)
	})
}

func TestEndGroupEndsThatGroupOnly(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		dead, other := k.open(relay.Tunnel{Group: "dead"}), k.open(relay.Tunnel{Group: "other"})
		pass(t, dead.backend, dead.client, "last words")
		k.relay.EndGroup("dead")
		k.relay.EndGroup("dead") // again is harmless
		k.relay.EndGroup("unknown")
		hearEOF(t, dead.client)
		hearEnd(t, dead.backend)
		say(t, dead.client, "the client has not noticed yet")
		dead.client.Close()
		dead.ended(relay.GroupEnded)
		other.exchange()
	})
}

func TestAClientThatStaysAfterItsFINIsCut(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{Group: 1})
		k.relay.EndGroup(1)
		hearEOF(t, tn.client)
		k.clock.turnAsleep(t, relay.LingerTimeout+relay.WheelTick)
		tn.ended(relay.GroupEnded)
	})
}

func TestEndGroupAfterTheClientHasHalfClosed(t *testing.T) {
	onEveryLane(t, func(t *testing.T, k *kit) {
		tn := k.open(relay.Tunnel{Group: 1})
		closeWrite(t, tn.client)
		hearEOF(t, tn.backend)
		k.relay.EndGroup(1)
		hearEOF(t, tn.client)
		tn.ended(relay.ClientClosed)
	})
}
