// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// browser is a request as a browser sends it.
const browser = "GET /static/app.3f9a1c.js?v=2 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
	"Accept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n" +
	"Referer: https://www.example.com/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n"

// hit answers with 1 KB from memory, as the edge does for a stored object.
func hit() engine.Handler {
	rs := response(200, 1024, "Content-Type", "text/javascript", "Cache-Control", "max-age=31536000", "ETag", `"3f9a1c"`,
		"Date", "Mon, 01 Jan 2024 00:00:00 GMT", "Age", "17", "X-Cache", "Hit from cloudfront", "Via", "1.1 edge (CloudFront)")
	body := [][]byte{make([]byte, 1024)}
	return func(_ context.Context, _ *httpmsg.Request, w engine.Writer, _ bool) func() {
		_ = w.Whole(rs, body, nil)
		return nil
	}
}

// loop is a viewer that sends the same bytes n times, each time when the
// answer has been written.
type loop struct {
	script
	request []byte
	n       int
	wrote   int
}

func (l *loop) Read(p []byte) (int, error) {
	if l.n == 0 {
		return 0, io.EOF
	}
	l.n--
	return copy(p, l.request), nil
}

func (l *loop) Write(p []byte) (int, error) { l.wrote += len(p); return len(p), nil }

// TestAHitAllocatesNothing: the allocations of a connection do not depend on
// the number of its requests.
func TestAHitAllocatesNothing(t *testing.T) {
	for _, tt := range []struct{ name, request string }{
		{"one a read", browser}, {"eight a read", strings.Repeat(next, 8)}, {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"},
	} {
		s := New(hit(), Options{})
		serve := func(n int) float64 {
			return testing.AllocsPerRun(5, func() {
				s.Serve(t.Context(), &loop{request: []byte(tt.request), n: n}, Peer{})
			})
		}
		// A collection in between may empty the pools: a few are allowed over
		// thousands of requests, which is none for each.
		allowed := 10.0
		if lossyPools {
			allowed = 20000
		}
		if few, many := serve(10), serve(4000); many-few > allowed {
			t.Errorf("%s: %v allocations for 10 reads, %v for 4000", tt.name, few, many)
		}
	}
}

// TestParseAllocatesNothing and neither does the answer.
func TestParseAllocatesNothing(t *testing.T) {
	s := New(hit(), Options{})
	l := &loop{request: []byte(browser), n: 1 << 30}
	c := newConn(s, l, Peer{})
	c.ctx, c.cancel = context.WithCancel(t.Context())
	c.start(nil)
	step := func() {
		c.fill()
		n, why := c.parse(c.in.b[c.r:c.w], &c.rq, &c.hd)
		c.r += n
		if why != ReasonNone || !c.answer(n) || c.flush() != nil {
			t.Error("not answered")
		}
	}
	step()
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func BenchmarkParse(b *testing.B) {
	limits := engine.Defaults()
	p := parser{limits: &limits, scheme: "http"}
	var rq httpmsg.Request
	var h head
	in := []byte(browser)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if n, _ := p.parse(in, &rq, &h); n != len(in) {
			b.Fatal("not parsed")
		}
	}
}

// BenchmarkEngine is what an engine itself costs: no kernel is involved.
func BenchmarkEngine(b *testing.B) {
	b.Run("h1", func(b *testing.B) {
		b.ReportAllocs()
		New(hit(), Options{}).Serve(b.Context(), &loop{request: []byte(browser), n: b.N}, Peer{})
	})
	b.Run("nethttp", func(b *testing.B) {
		b.ReportAllocs()
		l := &loop{request: []byte(browser), n: b.N}
		ln := &listener{conn: l, done: make(chan struct{})}
		srv := &http.Server{Handler: http.HandlerFunc(netHit), ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				close(ln.done)
			}
		}}
		_ = srv.Serve(ln)
	})
}

func netHit(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	for _, f := range [][2]string{
		{"Content-Type", "text/javascript"},
		{"Cache-Control", "max-age=31536000"},
		{"Etag", `"3f9a1c"`},
		{"Date", "Mon, 01 Jan 2024 00:00:00 GMT"},
		{"Age", "17"},
		{"X-Cache", "Hit from cloudfront"},
		{"Via", "1.1 edge (CloudFront)"},
		{"Content-Length", "1024"},
	} {
		h[f[0]] = []string{f[1]}
	}
	_, _ = w.Write(kilobyte)
}

var kilobyte = make([]byte, 1024)

// listener gives one connection.
type listener struct {
	conn net.Conn
	done chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return addressed{c}, nil
	}
	<-l.done
	return nil, net.ErrClosed
}
func (*listener) Close() error   { return nil }
func (*listener) Addr() net.Addr { return &net.TCPAddr{} }

type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{} }
func (addressed) LocalAddr() net.Addr  { return &net.TCPAddr{} }

// BenchmarkLoopback is a request and its answer through the kernel, the
// viewer's side included.
func BenchmarkLoopback(b *testing.B) {
	serveH1 := func(ctx context.Context, ln net.Listener) {
		s := New(hit(), Options{})
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go s.Serve(ctx, c, Peer{})
		}
	}
	serveNet := func(_ context.Context, ln net.Listener) {
		_ = (&http.Server{Handler: http.HandlerFunc(netHit), ReadHeaderTimeout: time.Minute}).Serve(ln)
	}
	for _, tt := range []struct {
		name  string
		depth int
		serve func(context.Context, net.Listener)
	}{{"h1", 1, serveH1}, {"nethttp", 1, serveNet}, {"h1-pipelined16", 16, serveH1}, {"nethttp-pipelined16", 16, serveNet}} {
		b.Run(tt.name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			go tt.serve(b.Context(), ln)
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			request := []byte(strings.Repeat(next, tt.depth))
			size := 0
			r := bufio.NewReaderSize(c, 64<<10)
			_, _ = c.Write([]byte(next))
			rs, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, counter{&size})), nil)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, rs.Body)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = c.Write(request)
				if _, err := r.Discard(size * tt.depth); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*tt.depth)/b.Elapsed().Seconds(), "req/s")
		})
	}
}

type counter struct{ n *int }

func (c counter) Write(p []byte) (int, error) { *c.n += len(p); return len(p), nil }
