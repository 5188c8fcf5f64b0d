package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// question is a probe of this package's own: a request, and what is made of
// the reply. A goroutine can ask it, or a Loop.
//
// It uses fasthttp's codecs and not its HostClient, which would send the
// request again after a failure and hide the connection: here one check is one
// request, and it ends when it is told to, also in the middle of a reply.
type question struct {
	Request
	body bool                       // the reply's body counts
	pose func() (string, judgement) // the target to ask for; nil: to be connected is enough
}

// judgement says what a reply means: nil is well.
type judgement func(reply) error

// Ask implements Probe, over a connection of its own.
func (q *question) Ask(ctx context.Context, url string) error {
	at, err := parseAddress(url)
	if err != nil {
		return err
	}
	conn, err := at.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if q.pose == nil {
		return nil
	}
	defer boundBy(ctx, conn)()
	stream, err := at.secure(ctx, conn, q.TLS)
	if err != nil {
		return err
	}
	request, judge := q.request(at)
	if _, err := stream.Write(request); err != nil {
		return fmt.Errorf("writing the check's request: %w", err)
	}
	got, err := readReply(stream, q.body)
	if err != nil {
		return err
	}
	return judge(got)
}

// request is what to send to the backend at an address.
func (q *question) request(at address) ([]byte, judgement) {
	target, judge := q.pose()
	return requestHead(target, orElse(q.Host, at.host)), judge
}

// askOn begins to ask on a loop and returns. done is called with the outcome,
// unless hangUp is called before. The error is errors.ErrUnsupported where a
// goroutine has to ask: a TLS handshake has to be waited for.
func (q *question) askOn(l Loop, url string, done func(error)) (hangUp func(), err error) {
	at, err := parseAddress(url)
	if err != nil {
		return nil, err
	}
	if q.pose != nil && at.tls {
		return nil, errors.ErrUnsupported
	}
	a := &answer{question: q, at: at, done: done}
	var request []byte
	if q.pose != nil {
		request, a.judge = q.request(at)
	}
	hangUp, err = l.Talk(at.network, at.addr, request, a.hear)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		err = at.dialFailed(err)
	}
	return hangUp, err
}

// maxPieces is in how many pieces a reply may come: each is looked at together
// with all before it.
const maxPieces = 256

// answer is what a loop has heard so far of the reply to a question.
type answer struct {
	question  *question
	at        address
	judge     judgement // nil: to be connected is enough
	done      func(error)
	connected bool
	got       []byte
	pieces    int
}

// hear takes one more piece, or the end. It is how Loop.Talk tells of both.
func (a *answer) hear(p []byte, err error) (more bool) {
	more, err = a.take(p, err)
	if !more {
		a.done(err)
	}
	return more
}

// take says whether there has to be more, and else what the outcome is.
func (a *answer) take(p []byte, end error) (more bool, err error) {
	defer recovered(&err)
	switch {
	case !a.connected && end != nil:
		return false, a.at.dialFailed(end)
	case a.judge == nil:
		return false, nil
	case !a.connected:
		a.connected = true
		return true, nil
	case end != nil && end != io.EOF:
		return false, fmt.Errorf("reading the reply to a check: %w", end)
	}
	if a.pieces++; a.pieces > maxPieces {
		return false, fmt.Errorf("reading the reply to a check: it comes in more than %d pieces", maxPieces)
	}
	a.got = append(a.got, p...)
	so := &soFar{rest: a.got}
	got, err := readReply(so, a.question.body)
	switch {
	case so.short && end == nil:
		return true, nil
	case err != nil:
		return false, err
	}
	return false, a.judge(got)
}

// soFar reads what has come so far, and notes if more was wanted.
type soFar struct {
	rest  []byte
	short bool
}

func (s *soFar) Read(p []byte) (n int, err error) {
	if len(s.rest) == 0 {
		s.short = true
		return 0, io.EOF
	}
	n = copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
