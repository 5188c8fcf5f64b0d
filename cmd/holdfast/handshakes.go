package main

// readHandshakes reads how fast sessions may be opened, and how long a handshake waits.
func (o *options) readHandshakes(v *values) {
	p := &o.proxy
	p.HandshakeRate = v.rate("handshake-rate")
	p.HandshakeRateTotal = v.rate("handshake-rate-total")
	if v.text("handshake-burst") != "auto" {
		p.HandshakeBurst = v.count("handshake-burst", 1)
	}
	if p.HandshakeWait = v.duration("handshake-wait"); p.HandshakeWait == 0 {
		p.HandshakeWait = -1 // nobody waits
	}
	p.HandshakeQueue = v.count("handshake-queue", 1)
}

// rate reads how often a second something may happen; 0 is no limit.
func (v *values) rate(name string) int {
	const most = 1_000_000
	n := v.count(name, 0)
	if n > most {
		v.fail(wrong(name, v.text(name), "a whole number from 0 to 1000000"))
	}
	return n
}
