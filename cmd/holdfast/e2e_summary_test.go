package main_test

import (
	"fmt"
	"math"
)

// summary is what a process of clients reports after an exchange.
type summary struct {
	Clients []report `json:"clients"`
}

// report is one client's view. Counts of messages are those of its present
// session; the others count since the client was started.
type report struct {
	Client    int    `json:"client"`
	Done      bool   `json:"done"` // the exchange came to its end
	Server    string `json:"server"`
	SID       string `json:"sid"`
	Transport string `json:"transport"`

	Welcomes      int `json:"welcomes"` // sessions had
	ConnectErrors int `json:"connectErrors"`
	Disconnects   int `json:"disconnects"`
	UpgradeErrors int `json:"upgradeErrors"`

	Sent        int `json:"sent"`
	Acked       int `json:"acked"`
	Received    int `json:"received"`
	Lost        int `json:"lost"`
	Duplicated  int `json:"duplicated"`
	Reordered   int `json:"reordered"`
	Garbled     int `json:"garbled"`
	BlobsSent   int `json:"blobsSent"`
	BlobsIntact int `json:"blobsIntact"`

	Statuses    map[string]int `json:"statuses"`    // HTTP responses by status
	Connections int            `json:"connections"` // TCP connections made
}

// problems returns what is wrong with an exchange in which every client should
// have had one session from its start, ended on the given transport, and lost
// nothing; each problem once, with the number of clients that have it.
func (s summary) problems(transport string) []string {
	var all tally
	for _, r := range s.Clients {
		for status, n := range r.Statuses {
			if status != "200" && status != "101" {
				all.add("responses with status "+status, n)
			}
		}
		all.add("connect errors", r.ConnectErrors)
		all.add("disconnects", r.Disconnects)
		all.add("upgrade errors", r.UpgradeErrors)
		all.add("clients that did not finish", count(!r.Done))
		all.add("clients with other than one session", count(r.Welcomes != 1))
		all.add("clients not on "+transport, count(r.Transport != transport))
		all.add("clients that sent nothing", count(r.Sent == 0))
		all.add("lost messages", r.Lost)
		all.add("duplicated messages", r.Duplicated)
		all.add("reordered messages", r.Reordered)
		all.add("garbled messages", r.Garbled)
		all.add("broken blobs", r.BlobsSent-r.BlobsIntact)
	}
	return all.lines()
}

// spreadProblems returns which of n backends has a share that is more than 15 %
// away from even.
func (s summary) spreadProblems(backends []*backend) []string {
	var problems []string
	even := float64(len(s.Clients)) / float64(len(backends))
	held := s.byServer()
	for _, b := range backends {
		if math.Abs(float64(held[b.id])-even) > 0.15*even {
			problems = append(problems, fmt.Sprintf("%s has %d sessions of %d, want %.0f ± 15 %%", b.id, held[b.id], len(s.Clients), even))
		}
	}
	return problems
}

// byServer counts the clients on each server.
func (s summary) byServer() map[string]int {
	held := map[string]int{}
	for _, r := range s.Clients {
		held[r.Server]++
	}
	return held
}

// status counts the responses of one status that the clients saw.
func (s summary) status(status string) int {
	total := 0
	for _, r := range s.Clients {
		total += r.Statuses[status]
	}
	return total
}

// tally counts problems in the order of their first appearance.
type tally struct {
	names  []string
	counts map[string]int
}

func (c *tally) add(problem string, n int) {
	if n == 0 {
		return
	}
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	if c.counts[problem] == 0 {
		c.names = append(c.names, problem)
	}
	c.counts[problem] += n
}

func (c *tally) lines() []string {
	var lines []string
	for _, name := range c.names {
		lines = append(lines, fmt.Sprintf("%d %s", c.counts[name], name))
	}
	return lines
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
