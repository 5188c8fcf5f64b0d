package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/holdfast-proxy/holdfast/routing"
)

// backendIDs are also the names that the page has colours for.
var backendIDs = []string{"a", "b", "c"}

var (
	errUnknown = errors.New("there is no such backend")
	errLast    = errors.New("the last backend stays: the page itself is served by it")
)

// stage is everything that can be watched and meddled with: the three backends
// and holdfast in front of them.
type stage struct {
	backends []*backend
	front    *front
	client   *http.Client

	killing sync.Mutex // two kills at once could take the last two
}

// newStage starts three servers and puts holdfast before them. control is the
// URL of the control API, which the servers tell the page.
func newStage(ctx context.Context, listener net.Listener, server command, control string, o options) (*stage, error) {
	s := &stage{client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	var configs []routing.BackendConfig
	for _, id := range backendIDs {
		b := &backend{id: id, server: server, control: control}
		if err := b.start(ctx); err != nil {
			s.stop()
			return nil, err
		}
		s.backends = append(s.backends, b)
		configs = append(configs, routing.BackendConfig{ID: id, URL: b.url()})
	}
	front, err := startFront(listener, configs, o.logger)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.front = front
	return s, nil
}

// stop ends holdfast, and then the servers.
func (s *stage) stop() {
	if s.front != nil {
		s.front.stop()
	}
	for _, b := range s.backends {
		_ = b.kill() // dead already is dead as well
	}
}

// state is what the page shows of the stage.
type state struct {
	Proxy    proxyState     `json:"proxy"`
	Backends []backendState `json:"backends"`
}

// backendState is a backend as its process is (Running), as holdfast sees it
// (State) and as it counts its own sessions.
type backendState struct {
	ID      string `json:"id"`
	Running bool   `json:"running"`
	State   string `json:"state"`
	sessions
}

// state asks every running backend for its sessions, all at once.
func (s *stage) state(ctx context.Context) state {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	states := make([]backendState, len(s.backends))
	var asked sync.WaitGroup
	for i, b := range s.backends {
		states[i] = backendState{ID: b.id, Running: b.running(), State: s.front.stateOf(b.id)}
		if states[i].Running {
			asked.Go(func() { states[i].sessions = b.count(ctx, s.client) })
		}
	}
	asked.Wait()
	return state{Proxy: s.front.state(), Backends: states}
}

// kill ends a backend's process, unless it is the last one.
func (s *stage) kill(id string) error {
	b := s.backend(id)
	if b == nil {
		return fmt.Errorf("backend %q: %w", id, errUnknown)
	}
	s.killing.Lock()
	defer s.killing.Unlock()
	running := 0
	for _, b := range s.backends {
		if b.running() {
			running++
		}
	}
	if running == 1 && b.running() {
		return errLast
	}
	return b.kill()
}

// revive starts a new process in a killed backend's place.
func (s *stage) revive(ctx context.Context, id string) error {
	b := s.backend(id)
	if b == nil {
		return fmt.Errorf("backend %q: %w", id, errUnknown)
	}
	return b.start(ctx)
}

func (s *stage) backend(id string) *backend {
	for _, b := range s.backends {
		if b.id == id {
			return b
		}
	}
	return nil
}
