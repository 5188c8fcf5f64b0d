package main

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// values reads flags one by one and keeps the first error, so that options can be read straight down.
type values struct {
	c   *cli.Context
	err error
}

func (v *values) fail(err error) {
	if v.err == nil {
		v.err = err
	}
}

func (v *values) text(name string) string { return v.c.String(name) }

// list returns a repeatable flag's values. One given in the environment may hold several, separated by white space.
func (v *values) list(name string) []string {
	var all []string
	for _, value := range v.c.StringSlice(name) {
		all = append(all, strings.Fields(value)...)
	}
	return all
}

func (v *values) oneOf(name string, allowed ...string) string {
	text := v.text(name)
	for _, a := range allowed {
		if text == a {
			return text
		}
	}
	v.fail(wrong(name, text, "one of "+strings.Join(allowed, ", ")))
	return ""
}

func (v *values) boolean(name string) bool {
	b, err := strconv.ParseBool(v.text(name))
	if err != nil {
		v.fail(wrong(name, v.text(name), "true or false"))
	}
	return b
}

func (v *values) duration(name string) time.Duration {
	d, err := time.ParseDuration(v.text(name))
	if err != nil || d < 0 {
		v.fail(wrong(name, v.text(name), "a time with a unit, such as 500ms, 2s or 1h"))
	}
	return d
}

func (v *values) positive(name string) time.Duration {
	d, err := time.ParseDuration(v.text(name))
	if err != nil || d <= 0 {
		v.fail(wrong(name, v.text(name), "a time above zero with a unit, such as 500ms, 2s or 1h"))
	}
	return d
}

// orAuto returns 0 for "auto".
func (v *values) orAuto(name string) time.Duration {
	if v.text(name) == "auto" {
		return 0
	}
	d, err := time.ParseDuration(v.text(name))
	if err != nil || d <= 0 {
		v.fail(wrong(name, v.text(name), "auto, or a time above zero with a unit, such as 90s"))
	}
	return d
}

func (v *values) count(name string, least int) int {
	n, err := strconv.Atoi(v.text(name))
	if err != nil || n < least || n > math.MaxInt32 {
		v.fail(wrong(name, v.text(name), "a whole number from "+strconv.Itoa(least)))
	}
	return n
}

// size reads a number of bytes with an optional k, m or g (powers of 1024).
func (v *values) size(name string, least, most int64) int64 {
	text := strings.ToLower(v.text(name))
	unit := int64(1)
	for suffix, factor := range map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if number, found := strings.CutSuffix(text, suffix); found {
			text, unit = number, factor
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > most/unit || n*unit < least {
		v.fail(wrong(name, v.text(name), "a size from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10)+" bytes, such as 16k or 100m"))
	}
	return n * unit
}

// isToken says that s is a token of RFC 9110 section 5.6.2, as names of cookies and header fields must be.
func isToken(s string) bool {
	const special = "!#$%&'*+-.^_`|~"
	for _, r := range s {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(special, r)) {
			return false
		}
	}
	return s != ""
}
