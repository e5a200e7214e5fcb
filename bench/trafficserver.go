// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// trafficRecords: one event thread, memory cache before a small disk cache,
// the settings of its manual against thundering herds, a text access log.
const trafficRecords = `CONFIG proxy.config.http.server_ports STRING HTTP:ipv4:ip-in=127.0.0.1 TLS:ipv4:ssl:ip-in=127.0.0.1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.exec_thread.affinity INT 0
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.crash_log_helper STRING NULL
CONFIG proxy.config.url_remap.remap_required INT 1
CONFIG proxy.config.reverse_proxy.enabled INT 1
CONFIG proxy.config.http.insert_age_in_response INT 1
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 600
CONFIG proxy.config.http.transaction_no_activity_timeout_in INT 60
CONFIG proxy.config.net.listen_backlog INT 4096
CONFIG proxy.config.net.max_connections_in INT 8192
CONFIG proxy.config.net.connections_throttle INT 16384
CONFIG proxy.config.http2.max_concurrent_streams_in INT 100
CONFIG proxy.config.cache.ram_cache.size INT 268435456
CONFIG proxy.config.cache.enable_read_while_writer INT 1
CONFIG proxy.config.http.background_fill_active_timeout INT 0
CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.0
CONFIG proxy.config.http.cache.max_open_read_retries INT 30
CONFIG proxy.config.http.cache.open_read_retry_time INT 10
CONFIG proxy.config.ssl.server.cert.path STRING DIR
CONFIG proxy.config.ssl.server.private_key.path STRING DIR
CONFIG proxy.config.log.logging_enabled INT 3
CONFIG proxy.config.log.max_space_mb_for_logs INT 4000
`

const trafficLogging = `logging:
  formats:
    - name: line
      format: '%<chi> - %<caun> [%<cqtn>] "%<cqtx>" %<pssc> %<pscl> %<crc>'
  logs:
    - filename: access
      format: line
      mode: ascii
`

const trafficAllow = `ip_allow:
  - apply: in
    ip_addrs: 127.0.0.1
    action: allow
    methods: ALL
`

func startTrafficServer(ctx context.Context, b *bench) (*peer, error) {
	root := filepath.Join(b.dir, "ts")
	var layout strings.Builder
	fmt.Fprintf(&layout, "prefix: %s\nexec_prefix: %s\n", root, root)
	for _, name := range []string{"sysconfdir", "datadir", "localstatedir", "runtimedir", "logdir", "cachedir", "libexecdir"} {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		fmt.Fprintf(&layout, "%s: %s\n", name, dir)
	}
	etc := filepath.Join(root, "sysconfdir")
	p, records, err := b.configure("records.config", trafficRecords)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(records)
	if err != nil {
		return nil, err
	}
	files := map[string]string{
		"records.config":       string(text),
		"storage.config":       filepath.Join(root, "cachedir") + " 512M\n",
		"remap.config":         "map / http://127.0.0.1:" + b.origin.port() + "/\n",
		"ssl_multicert.config": "dest_ip=* ssl_cert_name=both.pem\n",
		"logging.yaml":         trafficLogging,
		"plugin.config":        "",
		"ip_allow.yaml":        trafficAllow,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(root, "runroot.yaml"), []byte(layout.String()), 0o644); err != nil {
		return nil, err
	}
	cmd, err := b.spawn("trafficserver", []string{"TS_RUNROOT=" + root}, tool("traffic_server"))
	if err != nil {
		return nil, err
	}
	p.version = version(ctx, "traffic_server", "--version")
	p.roots = []int{cmd.Process.Pid}
	p.hit = func(h http.Header) bool { return h.Get("Age") != "" && strings.Contains(h.Get("Server"), "ATS") }
	return p, nil
}
