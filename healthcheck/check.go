package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// check is one check of a target.
type check struct {
	watch   *watch
	started time.Time

	mu     sync.Mutex
	hangUp func() // ends it on a loop; nil where a goroutine asks
	stop   func() // calls its timeout off
	over   bool
}

// begin asks on the loop, or has a goroutine ask.
func (c *check) begin(ctx context.Context) {
	err := c.askOnLoop()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		c.watch.asking.Go(func() { c.end(c.ask(ctx)) })
	case err != nil:
		c.end(err)
	}
}

// askOnLoop begins to ask on the loop, which may end the check before this
// returns: so the lock is held until all is in place.
func (c *check) askOnLoop() (err error) {
	defer recovered(&err)
	q, ok := c.cfg().Probe.(*question)
	if !ok {
		return errors.ErrUnsupported
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hangUp, err = q.askOn(c.cfg().Loop, c.watch.target.URL, c.end); err == nil {
		c.stop = c.cfg().Loop.After(c.cfg().Timeout, c.expire)
	}
	return err
}

func (c *check) ask(ctx context.Context) (err error) {
	defer recovered(&err)
	ctx, cancel := context.WithTimeout(ctx, c.cfg().Timeout)
	defer cancel()
	return c.cfg().Probe.Ask(ctx, c.watch.target.URL)
}

// expire ends a check that has had its time.
func (c *check) expire() {
	c.abandon()
	c.end(fmt.Errorf("no answer within %v", c.cfg().Timeout))
}

// abandon has a loop do no more for the check.
func (c *check) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hangUp != nil {
		c.hangUp()
		c.stop()
	}
}

// end tells the watch how the check has ended, the first time it is called.
func (c *check) end(err error) {
	c.mu.Lock()
	was, stop := c.over, c.stop
	c.over = true
	c.mu.Unlock()
	if was {
		return
	}
	if stop != nil {
		stop()
	}
	c.watch.ended(finding{started: c.started, err: err})
}

// recovered makes a panic of the probe an outcome, when it is deferred.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("probe panicked: %v", v)
	}
}

func (c *check) cfg() *Config { return &c.watch.checker.cfg }
