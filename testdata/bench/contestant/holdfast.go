//go:build linux

package contestant

import (
	"fmt"
	"os"
	"os/exec"
)

// Build compiles holdfast to path, from the module that this program is run in.
func Build(path string) error {
	cmd := exec.Command("go", "build", "-o", path, "github.com/holdfast-proxy/holdfast/cmd/holdfast")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building holdfast: %w", err)
	}
	return nil
}

// Holdfast is a holdfast as it comes, but for how long it bears clients that do nothing.
func Holdfast(name, path string) Contestant {
	return Contestant{
		Name:  name,
		Pins:  true,
		write: func(Place) map[string]string { return nil },
		command: func(at Place) (string, []string) {
			args := []string{
				"--listen", backendURL(at.Port),
				"--admin", "",
				"--idle-timeout", "300s",
				"--header-timeout", "300s",
				"--log-level", "error",
			}
			for i, port := range at.Backends {
				args = append(args, "--backend", fmt.Sprintf("web-%d=http://%s", i+1, backendURL(port)))
			}
			if at.TLS != nil {
				args = append(args, "--tls-cert", at.TLS.Cert, "--tls-key", at.TLS.Key)
			}
			return path, args
		},
	}
}
