package engineio_test

import (
	"strings"
	"testing"

	"github.com/holdfast-proxy/holdfast/routing/engineio"
)

func TestAPollReplyProvesItsOwner(t *testing.T) {
	rows := map[string]struct {
		body string
		want bool
	}{
		"a message":                                       {"4hello", true},
		"an empty message":                                {"4", true},
		"a Socket.IO event":                               {`42["hello",1]`, true},
		"a Socket.IO connect, all of it digits":           {"40", true},
		"a ping":                                          {"2", true},
		"a noop, at an upgrade":                           {"6", true},
		"a close":                                         {"1", true},
		"several packets":                                 {"2\x1e4hello", true},
		"a binary message as base64":                      {"bAQID/w==", true},
		"an empty binary message as base64":               {"b", true},
		"a long binary message that is cut":               {"b" + strings.Repeat("AAAA", 500) + "A", true},
		"a message that looks like a length":              {"412:30", true},
		"a message that looks like a length of messages":  {"45:hello", true},
		"a message of revision 3":                         {"6:4hello", true},
		"a message of revision 3 that is cut":             {"6000:4hello", true},
		"a pong of revision 3":                            {"1:3", true},
		"a pong to a probe":                               {"6:3probe", true},
		"a noop of revision 3":                            {"1:6", true},
		"a close of revision 3":                           {"1:1", true},
		"a binary message of revision 3 as base64":        {"10:b4AQID/w==", true},
		"text in binary framing":                          {"\x00\x02\xff40", true},
		"a binary message in binary framing":              {"\x01\x05\xff\x04\x01\x02\x03\xff", true},
		"a pong in binary framing":                        {"\x00\x01\xff3", true},
		"JSONP around revision 3":                         {`___eio[0]("6:4hello");`, true},
		"JSONP around revision 4":                         {`___eio[0]("4hello");`, true},
		"JSONP around binary framing":                     {"___eio[0](\"\x00\x02\xff40\");", true},
		"an open packet: the sid was not seen":            {`0{"sid":"a"}`, false},
		"an open packet of revision 3":                    {`12:0{"sid":"a"}`, false},
		"an open packet whose length looks like messages": {`42:0{"sid":"a"}`, false},
		"an open packet in binary framing":                {"\x00\x01\x02\xff0{\"sid\":\"a\"}", false},
		"an open packet in JSONP":                         {`___eio[0]("0{\"sid\":\"a\"}");`, false},
		"an empty body":                                   {"", false},
		"a page":                                          {"<!doctype html>", false},
		"an object":                                       {`{"code":1}`, false},
		"a word":                                          {"ok", false},
		"a word with b":                                   {"banana", false},
		"a sentence with b":                               {"but no", false},
		"a number":                                        {"17", false},
		"a time of day":                                   {"12:30 o'clock", false},
		"a year":                                          {"2026", false},
		"a packet of no type":                             {"7", false},
		"an upgrade, which only clients send":             {"5", false},
		"an empty packet":                                 {"\x1e4hello", false},
		"an empty packet of revision 3":                   {"0:", false},
		"a binary packet of no type":                      {"\x01\x02\xff\x07x", false},
		"a binary length that does not end":               {"\x00\x02", false},
		"base64 of revision 3 without its type":           {"9:bAQID/w==", false},
		"JSONP of nothing":                                {`___eio[0]("");`, false},
		"JSONP of a word":                                 {`___eio[0]("hello");`, false},
		"a callback cut before its string":                {`___eio[0](`, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if got := engineio.ProvesOwner("GET", 200, []byte(row.body)); got != row.want {
				t.Errorf("a poll's %.80q proves %v, want %v", row.body, got, row.want)
			}
		})
	}
}

func TestOtherRepliesProveTheOwnerToo(t *testing.T) {
	rows := map[string]struct {
		method string
		status int
		body   string
		want   bool
	}{
		"ok to a POST":                             {"POST", 200, "ok", true},
		"Python's OK to a POST":                    {"POST", 200, "OK", true},
		"another word to a POST":                   {"POST", 200, "okay", false},
		"a packet to a POST":                       {"POST", 200, "4hello", false},
		"a 204 to a POST":                          {"POST", 204, "", false},
		"ok with an error to a POST":               {"POST", 500, "ok", false},
		"a packet with an error to a poll":         {"GET", 400, "6", false},
		"a packet in a partial reply to a poll":    {"GET", 206, "6", false},
		"a preflight, which every backend answers": {"OPTIONS", 200, "ok", false},
		"a HEAD":                               {"HEAD", 200, "", false},
		"a PUT":                                {"PUT", 200, "ok", false},
		"a method in other letters is no poll": {"get", 200, "6", false},
		"a switch of protocols is the carrier's job": {"GET", 101, "", false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if got := engineio.ProvesOwner(row.method, row.status, []byte(row.body)); got != row.want {
				t.Errorf("ProvesOwner(%q, %d, %q) = %v, want %v", row.method, row.status, row.body, got, row.want)
			}
		})
	}
}
