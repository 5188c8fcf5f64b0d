package proxy

import (
	"log/slog"
	"time"
)

// rushOver is how long no handshake must have waited for a rush to be over.
const rushOver = 10 * time.Second

// rush is a time in which handshakes wait or are refused. The log tells of its beginning and of its end.
type rush struct {
	began  time.Time // zero: there is none
	last   time.Time // when a handshake last had to wait
	told   bool      // the log knows
	before roomCounts
}

// noteRush notes that a handshake has to wait, has waited, or is refused. It is to be called before that is counted.
func (r *room) noteRush(now time.Time) {
	if r.rush.began.IsZero() {
		r.rush = rush{began: now, before: r.counts}
	}
	r.rush.last = now
}

// report logs a rush that has begun or ended; call it about once a second.
func (r *room) report(now time.Time, log *slog.Logger) {
	r.mu.Lock()
	s, counts, waiting := r.rush, r.counts, len(r.queue)
	over := waiting == 0 && now.Sub(s.last) >= rushOver
	r.rush.told = true
	if over {
		r.rush = rush{}
	}
	r.mu.Unlock()
	switch {
	case s.began.IsZero():
	case !s.told:
		log.Warn("handshakes wait", "waiting", waiting, "refused", counts.refused()-s.before.refused())
	case over:
		log.Info("handshakes wait no longer", "took", s.last.Sub(s.began),
			"waited", counts.waited-s.before.waited, "refused", counts.refused()-s.before.refused())
	}
}

func (c roomCounts) refused() int64 { return c.full + c.late }
