//go:build !linux

package proxy

import "errors"

// Talk is what event loops do, of which there are none on this system: the error is errors.ErrUnsupported.
func (*Proxy) Talk(network, address string, request []byte, reply func(p []byte, err error) (more bool)) (hangUp func(), err error) {
	return nil, errors.ErrUnsupported
}
