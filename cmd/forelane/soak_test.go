// SPDX-License-Identifier: Apache-2.0

//go:build soak

package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// pattern is a body without end whose bytes tell their own position.
type pattern256 struct{ at int64 }

func (p *pattern256) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte((p.at + int64(i)) * 31 >> 3)
	}
	p.at += int64(len(b))
	return len(b), nil
}

// verify reads a body and checks every byte of it.
func verify(r io.Reader) (int64, error) {
	buf := make([]byte, 64<<10)
	var n int64
	for {
		k, err := r.Read(buf)
		for i := range k {
			if want := byte((n + int64(i)) * 31 >> 3); buf[i] != want {
				return n, fmt.Errorf("byte %d is %d, want %d", n+int64(i), buf[i], want)
			}
		}
		n += int64(k)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// TestSoakBodies streams 10 MB, 1 GB and a chunked 1 GB through the edge: all
// bytes arrive and the process does not grow with them.
func TestSoakBodies(t *testing.T) {
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) {
		var size int64
		fmt.Sscanf(r.URL.Path, "/%d", &size)
		w.Header().Set("Cache-Control", "max-age=60")
		if r.URL.RawQuery != "chunked" {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		if r.Method == http.MethodPost { // count what came
			n, err := verify(r.Body)
			w.Header().Set("X-Received", fmt.Sprint(n, err))
		}
		_, _ = io.CopyN(w, &pattern256{}, size)
	})
	p := start(t, "proxy", origin, "--cache-memory", "32MiB")
	p.client.Timeout = 10 * time.Minute
	p.do("GET", "h", "/100", "")
	before := p.rss()
	get := func(target string, want int64) {
		rs, err := p.client.Get("http://h" + target)
		if err != nil {
			t.Fatal(err)
		}
		defer rs.Body.Close()
		begin := time.Now()
		if n, err := verify(rs.Body); err != nil || n != want {
			t.Errorf("%s: %d bytes, %v", target, n, err)
		}
		t.Logf("%s: %.0f MB/s, RSS grew by %d MiB so far", target, float64(want)/1e6/time.Since(begin).Seconds(), (p.rss()-before)>>20)
	}
	get("/10000000", 10_000_000)
	get("/1000000000", 1_000_000_000)
	get("/1000000000?chunked", 1_000_000_000)
	var wg sync.WaitGroup
	for range 4 { // followers of one fetch
		wg.Go(func() { get("/200000000?chunked", 200_000_000) })
	}
	wg.Wait()
	rs, err := p.client.Post("http://h/10", "application/octet-stream", io.LimitReader(&pattern256{}, 1_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	rs.Body.Close()
	if got := rs.Header.Get("X-Received"); got != "1000000000 <nil>" {
		t.Errorf("upload: %s", got)
	}
	if grown := p.rss() - before; grown > 64<<20 {
		t.Errorf("RSS grew by %d MiB", grown>>20)
	} else {
		t.Logf("RSS grew by %d MiB", grown>>20)
	}
}

// load sends requests by workers for a while and returns rate and p50.
func load(t *testing.T, p *proc, workers int, d time.Duration, host, target string) (rate float64, p50 time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range workers {
		wg.Go(func() {
			var mine []time.Duration
			for time.Now().Before(end) {
				begin := time.Now()
				a, err := p.try("GET", host, target, "")
				if err != nil || a.StatusCode != 200 {
					t.Errorf("%v %d %s", err, a.StatusCode, a.body)
					return
				}
				mine = append(mine, time.Since(begin))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	wg.Wait()
	if len(all) == 0 {
		t.Fatal("no request")
	}
	return float64(len(all)) / d.Seconds(), median(all)
}

// TestSoakInvocations measures warm invocations through the gateway.
func TestSoakInvocations(t *testing.T) {
	p := start(t, "up", "../../examples/storefront", "--data", t.TempDir())
	api := p.ready.APIs[0].ID + ".execute-api.localhost"
	load(t, p, 1, time.Second, api, "/api/cart")
	rate, p50 := load(t, p, 1, 5*time.Second, api, "/api/cart")
	t.Logf("Go function, one at a time: %.0f requests/s, p50 %v", rate, p50)

	dir := write(t, map[string]string{"template.yaml": `
Transform: AWS::Serverless-2016-10-31
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      InlineCode: "exports.handler = async () => ({ statusCode: 200, body: 'ok' });"
      Events: {Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/"}}}
`})
	q := start(t, "up", dir, "--concurrency", "4")
	api = q.ready.APIs[0].ID + ".execute-api.localhost"
	load(t, q, 16, 2*time.Second, api, "/")
	rate, p50 = load(t, q, 16, 5*time.Second, api, "/")
	t.Logf("Node function, 4 processes, 16 viewers: %.0f requests/s, p50 %v", rate, p50)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// rss is the memory that the process had at most, in bytes.
func (p *proc) rss() int64 { return p.memory("VmHWM") }
