package handover

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDoorRefuses sends strangers to the door: each is refused with a word about it, and the next one is let in.
func TestDoorRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		says, want string
	}{
		"somebody who leaves at once":  {"", "left without a word"},
		"somebody who says too little": {"HOLD", "no greeting"},
		"a browser":                    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "does not speak this protocol"},
		"an older version":             {magic + "\x00", "speaks version 0 of the protocol, this one 1"},
		"a newer version":              {magic + "\x02", "speaks version 2 of the protocol, this one 1"},
	} {
		t.Run(name, func(t *testing.T) {
			d, path := openDoor(t)
			go func() {
				stranger, err := net.Dial("unix", path)
				if err == nil {
					_, err = io.WriteString(stranger, c.says)
					stranger.Close()
				}
				if err != nil {
					t.Error(err)
				}
			}()
			if _, err := d.Accept(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			go func() {
				if next, err := Dial(path); err != nil {
					t.Errorf("the next: %v", err)
				} else {
					next.Close()
				}
			}()
			next, err := d.Accept()
			if err != nil {
				t.Fatal(err)
			}
			next.Close()
		})
	}
}

func TestDialSaysWhyItWasNotLetIn(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	killed := filepath.Join(dir, "killed")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: killed, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	other := filepath.Join(dir, "other")
	foreign, err := net.Listen("unix", other)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	go func() {
		if c, err := foreign.Accept(); err == nil {
			_, _ = io.WriteString(c, magic+"\x07")
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	for name, want := range map[string]string{
		filepath.Join(dir, "nothing"): "nobody listens",
		killed:                        "nobody listens",
		file:                          "exists and is not a socket",
		dir:                           "exists and is not a socket",
		other:                         "speaks version 7 of the protocol, this one 1",
	} {
		if _, err := Dial(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", filepath.Base(name), err, want)
		}
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a door in place of a file: %v", err)
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("the file holds %q now", text)
	}
	d, err := Open(killed)
	if err != nil {
		t.Fatalf("a door in place of a killed process's: %v", err)
	}
	d.Close()
}

func TestDoorIsItsUsersOwnAndGoesAway(t *testing.T) {
	d, path := openDoor(t)
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v, want 0600", info.Mode(), err)
	}
	d.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("closing the door has removed its path: %v", err)
	}
	d.RemovePath()
	if _, err := d.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want net.ErrClosed", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAdoptedDoorIsServed(t *testing.T) {
	d, path := openDoor(t)
	running, successor := meet(t)
	if err := running.SendListener("door", d); err != nil {
		t.Fatal(err)
	}
	m, err := successor.Receive()
	if err != nil {
		t.Fatal(err)
	}
	adopted, err := Adopt(m.Listener, path)
	if err != nil {
		t.Fatal(err)
	}
	defer adopted.Close()
	d.Close()
	go func() {
		if c, err := Dial(path); err != nil {
			t.Error(err)
		} else {
			c.Close()
		}
	}()
	c, err := adopted.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestWhichUsersAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		uid, own int
		refused  bool
	}{
		"one's own":                        {1000, 1000, false},
		"root, by anybody":                 {0, 1000, false},
		"root, by root":                    {0, 0, false},
		"another one":                      {1001, 1000, true},
		"anybody but root, if one is root": {1000, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := refuseUser(row.uid, row.own); (err != nil) != row.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}
