// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
)

// receiver is a collector: it takes OTLP/HTTP and keeps the spans.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []received
	last  []byte // the last request, for other decoders
}

// received is a span as the wire has it.
type received struct {
	trace, id, parent, name string
	kind                    uint64
	start, end              time.Time
	attrs                   map[string]string
	failed                  bool
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		b, err := io.ReadAll(rq.Body)
		if err != nil || rq.URL.Path != "/v1/traces" || rq.Method != http.MethodPost || rq.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s %s: %v", rq.Method, rq.URL, rq.Header.Get("Content-Type"), err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.last = b
		each(t, b, 1, func(resource []byte) {
			each(t, resource, 2, func(scope []byte) {
				each(t, scope, 2, func(span []byte) { r.spans = append(r.spans, decode(t, span)) })
			})
		})
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// each calls f with every occurrence of a field that is a message or text.
func each(t *testing.T, b []byte, field protowire.Number, f func([]byte)) {
	t.Helper()
	walk(t, b, func(num protowire.Number, v []byte, _ uint64) {
		if num == field {
			f(v)
		}
	})
}

// walk calls f with every field: v of those with a length, n of numbers.
func walk(t *testing.T, b []byte, f func(num protowire.Number, v []byte, n uint64)) {
	t.Helper()
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(num, kind, b[n:])
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		value := b[n : n+size]
		b = b[n+size:]
		switch kind {
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(value)
			f(num, v, 0)
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(value)
			f(num, nil, v)
		case protowire.Fixed64Type:
			f(num, nil, binary.LittleEndian.Uint64(value))
		default:
			f(num, nil, 0)
		}
	}
}

func decode(t *testing.T, b []byte) received {
	t.Helper()
	s := received{attrs: map[string]string{}}
	walk(t, b, func(num protowire.Number, v []byte, n uint64) {
		switch num {
		case 1:
			s.trace = hex.EncodeToString(v)
		case 2:
			s.id = hex.EncodeToString(v)
		case 4:
			s.parent = hex.EncodeToString(v)
		case 5:
			s.name = string(v)
		case 6:
			s.kind = n
		case 7:
			s.start = time.Unix(0, int64(n))
		case 8:
			s.end = time.Unix(0, int64(n))
		case 9:
			var key, value string
			walk(t, v, func(num protowire.Number, v []byte, _ uint64) {
				switch num {
				case 1:
					key = string(v)
				case 2:
					walk(t, v, func(_ protowire.Number, v []byte, n uint64) {
						if value = string(v); v == nil {
							value = fmt.Sprint(int64(n))
						}
					})
				}
			})
			s.attrs[key] = value
		case 15:
			walk(t, v, func(num protowire.Number, _ []byte, n uint64) { s.failed = s.failed || num == 3 && n == 2 })
		}
	})
	return s
}

// tree prints the spans of a trace, siblings in the order of their begin.
func (r *receiver) tree(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.spans, func(a, b received) int { return a.start.Compare(b.start) })
	var b strings.Builder
	var walk func(parent string, depth int)
	walk = func(parent string, depth int) {
		for _, s := range r.spans {
			if s.trace == id && s.parent == parent {
				mark := ""
				if s.failed {
					mark = " (failed)"
				}
				fmt.Fprintf(&b, "%s%s%s\n", strings.Repeat("  ", depth), s.name, mark)
				walk(s.id, depth+1)
			}
		}
	}
	walk("00f067aa0ba902b7", 0)
	return b.String()
}

func (r *receiver) span(trace, name string) received {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.trace == trace && s.name == name {
			return s
		}
	}
	return received{}
}

