package healthcheck

import (
	"bytes"
	"strings"
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
