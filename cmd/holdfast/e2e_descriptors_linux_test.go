package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestProxyOutOfDescriptors takes all file descriptors from the proxy, so that it
// can neither accept clients nor dial or check backends: that says nothing about
// backends, tunnels go on meanwhile, and every session goes on afterwards.
func TestProxyOutOfDescriptors(t *testing.T) {
	t.Parallel()
	backends := startBackends(t, "js4", 2)
	p := startProxy(t, proxyConfig{Backends: backends, Args: []string{"--health-interval", "200ms"}})
	tunnels := startClients(t, clientsConfig{URL: p.url(), Mode: "websocket", Count: 6})
	tunnels.summary(t)
	sessions := openSessions(t, 6, sessionConfig{URL: p.url()})

	limitDescriptors(t, p.process, openDescriptors(t, p.process)+3)
	var hungry connections
	defer hungry.closeAll()
	for range 20 {
		c, err := net.Dial("tcp", p.addr) // the system accepts it where the proxy cannot
		if err != nil {
			t.Fatal(err)
		}
		hungry.add(c)
	}
	p.waitLog(t, 10*time.Second, "accept paused", nil)
	for _, b := range backends {
		p.waitLog(t, 10*time.Second, "health check could not be made", fields{"backend": b.id})
	}
	for _, problem := range tunnels.exchange(t).problems("websocket") {
		t.Errorf("tunnels beside the shortage: %s", problem)
	}

	hungry.closeAll()
	limitDescriptors(t, p.process, 1024)
	for _, problem := range exchangeAll(sessions, 2) {
		t.Errorf("sessions after the shortage: %s", problem)
	}
	for _, change := range []string{"backend down", "backend suspect", "backend ejected"} {
		if l := p.find(fields{"msg": change}); len(l) > 0 {
			t.Errorf("the proxy's own shortage was laid to a backend: %s", l[0].text)
		}
	}
}

// openDescriptors counts a process's file descriptors.
func openDescriptors(t *testing.T, p *process) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// limitDescriptors lets a running process have no more than n.
func limitDescriptors(t *testing.T, p *process, n int) {
	t.Helper()
	_, err := exec.LookPath("prlimit")
	require(t, err == nil, "prlimit, of util-linux, is not installed")
	out, err := exec.Command("prlimit", "--pid", fmt.Sprint(p.cmd.Process.Pid), fmt.Sprintf("--nofile=%d:", n)).CombinedOutput()
	if err != nil {
		t.Fatalf("prlimit: %v: %s", err, out)
	}
}
