package relay

// ReadAtMost has the loops, which must not run yet, read no more than n bytes at a time.
func (r *Relay) ReadAtMost(n int) {
	for _, l := range r.loops {
		l.buf = make([]byte, n)
	}
}

// PostAll has the loops, which must not run yet, post whatever can be, also where it is the only thing to be sent.
func (r *Relay) PostAll() {
	for _, l := range r.loops {
		l.PostAll(true)
	}
}
