// SPDX-License-Identifier: Apache-2.0

// Package nodes tests several nodes in one process: servers with caches before
// one origin, on a log that they share.
package nodes

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/server"
)

const host = "www.nodes.test"

// fleet is nodes before an origin, whose answers are numbers.
type fleet struct {
	t       testing.TB
	version atomic.Int64
	asked   atomic.Int64
	origin  *httptest.Server
	nodes   []*node
}

// node is a server with its place in the cluster.
type node struct {
	f       *fleet
	config  cluster.Config
	data    string
	cluster *cluster.Cluster
	server  *server.Server
	url     string
}

// newFleet starts n nodes.
func newFleet(t testing.TB, n int, tenure time.Duration) *fleet {
	t.Helper()
	return newFleetOf(t, n, cluster.Config{Tenure: tenure})
}

// newFleetOf starts n nodes whose clusters are as config says.
func newFleetOf(t testing.TB, n int, config cluster.Config) *fleet {
	t.Helper()
	f := &fleet{t: t}
	f.origin = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		fmt.Fprint(w, f.version.Load())
	}))
	t.Cleanup(f.origin.Close)
	var routes []string
	var held []net.Listener
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes, held = append(routes, ln.Addr().String()), append(held, ln)
	}
	for i, r := range routes {
		_ = held[i].Close() // it was only to find a port that is free
		data := t.TempDir()
		config.Dir, config.Node, config.Listen, config.Routes, config.Secret = data+"/cluster", fmt.Sprint("n", i+1), r, routes, bytes.Repeat([]byte("s"), 32)
		f.nodes = append(f.nodes, &node{f: f, data: data, config: config})
	}
	for _, n := range f.nodes {
		n.start()
	}
	t.Cleanup(func() {
		for _, n := range f.nodes {
			n.stop()
		}
	})
	f.wellWithin(60 * time.Second)
	return f
}

// start starts a node, with what it had when it was stopped.
func (n *node) start() {
	n.f.t.Helper()
	fail := func(err error) {
		if err != nil {
			n.f.t.Fatal(n.config.Node, ": ", err)
		}
	}
	var err error
	if testing.Verbose() && os.Getenv("FORELANE_TEST_LOG") != "" {
		n.config.Log = slog.New(slog.NewTextHandler(n.f.t.Output(), nil))
	}
	n.cluster, err = cluster.Open(n.config)
	fail(err)
	n.server, err = server.New(server.Options{
		HTTP: "127.0.0.1:0", Data: n.data, CacheDisk: 32 << 20, CacheBytes: 32 << 20, Origins: map[string]string{"app": n.f.origin.URL},
		Current: n.cluster.Current, Functions: function.Options{Environ: os.Environ()},
	})
	fail(err)
	ctx := n.f.t.Context()
	fail(n.server.Bind(ctx))
	_, err = n.cluster.Follow(ctx, n)
	fail(err)
	n.server.Start()
	n.url = "http://" + n.server.Ready().HTTP
}

func (n *node) stop() {
	if n.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.cluster.Close(); err != nil {
		n.f.t.Error(err)
	}
	if err := n.server.Close(ctx); err != nil {
		n.f.t.Error(err)
	}
	n.server = nil
}

// Restore implements cluster.Consumer: the stack is always the same.
func (n *node) Restore(ctx context.Context, _ []cluster.Entry) error {
	get := []string{"GET", "HEAD"}
	return n.server.Apply(ctx, []*model.Stack{{
		Name: "nodes", Region: "us-east-1", AccountID: "123456789012", URLSuffix: "amazonaws.com",
		Distributions: []*model.Distribution{{
			LogicalID: "Edge", ID: "E1", ARN: "arn:edge", DomainName: "d1.cloudfront.net", Aliases: []string{host}, Enabled: true,
			Origins: []*model.Origin{{ID: "app", DomainName: "app.nodes.test", Protocol: model.OriginHTTPOnly}},
			Behaviors: []*model.Behavior{{
				PathPattern: "*", Target: "app", Allowed: get, Cached: get,
				Cache: &model.CachePolicy{Name: "hour", DefaultTTL: time.Hour, MaxTTL: time.Hour},
			}},
		}},
	}})
}

// Skip implements cluster.Consumer: the stack is always the same.
func (n *node) Skip(context.Context, []cluster.Entry, []cluster.Entry) error {
	n.server.Purge()
	return nil
}

// Apply implements cluster.Consumer.
func (n *node) Apply(_ context.Context, e cluster.Entry) error {
	if e.Kind != cluster.Invalidate {
		return nil
	}
	n.server.Drop(invalidation.Invalidation{Distribution: "E1", Paths: e.Invalidation.Paths})
	return nil
}

// get reads a path.
func (n *node) get(path string) (version int) {
	n.f.t.Helper()
	rq, err := http.NewRequestWithContext(n.f.t.Context(), "GET", n.url+path, nil)
	if err != nil {
		n.f.t.Fatal(err)
	}
	rq.Host = host
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		n.f.t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		n.f.t.Fatal(err)
	}
	version, err = strconv.Atoi(string(b))
	if err != nil {
		n.f.t.Fatalf("%s: %d %q", path, rs.StatusCode, b)
	}
	return version
}

// wellWithin waits until all nodes are current.
func (f *fleet) wellWithin(d time.Duration) {
	f.t.Helper()
	end := time.After(d)
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for slices.ContainsFunc(f.nodes, func(n *node) bool { return n.server != nil && !n.cluster.Current(time.Now()) }) {
		select {
		case <-every.C:
		case <-end:
			f.t.Fatal("the nodes do not meet")
		}
	}
}

