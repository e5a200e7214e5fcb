// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
)

const shopFunction = `
import os
def handler(event, context):
    print("here")
    if event.get("rawPath", "").endswith("/fail"):
        raise Exception("no")
    return {"statusCode": 200, "body": os.environ.get("_X_AMZN_TRACE_ID", "none")}
`

// shop is stack with an API, a function, a web ACL and what else has metrics.
func shop(t *testing.T) *model.Stack {
	t.Helper()
	s := stack(t)
	s.Functions = []*model.Function{{
		LogicalID: "Fn", Name: "shop-fn", ARN: "arn:aws:lambda:us-east-1:123456789012:function:shop-fn", Runtime: "python3.12", Handler: "index.handler",
		Code: model.Code{Inline: shopFunction}, Memory: 128, Timeout: 20 * time.Second,
	}}
	s.APIs = []*model.API{{
		LogicalID: "Api", ID: "abc123", Kind: model.HTTPAPI,
		Stages: []*model.Stage{{Name: "$default"}},
		Routes: []*model.Route{{Key: "GET /api/{name}", Integration: &model.Integration{
			Kind: model.LambdaProxy, Function: s.Functions[0].ARN, Payload: "2.0",
		}}},
	}}
	s.WebACLs = []*model.WebACL{{
		LogicalID: "ACL", Name: "shop-acl", ARN: "arn:acl", Default: model.ACLAction{Kind: model.ACLAllow},
	}}
	d := s.Distributions[0]
	d.WebACL = "arn:acl"
	d.Origins = append(d.Origins, &model.Origin{ID: "api", DomainName: "abc123.execute-api.us-east-1.amazonaws.com", Protocol: model.OriginHTTPSOnly})
	get := []string{"GET", "HEAD"}
	d.Behaviors = append([]*model.Behavior{{
		PathPattern: "/api/*", Target: "api", Allowed: get, Cached: get, Cache: &model.CachePolicy{Name: "none"},
	}}, d.Behaviors...)
	return s
}

func askAdmin(t *testing.T, srv *Server, path string) (int, []byte) {
	t.Helper()
	rs, err := http.Get("http://" + srv.Addr("admin") + path)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rs.StatusCode, b
}

