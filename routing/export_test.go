package routing

// Life returns what reads the counters of b's present incarnation, also after it has ended.
func Life(b *Backend) (sessions, inFlight func() int64) {
	on := b.life.Load()
	return on.sessions.Load, on.inFlight.sum
}
