package proxy

import (
	"time"

	"github.com/holdfast-proxy/holdfast/proxy/http1"
)

// outlet gathers a message for one side: its head, then the parts of its body in the framing that this side gets. What
// fits into its buffer leaves in one write.
type outlet struct {
	to      *stream
	timeout time.Duration
	buf     []byte // a head or the like, not yet sent; its spare capacity is used
	chunked bool
	sent    *bool // set once something has been written; may be nil
}

// chunkFraming is the most that a chunk adds to its data: 16 hexadecimal digits and two line ends.
const chunkFraming = 20

// gather adds data to the body without ever sending: the buffer grows.
func (o *outlet) gather(data []byte) {
	if o.chunked && len(data) > 0 {
		o.buf = http1.AppendChunkHeader(o.buf, len(data))
	}
	o.buf = append(o.buf, data...)
	if o.chunked && len(data) > 0 {
		o.buf = append(o.buf, "\r\n"...)
	}
}

func (o *outlet) gatherEnd() {
	if o.chunked {
		o.buf = append(o.buf, http1.LastChunk...)
	}
}

// put adds data to the body; data may be used again as soon as put returns.
func (o *outlet) put(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	fits := len(o.buf)+len(data)+chunkFraming <= cap(o.buf)
	if o.chunked {
		if len(o.buf)+chunkFraming > cap(o.buf) {
			if err := o.flush(); err != nil {
				return err
			}
		}
		o.buf = http1.AppendChunkHeader(o.buf, len(data))
	}
	if fits {
		o.buf = append(o.buf, data...)
	} else if err := o.through(data); err != nil {
		return err
	}
	if o.chunked {
		o.buf = append(o.buf, "\r\n"...)
	}
	return nil
}

// through sends what is gathered and then data, which is too long to be copied.
func (o *outlet) through(data []byte) error {
	if err := o.flush(); err != nil {
		return err
	}
	return o.to.write(data, o.timeout)
}

// flush sends what is gathered.
func (o *outlet) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	if o.sent != nil {
		*o.sent = true
	}
	err := o.to.write(o.buf, o.timeout)
	o.buf = o.buf[:0]
	return err
}

// finish ends the body and sends what is left.
func (o *outlet) finish() error {
	o.gatherEnd()
	return o.flush()
}
