// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// connector is a running `forelane connect`.
type connector struct {
	cmd    *exec.Cmd
	ready  map[string]any
	stderr bytes.Buffer
	once   sync.Once
}

// connect runs an agent and waits until it is connected.
func connect(t *testing.T, env []string, args ...string) *connector {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	c := &connector{cmd: exec.Command(bin, append([]string{"connect", "--json"}, args...)...)}
	c.cmd.Env, c.cmd.Stderr = env, &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.end(syscall.SIGTERM) })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if json.Unmarshal(lines.Bytes(), &c.ready) == nil && c.ready["event"] == "ready" {
			go func() {
				for lines.Scan() { // so that it never waits to write
				}
			}()
			return c
		}
	}
	t.Fatalf("the agent ended: %s", c.stderr.String())
	return nil
}

func (c *connector) end(sig syscall.Signal) {
	c.once.Do(func() {
		_ = c.cmd.Process.Signal(sig)
		_ = c.cmd.Wait() // it was told to
	})
}

func (p *proc) token(t *testing.T, origin string) string {
	t.Helper()
	out, err := p.shell("forelane tunnel token --origin " + origin + " --admin " + p.ready.Admin)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(out)
}

const (
	newSecret = "EdgeSecret=new-secret-0123456789"
	oldSecret = "EdgeSecretBefore=old-secret-0123456789"
)

// TestA23PrivateAPIOnLoopback is the example without namespaces: a node with the
// API, a node with the edge, and agents between them that come and go.
func TestA23PrivateAPIOnLoopback(t *testing.T) {
	api := start(t, "up", "../../examples/private-api/api", "--stack", "orders", "--data", t.TempDir(), "--endpoint", "Endpoint=127.0.0.1:0", "--param", newSecret, "--param", oldSecret)
	host := api.ready.Outputs["Host"]
	edge := start(t, "up", "../../examples/private-api/edge", "--stack", "site", "--data", t.TempDir(), "--tunnel", "127.0.0.1:0", "--param", "ApiHost="+host, "--param", newSecret)
	if len(edge.ready.Private) != 1 || edge.ready.Private[0].Names[0] != "PrivateOrders" || edge.ready.Private[0].Agents != 0 || edge.ready.Tunnel == "" {
		t.Fatalf("the ready event says %+v, tunnel %q", edge.ready.Private, edge.ready.Tunnel)
	}

	t.Run("no agent is 502", func(t *testing.T) {
		if a := edge.do("GET", "site.localhost", "/orders/7", ""); a.StatusCode != http.StatusBadGateway {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("public listeners do not know a private API", func(t *testing.T) {
		for _, h := range []string{host, api.ready.APIs[0].ID + ".execute-api.us-east-1.amazonaws.com"} {
			a := api.do("GET", h, "/prod/orders/7", "", "X-Origin-Verify: new-secret-0123456789")
			if a.StatusCode != 403 || a.body != `{"message":"Forbidden"}` || a.Header.Get("X-Amzn-Errortype") != "ForbiddenException" {
				t.Errorf("%s: %d %v %s", h, a.StatusCode, a.Header, a.body)
			}
		}
	})
	data := t.TempDir()
	serve := func(dir, carrier string, more ...string) *connector {
		return connect(t, edge.env(), append([]string{"--to", edge.ready.Tunnel, "--data", filepath.Join(data, dir), "--carrier", carrier, "--origin", "PrivateOrders=http://" + api.ready.Endpoint}, more...)...)
	}
	ok := func(path string) error {
		a, err := edge.try("GET", "site.localhost", path, "")
		if err == nil && (a.StatusCode != 200 || a.body != fmt.Sprintf(`{"order":"%s","endpoint":"vpce-","secret":false}`+"\n", path)) {
			err = fmt.Errorf("%d %s", a.StatusCode, a.body)
		}
		return err
	}
	one := serve("one", "quic", "--token", edge.token(t, "PrivateOrders"))
	if one.ready["carrier"] != "quic" {
		t.Errorf("ready: %v", one.ready)
	}
	if err := ok("/orders/1"); err != nil {
		t.Fatal(err)
	}
	two := serve("two", "tcp", "--token", edge.token(t, "PrivateOrders"))
	edge.agents(t, 2)

	t.Run("agents come and go, no request that may be retried is lost", func(t *testing.T) {
		stop := make(chan struct{})
		var load sync.WaitGroup
		var mu sync.Mutex
		asked, lost := 0, []error{}
		for range 4 {
			load.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					err := ok(fmt.Sprintf("/orders/%d", n))
					mu.Lock()
					asked++
					if err != nil {
						lost = append(lost, err)
					}
					mu.Unlock()
				}
			})
		}
		one.end(syscall.SIGTERM) // it drains
		edge.agents(t, 1)
		one = serve("one", "quic") // by its certificate
		edge.agents(t, 2)
		two.end(syscall.SIGKILL)
		edge.agents(t, 1)
		two = serve("two", "tcp")
		edge.agents(t, 2)
		close(stop)
		load.Wait()
		if len(lost) > 0 {
			t.Errorf("%d of %d requests were lost, the first: %v", len(lost), asked, lost[0])
		}
		t.Logf("%d requests, %d lost", asked, len(lost))
	})
	t.Run("a token is good once", func(t *testing.T) {
		token := edge.token(t, "PrivateOrders")
		serve("three", "tcp", "--token", token).end(syscall.SIGTERM)
		out, err := edge.shell("forelane connect --to " + edge.ready.Tunnel + " --data " + filepath.Join(data, "four") + " --origin PrivateOrders=http://127.0.0.1:1 --token " + token)
		if err == nil || !strings.Contains(out, "the edge refuses") {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("a revoked agent is cut off", func(t *testing.T) {
		for _, c := range []*connector{one, two} {
			if out, err := edge.shell("forelane tunnel revoke " + c.ready["agent"].(string) + " --admin " + edge.ready.Admin); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		edge.agents(t, 0)
		if a := edge.do("GET", "site.localhost", "/orders/7", ""); a.StatusCode != http.StatusBadGateway {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	edge.stop()
	if log := edge.stderr.String(); strings.Contains(log, "secret-0123456789") || strings.Contains(log, "flt1.") {
		t.Errorf("a secret is in the log: %s", log)
	}
}

// agents waits until n connections of agents are healthy.
func (p *proc) agents(t *testing.T, n int) {
	t.Helper()
	got := -1
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		rs, err := http.Get("http://" + p.ready.Admin + "/v1/status")
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ PrivateOrigins []struct{ Agents int } }
		err = json.NewDecoder(rs.Body).Decode(&r)
		_ = rs.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got = r.PrivateOrigins[0].Agents; got == n {
			return
		}
	}
	t.Fatalf("%d agents, want %d: %s", got, n, p.stderr.String())
}
