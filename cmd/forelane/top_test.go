// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/metrics"
)

// scrapeOf is a look at a registry that fill has counted in.
func scrapeOf(t *testing.T, at time.Time, fill func(r *metrics.Registry)) *look {
	t.Helper()
	var r metrics.Registry
	fill(&r)
	families, err := metrics.Parse(r.AppendText(nil))
	if err != nil {
		t.Fatal(err)
	}
	return takeLook(families, at)
}

func count(r *metrics.Registry, name string, n int64, labels ...string) {
	var of []metrics.Label
	for i := 0; i+1 < len(labels); i += 2 {
		of = append(of, metrics.Label{Name: labels[i], Value: labels[i+1]})
	}
	r.Counter(name, "x.", of...).Add(n)
}

func TestTopCompares(t *testing.T) {
	begin := time.Unix(1_700_000_000, 0)
	fill := func(k int64) func(r *metrics.Registry) {
		return func(r *metrics.Registry) {
			for _, b := range []string{"/api/*", "*"} {
				count(r, "forelane_edge_responses_total", 100*k, "distribution", "E1", "behavior", b, "class", "2xx")
				count(r, "forelane_edge_responses_total", 4*k, "distribution", "E1", "behavior", b, "class", "5xx")
				h := r.Histogram("forelane_edge_request_seconds", "x.", metrics.Latency(), metrics.Label{Name: "distribution", Value: "E1"}, metrics.Label{Name: "behavior", Value: b})
				for range 98 * k {
					h.Observe(2 * time.Millisecond)
				}
				for range 6 * k {
					h.Observe(200 * time.Millisecond)
				}
			}
			count(r, "forelane_edge_lookups_total", 75*k, "distribution", "E1", "behavior", "*", "cache", "hit")
			count(r, "forelane_edge_lookups_total", 25*k, "distribution", "E1", "behavior", "*", "cache", "miss")
			count(r, "forelane_edge_lookups_total", 50*k, "distribution", "E1", "behavior", "*", "cache", "bypass")
			count(r, "forelane_origin_responses_total", 7*k, "distribution", "E1", "origin", "app", "class", "none")
			count(r, "forelane_api_requests_total", 30*k, "api", "a1", "stage", "prod", "route", "GET /x", "class", "4xx")
			count(r, "forelane_api_requests_total", 0, "api", "none", "stage", "none", "route", "none", "class", "4xx")
			count(r, "forelane_function_invocations_total", 20*k, "function", "fn")
			count(r, "forelane_function_errors_total", 2*k, "function", "fn")
			r.Gauge("forelane_ready", "x.").Set(1)
		}
	}
	v := compare(scrapeOf(t, begin, fill(1)), scrapeOf(t, begin.Add(2*time.Second), fill(2)))
	byName := map[string]row{}
	var order []string
	for _, r := range v.Rows {
		byName[r.Kind+" "+r.Name] = r
		order = append(order, r.Kind)
	}
	if got := strings.Join(order, " "); got != "distribution behavior behavior origin route function" {
		t.Errorf("order %s", got)
	}
	d := byName["distribution E1"]
	if d.Rate != 104 || d.Errors5 != 4 || *d.HitRatio != 0.75 || d.Total != 416 {
		t.Errorf("%+v", d)
	}
	if *d.P50 < 0.001 || *d.P50 > 0.0025 || *d.P99 < 0.1 || *d.P99 > 0.25 {
		t.Errorf("p50 %v, p99 %v", *d.P50, *d.P99)
	}
	if r := byName["behavior E1 /api/*"]; r.Rate != 52 || r.HitRatio != nil {
		t.Errorf("%+v", r)
	}
	if r := byName["origin E1 app"]; r.Errors5 != 3.5 || r.P50 != nil {
		t.Errorf("%+v", r)
	}
	if r := byName["route a1 prod GET /x"]; r.Rate != 15 || r.Errors4 != 15 {
		t.Errorf("%+v", r)
	}
	if r := byName["function fn"]; r.Rate != 10 || r.Errors5 != 1 {
		t.Errorf("%+v", r)
	}
	text := v.text(0, 0)
	for _, want := range []string{"ready", "75.0%", "distribution", "E1 /api/*", "a1 prod GET /x"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got := v.text(20, 4); strings.Count(got, "\r\n") != 3 || strings.Contains(got, "a1 prod") {
		t.Errorf("%q", got)
	}
	if got := v.cut(1); len(got.Rows) != 5 || len(v.Rows) != 6 {
		t.Errorf("cut to %d", len(got.Rows))
	}
	// A node that began anew.
	if v := compare(scrapeOf(t, begin, fill(9)), scrapeOf(t, begin.Add(time.Second), fill(1))); v.Rows[0].Rate != 208 {
		t.Errorf("after a restart: %+v", v.Rows[0])
	}
	if _, err := json.Marshal(v); err != nil {
		t.Error(err)
	}
}

func TestTopEstimates(t *testing.T) {
	inf := math.Inf(1)
	for name, tt := range map[string]struct {
		buckets map[float64]float64
		q       float64
		want    float64 // below 0: none
	}{
		"nothing":         {map[float64]float64{1: 0, inf: 0}, 0.5, -1},
		"no buckets":      {nil, 0.5, -1},
		"half of one":     {map[float64]float64{1: 10, inf: 10}, 0.5, 0.5},
		"in the second":   {map[float64]float64{1: 5, 3: 10, inf: 10}, 0.75, 2},
		"beyond all":      {map[float64]float64{1: 5, inf: 10}, 0.99, 1},
		"an empty bucket": {map[float64]float64{1: 0, 2: 4, inf: 4}, 0.5, 1.5},
	} {
		got := estimate(tt.buckets, tt.q)
		if (got == nil) != (tt.want < 0) || got != nil && math.Abs(*got-tt.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
