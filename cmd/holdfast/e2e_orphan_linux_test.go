package main_test

import (
	"os/exec"
	"syscall"
)

// dieWithTests has the kernel end the command when the tests are killed, as
// they are by -timeout, and so cannot end it themselves.
func dieWithTests(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
