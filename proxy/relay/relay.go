package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/event"
)

// ErrClosed is what Start, Watch and Run return once the relay is closed or closing.
var ErrClosed = errors.New("relay: closed")

// Config is what a relay can be told. The zero value is ready to use.
type Config struct {
	// HalfCloseTimeout is how long one direction may go on after the other has ended; zero means 30 seconds.
	HalfCloseTimeout time.Duration

	// Logger gets one line for every panic that was recovered; nil means slog.Default().
	Logger *slog.Logger

	// Loops is the number of epoll loops. Zero means one, which is cheapest until it saturates a core; negative means
	// none: goroutines carry every tunnel and watch, as they do on systems without epoll.
	Loops int

	// KeepProcessor lets the first loop keep one of the runtime's processors (GOMAXPROCS) to itself, which takes less CPU
	// time for each event. Others then have one less, so that there should be one more than the machine has.
	KeepProcessor bool
}

// lingerTimeout bounds how long a tunnel that the relay ended waits for its client to close.
const lingerTimeout = 5 * time.Second

// Relay carries tunnels. All its methods may be called from any goroutine, also from Done, except that Close must not
// be called from a callback of the relay.
type Relay struct {
	halfClose time.Duration
	log       *slog.Logger
	clock     clock
	loops     []*loop       // empty where goroutine pairs carry everything
	shared    []*event.Loop // the same
	turn      atomic.Uint32
	tunnels   registry
	wheel     *event.Wheel

	began atomic.Bool
	once  sync.Once
	stop  chan struct{} // closed when the relay is to end
	ended chan struct{} // closed when it has; err is set before
	err   error
}

// New builds a relay and opens the descriptors of its loops, which Run or Close gives back.
func New(cfg Config) (*Relay, error) { return newRelay(cfg, wallClock()) }

func newRelay(cfg Config, c clock) (*Relay, error) {
	if cfg.HalfCloseTimeout < 0 {
		return nil, fmt.Errorf("relay: HalfCloseTimeout %v: want zero or more", cfg.HalfCloseTimeout)
	}
	r := &Relay{
		halfClose: cfg.HalfCloseTimeout,
		log:       cfg.Logger,
		clock:     c,
		stop:      make(chan struct{}),
		ended:     make(chan struct{}),
	}
	if r.halfClose == 0 {
		r.halfClose = 30 * time.Second
	}
	if r.log == nil {
		r.log = slog.Default()
	}
	r.wheel = event.NewWheel(c.now, c.after)
	if cfg.Loops == 0 {
		cfg.Loops = 1
	}
	if err := r.openLoops(cfg); err != nil {
		return nil, err
	}
	return r, nil
}

// openLoops makes as many loops as are wanted, or none where there is no epoll.
func (r *Relay) openLoops(cfg Config) error {
	for i := range cfg.Loops {
		l, err := event.NewLoop(r.log, r.clock.now, cfg.KeepProcessor && i == 0)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil
		}
		if err != nil {
			r.closeLoops()
			return err
		}
		r.loops = append(r.loops, newLoop(r, l))
		r.shared = append(r.shared, l)
	}
	return nil
}

// Run carries bytes until ctx is done or Close is called; then it cuts every tunnel that is left and returns when its
// last goroutine has ended. The error is nil unless a loop failed or Run could not begin. Tunnels may be started before
// Run: those on a loop wait for it.
func (r *Relay) Run(ctx context.Context) error {
	if !r.began.CompareAndSwap(false, true) {
		return ErrClosed
	}
	defer close(r.ended)
	failed := make(chan error, len(r.loops))
	var work sync.WaitGroup
	for _, l := range r.shared {
		work.Go(func() {
			if err := l.Run(); err != nil {
				failed <- err
			}
		})
	}
	work.Go(func() { r.wheel.Run(r.stop) })
	select {
	case <-ctx.Done():
	case <-r.stop:
	case r.err = <-failed:
	}
	r.shut()
	work.Wait()
	r.closeLoops()
	return r.err
}

// Close ends the relay as the end of Run's context does, waits until its last goroutine has ended and returns what Run
// returned. It may be called more than once, and without Run.
func (r *Relay) Close() error {
	r.requestStop()
	if r.began.CompareAndSwap(false, true) {
		r.shut()
		r.closeLoops()
		close(r.ended)
	}
	<-r.ended
	return r.err
}

// shut refuses new tunnels, cuts all others, waits until the last Done has returned and tells the loops to end.
func (r *Relay) shut() {
	r.requestStop()
	for _, t := range r.tunnels.shut() {
		t.cut(Shutdown)
	}
	r.tunnels.open.Wait()
	for _, l := range r.shared {
		l.Stop()
	}
}

func (r *Relay) requestStop() { r.once.Do(func() { close(r.stop) }) }

func (r *Relay) stopping() bool {
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

func (r *Relay) closeLoops() {
	for _, l := range r.loops {
		l.Close()
	}
}

// Loops returns the relay's event loops, for others to register descriptors on: they run as long as the relay does. There
// are none where goroutines carry everything.
func (r *Relay) Loops() []*event.Loop { return r.shared }

// Wheel returns the wheel that keeps the relay's deadlines, for others to put theirs on. It goes by Now, and turns while Run
// runs.
func (r *Relay) Wheel() *event.Wheel { return r.wheel }

// Now is the time since some beginning.
func (r *Relay) Now() time.Duration { return r.clock.now() }

// Start begins to carry t and returns without waiting for either side. It takes both connections over, also when it
// fails: the caller must neither use nor close them afterwards, and must have stopped every Watch on them before. The
// sockets' options stay as the caller set them. Done is called if, and only if, Start returned nil.
func (r *Relay) Start(t Tunnel) error {
	if t.Client == nil || t.Backend == nil {
		return errors.Join(errors.New("relay: a tunnel needs a client and a backend"), closeBoth(t))
	}
	if len(r.loops) > 0 {
		done, err := r.loopOf(t).start(t)
		if done || err != nil {
			return err
		}
	}
	return r.startPair(t)
}

// loopOf returns the loop that the tunnel's client is on, or takes them in turn.
func (r *Relay) loopOf(t Tunnel) *loop {
	for _, l := range r.loops {
		if l.has(t.Client) {
			return l
		}
	}
	return r.loops[r.turn.Add(1)%uint32(len(r.loops))]
}

func closeBoth(t Tunnel) error {
	var errs [2]error
	for i, c := range []net.Conn{t.Client, t.Backend} {
		if c != nil {
			errs[i] = c.Close()
		}
	}
	return errors.Join(errs[:]...)
}

// EndGroup ends the tunnels of a group whose backend is known to be dead: each client gets its FIN at once, behind the
// bytes already taken for it, and each backend's side is closed. It does not wait for the clients to close.
func (r *Relay) EndGroup(group any) {
	for _, t := range r.tunnels.list(group, false) {
		t.end(GroupEnded)
	}
}

// Len returns the number of tunnels that have not come to their end yet.
func (r *Relay) Len() int { return r.tunnels.len() }

// LenGroup returns the number of tunnels of a group that have not come to their end yet.
func (r *Relay) LenGroup(group any) int { return r.tunnels.lenOf(group) }

// rescue recovers a panic, so that no tunnel ends the process, and logs it once. It must be deferred directly; what
// names the work that panicked.
func (r *Relay) rescue(what string, after func()) {
	v := recover()
	if v == nil {
		return
	}
	r.log.Error("panic in relay", "in", what, "panic", v, "stack", string(debug.Stack()))
	if after != nil {
		defer r.rescue(what, nil)
		after()
	}
}
