// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edgelambda"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// world is an edge between a scripted origin and test viewers.
type world struct {
	t      *testing.T
	stack  *model.Stack
	dist   *model.Distribution
	edge   *Edge
	cache  *cache.Cache
	wg     sync.WaitGroup
	mu     sync.Mutex
	calls  []*http.Request
	bodies []string
	recs   []record.Record

	warnings []string
	places   map[netip.Addr]*model.Place

	reply func(rq *http.Request) (*http.Response, error)
	fn    func(arn string) (Function, error)
	// lambda runs the functions of Lambda@Edge.
	lambda edgelambda.Invoker

	realtimes realtimes

	metrics metrics.Registry
	shields func(arn string) Shield
	// transport replaces the default one, which answers by reply.
	transport func(*model.Origin) http.RoundTripper
	// made is the way to origins that functions made.
	made func(*model.Origin) Made
	// unsure: the node may have missed invalidations.
	unsure bool

	recent *record.Recent
	struck []struck // invalidations, the newest last
}

// debugToken is that of the edge of a world.
const debugToken = "tell-me-why-it-was"

// struck is an invalidation.
type struck struct {
	paths []string
	at    time.Time
}

func (w *world) invalidated(_, target string, before time.Time) (string, time.Time, bool) {
	for _, s := range slices.Backward(w.struck) {
		for _, p := range s.paths {
			if !s.at.After(before) && cache.ParsePath(p).Matches(target) {
				return p, s.at, true
			}
		}
	}
	return "", time.Time{}, false
}

// roundTrip makes a function a transport.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(rq *http.Request) (*http.Response, error) { return f(rq) }

// newWorld has one distribution with one origin "o" and a default behavior
// with the numbers of CachingOptimized but MinTTL 0.
func newWorld(t *testing.T) *world {
	w := &world{t: t, cache: cache.New(cache.Config{})}
	w.dist = &model.Distribution{
		LogicalID: "Dist", ID: "E1TEST", DomainName: "d1.cloudfront.net", Enabled: true,
		Origins: []*model.Origin{{ID: "o", DomainName: "origin.example.com", Attempts: 1}},
		Behaviors: []*model.Behavior{{
			PathPattern: "*", Target: "o", Allowed: []string{"GET", "HEAD"}, Cached: []string{"GET", "HEAD"},
			Cache: &model.CachePolicy{DefaultTTL: 24 * time.Hour, MaxTTL: 365 * 24 * time.Hour},
		}},
	}
	w.places = map[netip.Addr]*model.Place{}
	w.stack = &model.Stack{Name: "test", Distributions: []*model.Distribution{w.dist}}
	w.reply = func(*http.Request) (*http.Response, error) {
		return answer(200, "hello", "Content-Type", "text/plain"), nil
	}
	return w
}

func (w *world) behavior() *model.Behavior { return w.dist.Default() }

// compile makes the edge; it is called by the first get when it was not.
func (w *world) compile() *world {
	w.t.Helper()
	e, err := Compile(w.stack, Deps{
		Place:     func(a netip.Addr) *model.Place { return w.places[a] },
		Mutual:    func(d *model.Distribution) string { return d.MTLS.Mode.String() },
		HTTP3Port: 8443, Metrics: &w.metrics, Current: func(time.Time) bool { return !w.unsure },
		Cache: w.cache, Background: &w.wg, Functions: w.fn, WebACL: w.shields,
		Recent: w.recent, Invalidated: w.invalidated, Debug: NewDebugToken(debugToken), Realtime: w.realtime,
		Transport: func(_ *model.Distribution, o *model.Origin) (http.RoundTripper, error) {
			if w.transport != nil {
				return w.transport(o), nil
			}
			return roundTrip(func(rq *http.Request) (*http.Response, error) { return w.serveBy(rq, w.reply) }), nil
		},
		Made: func(_ *model.Distribution, o *model.Origin) (Made, error) {
			switch {
			case w.made != nil:
			case w.transport != nil:
				return Made{RoundTripper: w.transport(o)}, nil
			default:
				return Made{}, errors.New("no ways to made origins")
			}
			return w.made(o), nil
		},
		Warn: func(text string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.warnings = append(w.warnings, text)
		},
		Record: func(r *record.Record) {
			w.mu.Lock()
			defer w.mu.Unlock()
			c := *r
			c.Shield.Labels, c.Shield.Counted = slices.Clone(r.Shield.Labels), slices.Clone(r.Shield.Counted)
			c.Shield.Findings = slices.Clone(r.Shield.Findings)
			w.recs = append(w.recs, c)
		},
		Lambda: w.lambda,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.edge = e
	return w
}

// serveBy notes a request and answers it.
func (w *world) serveBy(rq *http.Request, reply roundTrip) (*http.Response, error) {
	body := ""
	if rq.Body != nil {
		b, err := io.ReadAll(rq.Body)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	w.mu.Lock()
	w.calls = append(w.calls, rq)
	w.bodies = append(w.bodies, body)
	w.mu.Unlock()
	rs, err := reply(rq)
	if rs != nil && rq.Method == "HEAD" {
		rs.Body = http.NoBody
	}
	return rs, err
}

func (w *world) originCalls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.calls)
}

func (w *world) lastCall() *http.Request {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.calls) == 0 {
		w.t.Fatal("the origin was not asked")
	}
	return w.calls[len(w.calls)-1]
}

