// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// nginxConf: one worker, proxy_cache with collapsing, sendfile and cached file
// handles, a buffered access log, stub_status. tcp_nopush stays off: on loopback
// it makes 64 KB wait for the viewer's delayed acknowledgement.
const nginxConf = `USER
MODULE
worker_processes 1;
daemon off;
pid DIR/NAME.pid;
error_log DIR/NAME.err warn;
events { worker_connections 8192; }
http {
  RULES
  access_log DIR/NAME.log combined buffer=64k flush=1s;
  sendfile on; tcp_nodelay on;
  keepalive_timeout 600s; keepalive_requests 1000000000;
  open_file_cache max=10000 inactive=600s; open_file_cache_valid 600s;
  client_body_temp_path DIR/NAME-body; proxy_temp_path DIR/NAME-proxy; fastcgi_temp_path DIR/NAME-f;
  uwsgi_temp_path DIR/NAME-u; scgi_temp_path DIR/NAME-s;
  proxy_cache_path DIR/NAME-cache levels=1:2 keys_zone=c:32m max_size=1g inactive=1d use_temp_path=off;
  upstream origin { server 127.0.0.1:ORIGIN; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:HTTP backlog=4096;
    listen 127.0.0.1:TLS ssl http2 backlog=4096;
    ssl_certificate CERT; ssl_certificate_key KEY;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache c; CACHEKEY proxy_cache_valid 200 1d; proxy_cache_lock on;
      add_header X-Cache-Status $upstream_cache_status;
    }
    location = /nginx-status { stub_status; access_log off; }
  }
}
`

func startNginx(ctx context.Context, b *bench) (*peer, error) {
	return b.nginx(ctx, "nginx", "MODULE", "", "RULES", "", "CACHEKEY", "")
}

// nginx runs nginxConf with further words replaced.
func (b *bench) nginx(ctx context.Context, name string, more ...string) (*peer, error) {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n" // the folder is root's only
	}
	p, conf, err := b.configure(name+".conf", nginxConf, append([]string{"USER", user, "NAME", name}, more...)...)
	if err != nil {
		return nil, err
	}
	cmd, err := b.spawn(name, nil, tool("nginx"), "-c", conf, "-e", filepath.Join(b.dir, name+".err"))
	if err != nil {
		return nil, err
	}
	p.version = version(ctx, "nginx", "-v")
	p.roots = []int{cmd.Process.Pid}
	p.hit = func(h http.Header) bool { return h.Get("X-Cache-Status") == "HIT" }
	return p, nil
}

// configure chooses ports and writes a configuration file; more are pairs of
// further words to replace.
func (b *bench) configure(name, text string, more ...string) (*peer, string, error) {
	plain, err := freePort()
	if err != nil {
		return nil, "", err
	}
	secure, err := freePort()
	if err != nil {
		return nil, "", err
	}
	third, err := freePort()
	if err != nil {
		return nil, "", err
	}
	words := append(more, "DIR", b.dir, "ORIGIN", b.origin.port(), "HTTP", plain, "TLS", secure, "METRICS", third,
		"CERT", b.cert, "KEY", b.key, "BOTH", b.both)
	// A whole word, so that HTTP in a directive's text stays.
	for i := 0; i < len(words); i += 2 {
		text = regexp.MustCompile(`\b`+words[i]+`\b|^`+words[i]).ReplaceAllLiteralString(text, words[i+1])
	}
	file := filepath.Join(b.dir, name)
	return &peer{plain: "127.0.0.1:" + plain, tls: "127.0.0.1:" + secure}, file, os.WriteFile(file, []byte(text), 0o644)
}

// tool finds a server's program, which is often outside a user's PATH.
func tool(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return "/usr/sbin/" + name
}

var versionNumber = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// version is the first number that a program says of itself.
func version(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, tool(name), args...).CombinedOutput()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(versionNumber.FindString(string(out)))
}
