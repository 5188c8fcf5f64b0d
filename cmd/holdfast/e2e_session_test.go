package main_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// session is one Engine.IO session over polling, with the protocol of
// testdata/socketio in it, spoken by hand: real clients poll all the time, here
// a test decides what is in flight. It is for one goroutine at a time.
type session struct {
	sessionConfig
	SID    string // as a client sees it, so with its tag
	Server string // who said welcome
	Engine string // the sid as the server knows it
	Token  string // the affinity cookie that came with the handshake

	sent        int   // messages sent, numbered from 1
	acks, downs []int // what came back, in its order
	tally       *serverTally
}

// sessionConfig says how a session speaks. Its fields may be changed between two
// requests, as a client that roams changes its address.
type sessionConfig struct {
	URL       string
	EIO       int          // 3 or 4; 0 is 4
	HTTP      *http.Client // nil: a connection of its own for each request, from any address
	Cookie    string       // sent as holdfast's; "" sends none
	UserAgent string
}

// serverTally is what the server counted of a session's messages.
type serverTally struct{ Received, Duplicated, Reordered, Garbled, Sent int }

// patience bounds each request: a poll is answered before, by the messages that
// it waits for.
const patience = 20 * time.Second

// openSession connects and waits for the server's welcome. Nothing is in flight
// when it returns.
func openSession(cfg sessionConfig) (*session, error) {
	if cfg.EIO == 0 {
		cfg.EIO = 4
	}
	if cfg.HTTP == nil {
		cfg.HTTP = anyAddress
	}
	s := &session{sessionConfig: cfg}
	r, err := s.ask(context.Background(), http.MethodGet, "")
	if err != nil {
		return nil, err
	}
	for _, c := range r.cookies {
		if c.Name == "holdfast" {
			s.Token = c.Value
		}
	}
	if err := s.take(r); err != nil {
		return nil, err
	}
	if s.EIO == 4 { // in EIO=3 a server connects its clients by itself
		if err := s.post("40"); err != nil {
			return nil, err
		}
	}
	return s, s.hear(context.Background(), func() bool { return s.Server != "" })
}

// exchange sends n messages and hears the answers. Poll and POST are on their
// way at the same time, as those of real clients are.
func (s *session) exchange(n int) error {
	var messages []string
	for range n {
		s.sent++
		messages = append(messages, event(s.sent, "up", s.sent, text(s.sent)))
	}
	return s.converse(messages, func() bool { return len(s.acks) >= s.sent && len(s.downs) >= s.sent })
}

// count asks the server for its counts.
func (s *session) count() error {
	s.tally = nil
	return s.converse([]string{event(0, "tally")}, func() bool { return s.tally != nil })
}

// converse posts packets and polls meanwhile until heard is true. A POST that is
// refused ends the poll too.
func (s *session) converse(packets []string, heard func() bool) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	posted := make(chan struct{})
	go func() {
		defer close(posted)
		if err := s.post(packets...); err != nil {
			cancel(err)
		}
	}()
	err := s.hear(ctx, heard)
	<-posted
	if refused := context.Cause(ctx); refused != nil {
		return refused
	}
	return err
}

// hear polls until heard is true. It answers the server's pings.
func (s *session) hear(ctx context.Context, heard func() bool) error {
	for !heard() {
		r, err := s.ask(ctx, http.MethodGet, "")
		if err != nil {
			return err
		}
		if err := s.take(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) post(packets ...string) error {
	r, err := s.ask(context.Background(), http.MethodPost, encodePayload(s.EIO, packets))
	if err == nil && r.status != http.StatusOK {
		err = r.refusal()
	}
	return err
}

// problems compares what was sent with what arrived on either side.
func (s *session) problems() []string {
	var all tally
	if err := s.count(); err != nil {
		all.add("sessions whose counts cannot be had: "+err.Error(), 1)
		return all.lines()
	}
	all.add("lost messages", s.sent-s.tally.Received+max(0, s.sent-len(s.acks))+max(0, s.tally.Sent-len(s.downs)))
	all.add("duplicated messages", s.tally.Duplicated+max(0, len(s.acks)-s.sent)+max(0, len(s.downs)-s.tally.Sent))
	all.add("reordered messages", s.tally.Reordered+outOfOrder(s.acks)+outOfOrder(s.downs))
	all.add("garbled messages", s.tally.Garbled)
	return all.lines()
}

func outOfOrder(numbers []int) (n int) {
	for i, number := range numbers {
		n += count(number != i+1)
	}
	return n
}

// httpReply is a reply that came to its end.
type httpReply struct {
	method, body string
	status       int
	cookies      []*http.Cookie
	took         time.Duration
}

func (r httpReply) refusal() error {
	return fmt.Errorf("%s: status %d, body %.60q", r.method, r.status, r.body)
}

// ask makes one request of the session, or its handshake while it has no sid.
func (s *session) ask(ctx context.Context, method, body string) (httpReply, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.target(), strings.NewReader(body))
	if err != nil {
		return httpReply{}, err
	}
	req.Header.Set("User-Agent", s.UserAgent)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	if s.Cookie != "" {
		req.AddCookie(&http.Cookie{Name: "holdfast", Value: s.Cookie})
	}
	began := time.Now()
	res, err := s.HTTP.Do(req)
	if failed := new(url.Error); errors.As(err, &failed) {
		return httpReply{}, fmt.Errorf("%s: %w", method, failed.Err) // without the sid, so that equal errors look equal
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return httpReply{method, string(got), res.StatusCode, res.Cookies(), time.Since(began)}, err
}

func (s *session) target() string {
	target := fmt.Sprintf("%s/socket.io/?EIO=%d&transport=polling", s.URL, s.EIO)
	if s.SID != "" {
		target += "&sid=" + s.SID
	}
	return target
}
