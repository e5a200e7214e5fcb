// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// TestAKeptHitDoesNotAllocate: also where the key has what must be hidden.
func TestAKeptHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget: what is counted then says nothing")
		return
	}
	w := newWorld(t)
	w.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute})
	w.behavior().Cache.Cookies = selection("session")
	w.behavior().Cache.Headers = selection("X-Tenant")
	w.behavior().Cache.Queries = selection("all")
	w.compile()
	w.edge.deps.Record = nil
	fields := []string{"Accept", "*/*", "Cookie", "session=1; theme=dark", "X-Tenant", "t"}
	w.do("/a?token=x", fields...)
	rq := request("/a?token=x", fields...)
	ctx := t.Context()
	n := testing.AllocsPerRun(500, func() {
		if w.edge.Begin(ctx, rq, nothing{}) != nil {
			t.Fatal("a hit left its connection")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a hit that is kept", n)
	}
}

func BenchmarkHitKept(b *testing.B) {
	w := newWorld(&testing.T{})
	w.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute})
	w.compile()
	w.edge.deps.Record = nil
	w.start(b.Context(), "/a")
	rq := request("/a", "Accept", "*/*", "User-Agent", "me")
	b.ReportAllocs()
	for b.Loop() {
		w.edge.Serve(b.Context(), rq, nothing{})
	}
}

// TestDebugTokenGoesNowhere: what a viewer sends in X-Forelane-Debug is in no
// record, and a function and an origin do not see it.
func TestDebugTokenGoesNowhere(t *testing.T) {
	for name, token := range map[string]string{"right": debugToken, "wrong": "wrong-" + debugToken, "empty": ""} {
		bubble(t, func(t *testing.T, w *world) {
			w.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute, Bytes: 1})
			w.behavior().OriginRequest = &model.OriginRequestPolicy{Headers: selection("allViewer")}
			v := w.do("/a", "x-forelane-debug", token)
			if got := v.header.Has("X-Forelane-Cache"); got != (name == "right") {
				t.Errorf("%s: debug headers: %v", name, got)
			}
			for n := range w.lastCall().Header {
				if httpmsg.EqualFold(n, DebugHeader) {
					t.Errorf("%s: the origin saw it", name)
				}
			}
			r, headers, ok := w.recent.Find(v.header.Get("X-Amz-Cf-Id"), time.Now())
			if !ok || strings.Contains(strings.ToLower(headers), "debug") || token != "" && strings.Contains(string(record.AppendJSON(nil, r)), token) {
				t.Errorf("%s: kept: %v %q", name, ok, headers)
			}
		})
	}
}
