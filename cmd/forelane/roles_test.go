// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRolesApart: an edge without gateway and functions, a node with nothing
// else, and one that only controls. What is deployed by the third is served by
// the first, whose API is the second one's; when that one is gone, the API fails
// and the rest does not; when it is back, so is the API.
func TestRolesApart(t *testing.T) {
	dir, home := greeter(t), t.TempDir()
	edit(t, filepath.Join(dir, "api/index.js"), "async () =>", "async (event) =>")
	edit(t, filepath.Join(dir, "api/index.js"), "body: 'code one, ' + process.env.WORD",
		"body: 'code one, ' + process.env.WORD + ' ' + event.requestContext.http.method + ' ' + event.rawQueryString + ' ' + (event.body || '-')")
	edit(t, filepath.Join(dir, "template.yaml"), "Method: GET", "Method: ANY")
	edit(t, filepath.Join(dir, "template.yaml"), "{PathPattern: /api/*, TargetOriginId: api,",
		"{PathPattern: /api/*, TargetOriginId: api, AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE], OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac,")
	if err := os.WriteFile(filepath.Join(home, "secret"), []byte(strings.Repeat("s", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := selfSigned(t, "edge", "gateway", "control")
	routes, peerAddr := []string{freeAddr(t), freeAddr(t), freeAddr(t)}, freeAddr(t)
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	start := func(i int, name, lines string) *proc {
		t.Helper()
		text := fmt.Sprintf("name: %s\ndata: %s-state\nadmin: {listen: \"127.0.0.1:0\"}\ncluster: {listen: %q, routes: [%q, %q, %q], secretFile: secret, tenure: 2s}\n%s\n",
			name, name, routes[i], routes[0], routes[1], routes[2], lines)
		file := filepath.Join(home, name+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return launch(t, bin, home, "serve", "--config", file, "--json")
	}
	tls := fmt.Sprintf("certificate: %q, key: %q, authorityFile: %q", cert, key, cert)
	startGateway := func() *proc {
		return start(1, "gateway", fmt.Sprintf("roles: [gateway, function]\nlisten: {http: off, https: off}\npeers: {listen: %q, %s}", peerAddr, tls))
	}
	control := start(2, "control", "roles: control")
	gateway := startGateway()
	edge := start(0, "edge", fmt.Sprintf("roles: edge\nlisten: {http: \"127.0.0.1:0\", https: off}\npeers: {gateways: {gateway: %q}, %s}", peerAddr, tls))
	if control.ready.HTTP != "" || control.ready.HTTPS != "" || gateway.ready.HTTP != "" {
		t.Errorf("listeners that nobody asked for: %+v %+v", control.ready, gateway.ready)
	}
	meet(t, control, 3)
	control.must("deploy", dir, "--stack", "shop", "--stage", "prod", "--yes")
	edge.says("prod", "/", "page one")
	edge.says("prod", "/api/hello?a=1&b=%20", "code one, hello GET a=1&b=%20 -")
	if a := edge.do("POST", "shop-prod.localhost", "/api/hello", "sent", "Content-Type: text/plain"); !strings.HasSuffix(a.body, "POST  sent") || a.Header.Get("X-Cache") != "Miss from cloudfront" {
		t.Errorf("%d %s %v", a.StatusCode, a.body, a.Header)
	}

	t.Run("a deploy under way", func(t *testing.T) {
		edit(t, filepath.Join(dir, "api/index.js"), "code one", "code two")
		edit(t, filepath.Join(dir, "site/index.html"), "page one", "page two")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				a, err := edge.try("GET", "shop-prod.localhost", "/api/hello", "")
				if err != nil || a.StatusCode != 200 {
					t.Errorf("%v %+v", err, a)
					return
				}
				if strings.HasPrefix(a.body, "code two") {
					return
				}
			}
		}()
		control.must("deploy", dir, "--stack", "shop", "--stage", "prod", "--yes")
		edge.says("prod", "/", "page two")
		edge.says("prod", "/api/hello", "code two")
		<-done
	})
	t.Run("the gateway is gone", func(t *testing.T) {
		_ = gateway.cmd.Process.Kill()
		_ = gateway.cmd.Wait()
		gateway.once.Do(func() {}) // nothing is left to stop
		if a := edge.do("GET", "shop-prod.localhost", "/api/hello", ""); a.StatusCode != 502 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		edge.says("prod", "/", "page two")
		gateway = startGateway()
		until(t, "the API answers again", func() bool {
			a := edge.do("GET", "shop-prod.localhost", "/api/hello", "")
			return a.StatusCode == 200 && strings.HasPrefix(a.body, "code two")
		})
	})
}
