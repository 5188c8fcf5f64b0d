package healthcheck

// Target is one backend to watch. A target whose ID stays and whose URL
// changes is another backend: it starts again as Unknown.
type Target struct {
	ID  string // unique among the targets; the key of Observe
	URL string // http://host:port, https://host:port or unix:/path/to.sock
}

// Status is what a backend may be used for.
type Status uint8

const (
	// Unknown is the zero value: not one check has ended yet.
	Unknown Status = iota
	// Up backends get everything.
	Up
	// Suspect backends refused a dial, or failed their very first check, and
	// have not convinced since: no new sessions, live ones go on, checks come
	// at once and faster.
	Suspect
	// Ejected backends answered real traffic badly several times in a row: no
	// new sessions for a while, live ones go on. It is one replica's opinion.
	Ejected
	// Down backends failed Fall checks in a row: nothing goes there, and their
	// sessions may be told so (but see Change.Refused).
	Down
)

var statusNames = [...]string{"unknown", "up", "suspect", "ejected", "down"}

// String returns the status as logs and metrics spell it, in lower case.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "invalid"
}

// out tells whether a status keeps new sessions away.
func (s Status) out() bool { return s == Suspect || s == Ejected || s == Down }

// Change reports that a backend may be used differently from now on.
type Change struct {
	Target Target
	From   Status // what the previous Change of this target said; Unknown before the first
	To     Status

	// After counts what led to the change: checks in a row for Up and Down,
	// bad replies for Ejected, 0 where a refused dial or the end of an
	// ejection was enough.
	After int

	// Refused is true for a backend that is Down because nothing accepts
	// connections at its address any more: every one of the failed checks was
	// refused. Connections that are still open then belong to a process that
	// lives on (Node after server.close()); a dead one's kernel closes them
	// by itself. So open tunnels and waiting polls need not be ended.
	Refused bool

	// Panic is true when To is Up only because too few backends are left (see
	// Config.PanicThreshold); Err then says what speaks against this one.
	Panic bool

	// Err is the last failure, nil when there was none. Its text may hold
	// addresses and a backend's own words: for logs, never for a client.
	Err error
}

// Outcome is how one proxied request, or the dial for it, ended.
type Outcome uint8

const (
	// Served is a request whose reply came back in order, whatever its status.
	Served Outcome = iota
	// BadReply is a reply that speaks against the backend: broken framing, a
	// gateway status, silence beyond the timeout. Config.MaxFails of them in a
	// row, from more than one client, eject the backend.
	BadReply
	// DialRefused is a dial that was refused or found no route: the backend is
	// Suspect at once and checked at once.
	DialRefused
	// DialTimeout is a dial nobody answered; it counts as DialRefused does.
	DialTimeout
	// Reset is a connection that the backend reset. It costs its own request
	// and never counts: Engine.IO servers reset a client that posts too much.
	Reset
	// OwnError is an error of this machine (EMFILE, EADDRNOTAVAIL, ENOBUFS …).
	// It says nothing about the backend and never counts.
	OwnError
)
