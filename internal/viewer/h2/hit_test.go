// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// loop is a connection without a network: each Read gives the next batch,
// Write counts.
type loop struct {
	net.Conn
	next    []byte
	reads   chan []byte
	wrote   chan int
	closing chan struct{}
	once    sync.Once
}

func newLoop() *loop {
	return &loop{reads: make(chan []byte), wrote: make(chan int, 16), closing: make(chan struct{})}
}

func (l *loop) Read(b []byte) (int, error) {
	if len(l.next) == 0 {
		select {
		case l.next = <-l.reads:
		case <-l.closing:
			return 0, io.EOF
		}
	}
	n := copy(b, l.next)
	l.next = l.next[n:]
	return n, nil
}

func (l *loop) Write(b []byte) (int, error) {
	l.wrote <- len(b)
	return len(b), nil
}

func (l *loop) Close() error                     { l.once.Do(func() { close(l.closing) }); return nil }
func (l *loop) SetReadDeadline(time.Time) error  { return nil }
func (l *loop) SetWriteDeadline(time.Time) error { return nil }

// hit answers as a cache does, without allocating.
func hit(size int) engine.Handler {
	rs := response(200, int64(size), "Content-Type", "text/html", "ETag", `"abcdef"`, "Cache-Control", "max-age=3600",
		"Date", "Sun, 22 Nov 2026 22:00:00 GMT", "X-Cache", "Hit from cloudfront", "Via", "1.1 example.cloudfront.net (CloudFront)")
	body := [][]byte{bytes.Repeat([]byte("x"), size)}
	return func(_ context.Context, _ *httpmsg.Request, w engine.Writer, _ bool) func() {
		_ = w.Whole(rs, body, nil)
		return nil
	}
}

// requests is a batch of n GETs from a first stream on, as a browser codes them.
type requests struct {
	enc *hpack.Encoder
	buf bytes.Buffer
	fr  *http2.Framer
	out bytes.Buffer
	id  uint32
}

func newRequests() *requests {
	r := &requests{id: 1}
	r.enc, r.fr = hpack.NewEncoder(&r.buf), http2.NewFramer(&r.out, nil)
	r.fr.AllowIllegalWrites = true
	return r
}

func (r *requests) batch(n int) []byte {
	r.out.Reset()
	_ = r.fr.WriteWindowUpdate(0, uint32(n)*1024)
	for i := range n {
		r.buf.Reset()
		for _, f := range []hpack.HeaderField{
			{Name: ":method", Value: "GET"},
			{Name: ":scheme", Value: "https"},
			{Name: ":authority", Value: "d111111abcdef8.cloudfront.net"},
			{Name: ":path", Value: "/assets/item-" + strconv.Itoa(int(r.id)+i) + ".html?v=1", Sensitive: true},
			{Name: "user-agent", Value: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"},
			{Name: "accept", Value: "text/html,application/xhtml+xml"},
			{Name: "accept-encoding", Value: "gzip, deflate, br"},
			{Name: "cookie", Value: "a=1"},
			{Name: "cookie", Value: "session=abcdef"},
		} {
			_ = r.enc.WriteField(f)
		}
		_ = r.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: r.id, BlockFragment: r.buf.Bytes(), EndStream: true, EndHeaders: true})
		r.id += 2
	}
	return bytes.Clone(r.out.Bytes())
}

// A hit allocates nothing: sixteen at once, one write.
func TestHitAllocatesNothing(t *testing.T) {
	l := newLoop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(hit(1024), Options{}).Serve(t.Context(), l, httpmsg.Viewer{})
	}()
	<-l.wrote // our SETTINGS
	r := newRequests()
	l.reads <- []byte(preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x00\x04\x01\x00\x00\x00\x00")
	<-l.wrote
	const rounds = 200
	var batches [][]byte
	for range rounds + 20 {
		batches = append(batches, r.batch(16))
	}
	i := 0
	round := func() {
		l.reads <- batches[i]
		i++
		if n := <-l.wrote; n < 16*1024 {
			t.Errorf("a write of %d bytes for sixteen answers", n)
		}
	}
	for range 10 {
		round()
	}
	if allocs := testing.AllocsPerRun(rounds, round); allocs > 0 && !raceDetector {
		t.Errorf("%v allocations for sixteen hits", allocs)
	}
	l.Close()
	<-done
}

