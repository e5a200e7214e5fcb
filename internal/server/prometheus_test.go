// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// tool is the path of a program that tools/setup.sh installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: `make setup` (tools/setup.sh) installs what the tests need: %v", name, err)
	}
	return path
}

// TestPromtoolAcceptsMetrics: Prometheus's own linter of names and text.
func TestPromtoolAcceptsMetrics(t *testing.T) {
	srv, _ := start(t, shop(t), echoOrigin(t))
	_, text := askAdmin(t, srv, "/metrics")
	cmd := exec.Command(tool(t, "promtool"), "check", "metrics")
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPrometheusScrapes runs Prometheus against a node until it knows what the
// node counts.
func TestPrometheusScrapes(t *testing.T) {
	srv, ca := start(t, shop(t), echoOrigin(t))
	c, scheme := client(t, srv, ca, "http")
	for range 3 {
		get(t, c, scheme+"://shop.localhost/page.html")
	}
	addr := prometheus(t, srv.Addr("admin"))
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for query, want := range map[string]string{
		`up`: "1",
		`sum(forelane_edge_requests_total{distribution="E1",result="Hit"})`: "2",
		`sum(forelane_edge_request_seconds_count{distribution="E1"})`:       "3",
		`count(forelane_build_info)`:                                        "1",
	} {
		if err := await(ctx, addr, query, want); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// prometheus starts Prometheus for one target and returns its address.
func prometheus(t *testing.T, target string) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0") // it cannot be told to pick a port and say which
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := free.Addr().String(), t.TempDir()
	_ = free.Close()
	config := fmt.Sprintf("global: {scrape_interval: 300ms, scrape_timeout: 300ms}\nscrape_configs: [{job_name: forelane, static_configs: [{targets: [%q]}]}]\n", target)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(tool(t, "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=warn")
	cmd.Stderr, cmd.Stdout = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return addr
}

// await asks until the answer to a query is the one value that is wanted.
func await(ctx context.Context, addr, query, want string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for last := error(nil); ; {
		got, err := instant(ctx, addr, query)
		if err == nil && got == want {
			return nil
		}
		if err != nil {
			last = err
		} else {
			last = fmt.Errorf("%q, want %q", got, want)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
	}
}

func instant(ctx context.Context, addr, query string) (string, error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		return "", err
	}
	rs, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(rq)
	if err != nil {
		return "", err
	}
	defer rs.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(rs.Body).Decode(&answer); err != nil {
		return "", err
	}
	if len(answer.Data.Result) != 1 {
		return "", fmt.Errorf("%d results", len(answer.Data.Result))
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
}