// TestInvalidationReachesAll: what was cached on each node is gone on each when
// the invalidation is complete, and no other.
func TestInvalidationReachesAll(t *testing.T) {
	f := newFleet(t, 3, 5*time.Second)
	for _, n := range f.nodes {
		n.get("/a")
		n.get("/b")
	}
	asked := f.asked.Load()
	f.version.Store(1)
	if id, err := f.nodes[1].cluster.Invalidate(t.Context(), "E1", []string{"/a"}); err != nil || id == "" {
		t.Fatal(id, err)
	}
	for _, n := range f.nodes {
		if got := n.get("/a"); got != 1 {
			t.Errorf("%s has version %d of what was invalidated", n.config.Node, got)
		}
		if got := n.get("/b"); got != 0 {
			t.Errorf("%s has version %d of what was not", n.config.Node, got)
		}
	}
	if n := f.asked.Load() - asked; n != 3 {
		t.Errorf("the origin was asked %d times for one path on three nodes", n)
	}
}

// TestReturningNodeServesNothingStale: a node that was away while something was
// invalidated has it on its disk, and does not serve it: not before it reaches
// the others again, and not after.
func TestReturningNodeServesNothingStale(t *testing.T) {
	f := newFleet(t, 3, 2*time.Second)
	away := f.nodes[2]
	away.get("/a")
	away.get("/b")
	away.stop()
	f.version.Store(1)
	if _, err := f.nodes[0].cluster.Invalidate(t.Context(), "", []string{"/a*"}); err != nil {
		t.Fatal(err)
	}
	asked := f.asked.Load()
	away.start()
	if got := away.get("/a"); got != 1 {
		t.Errorf("at its return the node gives version %d", got)
	}
	f.wellWithin(60 * time.Second)
	if got := away.get("/a"); got != 1 {
		t.Errorf("then the node gives version %d", got)
	}
	if f.asked.Load() == asked {
		t.Error("the origin was not asked")
	}
}

// TestAwayForLongerThanTheLog: a node that was away while the log let go of what
// it missed serves nothing that it had before.
func TestAwayForLongerThanTheLog(t *testing.T) {
	f := newFleetOf(t, 3, cluster.Config{Tenure: 2 * time.Second, Entries: 20})
	away := f.nodes[2]
	away.get("/a")
	away.get("/b")
	away.stop()
	f.version.Store(1)
	for i := range 60 {
		path := fmt.Sprint("/other/", i)
		if i == 3 {
			path = "/a"
		}
		if _, err := f.nodes[0].cluster.Invalidate(t.Context(), "", []string{path}); err != nil {
			t.Fatal(err)
		}
	}
	trimmed := func() bool {
		first, err := f.nodes[0].cluster.Read(t.Context(), 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		return first[0].Number > 10
	}
	end, every := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer every.Stop()
	for !trimmed() {
		select {
		case <-every.C:
		case <-end:
			t.Fatal("the log is not trimmed")
		}
	}
	away.start()
	if got := away.get("/a"); got != 1 {
		t.Errorf("at its return the node gives version %d", got)
	}
	f.wellWithin(60 * time.Second)
	if got := away.get("/b"); got != 1 {
		t.Errorf("then the node gives version %d of what it cannot know to be current", got)
	}
	asked := f.asked.Load()
	if away.get("/b"); f.asked.Load() != asked {
		t.Error("the node does not believe what it has cached since")
	}
	if _, err := f.nodes[1].cluster.Invalidate(t.Context(), "", []string{"/b"}); err != nil {
		t.Fatal(err)
	}
	f.version.Store(2)
	if got := away.get("/b"); got != 2 {
		t.Errorf("the node has version %d of what was invalidated since", got)
	}
}

// TestAloneAtItsReturn: a node that finds nobody serves what it has, each answer
// confirmed by the origin.
func TestAloneAtItsReturn(t *testing.T) {
	f := newFleet(t, 3, 2*time.Second)
	for _, n := range f.nodes {
		n.get("/a")
	}
	for _, n := range f.nodes {
		n.stop()
	}
	f.nodes[0].start()
	f.version.Store(1)
	if got := f.nodes[0].get("/a"); got != 1 {
		t.Errorf("alone, the node gives version %d unasked", got)
	}
	asked := f.asked.Load()
	f.nodes[0].get("/a")
	if f.asked.Load() != asked+1 {
		t.Error("alone, the node believes its cache")
	}
	f.nodes[1].start()
	f.wellWithin(60 * time.Second) // two of three are a majority
	f.nodes[0].get("/a")
	asked = f.asked.Load()
	f.nodes[0].get("/a")
	if f.asked.Load() != asked {
		t.Error("with the others, the node does not believe its cache")
	}
}

// BenchmarkInvalidateFiveNodes is the time from asking for an invalidation until
// all five nodes have dropped what it hits, from memory and disk.
func BenchmarkInvalidateFiveNodes(b *testing.B) {
	f := newFleet(b, 5, 10*time.Second)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		path := fmt.Sprint("/", i%16)
		b.StopTimer()
		for _, n := range f.nodes {
			n.get(path)
		}
		b.StartTimer()
		begin := time.Now()
		if _, err := f.nodes[i%5].cluster.Invalidate(b.Context(), "E1", []string{path}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))]) / 1e6 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
}
