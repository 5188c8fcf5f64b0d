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
		"proxy/relay":       leaf,
		"proxy":             {"proxy/http1", "proxy/relay", "routing", "routing/engineio"},
		"proxy/admin":       {"proxy", "routing"},
	} {
		for _, path := range imports(t, pkg) {
			if own, found := strings.CutPrefix(path, module); found && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s, may import %v of ours", pkg, own, allowed)
			}
		}
	}
}

// TestRoutingHasNoTransport holds the packages that others embed to the standard library, of which those that decide have no
// part that can touch a network, and golang-lru.
func TestRoutingHasNoTransport(t *testing.T) {
	for pkg, refused := range map[string][]string{
		"routing":           {"net", "net/http"},
		"routing/engineio":  {"net", "net/http", "net/netip", "net/url", "os"},
		"routing/discovery": {"net/http"},
	} {
		for _, path := range imports(t, pkg) {
			outside := strings.Contains(strings.Split(path, "/")[0], ".") && !strings.HasPrefix(path, module)
			lru := pkg == "routing" && strings.HasPrefix(path, "github.com/hashicorp/golang-lru/v2")
			if outside && !lru || slices.Contains(refused, path) {
				t.Errorf("%s imports %s", pkg, path)
			}
		}
	}
}

// imports returns what a package's own files import, tests left out.
func imports(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, module+pkg).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}
