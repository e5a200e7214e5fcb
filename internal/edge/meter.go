// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// meter counts the exchanges of one distribution (row E14). Its series are
// asked for when the edge is compiled, so that a hit only adds.
type meter struct {
	requests [record.ResultTypes]*metrics.Counter
	sent     *metrics.Counter
	seconds  *metrics.Histogram
}

func newMeter(r *metrics.Registry, m *model.Distribution) *meter {
	if r == nil {
		return nil
	}
	dist := metrics.Label{Name: "distribution", Value: m.ID}
	t := &meter{
		sent:    r.Counter("forelane_edge_sent_bytes_total", "Bytes sent to viewers, heads included.", dist),
		seconds: r.Histogram("forelane_edge_request_seconds", "Time from a request to the last byte of its answer.", metrics.Latency(), dist),
	}
	for i := range t.requests {
		if result := record.ResultType(i); result != record.ResultNone {
			t.requests[i] = r.Counter("forelane_edge_requests_total", "Requests of viewers by x-edge-result-type.", dist, metrics.Label{Name: "result", Value: result.String()})
		}
	}
	return t
}

// count counts an exchange that is over.
func (t *meter) count(r *record.Record) {
	if t == nil {
		return
	}
	if c := t.requests[r.Result.Type]; c != nil {
		c.Inc()
	}
	t.sent.Add(r.Response.Bytes)
	t.seconds.Observe(r.Time.Total)
}
