package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// visit is one client's session as the test protocol sees it: what came up, and
// how many messages went down.
type visit struct {
	socket *socket.Socket

	mu   sync.Mutex // guards what follows
	up   sequence
	sent int
}

// greet tells a new client where it is and answers its events from then on.
func greet(id string, s *socket.Socket) {
	v := &visit{socket: s, up: sequence{seen: make(map[int]bool)}}
	for event, answer := range map[string]func(args []any) []any{
		"echo":  func(args []any) []any { return []any{map[string]any{"server": id, "text": args[0]}} },
		"up":    v.receive,
		"blob":  blob,
		"tally": v.tally,
	} {
		_ = s.On(event, func(args ...any) { acknowledge(args, answer) })
	}
	_ = s.On("pour", func(args ...any) {
		if count, ok := number(args, 0); ok {
			v.pour(count)
		}
	})
	_ = s.Emit("welcome", map[string]any{"server": id, "sid": s.Conn().Id()})
}

// acknowledge calls answer with the event's arguments and sends back what it
// returns. An event without a value or an acknowledgement has no answer.
func acknowledge(args []any, answer func([]any) []any) {
	if len(args) == 0 {
		return
	}
	ack, ok := args[len(args)-1].(socket.Ack)
	if !ok {
		return
	}
	if values := answer(append(args[:len(args)-1:len(args)-1], nil)); values != nil {
		ack(values, nil)
	}
}

// receive takes message n of the client and sends one of its own.
func (v *visit) receive(args []any) []any {
	n, ok := number(args, 0)
	if !ok {
		return nil
	}
	said, _ := args[1].(string)
	v.mu.Lock()
	v.up.add(n, said)
	v.mu.Unlock()
	v.pour(1)
	return []any{n}
}

// pour sends the next count messages.
func (v *visit) pour(count int) {
	v.mu.Lock()
	defer v.mu.Unlock() // the messages must leave in order
	for range count {
		v.sent++
		_ = v.socket.Emit("down", v.sent, text(v.sent))
	}
}

// tally reports what came up and how much went down.
func (v *visit) tally([]any) []any {
	v.mu.Lock()
	defer v.mu.Unlock()
	return []any{map[string]any{
		"received": len(v.up.seen), "duplicated": v.up.duplicated, "reordered": v.up.reordered,
		"garbled": v.up.garbled, "sent": v.sent,
	}}
}

// blob answers with the SHA-256 of the bytes and with the bytes.
func blob(args []any) []any {
	buffer, ok := args[0].(types.BufferInterface)
	if !ok {
		return nil
	}
	sum := sha256.Sum256(buffer.Bytes())
	return []any{hex.EncodeToString(sum[:]), buffer.Bytes()}
}

// number is argument i as an integer; JSON knows only floating point.
func number(args []any, i int) (int, bool) {
	if i >= len(args) {
		return 0, false
	}
	n, ok := args[i].(float64)
	return int(n), ok
}

// text is what message n says besides its number: characters of one to four
// bytes in UTF-8, because framings count lengths in characters or in bytes.
func text(n int) string {
	return fmt.Sprintf("message %d: a é € 😀", n)
}

// sequence checks that messages 1, 2, 3, … arrive once each, in order, intact.
type sequence struct {
	seen                           map[int]bool
	highest                        int
	duplicated, reordered, garbled int
}

func (s *sequence) add(n int, said string) {
	if said != text(n) {
		s.garbled++
	}
	if s.seen[n] {
		s.duplicated++
		return
	}
	if n < s.highest {
		s.reordered++
	}
	s.seen[n] = true
	s.highest = max(s.highest, n)
}
