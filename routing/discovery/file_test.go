package discovery_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-proxy/holdfast/routing/discovery"
)

// write puts text into the file in place, as an editor or a shell may do it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace puts a file of that text in the place of the old one at once.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// noticed is how long a change of a file may take to count: a look that sees it, and one that finds it at rest.
const noticed = 2 * time.Second

// watchFile runs a Discovery of a file that has the text.
func watchFile(t *testing.T, text string, do func(w *watched, path string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backends")
	write(t, path, text)
	watch(t, discovery.Config{}, []string{"file://" + path}, func(w *watched) { do(w, path) })
}

func TestAFileIsFollowed(t *testing.T) {
	watchFile(t, "web-1=http://10.0.0.1:3000\n", func(w *watched, path string) {
		w.has(t, "web-1")
		w.said(t, "joined=web-1")
		for _, step := range []struct {
			text string
			has  []string
			said []string
		}{
			{"web-1=http://10.0.0.1:3000\nweb-2=http://10.0.0.2:3000,weight=2,backup\n", []string{"web-1", "web-2,weight=2,backup"}, []string{"joined=web-2"}},
			{`[{"id":"web-2","url":"http://10.0.0.2:3000"}]`, []string{"web-2", "web-1,draining"}, []string{"left=web-1"}},
			{"web-1=http://10.0.0.1:3000 # it is back\n", []string{"web-1", "web-2,draining"}, []string{"joined=web-1 left=web-2"}},
			{"web-1=http://10.0.0.9:3000\n", []string{"web-1", "web-1,draining", "web-2,draining"}, []string{"joined=web-1 left=web-1"}},
			{"# the same\nweb-1=http://10.0.0.9:3000\n", []string{"web-1", "web-1,draining", "web-2,draining"}, nil},
		} {
			replace(t, path, step.text)
			after(noticed)
			w.has(t, step.has...)
			w.said(t, step.said...)
		}
	})
}

func TestAFileThatSeemsUnchangedIsReadOnlyWhenAsked(t *testing.T) {
	watchFile(t, "http://10.0.0.1:3000\n", func(w *watched, path string) {
		after(noticed)
		old, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, "http://10.0.0.2:3000\n")
		if err := os.Chtimes(path, old.ModTime(), old.ModTime()); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		w.has(t, "10.0.0.1:3000")
		w.Reload()
		after(0)
		w.has(t, "10.0.0.2:3000", "10.0.0.1:3000,draining")
	})
}

func TestAMistakeInAFileKeepsTheLastListAndIsSaidOnce(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a URL that is none":       {"# web\n\nweb-1=htp://10.0.0.1:3000\n", `:3: \"web-1=htp://10.0.0.1:3000\": want [ID=]URL[,weight=N]`},
		"JSON cut in the middle":   {"[\n{\"url\":\"http://10.0.0.2:3000\"},\n{\"url\":", ":3: unexpected end of JSON input: want [{"},
		"nothing in it":            {"", ":1: no backend: want at least one"},
		"nothing but comments":     {"# web-1=http://10.0.0.1:3000\n", ":1: no backend: want at least one"},
		"an empty array":           {"[]", ":1: no backend: want at least one"},
		"more than can be read":    {strings.Repeat("#\n", 1<<20), ": want at most 1048576 bytes"},
		"an ID that is used twice": {"a=http://10.0.0.1:1\na=http://10.0.0.2:1\n", `:2: ID \"a\": want another than that on line 1`},
	} {
		t.Run(name, func(t *testing.T) {
			watchFile(t, "web-1=http://10.0.0.1:3000\n", func(w *watched, path string) {
				w.said(t, "joined=web-1")
				write(t, path, c.text)
				after(noticed)
				w.said(t, "source=file://"+path+" backends=1 err=\""+path+c.want)
				after(time.Minute)
				w.Reload()
				after(noticed)
				w.said(t)
				w.has(t, "web-1")
				write(t, path, "web-1=http://10.0.0.1:3000 # mended\n")
				after(noticed)
				w.said(t, works)
			})
		})
	}
}

