package main

import (
	"context"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// end waits until the end has come, and sees it through: ctx is done, a successor has taken over, or serving has failed.
func (h *holdfast) end(ctx context.Context, stop func(), e *entrances, failed <-chan error) error {
	next, err := h.awaitEnd(ctx, e, failed)
	switch {
	case next != nil:
		context.AfterFunc(ctx, stop) // the first signal asks for what is done already
		e.leave()
		h.log.Info("handed over, shutting down", "timeout", h.options.shutdown)
	case err == nil:
		stop()
		h.proxy.Announce()
		h.log.Info("shutting down", "delay", h.options.shutdownDelay, "timeout", h.options.shutdown)
		h.tellSystemd(daemon.SdNotifyStopping)
		time.Sleep(h.options.shutdownDelay)
	}
	learning, endLearning := context.WithCancel(context.Background())
	var giving sync.WaitGroup
	if next != nil {
		giving.Go(func() { h.giveLast(learning, next) })
	}
	deadline, cancel := context.WithTimeout(context.Background(), h.options.shutdown)
	defer cancel()
	if cut := h.proxy.Shutdown(deadline); cut != nil {
		h.log.Warn("shutdown cut short what was open", "err", cut)
	}
	endLearning()
	giving.Wait()
	h.log.Info("stopped")
	return err
}

// awaitEnd returns the successor that has taken over, or why serving has failed, or neither if ctx is done.
func (h *holdfast) awaitEnd(ctx context.Context, e *entrances, failed <-chan error) (next *successor, err error) {
	taken := make(chan *successor, 1)
	waiting, endWaiting := context.WithCancel(ctx)
	defer endWaiting()
	var work sync.WaitGroup
	if e.door != nil {
		work.Go(func() { h.awaitSuccessor(waiting, e, taken) })
	}
	select {
	case next = <-taken:
	case err = <-failed:
	case <-ctx.Done():
	}
	endWaiting()
	e.closeDoor()
	work.Wait()
	if next == nil {
		select {
		case next = <-taken: // it was ready at the last moment
		default:
			e.removeDoor()
		}
	}
	return next, err
}

// tellSystemd tells a service manager, if there is one, about this process (sd_notify(3)).
func (h *holdfast) tellSystemd(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		h.log.Warn("NOTIFY_SOCKET: the service manager was not told", "state", state, "err", err)
	}
}
