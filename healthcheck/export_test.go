package healthcheck

import (
	"bytes"
	"context"
	"strings"
	"time"
)

// SaysUnknownSID stands for the recogniser that the EngineIO probe is given: the
// answers of the servers of these tests, and no more.
func SaysUnknownSID(status int, body []byte, sid string) bool {
	switch {
	case status != 400:
		return false
	case bytes.HasPrefix(body, []byte(`{"code":1,`)), bytes.HasPrefix(body, []byte(`{"code":"1",`)):
		return true
	}
	text := strings.TrimSpace(string(body))
	return text == `"Invalid session `+sid+`"` || text == `"Invalid session"` || text == "invalid sid value: "+sid
}

// AskOn asks url once on a loop.
func AskOn(l Loop, probe Probe, url string, timeout time.Duration) error {
	c, err := New(Config{Probe: probe, Loop: l, Timeout: timeout})
	if err != nil {
		return err
	}
	w := newWatch(c, Target{URL: url}, false)
	defer w.endTurns()
	(&check{watch: w}).begin(context.Background())
	return (<-w.findings).err
}

// IsRefusal and IsOwnError are what a Checker asks about an outcome.
var IsRefusal, IsOwnError = isRefusal, isOwnError
