// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
)

// haproxyConf: one thread, the small-object cache, httplog to a file (half
// as dear as to a syslog socket), the Prometheus exporter beside. It has no collapsing.
const haproxyConf = `global
  nbthread 1
  maxconn 8192
  log stdout format raw local0
  tune.ssl.cachesize 20000
cache c
  total-max-size 256
  max-object-size 1000000
  max-age 86400
defaults
  mode http
  log global
  option httplog
  timeout client 600s
  timeout server 60s
  timeout connect 5s
  timeout http-keep-alive 600s
frontend viewers
  bind 127.0.0.1:HTTP backlog 4096
  bind 127.0.0.1:TLS backlog 4096 ssl crt BOTH alpn h2,http/1.1
  http-request cache-use c
  http-response cache-store c
  default_backend origin
frontend metrics
  bind 127.0.0.1:METRICS
  http-request use-service prometheus-exporter
backend origin
  http-reuse always
  server o 127.0.0.1:ORIGIN
`

func startHAProxy(ctx context.Context, b *bench) (*peer, error) {
	p, conf, err := b.configure("haproxy.cfg", haproxyConf)
	if err != nil {
		return nil, err
	}
	cmd, err := b.spawn("haproxy", nil, tool("haproxy"), "-db", "-f", conf)
	if err != nil {
		return nil, err
	}
	p.version = version(ctx, "haproxy", "-v")
	p.roots = []int{cmd.Process.Pid}
	p.hit = func(h http.Header) bool { return h.Get("Age") != "" } // the origin sends none
	return p, nil
}
