// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/metrics"
)

func TestE14RequestsAreCounted(t *testing.T) {
	var r metrics.Registry
	w := newWorld(t).compile()
	w.edge.deps.Metrics = &r
	for _, d := range w.edge.dists {
		d.meter = newMeter(&r, d.m)
	}
	w.do("/a")
	w.do("/a")
	w.do("/a")
	text := string(r.AppendText(nil))
	id := w.edge.dists[0].m.ID
	for _, want := range []string{
		`forelane_edge_requests_total{distribution="` + id + `",result="Hit"} 2`,
		`forelane_edge_requests_total{distribution="` + id + `",result="Miss"} 1`,
		`forelane_edge_request_seconds_count{distribution="` + id + `"} 3`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, `forelane_edge_sent_bytes_total{distribution="`+id+`"} 0`) {
		t.Error("no bytes were counted")
	}
}
