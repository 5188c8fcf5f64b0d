package discovery

// State is how a source does.
type State struct {
	Source   Source
	Backends int   // how many it listed last
	Failures int64 // looks that brought an error, since the start
	// Failing says that the latest look brought one: what was listed before stands.
	Failing bool
}

// States returns how each source does, in the order of their configuration.
func (d *Discovery) States() []State {
	d.mu.Lock()
	defer d.mu.Unlock()
	states := make([]State, len(d.followers))
	for i, f := range d.followers {
		states[i] = State{Source: f.source, Backends: len(f.list), Failures: f.failures, Failing: f.trouble != ""}
	}
	return states
}
