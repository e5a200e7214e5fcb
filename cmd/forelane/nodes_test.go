// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/deploy"
)

// until tries f until it is true; a minute is too long.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !f() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// threeNodes starts a cluster of three processes; the third has no environment
// file.
func threeNodes(t *testing.T) (start func(i int) *proc) {
	home := t.TempDir()
	for name, text := range map[string]string{"secret": strings.Repeat("s", 40), "env": "SHOP_GREETING=from the nodes\n"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	addrs := []string{freeAddr(t), freeAddr(t), freeAddr(t)}
	names := []string{"one", "two", "three"}
	return func(i int) *proc {
		more := []string{fmt.Sprintf("cluster: {listen: %q, routes: [%q, %q, %q], secretFile: secret, tenure: 5s}", addrs[i], addrs[0], addrs[1], addrs[2])}
		if i < 2 {
			more = append(more, "functions: {environmentFile: env}")
		}
		return serveNode(t, home, names[i], more...)
	}
}

// members waits until p knows n nodes that are as they should be.
func members(t *testing.T, p *proc, n int, what string, is func(m cluster.Member, last uint64) bool) {
	t.Helper()
	until(t, what, func() bool {
		var s deploy.Status
		if err := json.Unmarshal([]byte(p.must("status", "--json")), &s); err != nil {
			t.Fatal(err)
		}
		return len(s.Members) == n && !slices.ContainsFunc(s.Members, func(m cluster.Member) bool { return !is(m, s.Last) })
	})
}

// meet waits until p knows n nodes that are live.
func meet(t *testing.T, p *proc, n int) {
	t.Helper()
	members(t, p, n, "all nodes know of each other", func(m cluster.Member, _ uint64) bool { return m.Live })
}

// TestNodes: a deploy is in force on all nodes or on none, a refusal of one
// leaves what was on all, requests under way see one revision or the other, and
// a node that was killed serves its last revision and then the newest.
func TestNodes(t *testing.T) {
	dir, start := greeter(t), threeNodes(t)
	nodes := []*proc{start(0), start(1), start(2)}
	meet(t, nodes[0], 3)
	all := func(path, want string) {
		t.Helper()
		for _, p := range nodes {
			p.says("prod", path, want)
		}
	}
	stack := []string{dir, "--stack", "shop", "--stage", "prod", "--yes"}
	nodes[0].must(append([]string{"deploy"}, stack...)...)
	all("/", "page one")
	all("/api/hello", "code one, hello")

	t.Run("one node refuses", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(dir, "template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		edit(t, filepath.Join(dir, "template.yaml"), "WORD: !Ref Word", `WORD: "{{resolve:ssm:/shop/greeting}}"`)
		edit(t, filepath.Join(dir, "site/index.html"), "page one", "page refused")
		stdout, stderr, code := nodes[0].tell(append([]string{"deploy"}, stack...)...)
		if code != 1 || !strings.Contains(stderr, "nothing has changed") || !strings.Contains(stderr, "three: ") || !strings.Contains(stdout, "one can serve it") {
			t.Errorf("%d\n%s\n%s", code, stdout, stderr)
		}
		if !strings.Contains(stderr, "template.yaml:13:") || strings.Contains(stderr, "from the nodes") {
			t.Errorf("no place, or a secret: %s", stderr)
		}
		all("/", "page one")
		h := nodes[1].history()
		if len(h) != 2 || h[0].Kind != "refused" || !h[1].InForce {
			t.Errorf("%+v", h)
		}
		if err := os.WriteFile(filepath.Join(dir, "template.yaml"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("under load from another node", func(t *testing.T) {
		edit(t, filepath.Join(dir, "site/index.html"), "page refused", "page two")
		edit(t, filepath.Join(dir, "api/index.js"), "code one", "code two")
		ended := make(chan struct{})
		var load sync.WaitGroup
		for _, p := range nodes {
			load.Go(func() {
				pace := time.NewTicker(2 * time.Millisecond)
				defer pace.Stop()
				for newest := false; ; {
					select {
					case <-ended:
						return
					case <-pace.C:
					}
					a, err := p.try("GET", "shop-prod.localhost", "/", "")
					if err != nil {
						t.Error(err)
						return
					}
					if a.StatusCode != 200 || a.body != "page one" && a.body != "page two" || newest && a.body != "page two" {
						t.Errorf("%d %q after two: %v", a.StatusCode, a.body, newest)
						return
					}
					newest = a.body == "page two"
				}
			})
		}
		nodes[1].must(append([]string{"deploy"}, stack...)...)
		all("/", "page two")
		all("/api/hello", "code two, hello")
		close(ended)
		load.Wait()
	})
	t.Run("an invalidation is done on all of them", func(t *testing.T) {
		verdicts := func() (out []string) {
			for _, p := range nodes {
				out = append(out, p.do("GET", "shop-prod.localhost", "/kept/a.txt", "").Header.Get("X-Cache"))
			}
			return out
		}
		verdicts()
		for _, v := range verdicts() {
			if v != "Hit from cloudfront" {
				t.Errorf("before: %s", v)
			}
		}
		if _, stderr, code := command(t, "invalidate", "/kept/*", "--admin", nodes[1].ready.Admin); code != 0 {
			t.Errorf("%d %s", code, stderr)
		}
		for _, v := range verdicts() {
			if v != "Miss from cloudfront" {
				t.Errorf("after: %s", v)
			}
		}
	})
	t.Run("a node is killed", func(t *testing.T) {
		gone := nodes[2]
		if err := gone.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = gone.cmd.Wait()
		gone.once.Do(gone.client.CloseIdleConnections) // it has ended
		nodes = nodes[:2]
		edit(t, filepath.Join(dir, "site/index.html"), "page two", "page three")
		nodes[0].must(append([]string{"deploy"}, stack...)...)
		all("/", "page three")
		back := start(2)
		until(t, "the node has caught up", func() bool {
			a := back.do("GET", "shop-prod.localhost", "/", "")
			if a.body != "page two" && a.body != "page three" {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			return a.body == "page three"
		})
		nodes = append(nodes, back)
	})
	t.Run("rollback on all of them, and their status", func(t *testing.T) {
		nodes[2].must("rollback", "--stack", "shop", "--stage", "prod", "--yes")
		all("/", "page two")
		var s deploy.Status
		if err := json.Unmarshal([]byte(nodes[0].must("status", "--json")), &s); err != nil {
			t.Fatal(err)
		}
		if len(s.Members) != 3 || len(s.InForce) != 1 || s.InForce[0].Number != s.Last {
			t.Errorf("%+v", s)
		}
	})
}

// TestLastSnapshot: a node of a cluster that is alone serves what was in force.
func TestLastSnapshot(t *testing.T) {
	dir, start := greeter(t), threeNodes(t)
	nodes := []*proc{start(0), start(1), start(2)}
	meet(t, nodes[0], 3)
	nodes[0].must("deploy", dir, "--stack", "shop", "--yes")
	// A node that was away for its tenure, as on a busy machine, was not waited for.
	members(t, nodes[0], 3, "all nodes have it", func(m cluster.Member, last uint64) bool { return m.Applied == last })
	for _, p := range nodes {
		p.stop()
	}
	p := start(1)
	p.says("", "/", "page one")
	p.says("", "/api/hello", "code one, hello")
}

// TestPeers: the edges of a region ask the origin once for all.
func TestPeers(t *testing.T) {
	var asked atomic.Int32
	origin := originServer(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=600")
		fmt.Fprint(w, "from the origin")
	})
	home := t.TempDir()
	cert, key := selfSigned(t, "one", "two")
	if err := os.WriteFile(filepath.Join(home, "secret"), []byte(strings.Repeat("s", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	log, peers := []string{freeAddr(t), freeAddr(t)}, []string{freeAddr(t), freeAddr(t)}
	nodes := []*proc{}
	for i, name := range []string{"one", "two"} {
		nodes = append(nodes, serveNode(t, home, name,
			fmt.Sprintf("cluster: {listen: %q, routes: [%q, %q], secretFile: secret, replicas: 1, tenure: 2s}", log[i], log[0], log[1]),
			fmt.Sprintf("peers: {listen: %q, nodes: {one: %q, two: %q}, certificate: %q, key: %q, authorityFile: %q}", peers[i], peers[0], peers[1], cert, key, cert),
			fmt.Sprintf("origins: {web: %q}", origin)))
	}
	dir := write(t, map[string]string{"template.yaml": `
Resources:
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{Id: web, DomainName: web.example, CustomOriginConfig: {OriginProtocolPolicy: http-only}}]
        DefaultCacheBehavior: {TargetOriginId: web, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
`})
	meet(t, nodes[1], 2)
	nodes[1].must("deploy", dir, "--stack", "shop", "--yes")
	for i := range 20 {
		for _, p := range nodes {
			if a := p.do("GET", "shop.localhost", fmt.Sprintf("/%d", i), ""); a.StatusCode != 200 || a.body != "from the origin" {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
		}
	}
	if n := asked.Load(); n != 20 {
		t.Errorf("the origin was asked %d times for 20 objects", n)
	}
}