func (w *world) lastRecord() record.Record {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.recs) == 0 {
		w.t.Fatal("no record")
	}
	return w.recs[len(w.recs)-1]
}

func (w *world) recordCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.recs)
}

// answer is a response of known length.
func answer(status int, body string, fields ...string) *http.Response {
	rs := &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	for i := 0; i+1 < len(fields); i += 2 {
		rs.Header.Add(fields[i], fields[i+1])
	}
	return rs
}

// viewer is a Writer that keeps what it is given.
type viewer struct {
	mu      sync.Mutex
	status  int
	header  httpmsg.Header
	interim []int
	length  int64
	body    bytes.Buffer
	aborted bool
	fail    error // of the next Write
	onWrite func()
}

func (v *viewer) Head(rs *httpmsg.Response) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.status != 0 {
		return errors.New("second head")
	}
	if rs.Status < 200 {
		v.interim = append(v.interim, rs.Status)
		return nil
	}
	v.status, v.length = rs.Status, rs.ContentLength
	for f := range rs.Fields() { // they are good until Head returns
		v.header.Add(strings.Clone(f.Name), strings.Clone(f.Value))
	}
	return nil
}

func (v *viewer) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fail != nil {
		return 0, v.fail
	}
	if v.onWrite != nil {
		v.onWrite()
	}
	return v.body.Write(p)
}

func (v *viewer) Flush() error { return nil }
func (v *viewer) Abort()       { v.aborted = true }

func (v *viewer) String() string { return v.body.String() }

// request makes a viewer request of "GET /a?b", or "/a" for a GET; fields are
// names and values. Host and Scheme may stand among the fields.
func request(target string, fields ...string) *httpmsg.Request {
	method, rest, ok := strings.Cut(target, " ")
	if !ok {
		method, rest = "GET", target
	}
	rq := &httpmsg.Request{Method: method, Scheme: "https", Host: "d1.cloudfront.net"}
	rq.Path, rq.Query, _ = strings.Cut(rest, "?")
	rq.Viewer.Addr = netip.MustParseAddrPort("192.0.2.7:4711")
	for i := 0; i+1 < len(fields); i += 2 {
		switch fields[i] {
		case "From":
			rq.Viewer.Addr = netip.AddrPortFrom(netip.MustParseAddr(fields[i+1]), 4711)
		case "Sign":
			sign(rq, fields[i+1])
		case "Host":
			rq.Host = fields[i+1]
		case "Scheme":
			rq.Scheme = fields[i+1]
		case "Proto":
			rq.Proto = map[string]httpmsg.Proto{"1.1": httpmsg.HTTP11, "2": httpmsg.HTTP2, "3": httpmsg.HTTP3}[fields[i+1]]
			rq.Viewer.TLS = &httpmsg.TLS{Version: "TLSv1.3"}
		case "Body":
			rq.Body, rq.ContentLength = io.NopCloser(strings.NewReader(fields[i+1])), int64(len(fields[i+1]))
		default:
			rq.Header.Add(fields[i], fields[i+1])
		}
	}
	return rq
}

// do sends a request and waits for its answer and for what goes on beside it.
func (w *world) do(target string, fields ...string) *viewer {
	w.t.Helper()
	v := w.start(w.t.Context(), target, fields...)
	w.wg.Wait()
	return v
}

func (w *world) start(ctx context.Context, target string, fields ...string) *viewer {
	if w.edge == nil {
		w.compile()
	}
	v := &viewer{}
	w.edge.Serve(ctx, request(target, fields...), v)
	return v
}

// expect compares status, X-Cache (without "from cloudfront") and body.
func (w *world) expect(v *viewer, status int, xcache, body string) {
	w.t.Helper()
	got := strings.TrimSuffix(v.header.Get("X-Cache"), " from cloudfront")
	if v.status != status || got != xcache || body != "" && v.String() != body {
		w.t.Errorf("got %d %q %q, want %d %q %q", v.status, got, v.String(), status, xcache, body)
	}
}

// released tells, when nothing is going on any more, whether all that the cache
// has handed out was given back.
func (w *world) released() {
	w.t.Helper()
	w.wg.Wait()
	w.realtimes.close()
	w.cache.Purge()
	w.cache.Settle()
	if n := w.cache.Stats().Held; n != 0 {
		w.t.Errorf("%d bytes of objects were not released", n)
	}
}

// bubble runs f under a fake clock.
func bubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f(t, w)
		w.released()
	})
}

func TestMissThenHit(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.expect(w.do("/a"), 200, "Miss", "hello")
		pass(3 * time.Second)
		v := w.do("/a")
		w.expect(v, 200, "Hit", "hello")
		if v.header.Get("Age") != "3" || w.originCalls() != 1 {
			t.Errorf("Age %q, %d calls", v.header.Get("Age"), w.originCalls())
		}
		if r := w.lastRecord(); r.Result.Type != record.Hit || r.Cache.Status != record.CacheHit || r.Response.Status != 200 {
			t.Errorf("record: %+v", r)
		}
	})
}

// pass lets fake time pass.
func pass(d time.Duration) { <-time.After(d) }
