// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/trace"
)

const (
	sampled   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
)

// traces makes the world trace; spans gives what was ended, and ends tracing.
func (w *world) traces(ratio float64) (spans func() []trace.Data) {
	w.t.Helper()
	var mu sync.Mutex
	var all []trace.Data
	tr := trace.New(trace.Options{Ratio: ratio, Export: func(_ context.Context, batch []trace.Data) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, batch...)
		return nil
	}})
	w.t.Cleanup(func() { _ = tr.Close(context.Background()) })
	w.compile()
	w.edge.deps.Trace = tr
	return func() []trace.Data {
		if err := tr.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// tree prints spans as a tree, siblings by their begin.
func tree(spans []trace.Data) string {
	slices.SortStableFunc(spans, func(a, b trace.Data) int { return a.Start.Compare(b.Start) })
	known := map[trace.SpanID]bool{}
	for _, s := range spans {
		known[s.Context.Span] = true
	}
	var b strings.Builder
	var walk func(s trace.Data, depth int)
	walk = func(s trace.Data, depth int) {
		fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), s.Name)
		for _, c := range spans {
			if c.Parent == s.Context.Span {
				walk(c, depth+1)
			}
		}
	}
	for _, s := range spans {
		if !known[s.Parent] {
			walk(s, 0)
		}
	}
	return b.String()
}

func attr(s trace.Data, key string) string {
	for _, a := range s.Attrs {
		if a.Key == key {
			if a.IsNumber {
				return fmt.Sprint(a.Number)
			}
			return a.Text
		}
	}
	return ""
}