// BenchmarkLoop is the cost of sixteen hits without network and TLS.
func BenchmarkLoop(b *testing.B) {
	l := newLoop()
	go New(hit(1024), Options{Log: slog.New(slog.DiscardHandler)}).Serve(b.Context(), l, httpmsg.Viewer{})
	<-l.wrote
	l.reads <- []byte(preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x00\x04\x01\x00\x00\x00\x00")
	<-l.wrote
	r := newRequests()
	r.batch(1) // fills the table of the encoder; the decoder's is filled by the same bytes
	r = newRequests()
	l.reads <- r.batch(16)
	<-l.wrote
	batch := r.batch(16)
	b.ReportAllocs()
	for b.Loop() {
		l.reads <- batch
		<-l.wrote
		renumber(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/hit")
	l.Close()
}

// renumber moves the streams of a batch on.
func renumber(b []byte) {
	for len(b) > 0 {
		h := parseHeader(b)
		if h.kind == frameHeaders {
			id := h.id + 32
			b[5], b[6], b[7], b[8] = byte(id>>24), byte(id>>16), byte(id>>8), byte(id)
		}
		b = b[headerSize+h.length:]
	}
}

// BenchmarkHits compares this engine with that of net/http: sixteen streams of
// 1 KB hits over TLS on the loopback. The client costs the same in both.
func BenchmarkHits(b *testing.B) {
	cert := certificate(b)
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}, DynamicRecordSizingDisabled: true}
	b.Run("forelane", func(b *testing.B) {
		s := New(hit(1024), Options{})
		benchmarkServer(b, conf, func(ln net.Listener) {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go s.Serve(b.Context(), c, httpmsg.Viewer{TLS: &httpmsg.TLS{}})
			}
		})
	})
	b.Run("net-http", func(b *testing.B) {
		body := bytes.Repeat([]byte("x"), 1024)
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, f := range [][2]string{
				{"Content-Type", "text/html"},
				{"Etag", `"abcdef"`},
				{"Cache-Control", "max-age=3600"},
				{"Content-Length", "1024"},
				{"X-Cache", "Hit from cloudfront"},
				{"Via", "1.1 example.cloudfront.net (CloudFront)"},
			} {
				w.Header()[f[0]] = []string{f[1]}
			}
			_, _ = w.Write(body)
		})
		s := &http.Server{Handler: h, TLSConfig: conf, ReadHeaderTimeout: time.Minute}
		benchmarkServer(b, conf, func(ln net.Listener) { _ = s.Serve(ln) })
	})
}

func benchmarkServer(b *testing.B, conf *tls.Config, serve func(net.Listener)) {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", conf)
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	go serve(ln)
	c, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // loopback
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"+"\x00\x00\x00\x04\x01\x00\x00\x00\x00"); err != nil {
		b.Fatal(err)
	}
	r := newRequests()
	first, batch := r.batch(16), r.batch(16)
	round := func(batch []byte) {
		if _, err := c.Write(batch); err != nil {
			b.Fatal(err)
		}
	}
	in := make([]byte, 64<<10)
	ends := func(n int) { // reads until so many streams have ended
		have := 0
		for n > 0 {
			m, err := c.Read(in[have:])
			if err != nil {
				b.Fatal(err)
			}
			have += m
			p := in[:have]
			for len(p) >= headerSize && len(p) >= headerSize+parseHeader(p).length {
				h := parseHeader(p)
				if h.kind == frameGoAway {
					b.Fatalf("the server goes away: %q", p[:headerSize+h.length])
				}
				if h.has(flagEndStream) && (h.kind == frameData || h.kind == frameHeaders) {
					n--
				}
				p = p[headerSize+h.length:]
			}
			have = copy(in, p)
		}
	}
	round(first)
	ends(16)
	before := cpuTime(b)
	for b.Loop() {
		round(batch)
		ends(16)
		renumber(batch)
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/16/1000, "cpu-us/hit")
	b.ReportMetric(16*float64(b.N)/b.Elapsed().Seconds(), "hits/s")
}

func certificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
