package main_test

import (
	"encoding/json"
	"fmt"
	"time"
)

// fields is a JSON object; as something wanted, those fields that must be equal.
type fields map[string]any

// line is one line that a process wrote. fields is nil unless it is a JSON object.
type line struct {
	text   string
	fields fields
}

func parseLine(text []byte) line {
	l := line{text: string(text)}
	if json.Unmarshal(text, &l.fields) != nil {
		l.fields = nil
	}
	return l
}

// has says whether the line has all the wanted fields; any line has none. Values are compared as
// they print, so that 3 equals the 3.0 that JSON makes of it.
func (l line) has(want fields) bool {
	for key, value := range want {
		got, ok := l.fields[key]
		if !ok || fmt.Sprint(got) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

// str returns a field as text, "" when it is absent.
func (l line) str(key string) string {
	if value, ok := l.fields[key]; ok {
		return fmt.Sprint(value)
	}
	return ""
}

// int returns a number, 0 when it is absent.
func (l line) int(key string) int {
	n, _ := l.fields[key].(float64)
	return int(n)
}

// at is when a JavaScript or Python program wrote the line, to the millisecond
// below, by the clock that all processes of this machine share.
func (l line) at() time.Time {
	return time.UnixMilli(int64(l.int("t")))
}
