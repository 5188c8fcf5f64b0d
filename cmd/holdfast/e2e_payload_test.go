package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
)

// encodePayload joins packets into the body of one POST: in EIO=4 by a
// separator, in EIO=3 each behind its length in JavaScript's characters.
func encodePayload(eio int, packets []string) string {
	if eio == 4 {
		return strings.Join(packets, "\x1e")
	}
	var b strings.Builder
	for _, p := range packets {
		fmt.Fprintf(&b, "%d:%s", len(utf16.Encode([]rune(p))), p)
	}
	return b.String()
}

// decodePayload is the reverse for a poll's reply.
func decodePayload(eio int, body string) ([]string, error) {
	if eio == 4 {
		return strings.Split(body, "\x1e"), nil
	}
	var packets []string
	for body != "" {
		length, rest, _ := strings.Cut(body, ":")
		n, err := strconv.Atoi(length)
		units := utf16.Encode([]rune(rest))
		if err != nil || n > len(units) {
			return packets, fmt.Errorf("payload %.60q: want LENGTH:PACKET", body)
		}
		packets = append(packets, string(utf16.Decode(units[:n])))
		body = string(utf16.Decode(units[n:]))
	}
	return packets, nil
}

// take reads the packets of a poll's reply.
func (s *session) take(r httpReply) error {
	if r.status != http.StatusOK {
		return r.refusal()
	}
	packets, err := decodePayload(s.EIO, r.body)
	for _, p := range packets {
		if err == nil {
			err = s.takePacket(p)
		}
	}
	return err
}

func (s *session) takePacket(p string) error {
	switch {
	case p == "2":
		return s.post("3")
	case p == "3", p == "6", strings.HasPrefix(p, "40"):
		return nil
	case strings.HasPrefix(p, "0"):
		var open struct{ SID string }
		err := json.Unmarshal([]byte(p[1:]), &open)
		s.SID = open.SID
		return err
	case strings.HasPrefix(p, "42"):
		return s.takeEvent(p[2:])
	case strings.HasPrefix(p, "43"):
		return s.takeAck(strings.TrimLeft(p[2:], "0123456789"))
	}
	return fmt.Errorf("packet %.60q: want one of the test protocol", p)
}

func (s *session) takeEvent(values string) error {
	var name, said string
	var first json.RawMessage
	if err := json.Unmarshal([]byte(values), &[]any{&name, &first, &said}); err != nil {
		return err
	}
	if name == "welcome" {
		return json.Unmarshal(first, &struct{ Server, SID *string }{&s.Server, &s.Engine})
	}
	var n int
	err := json.Unmarshal(first, &n)
	if err == nil && (name != "down" || said != text(n)) {
		err = fmt.Errorf("event %.60q is garbled", values)
	}
	s.downs = append(s.downs, n)
	return err
}

// takeAck reads an acknowledgement: of an up its number, of a tally an object.
func (s *session) takeAck(values string) error {
	var first []json.RawMessage
	err := json.Unmarshal([]byte(values), &first)
	switch {
	case err != nil || len(first) != 1:
		return fmt.Errorf("acknowledgement %.60q: want one value", values)
	case first[0][0] == '{':
		s.tally = new(serverTally)
		return json.Unmarshal(first[0], s.tally)
	}
	var n int
	err = json.Unmarshal(first[0], &n)
	s.acks = append(s.acks, n)
	return err
}

// event is a Socket.IO event that asks for an acknowledgement by the number id.
func event(id int, values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // a value of this package that JSON cannot hold
	}
	return fmt.Sprintf("42%d%s", id, text)
}

// text is what message n says besides its number, as in sequence.js.
func text(n int) string { return fmt.Sprintf("message %d: a é € 😀", n) }