// scrape reads a node's metrics strictly.
func scrape(t *testing.T, srv *Server) []metrics.Family {
	t.Helper()
	_, text := askAdmin(t, srv, "/metrics")
	families, err := metrics.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value is the sum of the samples whose labels fit, given as name=value.
func value(families []metrics.Family, name string, of ...string) (sum float64) {
	for _, f := range families {
		for _, s := range f.Samples {
			if s.Name == name && !slices.ContainsFunc(of, func(l string) bool {
				n, v, _ := strings.Cut(l, "=")
				return s.Get(n) != v
			}) {
				sum += s.Value
			}
		}
	}
	return sum
}

func TestE14A26WhatANodeCounts(t *testing.T) {
	srv, ca := start(t, shop(t), echoOrigin(t))
	if err := srv.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, scheme := client(t, srv, ca, "http")
	for _, path := range []string{"/page.html", "/page.html", "/app/x", "/api/ok", "/api/fail", "/api/none/at/all"} {
		get(t, c, scheme+"://shop.localhost"+path)
	}
	families := scrape(t, srv)
	for _, tt := range []struct {
		name string
		of   []string
		want float64
	}{
		{"forelane_edge_requests_total", []string{"distribution=E1"}, 6},
		{"forelane_edge_lookups_total", []string{"behavior=*", "cache=hit"}, 1},
		{"forelane_edge_responses_total", []string{"behavior=/api/*", "class=5xx"}, 1},
		{"forelane_origin_responses_total", []string{"origin=app", "class=2xx"}, 1},
		{"forelane_origin_latency_seconds_count", []string{"origin=site"}, 1},
		{"forelane_api_requests_total", []string{"api=abc123", "stage=$default", "route=GET /api/{name}"}, 2},
		{"forelane_api_requests_total", []string{"api=abc123", "route=none", "class=4xx"}, 1},
		{"forelane_api_latency_seconds_count", []string{"api=abc123"}, 3},
		{"forelane_api_integration_latency_seconds_count", []string{"api=abc123"}, 2},
		{"forelane_api_refusals_total", []string{"api=abc123", "reason=function error"}, 1},
		{"forelane_api_refusals_total", []string{"api=abc123", "reason=no such route"}, 1},
		{"forelane_function_invocations_total", []string{"function=shop-fn"}, 2},
		{"forelane_function_errors_total", []string{"function=shop-fn"}, 1},
		{"forelane_function_cold_starts_total", []string{"function=shop-fn"}, 1},
		{"forelane_function_init_seconds_count", []string{"function=shop-fn"}, 1},
		{"forelane_function_duration_seconds_count", []string{"function=shop-fn"}, 2},
		{"forelane_function_processes", []string{"function=shop-fn"}, 1},
		{"forelane_function_concurrent_executions", nil, 0},
		{"forelane_webacl_requests_total", []string{"acl=shop-acl", "action=ALLOW"}, 6},
		{"forelane_webacl_rule_matches_total", []string{"acl=shop-acl", "rule=Default_Action", "action=ALLOW"}, 6},
		{"forelane_ready", nil, 1},
		{"forelane_revisions_total", nil, 1},
		{"forelane_listener_info", nil, 3},
		{"forelane_build_info", []string{"version=dev"}, 1},
	} {
		if got := value(families, tt.name, tt.of...); got != tt.want {
			t.Errorf("%s %v: %v, want %v", tt.name, tt.of, got, tt.want)
		}
	}
	for _, name := range []string{
		"forelane_connections", "forelane_go_goroutines", "forelane_go_heap_bytes", "forelane_go_memory_bytes", "forelane_start_time_seconds",
		"forelane_api_processed_bytes_total", "forelane_process_files", "forelane_process_resident_bytes", "forelane_disk_free_bytes",
	} {
		if value(families, name) <= 0 {
			t.Errorf("%s is not counted", name)
		}
	}
}

// The law of names: forelane_, words in lower case, a unit at the end; _total
// for what only grows and for nothing else; base units; bounded labels.
var (
	lawfulName = regexp.MustCompile(`^forelane(_[a-z0-9]+)+$`)
	nouns      = []string{"objects", "connections", "limit", "ready", "processes", "executions", "goroutines", "files", "entries", "checks", "networks"}
	bounded    = []string{
		"distribution", "behavior", "result", "class", "status", "cache", "origin", "function", "event", "api", "stage", "route", "reason",
		"acl", "action", "rule", "cause", "listener", "version", "goversion", "le",
	}
)

func TestLawOfMetricNames(t *testing.T) {
	srv, _ := start(t, shop(t), echoOrigin(t))
	families := scrape(t, srv)
	if len(families) < 60 {
		t.Errorf("only %d metrics: what is asked for late escapes this test", len(families))
	}
	for _, f := range families {
		last := f.Name[strings.LastIndexByte(f.Name, '_')+1:]
		unit := last == "seconds" || last == "bytes"
		ok := lawfulName.MatchString(f.Name) && strings.HasSuffix(f.Help, ".")
		switch f.Kind {
		case "counter":
			ok = ok && last == "total"
		case "gauge":
			ok = ok && (unit || last == "info" || slices.Contains(nouns, last))
		case "histogram":
			ok = ok && unit
		}
		if !ok {
			t.Errorf("%s %s breaks the law of names (help: %s)", f.Kind, f.Name, f.Help)
		}
		for _, s := range f.Samples {
			for _, l := range s.Labels {
				if !slices.Contains(bounded, l.Name) {
					t.Errorf("%s: label %s is not known to be bounded", f.Name, l.Name)
				}
			}
		}
	}
}

// TestOperationsPageHasTheMetrics: the table of docs/operations.md is what a node
// shows.
func TestOperationsPageHasTheMetrics(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	srv, _ := start(t, shop(t), echoOrigin(t))
	var table strings.Builder
	for _, f := range scrape(t, srv) {
		var labels []string
		for _, s := range f.Samples {
			for _, l := range s.Labels {
				if l.Name != "le" && !slices.Contains(labels, l.Name) {
					labels = append(labels, l.Name)
				}
			}
		}
		slices.Sort(labels)
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, strings.Join(labels, ", "), strings.TrimSuffix(f.Help, "."))
	}
	for row := range strings.Lines(table.String()) {
		if !strings.Contains(string(page), row) {
			t.Errorf("the page lacks the row\n%s", row)
		}
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `forelane_") && !strings.Contains(table.String(), line) {
			t.Errorf("the page has a row that is not what a node shows:\n%s", line)
		}
	}
}

// TestMetricsAreBounded: what a viewer sends makes no series.
func TestMetricsAreBounded(t *testing.T) {
	srv, ca := start(t, shop(t), echoOrigin(t))
	c, scheme := client(t, srv, ca, "http")
	get(t, c, scheme+"://shop.localhost/first")
	series := func() (n int) {
		for _, f := range scrape(t, srv) {
			n += len(f.Samples)
		}
		return n
	}
	before := series()
	for _, word := range []string{"a", "b", "c"} {
		rq, err := http.NewRequest(http.MethodGet, scheme+"://shop.localhost/"+word+"?x="+url.QueryEscape(word), nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Header.Set("User-Agent", word)
		rs, err := c.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		_ = rs.Body.Close()
		get(t, c, scheme+"://"+word+".example.org/"+word) // a Host that is nobody's
	}
	if after := series(); after != before {
		t.Errorf("%d series before, %d after", before, after)
	}
}

func TestReadyz(t *testing.T) {
	ca := t.TempDir()
	srv, err := New(Options{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: ca, Functions: function.Options{Environ: os.Environ()}, DrainDelay: time.Hour, Version: "v9"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	closed := make(chan struct{})
	defer func() { cancel(); <-closed }()
	if err := srv.Bind(ctx); err != nil {
		t.Fatal(err)
	}
	is := func(want bool, word string) {
		t.Helper()
		h := srv.Health()
		b, err := json.Marshal(h)
		if err != nil || h.Ready != want || !strings.Contains(string(b), word) {
			t.Errorf("ready %v, %s; want %v and %q", h.Ready, b, want, word)
		}
	}
	is(false, "not serving yet")
	srv.Start()
	is(false, "0 applied")
	if err := srv.Apply(ctx, []*model.Stack{stack(t)}); err != nil {
		t.Fatal(err)
	}
	is(false, "being prepared")
	if err := srv.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	is(true, "1 applied")
	if status, body := askAdmin(t, srv, "/readyz"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if _, body := askAdmin(t, srv, "/v1/build"); !strings.Contains(string(body), `"v9"`) {
		t.Errorf("%s", body)
	}
	go func() {
		defer close(closed)
		_ = srv.Close(ctx)
	}()
	for srv.Health().Ready { // Close is on its way; the test's own limit ends this
		runtime.Gosched()
	}
	is(false, "the node is stopping")
	if status, body := askAdmin(t, srv, "/readyz"); status != 503 {
		t.Errorf("while stopping: %d %s", status, body)
	}
	if status, _ := askAdmin(t, srv, "/healthz"); status != 200 {
		t.Errorf("it still lives: %d", status)
	}
	rs, err := http.Get("http://" + srv.Addr("http") + "/page.html")
	if err != nil {
		t.Fatalf("within DrainDelay viewers are served: %v", err)
	}
	_ = rs.Body.Close()
}
