package admin_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the package when a test has left a goroutine behind, but for the one that keeps the time of fasthttp's
// Date fields: there is one in a process, and it never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

func TestThePackageKnowsOnlyProxyAndRouting(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	const ours = "github.com/holdfast-proxy/holdfast/"
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, isOurs := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), ours)
			if isOurs && path != "proxy" && path != "routing" && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}
