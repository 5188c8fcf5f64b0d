package main_test

import (
	"fmt"
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
