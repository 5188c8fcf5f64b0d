//go:build linux

package contestant

import (
	"fmt"
	"path/filepath"
	"strings"
)

// HAProxy is an HAProxy with so many threads. It keeps a session at a backend by a hash of its sid, as nginx here.
func HAProxy(path string, threads int) Contestant {
	return Contestant{
		Name: fmt.Sprintf("HAProxy ×%d", threads),
		Peer: true,
		write: func(at Place) map[string]string {
			return map[string]string{"haproxy.cfg": haproxyConfig(at, threads)}
		},
		command: func(at Place) (string, []string) {
			return path, []string{"-db", "-f", filepath.Join(at.Dir, "haproxy.cfg")}
		},
	}
}

func haproxyConfig(at Place, threads int) string {
	bind := fmt.Sprintf("bind 127.0.0.1:%d backlog 4096", at.Port)
	if at.TLS != nil {
		bind += fmt.Sprintf(" ssl crt %s ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256", at.TLS.Both)
	}
	var servers strings.Builder
	for i, port := range at.Backends {
		fmt.Fprintf(&servers, "  server web-%d %s\n", i+1, backendURL(port))
	}
	// A tunnel takes two descriptors; some are for the process itself.
	return fmt.Sprintf(haproxyTemplate, threads, at.Files*9/20, bind, servers.String())
}

const haproxyTemplate = `global
  nbthread %d
  maxconn %d
defaults
  mode http
  no log
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout tunnel 300s
  timeout http-request 300s
  timeout http-keep-alive 300s
frontend clients
  %s
  default_backend stubs
backend stubs
  balance url_param sid
  hash-type consistent
%s`
