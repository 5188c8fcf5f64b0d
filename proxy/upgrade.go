package proxy

import (
	"net/http"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/relay"
)

// tunnel hands both connections to the relay after the backend's 101, and with them the session's place. Whatever
// follows is bytes: also the raw HTTP reply that some servers send behind their 101.
func (x *exchange) tunnel() bool {
	if !x.up.res.Upgrade {
		return x.fail(errUnaskedUpgrade)
	}
	head := append(x.appendReply(takeBuffer(x.up.headLen + forwardingRoom)[:0]), "\r\n"...)
	x.up.consume(x.up.headLen)
	x.c.detach() // before the client may speak: from now on a half-close is part of the conversation
	if x.c.onLoop {
		return x.say(&x.c.stream, head, (*exchange).switched)
	}
	x.said = said{text: head}
	x.said.n, x.said.err = len(head), x.c.write(head, x.c.p.cfg.BodyTimeout)
	return x.switched()
}

// switched is the stage that comes when the client has been told that it has its tunnel.
func (x *exchange) switched() bool {
	head, err := x.said.text, x.said.err
	defer giveBuffer(head)
	if err != nil && !isAgain(err) {
		return x.fail(&clientError{err})
	}
	x.answered = true
	x.noteStatus(http.StatusSwitchingProtocols)
	if !x.c.handOver() {
		return false
	}
	onLoop := x.onLoopOfBoth()
	up, c, hold, patience := x.up, x.c, x.decision.Hold, x.tunnelTimeout()
	x.up, x.holds = nil, false
	up.home.forget(up)
	up.nc.SetDeadline(time.Time{})
	p, counted, logEnd := c.p, c.countedAs(), x.tunnelLogger()
	done := func(s relay.Stats) {
		hold.Release()
		p.uncount(counted)
		if logEnd != nil && s.Cause != 0 { // else it never began
			logEnd(s)
		}
	}
	err = p.relay.Start(relay.Tunnel{
		Client:      c.layer,
		Backend:     up.layer,
		ToClient:    append(head[x.said.n:], up.buffered()...),
		ToBackend:   c.buffered(),
		IdleTimeout: patience,
		Probe:       probe(patience),
		Prelude:     x.prelude(),
		OnLoop:      onLoop,
		Group:       x.decision.Backend,
		Done:        done,
	})
	if err != nil {
		p.log.Error("tunnel not started", "err", err)
		done(relay.Stats{})
	}
	if p.over(x.decision.Backend) {
		p.relay.EndGroup(x.decision.Backend)
	}
	up.discard()
	c.discard()
	return false
}

// onLoopOfBoth says that the exchange is on the loop that both its connections are on. It may be on another one, which has brought
// the reply to the request before and gone on.
func (x *exchange) onLoopOfBoth() bool {
	return x.on != nil && x.on == x.c.own.Loop() && x.on == x.up.own.Loop()
}

// handOver stops everything of ours that touches the client's connection; the relay is its owner afterwards. False says
// that the client has left already, so that there is nothing to hand over.
func (c *conn) handOver() bool {
	c.watch.Stop()
	if c.left() {
		return false
	}
	c.nc.SetDeadline(time.Time{})
	c.tunnelled = true
	return true
}

// probeBytes is the size of the first frame of an upgrade, "2probe", masked and compressed, and less than that of both its frames:
// of the second, "5", is said that the client has left polling (Engine.IO 3 and 4).
const probeBytes = 16

// prelude is what a client sends while it moves a polling session to the tunnel. If the tunnel ends meanwhile, the JavaScript
// clients of all versions neither poll nor send any more, until the heartbeat's time is over.
func (x *exchange) prelude() int64 {
	if x.decision.SID == "" {
		return 0
	}
	return probeBytes
}

// patient is how long a tunnel may be silent without TCP's probing whether its backend is still there.
const patient = 2 * time.Minute

// probe is how often TCP is to probe the backend of a tunnel that may be silent for so long; zero: never.
func probe(silent time.Duration) time.Duration {
	if silent <= patient {
		return 0
	}
	return keepAlive
}

// tunnelTimeout is how long a tunnel may be silent: the server pings within the session's times.
func (x *exchange) tunnelTimeout() time.Duration {
	switch {
	case x.c.p.cfg.TunnelTimeout > 0:
		return x.c.p.cfg.TunnelTimeout
	case x.decision.TTL > 0:
		return x.decision.TTL + pollGrace
	}
	return unknownTunnel
}
