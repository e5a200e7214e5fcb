// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// varnishConf is the builtin policy. The access log is a program of its own,
// varnishncsa, whose time counts. Varnish speaks no TLS.
const varnishConf = `vcl 4.1;
backend origin { .host = "127.0.0.1"; .port = "ORIGIN"; }
`

func startVarnish(ctx context.Context, b *bench) (*peer, error) {
	p, conf, err := b.configure("varnish.vcl", varnishConf)
	if err != nil {
		return nil, err
	}
	p.tls = ""
	work := filepath.Join(b.dir, "varnish")
	// The pools and queues are large enough for a thousand viewers at once.
	cmd, err := b.spawn("varnish", nil, tool("varnishd"), "-F", "-j", "none", "-n", work, "-a", p.plain, "-f", conf,
		"-s", "malloc,512m", "-t", "86400", "-p", "thread_pools=1", "-p", "thread_pool_min=200", "-p", "thread_queue_limit=4000",
		"-p", "listen_depth=4096", "-p", "timeout_idle=600")
	if err != nil {
		return nil, err
	}
	p.version = version(ctx, "varnishd", "-V")
	p.roots = []int{cmd.Process.Pid}
	p.hit = func(h http.Header) bool { return strings.Contains(h.Get("X-Varnish"), " ") } // its own id and the filler's
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if _, err := fetch(p.plain, false, pathSmall); err == nil {
			break
		}
	}
	log, err := b.spawn("varnishncsa", nil, tool("varnishncsa"), "-n", work, "-w", filepath.Join(b.dir, "varnish.log"))
	if err != nil {
		return nil, err
	}
	p.roots = append(p.roots, log.Process.Pid)
	return p, nil
}
