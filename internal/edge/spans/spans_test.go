// SPDX-License-Identifier: Apache-2.0

package spans

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSpansOfAnExchange(t *testing.T) {
	for _, tt := range []struct {
		name string
		walk func(x *Trace, r *record.Record)
		want string
	}{
		{"a hit", func(x *Trace, r *record.Record) {
			x.Pass(Lookup, r)
			x.Pass(Lookup, r) // load, wait: the same span
			x.Pass(None, r)
			x.Pass(Deliver, r)
		}, "GET /api/*, cache lookup, deliver"},
		{"a miss whose origin fails", func(x *Trace, r *record.Record) {
			x.Pass(Lookup, r)
			x.Pass(None, r)
			x.Ask("app", "app.example", "GET")
			if parent, _ := x.W3C(); parent == "" {
				t.Error("the origin cannot go on with the trace")
			}
			x.EndAsk(2, 0, errors.New("silent"))
		}, "GET /api/*, cache lookup, origin app"},
		{"a function, a page", func(x *Trace, r *record.Record) {
			x.Pass(Function, r)
			_, s := x.Run(t.Context(), "origin-request")
			EndRun(s, &record.Function{Name: "f"})
			var page Trace
			page.Within(x, "error page")
			page.Finish(&record.Record{}, false)
		}, "GET /api/*, error page, origin-request, viewer-request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var names []string
			by := trace.New(trace.Options{Ratio: 1, Export: func(_ context.Context, batch []trace.Data) error {
				for _, d := range batch {
					names = append(names, d.Name)
				}
				return nil
			}})
			var x Trace
			r := &record.Record{Request: record.Request{Method: "GET"}, Edge: record.Edge{Behavior: "/api/*"}}
			x.Begin(by, &httpmsg.Request{Method: "GET"}, time.Now())
			if !x.Sampled() {
				t.Fatal("not sampled")
			}
			tt.walk(&x, r)
			x.Finish(r, true)
			if err := by.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			if got := strings.Join(names, ", "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// An exchange that is not sampled pays nothing and says nothing.
func TestNotSampled(t *testing.T) {
	var x Trace
	r := new(record.Record)
	if n := testing.AllocsPerRun(100, func() {
		x.Pass(None, r)
		x.Finish(r, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if parent, state := x.W3C(); parent != "" || state != "" || x.Sampled() {
		t.Errorf("%q %q", parent, state)
	}
}
