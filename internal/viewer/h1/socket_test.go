// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// listen serves loopback connections until the test ends.
func listen(t *testing.T, h engine.Handler, config *tls.Config) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(h, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				if config == nil {
					s.Serve(ctx, c, Peer{})
					return
				}
				tc := tls.Server(c, config)
				if tc.HandshakeContext(ctx) == nil {
					s.Serve(ctx, tc, Peer{Viewer: httpmsg.Viewer{TLS: &httpmsg.TLS{}}})
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		cancel()
		wg.Wait()
		if n := s.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	return ln.Addr().String()
}

// pattern is n bytes that show when some are lost, doubled or moved.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// TestSockets: bodies of all sizes through real connections, with net/http as
// the viewer.
func TestSockets(t *testing.T) {
	test := httptest.NewUnstartedServer(nil)
	test.StartTLS()
	certificates := test.TLS.Certificates
	test.Close()
	for _, secure := range []bool{false, true} {
		name, config, scheme := "cleartext", (*tls.Config)(nil), "http"
		if secure {
			name, config, scheme = "TLS", &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}, "https"
		}
		t.Run(name, func(t *testing.T) {
			addr := listen(t, sizes, config)
			tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate is of the test
			defer tr.CloseIdleConnections()
			client := &http.Client{Transport: tr}
			for _, n := range []int{0, 1, 1000, 4096, 4097, 16384, 70000, 3 << 20} {
				for _, way := range []string{"whole", "pieces", "stream", "counted"} {
					want := pattern(n)
					var body io.Reader = bytes.NewReader(want)
					if way == "stream" {
						body = struct{ io.Reader }{body} // chunked
					}
					rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+addr+"/"+way, body)
					if err != nil {
						t.Fatal(err)
					}
					rs, err := client.Do(rq)
					if err != nil {
						t.Fatalf("%s %d: %v", way, n, err)
					}
					got, err := io.ReadAll(rs.Body)
					_ = rs.Body.Close()
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s %d: %d bytes, %v", way, n, len(got), err)
					}
				}
			}
		})
	}
}

// sizes answers with the body it gets, in the way that the path names.
var sizes = later(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
	var p []byte
	if rq.Body != nil {
		p, _ = io.ReadAll(rq.Body)
	}
	switch rq.Path {
	case "/whole":
		_ = w.Whole(response(200, -1), [][]byte{p}, nil)
	case "/pieces":
		var body [][]byte
		for i := 1; len(p) > 0; i *= 3 {
			n := min(i, len(p))
			body, p = append(body, p[:n]), p[n:]
		}
		_ = w.Whole(response(200, -1), body, nil)
	default:
		length := int64(-1)
		if rq.Path == "/counted" {
			length = int64(len(p))
		}
		_ = w.Head(response(200, length))
		scratch := make([]byte, 30000)
		for i := 1; len(p) > 0; i = min(i*3, len(scratch)) {
			n := copy(scratch[:i], p)
			_, _ = w.Write(scratch[:n])
			clear(scratch) // Write may not hold on to it
			p = p[n:]
		}
	}
})

// TestRefusalsArrive although the viewer is still sending.
func TestRefusalsArrive(t *testing.T) {
	addr := listen(t, empty, nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\nHost: h\n\n"+strings.Repeat("x", 100000)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 Bad Request\r\nDate: ") || !strings.HasSuffix(string(got), "\r\n\r\nBad Request\n") {
		t.Errorf("%v: %q", err, got)
	}
}

// TestHalfClosedViewers are told by the context, and still take an answer.
func TestHalfClosedViewers(t *testing.T) {
	addr := listen(t, later(func(ctx context.Context, _ *httpmsg.Request, w engine.Writer) {
		<-ctx.Done()
		_ = w.Whole(response(200, 0), nil, nil)
	}), nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, next)
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || status(string(got)) != "200" {
		t.Errorf("%v: %q", err, got)
	}
}

// TestAbortResets where the end of the connection would look like the end of
// the body.
func TestAbortResets(t *testing.T) {
	addr := listen(t, later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
		_ = w.Head(response(200, -1))
		_, _ = w.Write([]byte("hel"))
		w.Abort()
	}), nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	if got, err := io.ReadAll(c); err == nil {
		t.Errorf("ends well: %q", got)
	}
}

// TestManyViewers share one Server.
func TestManyViewers(t *testing.T) {
	addr := listen(t, hit(), nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			go func() { _, _ = io.WriteString(c, strings.Repeat(next, 99)+get+"Connection: close\r\n\r\n") }()
			if got, err := io.ReadAll(c); err != nil || bytes.Count(got, []byte("HTTP/1.1 200 OK\r\n")) != 100 {
				t.Errorf("%v: %d bytes", err, len(got))
			}
		})
	}
	wg.Wait()
}
