package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startDemo runs the whole demo for one test and returns the page's address.
func startDemo(t *testing.T, noNode bool) string {
	t.Helper()
	out := make(announcement, 1)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, options{listen: "localhost:0", noNode: noNode, out: out, logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	}()
	select {
	case url := <-out:
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Errorf("the demo ended with %v", err)
			}
		})
		return url
	case err := <-ended:
		stop()
		t.Fatalf("the demo did not start: %v", err)
		return ""
	}
}

// announcement is the demo's output, read for the address of its page.
type announcement chan string

var address = regexp.MustCompile(`Open (http://\S+)`)

func (a announcement) Write(text []byte) (int, error) {
	if found := address.FindSubmatch(text); found != nil {
		a <- string(found[1])
	}
	return len(text), nil
}

func needNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err == nil {
		return
	}
	if os.Getenv("HOLDFAST_TEST_REQUIRE") != "" {
		t.Fatal("Node is not installed")
	}
	t.Skip("Node is not installed")
}

var looks = []look{
	{name: "desktop", width: 1280, height: 800},
	{name: "desktop-dark", width: 1280, height: 800, dark: true},
	{name: "phone", width: 390, height: 844},
	{name: "phone-dark", width: 390, height: 844, dark: true},
}

// kinds are the two sets of servers, and of clients, that the demo can run.
var kinds = map[string]bool{"node": false, "go": true}

func TestVisitorSeesTheWholeStory(t *testing.T) {
	for name, noNode := range kinds {
		t.Run(name, func(t *testing.T) {
			if !noNode {
				needNode(t)
			}
			url := startDemo(t, noNode)
			v := &visitor{tab: newBrowser(t).open(t, url, looks[0]), name: name}
			v.connects()
			v.sendsAMessage()
			v.opensTenMore()
			if complaints := v.takeComplaints(); len(complaints) > 0 {
				t.Errorf("before anything was killed the page complained: %q", complaints)
			}
			v.killsAndRevivesTheirBackend()
			v.restartsTheProxy()
			v.staysOnPolling()
			v.closesTheOthers()
		})
	}
}

// visitor does what a person would do with the page, one step after the other.
type visitor struct {
	*tab
	name string // for pictures
}

func (v *visitor) connects() {
	v.await("a WebSocket", on("websocket"))
	v.await("who answers", `document.querySelector("#you-where").textContent.startsWith("You are on backend")`)
	v.shot(v.name + "-1-connected")
}

func (v *visitor) sendsAMessage() {
	v.click("#send")
	v.await("the echo", `document.querySelector("#talk .theirs")?.textContent.startsWith("Ahoy!")`)
}

func (v *visitor) opensTenMore() {
	v.click("#more")
	v.await("eleven clients", tally(11, 9))
	v.await("an even spread", `[...document.querySelectorAll("#lanes .lane")].every((lane) => lane.querySelectorAll(".dot").length >= 3)`)
	v.shot(v.name + "-2-eleven")
}

func (v *visitor) killsAndRevivesTheirBackend() {
	mine := v.text("#you-badge")
	lane := "#lanes [data-hue=" + mine + "]"
	v.click(lane + " .kill")
	v.await("the kill", fmt.Sprintf(`document.querySelector("%s").dataset.alive === "false"`, lane))
	v.shot(v.name + "-3-killed")
	v.await("you on another backend", fmt.Sprintf(`/backend [^%s]$/.test(document.querySelector("#you-where").textContent)`, mine))
	v.await("all clients on the others", tally(11, 9))
	v.await("what the kill cost", logged("Backend "+mine+" killed: [345] clients have a new session after .* The other [678] kept their sessions"))
	v.shot(v.name + "-4-moved")
	v.click(lane + " .revive")
	v.await("the revived backend", fmt.Sprintf(`document.querySelector("%s .state").textContent.trim() === "up"`, lane))
}

func (v *visitor) restartsTheProxy() {
	v.click("#restart")
	v.await("the restart", `document.querySelector("#proxy-note").textContent.startsWith("instance 2")`)
	v.shot(v.name + "-5-restarting")
	v.await("what the restart cost", logged("Proxy restarted: 9 clients have a new session after .* The other 2 kept their sessions"))
	v.await("everybody back", tally(11, 9))
	v.shot(v.name + "-6-restarted")
}

func (v *visitor) staysOnPolling() {
	v.click("#stay")
	v.await("polling", on("polling"))
	v.await("one WebSocket less", tally(11, 8))
}

func (v *visitor) closesTheOthers() {
	v.click("#fewer")
	v.await("you alone", tally(1, 0))
	v.await("only your session", `[...document.querySelectorAll("#lanes .count b")].reduce((sum, count) => sum + Number(count.textContent), 0) === 1`)
}

// on is the condition that the visitor's own client uses the transport.
func on(transport string) string {
	return fmt.Sprintf(`document.querySelector("#track [data-step=%s]").ariaCurrent === "step"`, transport)
}

// tally is the condition that so many clients are connected, so many of them on WebSocket.
func tally(connected, upgraded int) string {
	return fmt.Sprintf(`document.querySelector("#tally").textContent === "%d of %d connected, %d on WebSocket"`, connected, connected, upgraded)
}

// logged is the condition that a line of the page's log matches the pattern.
func logged(pattern string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#log span")].some((line) => /%s/.test(line.textContent))`, pattern)
}

func TestPageFitsEveryScreen(t *testing.T) {
	url := startDemo(t, true)
	browser := newBrowser(t)
	for _, l := range looks {
		t.Run(l.name, func(t *testing.T) {
			page := browser.open(t, url, l)
			page.await("a connection", `document.querySelector("#chip").dataset.status === "connected"`)
			page.click("#more")
			page.await("eleven clients", tally(11, 9))
			if over := evaluate[int](page, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
				t.Errorf("the page is %d px wider than the screen", over)
			}
			page.shot(l.name)
			if complaints := page.takeComplaints(); len(complaints) > 0 {
				t.Errorf("the page complained: %q", complaints)
			}
		})
	}
}

// TestClickFollowsTheButton shows that what moves a button while it is pressed does not lose the click.
func TestClickFollowsTheButton(t *testing.T) {
	page := newBrowser(t).open(t, `data:text/html,<button onclick="hits.textContent++">Press</button><p id="hits">0</p>`, looks[0])
	evaluate[bool](page, `addEventListener("pointerdown", () => document.querySelector("button").style.marginLeft = "300px", {once: true}), true`)
	page.click("button")
	if hits := page.text("#hits"); hits != "1" {
		t.Errorf("the button was pressed %s times, want once", hits)
	}
}