func TestTraceOfAMissAndAHit(t *testing.T) {
	w := newWorld(t)
	spans := w.traces(0)
	var in *trace.Span // what a plane of this process would find
	w.reply = func(rq *http.Request) (*http.Response, error) {
		in = trace.From(rq.Context())
		return answer(200, "hello"), nil
	}
	w.do("/a?secret=1", "Traceparent", sampled, "User-Agent", "me")
	w.do("/a", "Traceparent", sampled)
	w.do("/b", "Traceparent", unsampled)
	w.do("/c")
	all := spans()
	want := "GET *\n  cache lookup\n  origin o\n  deliver\n"
	if got := tree(all); got != want+want[:strings.Index(want, "  origin")]+"  deliver\n" && got != want+"GET *\n  cache lookup\n  origin o\n  deliver\n" {
		t.Errorf("tree:\n%s", got)
	}
	root := all[slices.IndexFunc(all, func(s trace.Data) bool { return s.Name == "GET *" })]
	for key, want := range map[string]string{
		"http.request.method": "GET", "url.path": "/a", "http.response.status_code": "200", "forelane.distribution": "E1TEST",
		"client.address": "192.0.2.7", "user_agent.original": "me", "forelane.result": "Miss", "http.route": "*",
	} {
		if got := attr(root, key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if root.Context.W3C()[:35] != sampled[:35] || fmt.Sprintf("%x", root.Parent) != "00f067aa0ba902b7" || root.Kind != trace.Server {
		t.Errorf("%+v", root)
	}
	for _, s := range all {
		for _, a := range s.Attrs {
			if strings.Contains(a.Text, "secret") {
				t.Errorf("%s: %s has the query string: %s", s.Name, a.Key, a.Text)
			}
		}
	}
	if in != nil {
		t.Error("what is not sampled reached the origin with a span")
	}
}

func TestTraceReachesAPlaneOfThisProcess(t *testing.T) {
	w := newWorld(t)
	spans := w.traces(0)
	w.reply = func(rq *http.Request) (*http.Response, error) {
		trace.From(rq.Context()).Child("plane", trace.Server).End()
		return answer(502, "broken"), nil
	}
	w.do("/a", "X-Amzn-Trace-Id", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1")
	all := spans()
	if got, want := tree(all), "GET *\n  cache lookup\n  origin o\n    plane\n  deliver\n"; got != want {
		t.Errorf("tree:\n%s", got)
	}
	for _, s := range all {
		if failed := s.Name == "GET *" || s.Name == "origin o"; s.Failed != failed {
			t.Errorf("%s failed: %v", s.Name, s.Failed)
		}
	}
}

// TestTraceparentFollowsThePolicies: the origin gets it when a policy forwards
// it, with the span that asks, and never because a request happens to be traced.
func TestTraceparentFollowsThePolicies(t *testing.T) {
	for name, tt := range map[string]struct {
		headers model.Selection
		viewer  string
		want    string // "": none; "same": as the viewer wrote it; "span": of the span that asks
	}{
		"no policy names it":               {model.Selection{}, sampled, ""},
		"no policy, not sampled":           {model.Selection{}, unsampled, ""},
		"a policy names it":                {model.Selection{Mode: model.SelectList, Names: []string{"traceparent", "tracestate"}}, sampled, "span"},
		"a policy names it, not sampled":   {model.Selection{Mode: model.SelectList, Names: []string{"traceparent"}}, unsampled, "same"},
		"all of the viewer's":              {model.Selection{Mode: model.SelectAllViewer}, sampled, "span"},
		"all of the viewer's, not sampled": {model.Selection{Mode: model.SelectAllViewer}, unsampled, "same"},
		"all but it":                       {model.Selection{Mode: model.SelectAllExcept, Names: []string{"traceparent"}}, sampled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.behavior().OriginRequest = &model.OriginRequestPolicy{Headers: tt.headers}
			spans := w.traces(0)
			w.do("/a", "Traceparent", tt.viewer, "Tracestate", "v=1")
			got := w.lastCall().Header.Get("Traceparent")
			want := tt.want
			switch all := spans(); tt.want {
			case "same":
				want = tt.viewer
			case "span":
				i := slices.IndexFunc(all, func(s trace.Data) bool { return s.Name == "origin o" })
				want = all[i].Context.W3C()
				if w.lastCall().Header.Get("Tracestate") != "v=1" {
					t.Error("no tracestate")
				}
			}
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestTraceOfFunctionsAndRefresh(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.associate(&fakeFunction{
			request: func(*httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
				return nil, edgefunc.Outcome{}, nil
			},
			response: func(*httpmsg.Request, *httpmsg.Response) (edgefunc.Outcome, error) {
				return edgefunc.Outcome{}, errors.New("threw")
			},
		})
		w.reply = func(*http.Request) (*http.Response, error) {
			return answer(200, "hello", "Cache-Control", "max-age=1, stale-while-revalidate=60"), nil
		}
		spans := w.traces(1)
		w.do("/a")
		time.Sleep(5 * time.Second) // of the bubble
		w.do("/a")
		all := spans()
		const first = "GET *\n  viewer-request\n  cache lookup\n  origin o\n  viewer-response\n  deliver\n"
		got := tree(all)
		for _, want := range []string{first, "  background refresh\n    origin o\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("tree:\n%s\nlacks\n%s", got, want)
			}
		}
		i := slices.IndexFunc(all, func(s trace.Data) bool { return s.Name == "viewer-response" })
		if s := all[i]; !s.Failed || s.Failure != "threw" || attr(s, "faas.name") != "fake" {
			t.Errorf("%+v", s)
		}
	})
}

// TestAnUnsampledHitDoesNotAllocate: with metrics, access log and tracing on,
// whether the viewer says that it is not sampled, or the ratio does.
func TestAnUnsampledHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget: what is counted then says nothing")
		return
	}
	for name, fields := range map[string][]string{
		"by the viewer": {"Traceparent", unsampled, "Tracestate", "a=b"},
		"by X-Ray":      {"X-Amzn-Trace-Id", "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=0"},
		"by the ratio":  nil,
	} {
		w := newWorld(t)
		w.traces(0)
		log := record.NewWriter(io.Discard, record.WriterOptions{})
		defer log.Close()
		w.edge.deps.Record = log.Write
		w.do("/a")
		rq, ctx := request("/a", append(fields, "Accept", "*/*", "User-Agent", "me")...), t.Context()
		n := testing.AllocsPerRun(500, func() {
			if w.edge.Begin(ctx, rq, nothing{}) != nil {
				t.Fatal("a hit left its connection")
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations for a hit", name, n)
		}
	}
}