// TestTraceFromViewerToFunction: one request through edge, API and function
// reaches a collector as one tree.
func TestTraceFromViewerToFunction(t *testing.T) {
	col := newReceiver(t)
	srv, err := New(Options{
		HTTP: "127.0.0.1:0", Data: t.TempDir(), Functions: function.Options{Environ: os.Environ()}, Trace: TraceOptions{Endpoint: col.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := srv.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	if err := srv.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := srv.Apply(t.Context(), []*model.Stack{shop(t)}); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	c, _ := client(t, srv, nil, "http")
	ask := func(url, header, value string) (int, string) {
		rq, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Header.Set(header, value)
		rs, err := c.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		defer rs.Body.Close()
		b, _ := io.ReadAll(rs.Body)
		return rs.StatusCode, string(b)
	}
	traced := func(n int) (id, header string) {
		id = fmt.Sprintf("4bf92f3577b34da6a3ce929d0e0e473%d", n)
		return id, "00-" + id + "-00f067aa0ba902b7-01"
	}
	ok, w3c := traced(1)
	_, told := ask("http://shop.localhost/api/ok", "Traceparent", w3c)
	bad, w3c := traced(2)
	ask("http://shop.localhost/api/fail", "Traceparent", w3c)
	hit, w3c := traced(3)
	get(t, c, "http://shop.localhost/page.html")
	ask("http://shop.localhost/page.html", "Traceparent", w3c)
	direct, _ := traced(4)
	ask("http://abc123.execute-api.localhost/api/ok", "X-Amzn-Trace-Id", "Root=1-"+direct[:8]+"-"+direct[8:]+";Parent=00f067aa0ba902b7;Sampled=1")
	not, w3c := traced(5)
	ask("http://shop.localhost/api/ok", "Traceparent", strings.TrimSuffix(w3c, "1")+"0")
	stop()

	for id, want := range map[string]string{
		ok:     "GET /api/*\n  web ACL\n  origin api\n    GET /api/{name}\n      integration\n        invoke shop-fn\n  deliver\n",
		bad:    "GET /api/* (failed)\n  web ACL\n  origin api (failed)\n    GET /api/{name} (failed)\n      integration (failed)\n        invoke shop-fn (failed)\n  deliver\n",
		hit:    "GET *\n  web ACL\n  cache lookup\n  deliver\n",
		direct: "GET\n  GET /api/{name}\n    integration\n      invoke shop-fn\n",
		not:    "",
	} {
		if got := col.tree(id); got != want {
			t.Errorf("trace %s:\n%s\nwant\n%s", id, got, want)
		}
	}
	invoke := col.span(ok, "invoke shop-fn")
	if want := "Root=1-" + ok[:8] + "-" + ok[8:] + ";Parent=" + invoke.id + ";Sampled=1"; told != want {
		t.Errorf("the function had _X_AMZN_TRACE_ID %q, want %q", told, want)
	}
	if invoke.attrs["faas.coldstart"] != "true" || invoke.attrs["faas.name"] != "shop-fn" || invoke.kind != 2 {
		t.Errorf("%+v", invoke)
	}
	root := col.span(ok, "GET /api/*")
	if root.attrs["http.response.status_code"] != "200" || root.attrs["forelane.distribution"] != "E1" || !root.end.After(invoke.end) && !root.end.Equal(invoke.end) {
		t.Errorf("%+v", root)
	}
	if st := srv.tracer.Stats(); st.Exported == 0 || st.Dropped+st.Failed != 0 {
		t.Errorf("%+v", st)
	}
	if name := os.Getenv("OTLP_DUMP"); name != "" {
		if err := os.WriteFile(name, col.last, 0o644); err != nil {
			t.Error(err)
		}
	}
}

// TestABrokenCollectorHoldsNothingUp: requests do not wait, spans are counted.
func TestABrokenCollectorHoldsNothingUp(t *testing.T) {
	hang := make(chan struct{})
	col := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, rq *http.Request) {
		_, _ = io.Copy(io.Discard, rq.Body)
		select {
		case <-hang:
		case <-rq.Context().Done():
		}
	}))
	defer col.Close()
	defer close(hang)
	srv, err := New(Options{HTTP: "127.0.0.1:0", Data: t.TempDir(), Trace: TraceOptions{Endpoint: col.URL, Ratio: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Bind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := srv.Apply(t.Context(), []*model.Stack{stack(t)}); err != nil {
		t.Fatal(err)
	}
	srv.Start()
	c, _ := client(t, srv, nil, "http")
	for range 20 {
		if rs, _ := get(t, c, "http://shop.localhost/page.html"); rs.StatusCode != 200 {
			t.Errorf("%d", rs.StatusCode)
		}
	}
	began := time.Now()
	if err := srv.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > traceDrain+3*time.Second {
		t.Errorf("Close took %v", took)
	}
	if st := srv.tracer.Stats(); st.Failed == 0 || st.Exported != 0 {
		t.Errorf("%+v", st)
	}
}
