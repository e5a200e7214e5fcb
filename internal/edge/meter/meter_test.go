// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

func TestWhatIsCounted(t *testing.T) {
	m := &model.Distribution{ID: "E1"}
	served := &record.Record{Response: record.Response{Status: 200, Bytes: 10}, Result: record.Result{Type: record.Hit}, Cache: record.Cache{Status: record.CacheHit}}
	failed := &record.Record{Response: record.Response{Status: 502}, Result: record.Result{Type: record.Error}, Origin: record.Origin{Tries: 1}, Time: record.Timing{FirstByte: time.Second}}
	for _, tt := range []struct {
		name string
		do   func(*metrics.Registry)
		want []string
	}{
		{"a hit", func(r *metrics.Registry) { New(r, m).Count(served, NewBehavior(r, m, "*")) }, []string{
			`forelane_edge_requests_total{distribution="E1",result="Hit"} 1`, `forelane_edge_sent_bytes_total{distribution="E1"} 10`,
			`forelane_edge_lookups_total{behavior="*",cache="hit",distribution="E1"} 1`,
		}},
		{"before a behavior", func(r *metrics.Registry) { New(r, m).Count(failed, nil) }, []string{
			`forelane_edge_responses_total{behavior="none",class="5xx",distribution="E1"} 1`, `forelane_edge_errors_total{distribution="E1",status="502"} 1`,
			`forelane_edge_origin_latency_seconds_count{distribution="E1"} 1`,
		}},
		{"a refresh", func(r *metrics.Registry) { New(r, m).Refreshed() }, []string{`forelane_edge_refreshes_total{distribution="E1"} 1`}},
		{"an origin that is silent", func(r *metrics.Registry) {
			o := NewOrigin(r, m, &model.Origin{ID: "o"})
			o.Count(3, 0, 0)
			o.FailedOver()
		}, []string{
			`forelane_origin_tries_total{distribution="E1",origin="o"} 3`, `forelane_origin_failures_total{distribution="E1",origin="o"} 1`,
			`forelane_origin_failovers_total{distribution="E1",origin="o"} 1`,
		}},
		{"an origin that answers", func(r *metrics.Registry) { NewOrigin(r, m, &model.Origin{ID: "o"}).Count(1, 404, time.Second) }, []string{
			`forelane_origin_responses_total{class="4xx",distribution="E1",origin="o"} 1`, `forelane_origin_failures_total{distribution="E1",origin="o"} 0`,
		}},
		{"a function that fails", func(r *metrics.Registry) {
			b := NewBehavior(r, m, "*")
			b.AddFunction(r, "f", model.ViewerRequest)
			b.CountRun(model.ViewerRequest, &record.Function{Error: "no"})
			b.CountRun(model.ViewerResponse, &record.Function{}) // there is none
		}, []string{`forelane_edge_function_errors_total{event="viewer-request",function="f"} 1`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := new(metrics.Registry)
			tt.do(r)
			text := string(r.AppendText(nil))
			for _, w := range tt.want {
				if !strings.Contains(text, w+"\n") {
					t.Errorf("no %s in\n%s", w, text)
				}
			}
			tt.do(nil) // nobody counts
		})
	}
}
