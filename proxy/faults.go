package proxy

import (
	"errors"
	"runtime/debug"
	"syscall"
)

// outOfResources says that this process, not the peer, is at its limits.
func outOfResources(err error) bool {
	for _, own := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// recovered keeps a panic from ending the process. It must be deferred directly; after, if not nil, runs on a panic.
func (p *Proxy) recovered(doing string, after func()) {
	v := recover()
	if v == nil {
		return
	}
	p.log.Error("panic", "doing", doing, "panic", v, "stack", string(debug.Stack()))
	if after != nil {
		after()
	}
}
