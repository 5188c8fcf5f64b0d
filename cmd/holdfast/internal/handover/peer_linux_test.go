package handover

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAnotherUserIsRefused has somebody else at the door, although its mode lets him in here: by what the system says of
// him he is refused, and root is not.
func TestAnotherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	d, path := openDoor(t)
	for mode, name := range map[os.FileMode]string{0o666: path, 0o755: filepath.Dir(path), 0o711: filepath.Dir(filepath.Dir(path))} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	const nobody = 65534
	dialed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), nobody, ^uintptr(0)); errno != 0 {
			dialed <- errno
			return
		}
		c, err := Dial(path)
		if err == nil {
			c.Close()
		}
		dialed <- err
	}()
	if _, err := d.Accept(); err == nil || !strings.Contains(err.Error(), "user 65534, want 0 or root") {
		t.Errorf("error %v, want one about user 65534", err)
	}
	if err := <-dialed; err == nil {
		t.Error("user 65534 was let in")
	}
}
