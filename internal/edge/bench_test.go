// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// wholeViewer takes whole answers in one call.
type wholeViewer struct {
	viewer
	calls int
}

func (v *wholeViewer) Whole(rs *httpmsg.Response, body [][]byte, _ httpmsg.Hold) error {
	v.calls++
	if err := v.Head(rs); err != nil {
		return err
	}
	for _, p := range body {
		v.body.Write(p)
	}
	return nil
}

func TestAHitIsOneCallOfTheWriter(t *testing.T) {
	w := newWorld(t).compile()
	w.do("/a")
	v := &wholeViewer{}
	w.edge.Serve(t.Context(), request("/a"), v)
	w.expect(&v.viewer, 200, "Hit", "hello")
	if v.calls != 1 {
		t.Errorf("%d calls", v.calls)
	}
}

// nothing is a Writer for measurements.
type nothing struct{}

func (nothing) Head(*httpmsg.Response) error                          { return nil }
func (nothing) Write(p []byte) (int, error)                           { return len(p), nil }
func (nothing) Flush() error                                          { return nil }
func (nothing) Abort()                                                {}
func (nothing) Whole(*httpmsg.Response, [][]byte, httpmsg.Hold) error { return nil }

// TestAHitDoesNotAllocate: from the request to its answer, its line in the access
// log and its counts.
func TestAHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget: what is counted then says nothing")
		return
	}
	w := newWorld(t).compile()
	log := record.NewWriter(io.Discard, record.WriterOptions{})
	defer log.Close()
	w.edge.deps.Record = log.Write
	w.do("/a")
	rq := request("/a", "Accept", "*/*", "User-Agent", "me", "X-Forwarded-For", "192.0.2.1")
	ctx := t.Context()
	n := testing.AllocsPerRun(500, func() {
		if w.edge.Begin(ctx, rq, nothing{}) != nil {
			t.Fatal("a hit left its connection")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a hit", n)
	}
}

func BenchmarkHit(b *testing.B) {
	w := newWorld(&testing.T{}).compile()
	w.edge.deps.Record = nil
	w.start(b.Context(), "/a")
	rq := request("/a", "Accept", "*/*", "User-Agent", "me")
	b.ReportAllocs()
	for b.Loop() {
		w.edge.Serve(b.Context(), rq, nothing{})
	}
}

// BenchmarkHitWithFunction is BenchmarkHit behind a trivial viewer-request
// function.
func BenchmarkHitWithFunction(b *testing.B) {
	w := newWorld(&testing.T{})
	set, err := edgefunc.Compile([]*model.EdgeFunction{{Name: "f", ARN: "arn:f", Runtime: "cloudfront-js-2.0", Code: `function handler(event) {
		const r = event.request; if (r.uri.endsWith('/')) r.uri += 'index.html'; return r; }`}}, nil, edgefunc.Options{})
	if err != nil {
		b.Fatal(err)
	}
	w.behavior().Functions = []model.FunctionAssociation{{Event: model.ViewerRequest, ARN: "arn:f"}}
	w.fn = func(arn string) (Function, error) {
		f, _ := set.Function(arn)
		return f, nil
	}
	w.compile()
	w.edge.deps.Record = nil
	w.start(b.Context(), "/a")
	rq := request("/a", "Accept", "*/*", "User-Agent", "me")
	b.ReportAllocs()
	for b.Loop() {
		w.edge.Serve(b.Context(), rq, nothing{})
	}
}

// BenchmarkHitInvalidated is a hit of an edge whose cache, with a disk, has
// had a hundred thousand invalidations; "times-none" is that against one that had
// none. The two take turns, and the shortest turn of each counts.
func BenchmarkHitInvalidated(b *testing.B) {
	const turn = 500
	edgeWith := func(done int) (hits func()) {
		d, err := disk.Open(disk.Options{Dir: b.TempDir(), Budget: 64 << 20, Labels: cache.Labels})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = d.Close() })
		w := newWorld(&testing.T{})
		w.cache = cache.New(cache.Config{Disk: d})
		w.compile()
		w.edge.deps.Record = nil
		w.start(b.Context(), "/a")
		for at := 0; at < done; {
			var paths []cache.Path
			for range 1000 {
				paths = append(paths, cache.Path{Text: fmt.Sprintf("/products/%d/", at), Prefix: at%2 == 0})
				at++
			}
			w.cache.Invalidate(w.dist.ID, paths)
		}
		if n := w.cache.Stats().Disk.Rules; n != done {
			b.Fatalf("the disk has %d rules", n)
		}
		rq := request("/a", "Accept", "*/*", "User-Agent", "me")
		return func() {
			for range turn {
				w.edge.Serve(b.Context(), rq, nothing{})
			}
		}
	}
	none, many := edgeWith(0), edgeWith(100_000)
	least := [2]time.Duration{time.Hour, time.Hour}
	b.ReportAllocs()
	for b.Loop() {
		for i, hits := range []func(){none, many} {
			from := time.Now()
			hits()
			least[i] = min(least[i], time.Since(from))
		}
	}
	b.ReportMetric(float64(least[1].Nanoseconds())/turn, "ns/hit")
	b.ReportMetric(float64(least[1])/float64(least[0]), "times-none")
}

func BenchmarkMiss(b *testing.B) {
	w := newWorld(&testing.T{})
	w.transport = func(*model.Origin) http.RoundTripper {
		return roundTrip(func(*http.Request) (*http.Response, error) {
			return answer(200, "hello", "Cache-Control", "max-age=60"), nil
		})
	}
	w.compile()
	w.edge.deps.Record = nil
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.edge.Serve(b.Context(), request(fmt.Sprintf("/%d", i)), nothing{})
	}
}

func BenchmarkPass(b *testing.B) {
	w := newWorld(&testing.T{})
	w.behavior().Cache = &model.CachePolicy{}
	w.transport = func(*model.Origin) http.RoundTripper {
		return roundTrip(func(*http.Request) (*http.Response, error) { return answer(200, "hello"), nil })
	}
	w.compile()
	w.edge.deps.Record = nil
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.edge.Serve(b.Context(), request("/a"), nothing{})
	}
}
