// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/forelane/forelane/internal/config"
)

// settingOf has a setting of a node's file, with a value, for each flag of `up`.
var settingOf = map[string]string{
	"http": "listen.http: ':1'", "https": "listen.https: ':1'", "http3": "listen.http3: false", "h2c": "listen.h2c: true",
	"h2-websocket": "listen.h2WebSocket: true", "reuse-port": "listen.reusePort: true", "proxy-protocol": "listen.proxyProtocol: 10.0.0.1",
	"connections": "listen.connections: 7", "connections-per-address": "listen.connectionsPerAddress: 7",
	"drain": "listen.drain: 1s", "drain-delay": "listen.drainDelay: 1s", "tunnel": "listen.tunnel: ':1'", "endpoint": "listen.endpoint: ':1'",
	"admin": "admin.listen: 127.0.0.1:1", "data": "data: other", "region": "region: eu-west-1",
	"tls-cert": "tls.certificates: [{certificate: a.pem}]", "acme": "tls.acme.email: a@example.com", "acme-directory": "tls.acme.directory: https://ca.example",
	"cache-memory": "cache.memory: 1MiB", "cache-disk": "cache.disk: 1GiB", "leak-guard": "cache.leakGuard: exact", "geo": "geo: a.mmdb",
	"origin": "origins: {a: 'http://b'}", "issuer": "issuers: {a: 'http://b'}", "origin-credentials": "originCredentials: env",
	"service": "services: {sqs: 'http://a'}", "origin-cert": "originCertificates: {'arn:a': 'c.pem,k.pem'}", "trust-store": "trustStores: {T: 'ca.pem'}", "principals": "principals: p.yaml",
	"kinesis": "log.kinesis: 'http://a'", "recent": "explain.recent: 1m", "recent-memory": "explain.memory: 1MiB", "debug-token": "explain.debugTokenFile: a",
	"api-rate": "api.rate: 7", "api-burst": "api.burst: 7", "api-cache": "api.cache: 1MiB",
	"concurrency": "functions.concurrency: 7", "node-path": "functions.nodePath: a", "python-path": "functions.pythonPath: a",
	"access-log": "log.access: a", "access-log-format": "log.format: json", "access-log-fields": "log.fields: date", "access-log-files": "log.files: a",
	"quiet": "log.requests: true", "log-rotate-size": "log.rotateSize: 1MiB", "log-rotate-every": "log.rotateEvery: 1h", "log-keep": "log.keep: 7", "log-gzip": "log.gzip: true",
	"trace": "trace.endpoint: http://a", "trace-ratio": "trace.ratio: 0.5", "trace-ignore-viewers": "trace.ignoreViewers: true",
	"dns": "dns.listen: ':1'", "dns-rate": "dns.rate: 7", "latency": "dns.latency: a", "health-interval": "dns.healthInterval: 1s",
}

// notInFiles has the flags of `up` that a node's file has no setting for, and
// why; those settings that only a node has.
var notInFiles = map[string]string{
	"stack": "of deploy", "param": "of deploy", "params": "of deploy", "code": "of deploy", "bucket": "of deploy", "strict": "of deploy",
	"env-file":     "functions.environmentFile: a secret is in a file of its own, which others may not read",
	"trace-header": "trace.headersFile: the same",
	"json":         "a flag of serve",
	"replace":      "a node has a name in its cluster, which two processes cannot have at once: it is restarted, its sockets kept by systemd or its viewers by the other nodes",
}

var onlyInFiles = []string{
	"name", "roles", "account", "admin.tokenFile", "admin.certificate", "admin.key", "tls.localAuthority",
	"functions.environmentFile", "trace.headersFile", "dns.addresses", "cluster.", "peers.",
}

// TestAFileSaysWhatFlagsSay: each flag of `up` has a setting that arrives where
// the flag's value would, or a reason; no setting is without either.
func TestAFileSaysWhatFlagsSay(t *testing.T) {
	cmd := &cobra.Command{}
	new(upFlags).register(cmd)
	known := settings(t)
	cmd.Flags().VisitAll(func(fl *pflag.Flag) {
		text := settingOf[fl.Name]
		if text == "" {
			if notInFiles[fl.Name] == "" {
				t.Errorf("--%s: no setting, and no reason", fl.Name)
			}
			return
		}
		path, value, _ := strings.Cut(text, ": ")
		if !slices.Contains(known, path) {
			t.Errorf("--%s: there is no setting %s", fl.Name, path)
			return
		}
		known = slices.DeleteFunc(known, func(s string) bool { return s == path })
		before, err := config.Parse("node.yaml", []byte("data: d\n"))
		if err != nil {
			t.Fatal(err)
		}
		file := value
		for _, key := range slices.Backward(strings.Split(path, ".")) {
			file = "{" + key + ": " + file + "}"
		}
		if path != "data" {
			file = "{data: d, " + file[1:]
		}
		after, err := config.Parse("node.yaml", []byte(file))
		if err != nil {
			t.Errorf("--%s: %v", fl.Name, err)
			return
		}
		if reflect.DeepEqual(flagsOf(before), flagsOf(after)) {
			t.Errorf("--%s: %s changes nothing", fl.Name, text)
		}
	})
	for _, s := range known {
		if !slices.ContainsFunc(onlyInFiles, func(o string) bool { return s == o || strings.HasSuffix(o, ".") && strings.HasPrefix(s, o) }) {
			t.Errorf("setting %s: no flag, and not said to be a node's own", s)
		}
	}
}

// settings are the paths of all settings, by the schema of the file.
func settings(t *testing.T) (paths []string) {
	t.Helper()
	var b bytes.Buffer
	if err := config.Schema(&b); err != nil {
		t.Fatal(err)
	}
	type schema struct{ Properties map[string]json.RawMessage }
	var walk func(prefix string, text []byte)
	walk = func(prefix string, text []byte) {
		var s schema
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Properties) == 0 {
			paths = append(paths, strings.TrimSuffix(prefix, "."))
		}
		for key, sub := range s.Properties {
			walk(prefix+key+".", sub)
		}
	}
	walk("", b.Bytes())
	return paths
}
