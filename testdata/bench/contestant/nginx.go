//go:build linux

package contestant

import (
	"fmt"
	"path/filepath"
	"strings"
)

// NGINX is an nginx with so many workers. It keeps a session at a backend by a hash of its sid, the only way that
// costs nothing and works for clients without cookies and behind one address.
func NGINX(path string, workers int) Contestant {
	return Contestant{
		Name: fmt.Sprintf("nginx ×%d", workers),
		Peer: true,
		write: func(at Place) map[string]string {
			return map[string]string{"nginx.conf": nginxConfig(at, workers)}
		},
		command: func(at Place) (string, []string) {
			return path, []string{"-e", "stderr", "-p", at.Dir, "-c", filepath.Join(at.Dir, "nginx.conf")}
		},
	}
}

func nginxConfig(at Place, workers int) string {
	listen := fmt.Sprintf("listen 127.0.0.1:%d backlog=4096", at.Port)
	if workers > 1 {
		listen += " reuseport" // else one worker takes most connections
	}
	var tls, servers strings.Builder
	if at.TLS != nil {
		listen += " ssl"
		fmt.Fprintf(&tls, "ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3;\n", at.TLS.Cert, at.TLS.Key)
		tls.WriteString("    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;\n")
	}
	for _, port := range at.Backends {
		fmt.Fprintf(&servers, "    server %s;\n", backendURL(port))
	}
	return fmt.Sprintf(nginxTemplate, workers, at.Files, at.Files*3/5, servers.String(), listen, tls.String())
}

const nginxTemplate = `daemon off;
worker_processes %d;
worker_rlimit_nofile %d;
error_log stderr crit;
pid nginx.pid;
events {
  worker_connections %d;
}
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  client_header_timeout 300s;
  map $http_upgrade $connection_upgrade {
    default upgrade;
    ""      "";
  }
  upstream backends {
    hash $arg_sid consistent;
%s    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    %s;
    %s
    location / {
      proxy_pass http://backends;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout 300s;
      proxy_send_timeout 300s;
    }
  }
}
`
