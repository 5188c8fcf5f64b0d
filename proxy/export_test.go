package proxy

import "time"

// WithDrainGrace has a drain's deadline come that soon after the time that closing takes.
func (c *Config) WithDrainGrace(d time.Duration) { c.drainGrace = d }
