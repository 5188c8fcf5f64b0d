package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/holdfast-proxy/holdfast/"

// TestWhoMayImportWhom holds the tree to its rules: decisions know no transport, leaves know none of ours, and only this
// command knows everybody.
func TestWhoMayImportWhom(t *testing.T) {
	leaf := []string{}
	for pkg, allowed := range map[string][]string{
		"routing/engineio":  leaf,
		"routing":           leaf,
		"routing/discovery": {"routing"},
		"healthcheck":       leaf,
		"proxy/http1":       leaf,
		"proxy/event":       leaf,
		"proxy/relay":       {"proxy/event"},
		"proxy":             {"proxy/event", "proxy/http1", "proxy/relay", "routing", "routing/engineio"},
		"proxy/admin":       {"proxy", "routing"},

		"cmd/holdfast/internal/handover": leaf,
	} {
		for _, path := range imports(t, pkg) {
			if own, found := strings.CutPrefix(path, module); found && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s, may import %v of ours", pkg, own, allowed)
			}
		}
	}
}

// TestRoutingHasNoTransport holds the packages that others embed, with all that they import in turn, to the standard library,
// without any part of it that could touch a network, and golang-lru.
func TestRoutingHasNoTransport(t *testing.T) {
	for _, pkg := range []string{"routing", "routing/engineio"} {
		for _, path := range list(t, pkg, "-deps", "-f", "{{.ImportPath}}") {
			outside := strings.Contains(strings.Split(path, "/")[0], ".") && !strings.HasPrefix(path, module+"routing")
			lru := pkg == "routing" && strings.HasPrefix(path, "github.com/hashicorp/golang-lru/v2/")
			if outside && !lru || path == "net" || path == "net/http" {
				t.Errorf("%s imports %s", pkg, path)
			}
		}
	}
}

// TestTheWireFormatIsPure holds engineio to what can touch neither a network nor a file, and discovery to the standard library.
func TestTheWireFormatIsPure(t *testing.T) {
	for _, path := range imports(t, "routing/engineio") {
		if path == "os" || strings.HasPrefix(path, "net/") {
			t.Errorf("routing/engineio imports %s", path)
		}
	}
	for _, path := range imports(t, "routing/discovery") {
		if strings.Contains(path, ".") && !strings.HasPrefix(path, module) {
			t.Errorf("routing/discovery imports %s", path)
		}
	}
}

// imports returns what a package's own files import, tests left out.
func imports(t *testing.T, pkg string) []string {
	t.Helper()
	return list(t, pkg, "-f", `{{join .Imports "\n"}}`)
}

// list returns what go list says of a package, by words.
func list(t *testing.T, pkg string, flags ...string) []string {
	t.Helper()
	out, err := exec.Command("go", slices.Concat([]string{"list"}, flags, []string{module + pkg})...).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}
