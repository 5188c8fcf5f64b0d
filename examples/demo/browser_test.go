package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds every wait for the page to show something.
const patience = 30 * time.Second

// presses is how often a button is aimed at.
const presses = 10

// browser is a headless Chromium with a profile of its own.
type browser struct{ ctx context.Context }

// newBrowser starts Chromium for one test. It skips the test where Chromium is
// not installed, unless HOLDFAST_TEST_REQUIRE forbids skipping.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := findChromium()
	if err != nil && os.Getenv("HOLDFAST_TEST_REQUIRE") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &browser{ctx: ctx}
}

func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("Chromium is not installed")
}

// tab is one open page, seen through a window of some size, and what it
// complained of.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // console errors, uncaught exceptions, failed requests
}

// look is how a visitor sees a page.
type look struct {
	name          string
	width, height int64
	dark          bool
}

// open loads the page in a new tab.
func (b *browser) open(t *testing.T, url string, l look) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx)
	t.Cleanup(end)
	page := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, page.heard); err != nil {
		t.Fatal(err)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
	page.do(chromedp.EmulateViewport(l.width, l.height), chromedp.Navigate(url))
	return page
}

func (p *tab) heard(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch event := event.(type) {
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError {
			p.complaints = append(p.complaints, event.Entry.Text+" "+event.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, event.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError {
			p.complaints = append(p.complaints, fmt.Sprint("console.error: ", len(event.Args), " arguments"))
		}
	}
}

// takeComplaints returns what the page complained of since the last call.
func (p *tab) takeComplaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.complaints
	p.complaints = nil
	return taken
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// await waits until a JavaScript condition holds, and tells what the page showed
// if it never does.
func (p *tab) await(what, condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	poll := chromedp.Poll[chromedp.Void](condition, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(0))
	if err := chromedp.Do(ctx, poll); err != nil {
		p.shot("failed-" + strings.Map(fileName, what))
		p.t.Fatalf("the page never showed %s: %v\ntally: %s\nlog: %s\ncomplaints: %q", what, err, p.text("#tally"), p.text("#log"), p.takeComplaints())
	}
}

func fileName(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r
	}
	return '-'
}

// click presses a button as soon as it can be pressed, and again if the page has moved it from under the pointer.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.await(selector+" enabled", fmt.Sprintf("!document.querySelector(%q).disabled", selector))
	evaluate[bool](p, fmt.Sprintf(`document.querySelector(%q).addEventListener("click", () => pressed = true, {once: true}), globalThis.pressed = false`, selector))
	for range presses {
		p.do(chromedp.Click(chromedp.CSS(selector)))
		if evaluate[bool](p, "pressed") {
			return
		}
	}
	p.t.Fatalf("%s was not hit in %d attempts", selector, presses)
}

// text is what an element says.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return evaluate[string](p, fmt.Sprintf("document.querySelector(%q).textContent.trim()", selector))
}

func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression))
}

func get[T any](p *tab, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// shot saves the whole page as a picture in $HOLDFAST_SCREENSHOTS, if that is set.
func (p *tab) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("HOLDFAST_SCREENSHOTS")
	if dir == "" {
		return
	}
	png := get(p, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Error(err)
	}
}
