// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
)

// counted are the samples of a world that are not 0, as name{labels}.
func (w *world) counted() map[string]float64 {
	w.t.Helper()
	families, err := metrics.Parse(w.metrics.AppendText(nil))
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, s := range f.Samples {
			if s.Value == 0 || s.Get("le") != "" {
				continue
			}
			var b strings.Builder
			for i, l := range s.Labels {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(l.Name + "=" + l.Value)
			}
			out[s.Name+"{"+b.String()+"}"] = s.Value
		}
	}
	return out
}

func TestE14RequestsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.dist.Behaviors = append([]*model.Behavior{{
		PathPattern: "/api/*", Target: "o", Allowed: []string{"GET", "HEAD"}, Cached: []string{"GET", "HEAD"}, Cache: &model.CachePolicy{},
	}}, w.dist.Behaviors...)
	w.compile()
	w.do("/a")
	w.do("/a")
	w.do("/a")
	w.reply = func(*http.Request) (*http.Response, error) { return answer(503, "down"), nil }
	w.do("/api/b")
	w.reply = func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") }
	w.do("/api/c")
	got := w.counted()
	for name, want := range map[string]float64{
		"forelane_edge_requests_total{distribution=E1TEST,result=Hit}":                  2,
		"forelane_edge_requests_total{distribution=E1TEST,result=Miss}":                 1,
		"forelane_edge_requests_total{distribution=E1TEST,result=Error}":                2,
		"forelane_edge_responses_total{behavior=*,class=2xx,distribution=E1TEST}":       3,
		"forelane_edge_responses_total{behavior=/api/*,class=5xx,distribution=E1TEST}":  2,
		"forelane_edge_request_seconds_count{behavior=*,distribution=E1TEST}":           3,
		"forelane_edge_request_seconds_count{behavior=/api/*,distribution=E1TEST}":      2,
		"forelane_edge_lookups_total{behavior=*,cache=hit,distribution=E1TEST}":         2,
		"forelane_edge_lookups_total{behavior=*,cache=miss,distribution=E1TEST}":        1,
		"forelane_edge_lookups_total{behavior=/api/*,cache=bypass,distribution=E1TEST}": 2,
		"forelane_edge_errors_total{distribution=E1TEST,status=502}":                    1,
		"forelane_edge_errors_total{distribution=E1TEST,status=503}":                    1,
		"forelane_edge_origin_latency_seconds_count{distribution=E1TEST}":               3,
		"forelane_origin_responses_total{class=2xx,distribution=E1TEST,origin=o}":       1,
		"forelane_origin_responses_total{class=5xx,distribution=E1TEST,origin=o}":       1,
		"forelane_origin_responses_total{class=none,distribution=E1TEST,origin=o}":      1,
		"forelane_origin_failures_total{distribution=E1TEST,origin=o}":                  1,
		"forelane_origin_tries_total{distribution=E1TEST,origin=o}":                     3,
		"forelane_origin_latency_seconds_count{distribution=E1TEST,origin=o}":           2,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	for _, name := range []string{"forelane_edge_sent_bytes_total{distribution=E1TEST}", "forelane_edge_received_bytes_total{distribution=E1TEST}"} {
		if got[name] == 0 {
			t.Errorf("%s: no bytes were counted", name)
		}
	}
	if t.Failed() {
		for k, v := range got {
			t.Log(k, v)
		}
	}
}
