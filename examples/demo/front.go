package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// drainTimeout is how long an instance that is being replaced may finish what it
// has: enough for every waiting poll to be answered by the server's next ping,
// after which the client's next poll reaches the new instance. Polls that still
// wait in the last fifth of it are ended.
const drainTimeout = pingInterval + 4*time.Second

// errBusy says that a restart is already under way.
var errBusy = errors.New("holdfast is already restarting")

// front is the address that clients know. Behind its door one instance of
// holdfast follows the other.
type front struct {
	door     *door
	backends []routing.BackendConfig
	logger   *slog.Logger
	work     sync.WaitGroup  // the door and the instances that are being replaced
	ctx      context.Context // done when what drains must end
	hurry    context.CancelFunc

	mu         sync.Mutex // guards what follows
	current    *instance
	generation int
	draining   bool
}

// proxyState is what the page shows of holdfast itself.
type proxyState struct {
	Generation int  `json:"generation"` // of the instance that takes new connections, from 1
	Draining   bool `json:"draining"`   // the one before it still has clients
}

// startFront serves clients of listener, which it closes in stop.
func startFront(listener net.Listener, backends []routing.BackendConfig, logger *slog.Logger) (*front, error) {
	f := &front{door: newDoor(listener), backends: backends, logger: logger, generation: 1}
	f.ctx, f.hurry = context.WithCancel(context.Background())
	first, err := startInstance(f.door.newTurn(), backends, logger)
	if err != nil {
		return nil, err
	}
	f.current = first
	f.work.Go(f.door.run)
	return f, nil
}

// restart puts a new instance, which knows no session, in the place of the
// current one, which goes on in the background until its clients have gone.
func (f *front) restart() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.draining {
		return errBusy
	}
	next, err := startInstance(f.door.newTurn(), f.backends, f.logger)
	if err != nil {
		return err
	}
	old := f.current
	f.current, f.draining = next, true
	f.generation++
	f.work.Go(func() {
		stopWithin(f.ctx, old, drainTimeout)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.draining = false
	})
	return nil
}

// stop ends the instances and the door. Nobody may restart any more.
func (f *front) stop() {
	f.hurry()
	stopWithin(context.Background(), f.current, stopTimeout)
	f.door.close()
	f.work.Wait()
}

func stopWithin(ctx context.Context, i *instance, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	i.stop(ctx)
}

func (f *front) state() proxyState {
	f.mu.Lock()
	defer f.mu.Unlock()
	return proxyState{Generation: f.generation, Draining: f.draining}
}

// stateOf is what the current instance gives a backend: "up", "down", …
func (f *front) stateOf(id string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current.pool.Snapshot().ByID(id).State().String()
}
