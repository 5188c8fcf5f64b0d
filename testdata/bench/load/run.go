//go:build linux

package load

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-proxy/holdfast/testdata/bench/epoll"
)

// Plan is how hard and for how long lanes work.
type Plan struct {
	Rate   float64       // beginnings per second, at even distances; 0: each lane begins again as soon as it has ended
	Warm   time.Duration // of the same before anything counts
	Window time.Duration // that counts
}

// Result is what came of a plan's window.
type Result struct {
	Count  int
	Window time.Duration   // as it was
	CPU    time.Duration   // what the proxy used
	Waits  []time.Duration // of each answer, sorted; from when it was due if it had to wait for a lane
}

// Clock reads how much CPU time the proxy has used so far.
type Clock func() (time.Duration, error)

// falling is how late a paced beginning may be before the load counts as one that cannot be kept up.
const falling = 2 * time.Second

// run is one plan under way; everything is done by the goroutine that called Run.
type run struct {
	plan  Plan
	loop  *epoll.Loop
	start time.Time
	idle  []*lane // paced: those that can begin, the longest idle first
	due   time.Duration
	busy  int
	over  bool // nothing more begins
	count bool // the window is open
	res   Result
	err   error
}

// Run has the lanes work to plan, once, and fails with the first wrong answer. Call it from a goroutine that is locked
// to its thread.
func (all Lanes) Run(plan Plan, cpu Clock) (Result, error) {
	loop, err := epoll.New()
	if err != nil {
		return Result{}, err
	}
	defer loop.Close()
	r := &run{plan: plan, loop: loop, idle: slices.Clone(all), start: time.Now()}
	for _, l := range all {
		if err := r.add(l); err != nil {
			return Result{}, err
		}
	}
	r.until(plan.Warm)
	began, from := r.now(), r.read(cpu)
	r.count = true
	r.until(began + plan.Window)
	r.res.Window, r.res.CPU = r.now()-began, r.read(cpu)-from
	r.count, r.over = false, true
	for limit := r.now() + falling; r.busy > 0 && r.err == nil; r.wait(limit) {
		if r.now() > limit {
			return r.res, fmt.Errorf("%d answers still missing after %v", r.busy, falling)
		}
	}
	slices.Sort(r.res.Waits)
	return r.res, r.err
}

func (r *run) add(l *lane) error {
	fd, err := l.conn.Nonblock()
	if err != nil {
		return err
	}
	return r.loop.Add(fd, func() { r.ready(l) })
}

func (r *run) now() time.Duration { return time.Since(r.start) }

func (r *run) read(cpu Clock) time.Duration {
	used, err := cpu()
	r.fail(err)
	return used
}

func (r *run) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// until works until end.
func (r *run) until(end time.Duration) {
	for now := r.now(); now < end && r.err == nil; now = r.now() {
		next := end
		if r.plan.Rate == 0 {
			r.beginAll(now)
		} else {
			r.beginDue(now)
			if len(r.idle) > 0 {
				next = min(end, r.due)
			}
		}
		r.wait(next)
	}
}

func (r *run) wait(until time.Duration) {
	r.fail(r.loop.Wait(max(until-r.now(), 0)))
}

func (r *run) beginAll(now time.Duration) {
	for _, l := range r.idle {
		r.begin(l, now)
	}
	r.idle = r.idle[:0]
}

// beginDue begins what is due by now, as far as there are lanes.
func (r *run) beginDue(now time.Duration) {
	step := time.Duration(float64(time.Second) / r.plan.Rate)
	for ; r.due <= now && len(r.idle) > 0 && r.err == nil; r.due += step {
		l := r.idle[0]
		r.idle = append(r.idle[:0], r.idle[1:]...)
		since := now
		if l.free > r.due {
			since = r.due // no lane was free then
		}
		r.begin(l, since)
		now = r.now()
	}
	if now-r.due > falling {
		r.fail(fmt.Errorf("%.0f a second is more than it carries", r.plan.Rate))
	}
}

func (r *run) begin(l *lane, since time.Duration) {
	l.busy, l.since = true, since
	r.busy++
	r.fail(l.send())
}

// ready takes an answer, or a part of it.
func (r *run) ready(l *lane) {
	ok, err := l.receive()
	r.fail(err)
	if !ok {
		return
	}
	if !l.busy {
		r.fail(fmt.Errorf("an answer that nobody has asked for"))
	}
	now := r.now()
	l.busy, l.free = false, now
	r.busy--
	if r.count {
		r.res.Count++
		r.res.Waits = append(r.res.Waits, now-l.since)
	}
	if r.plan.Rate == 0 && !r.over && r.err == nil {
		r.begin(l, now)
	} else {
		r.idle = append(r.idle, l)
	}
}