func TestAnotherMistakeIsSaidToo(t *testing.T) {
	watchFile(t, "web-1=http://10.0.0.1:3000\n", func(w *watched, path string) {
		w.said(t, "joined=web-1")
		write(t, path, "?\n")
		after(noticed)
		w.said(t, `:1: \"?\"`)
		write(t, path, "web-1=http://10.0.0.1:3000\n?\n")
		after(noticed)
		w.said(t, `:2: \"?\"`)
	})
}

func TestAFileInTheMiddleOfBeingWrittenIsNotBelieved(t *testing.T) {
	whole := "http://10.0.0.1:3000\nhttp://10.0.0.2:3000\nhttp://10.0.0.3:3000\n"
	watchFile(t, whole, func(w *watched, path string) {
		w.said(t, "joined")
		for _, cut := range []int{0, 10, 21, 39, 60} { // a writer who takes a second for each part
			write(t, path, whole[:cut])
			after(time.Second)
		}
		write(t, path, whole)
		after(noticed)
		w.said(t)
		if w.sets != 1 {
			t.Errorf("set %d times, want once", w.sets)
		}
	})
}

func TestAReloadWaitsForNothingAndLooksAgain(t *testing.T) {
	watchFile(t, "http://10.0.0.1:3000\nhttp://10.0.0.2:3000\n", func(w *watched, path string) {
		replace(t, path, "http://10.0.0.1:3000\n")
		w.Reload()
		after(0)
		w.has(t, "10.0.0.1:3000", "10.0.0.2:3000,draining")
		replace(t, path, "http://10.0.0.1:3000\nhttp://10.0.0.2:3000\n")
		w.Reload()
		w.Reload()
		after(0)
		w.has(t, "10.0.0.1:3000", "10.0.0.2:3000")
	})
}

// Kubernetes turns a symbolic link to a folder, through which the file's own link leads.
func TestAConfigMapIsFollowed(t *testing.T) {
	dir := t.TempDir()
	turn := func(version, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "backends"), text)
		if err := os.Symlink(version, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	turn("..1", "http://10.0.0.1:3000\n")
	path := filepath.Join(dir, "backends")
	if err := os.Symlink("..data/backends", path); err != nil {
		t.Fatal(err)
	}
	watch(t, discovery.Config{}, []string{"file://" + path}, func(w *watched) {
		w.has(t, "10.0.0.1:3000")
		turn("..2", "http://10.0.0.2:3000\n")
		after(noticed)
		w.has(t, "10.0.0.2:3000", "10.0.0.1:3000,draining")
	})
}

func TestAFileThatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backends")
	watch(t, discovery.Config{}, []string{"file://" + path}, func(w *watched) {
		w.has(t)
		w.said(t, "stat "+path+": no such file or directory")
		write(t, path, "http://10.0.0.1:3000\n")
		after(noticed)
		w.has(t, "10.0.0.1:3000")
		w.said(t, works, "joined")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		after(noticed)
		w.has(t, "10.0.0.1:3000")
		w.said(t, failed)
		write(t, path, "http://10.0.0.1:3000\n")
		after(noticed)
		w.said(t, works)
	})
}

func TestAPipeOrAFolderIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, dir} {
		watch(t, discovery.Config{}, []string{"file://" + path}, func(w *watched) {
			w.said(t, path+": want a regular file")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, "http://10.0.0.1:3000\n")
			after(noticed)
			w.has(t, "10.0.0.1:3000")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestStatesTellOfTrouble(t *testing.T) {
	watchFile(t, "web-1=http://10.0.0.1:3000\n", func(w *watched, path string) {
		name := source(t, "file://"+path)
		for _, step := range []struct {
			text string
			want discovery.State
		}{
			{"web-1=http://10.0.0.1:3000\n", discovery.State{Source: name, Backends: 1}},
			{"web-1\n", discovery.State{Source: name, Backends: 1, Failures: 1, Failing: true}},
			{"web-1=http://10.0.0.1:3000\nweb-2=http://10.0.0.2:3000\n", discovery.State{Source: name, Backends: 2, Failures: 1}},
		} {
			replace(t, path, step.text)
			after(noticed)
			if got := w.States()[0]; got != step.want {
				t.Errorf("after %q: %+v, want %+v", step.text, got, step.want)
			}
		}
	})
}
