package main_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// clientsConfig says which clients to run, all in one process.
type clientsConfig struct {
	URL     string
	Version string   // major version of socket.io-client: "2", "3" or "4"; "" is "4"
	Mode    string   // a mode of testdata/socketio/client.js; "" is "default": polling, then upgrade
	Count   int      // 0 is 1
	Args    []string // more flags of clients.js
}

// clients is a process with real Socket.IO clients. After their first exchange
// of messages they stay connected until the test ends.
type clients struct {
	*process
	summaries int // seen so far
}

// exchangeTime bounds one exchange of all clients; clients.js gives up before.
const exchangeTime = 70 * time.Second

// startClients starts the clients; they connect and exchange messages at once.
func startClients(t *testing.T, cfg clientsConfig) *clients {
	t.Helper()
	version, mode := orElse(cfg.Version, "4"), orElse(cfg.Mode, "default")
	args := []string{socketIODir(t) + "/clients.js", "--url", cfg.URL,
		"--version", version, "--mode", mode, "--count", fmt.Sprint(max(1, cfg.Count))}
	name := fmt.Sprintf("%d %s clients of version %s", max(1, cfg.Count), mode, version)
	return &clients{process: start(t, name, "node", append(args, cfg.Args...)...)}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// summary waits until all clients have finished an exchange, or given up, and
// returns what each of them has to report. Each call waits for the next one.
func (c *clients) summary(t *testing.T) summary {
	t.Helper()
	c.summaries++
	lines := c.waitCount(t, exchangeTime, c.summaries, fields{"event": "summary"})
	var s summary
	if err := json.Unmarshal([]byte(lines[c.summaries-1].text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// exchange lets all clients exchange messages once more, on the sessions that
// they have now.
func (c *clients) exchange(t *testing.T) summary {
	t.Helper()
	c.command(t, fields{"cmd": "exchange"})
	return c.summary(t)
}

// abort cuts the TCP connection of a client's poll once that has waited for the
// given time, and returns the client's line about it.
func (c *clients) abort(t *testing.T, client int, age time.Duration) line {
	t.Helper()
	already := len(c.find(fields{"event": "aborted", "client": client}))
	c.command(t, fields{"cmd": "abort", "client": client, "age": age.Milliseconds()})
	return c.waitCount(t, 10*time.Second, already+1, fields{"event": "aborted", "client": client})[already]
}
