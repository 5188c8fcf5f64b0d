package routing

// State is what a backend may be given.
type State uint8

// The states of a backend.
const (
	Up       State = iota // everything
	Ejected               // requests of live sids only, since its traffic fails
	Draining              // requests of live sids only, since it is to go
	Down                  // nothing: its process is gone, and so are its sessions
	Removed               // nothing: it has left the pool; seen only in a Change and in Backend.State
)

// String returns the state's name in logs and metrics.
func (s State) String() string { return nameOf(s, "up", "ejected", "draining", "down", "removed") }

// Change is a backend's change of state, told to Pool.OnChange. A backend new to the pool comes From Removed.
type Change struct {
	Backend  *Backend
	From, To State
}

// begin opens a new incarnation if the change takes the backend Down, lets it live if it comes back, and ends it if the
// backend leaves the pool. The writer calls it before the change becomes visible.
func (c Change) begin() {
	b := c.Backend
	if c.To == Down {
		old := b.life.Load()
		old.dead.Store(true)
		next := &incarnation{backend: b, number: old.number + 1}
		next.dead.Store(true)
		b.life.Store(next)
		return
	}
	b.life.Load().dead.Store(c.To == Removed)
}
