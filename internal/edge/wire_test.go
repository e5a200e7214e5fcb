// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	engine "github.com/forelane/forelane/internal/viewer"
)

// wired puts an edge between a real listener and a real origin, on loopback.
func wired(t *testing.T, h http.HandlerFunc, change func(*world)) (url string, w *world) {
	t.Helper()
	return wiredBy(t, nil, h, change)
}

// wiredBy is wired with a TLS configuration for the listener; nil: cleartext.
func wiredBy(t *testing.T, secure *tls.Config, h http.HandlerFunc, change func(*world)) (url string, w *world) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	host, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w = newWorld(t)
	o := w.dist.Origins[0]
	o.DomainName = host
	if o.HTTPPort, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(w)
	}
	w.transport = func(o *model.Origin) http.RoundTripper {
		tr := origin.New(o, origin.Options{})
		t.Cleanup(tr.CloseIdleConnections)
		return tr
	}
	w.compile()
	handle := func(ctx context.Context, rq *httpmsg.Request, vw engine.Writer, inline bool) func() {
		if inline {
			return w.edge.Begin(ctx, rq, vw)
		}
		w.edge.Serve(ctx, rq, vw)
		return nil
	}
	var s listener
	if secure != nil && slices.Contains(secure.NextProtos, http3.NextProtoH3) {
		s, err = engine.ListenQUIC(t.Context(), "127.0.0.1:0", handle, engine.Options{TLS: secure})
	} else {
		s, err = engine.Listen(t.Context(), "127.0.0.1:0", handle, engine.Options{TLS: secure, WebSocket: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.wg.Wait()
	})
	if secure != nil {
		return "https://" + s.Addr().String(), w
	}
	return "http://" + s.Addr().String(), w
}

// listener is a viewer.Server or viewer.QUIC.
type listener interface {
	Addr() net.Addr
	Serve() error
	Close(ctx context.Context) error
}

func get(t *testing.T, url string, fields ...string) (*http.Response, string) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		rq.Header.Set(fields[i], fields[i+1])
	}
	rs, err := client(t).RoundTrip(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rs, string(b)
}

func TestF14TwoHundredFirstRequestsOverTheWire(t *testing.T) {
	var calls atomic.Int32
	gate := make(chan struct{})
	url, _ := wired(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		<-gate
		_, _ = io.WriteString(w, "hello")
	}, nil)
	var wg sync.WaitGroup
	var started atomic.Int32
	for range 200 {
		wg.Go(func() {
			if started.Add(1) == 200 {
				close(gate)
			}
			rs, body := get(t, url+"/a")
			if rs.StatusCode != 200 || body != "hello" {
				t.Errorf("%d %q", rs.StatusCode, body)
			}
		})
	}
	wg.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls of the origin", n)
	}
}

func TestABodyTricklesThrough(t *testing.T) {
	next := make(chan struct{})
	for _, policy := range []string{"cached", "not cached"} {
		url, _ := wired(t, func(w http.ResponseWriter, _ *http.Request) {
			for i := range 3 {
				fmt.Fprintf(w, "event %d\n", i)
				_ = http.NewResponseController(w).Flush()
				<-next
			}
		}, func(w *world) {
			if policy == "not cached" {
				w.behavior().Cache = &model.CachePolicy{}
			}
		})
		rq, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/events", nil)
		rs, err := client(t).RoundTrip(rq)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(rs.Body)
		for i := range 3 {
			line, err := lines.ReadString('\n')
			if err != nil || line != fmt.Sprintf("event %d\n", i) {
				t.Errorf("%s: %q %v", policy, line, err)
			}
			next <- struct{}{}
		}
		if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
			t.Errorf("%s: %q %v", policy, rest, err)
		}
		_ = rs.Body.Close()
	}
}

func TestABrokenBodyIsSeenByTheViewer(t *testing.T) {
	url, w := wired(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "part")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}, nil)
	for range 2 {
		rq, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/a", nil)
		rs, err := client(t).RoundTrip(rq)
		if err != nil {
			continue // it broke before anything was sent
		}
		b, err := io.ReadAll(rs.Body)
		if err == nil {
			t.Errorf("half a body (%q) looks whole", b)
		}
		_ = rs.Body.Close()
	}
	if n := w.cache.Stats().Objects; n != 0 {
		t.Errorf("%d objects stored", n)
	}
}

func TestOriginsThatFailOverTheWire(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*world)
		h      http.HandlerFunc
		status int
		detail string
	}{
		{"refused", func(w *world) { w.dist.Origins[0].HTTPPort = closedPort(t) }, nil, 502, "OriginConnectError"},
		{"silent", func(w *world) { w.dist.Origins[0].ReadTimeout = 50 * time.Millisecond }, func(_ http.ResponseWriter, rq *http.Request) {
			<-rq.Context().Done()
		}, 504, "OriginCommError"},
		{"hangs up", nil, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502, "OriginReadError"},
		{"large head", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Big", strings.Repeat("x", 30000))
		}, 502, "OriginHeaderTooBigError"},
	} {
		url, w := wired(t, tt.h, tt.change)
		rs, body := get(t, url+"/a")
		if rs.StatusCode != tt.status || !strings.Contains(body, "ERROR") || rs.Header.Get("X-Cache") != "Error from cloudfront" {
			t.Errorf("%s: %d %q", tt.name, rs.StatusCode, body)
		}
		w.wg.Wait()
		if d := w.lastRecord().Result.Detail.String(); d != tt.detail {
			t.Errorf("%s: %s (%s), want %s", tt.name, d, w.lastRecord().Origin.Error, tt.detail)
		}
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestPathsArriveAsTheyWereWritten(t *testing.T) {
	url, _ := wired(t, func(w http.ResponseWriter, rq *http.Request) { _, _ = io.WriteString(w, rq.RequestURI) }, func(w *world) {
		w.behavior().Cache.Queries = model.Selection{Mode: model.SelectAll}
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for _, target := range []string{
		"/a%20b", "/a%2Fb", "/%C3%A4", "/a+b?x=%2B&y=a+b", "/a;b,c", "//double//slash", "/a%2e%2e/b", "/a/../b", "/q?", "/q?a&b=",
	} {
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target)
		rs, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(rs.Body)
		_ = rs.Body.Close()
		want := strings.TrimSuffix(target, "?")
		if string(b) != want {
			t.Errorf("%s arrived as %s (%d)", target, b, rs.StatusCode)
		}
	}
}

// client is a transport that a test leaves nothing of.
func client(t *testing.T) http.RoundTripper {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}
