// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/record"
)

const handshakeHead = "GET /chat?room=1 HTTP/1.1\r\n" + handshakeFields

// ended waits for the record of an exchange that ends beside the test.
func (w *world) ended(t *testing.T) record.Record {
	t.Helper()
	for range 2000 {
		w.mu.Lock()
		n := len(w.recs)
		w.mu.Unlock()
		if n > 0 {
			return w.lastRecord()
		}
		pass(5 * time.Millisecond)
	}
	t.Fatal("no record")
	return record.Record{}
}

func TestC16TenThousandMessages(t *testing.T) {
	certs := httptest.NewTLSServer(http.NotFoundHandler())
	defer certs.Close()
	for name, secure := range map[string]*tls.Config{
		"HTTP/1.1": nil,
		"HTTPS":    {Certificates: certs.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			url, w := wiredBy(t, secure, echoOrigin(nil), nil)
			v := dialSocket(t, url, handshakeHead)
			const messages = 10000
			message := func(i int) []byte { // mostly small, some beyond the buffers
				return []byte(strings.Repeat(fmt.Sprintf("%d ", i), 1+i%7+(i%1000/999)*20000))
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := range messages {
					if err := writeFrame(v, opText, message(i), true); err != nil {
						t.Errorf("message %d: %v", i, err)
						return
					}
				}
			})
			for i := range messages {
				if op, p, err := readFrame(v.r); err != nil || op != opText || string(p) != string(message(i)) {
					t.Fatalf("message %d: %d %.40q %v", i, op, p, err)
				}
			}
			wg.Wait()
			if err := v.bye(); err != nil {
				t.Error(err)
			}
			_ = v.Close()
			r := w.ended(t)
			if r.Result.Type != record.Miss || r.Response.Status != 101 || r.Result.End != record.EndComplete {
				t.Errorf("%+v %+v", r.Result, r.Response)
			}
			if r.Response.Bytes < 300000 || r.Request.Bytes < r.Response.Bytes { // masks cost bytes
				t.Errorf("%d bytes to the viewer, %d from it", r.Response.Bytes, r.Request.Bytes)
			}
		})
	}
}

// TestC16Handshake: what the origin and the viewer see of it, with a policy
// that forwards nothing.
func TestC16Handshake(t *testing.T) {
	var mu sync.Mutex
	var seen *http.Request
	url, w := wired(t, echoOrigin(func(rq *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = rq.Clone(rq.Context())
	}), nil)
	head := strings.Replace(handshakeHead, "\r\nHost", "\r\nCookie: a=1\r\nAccept-Language: fr\r\nHost", 1)
	early := "\x81\x85\x00\x00\x00\x00early" // in the same segment as the head
	v := dialSocket(t, url, head+early)
	if op, p, err := readFrame(v.r); err != nil || op != opText || string(p) != "early" {
		t.Errorf("%d %q %v", op, p, err)
	}
	if err := errors.Join(v.say("hello"), v.bye()); err != nil {
		t.Error(err)
	}
	h := v.rs.Header
	if v.rs.StatusCode != 101 || h.Get("Upgrade") != "websocket" || h.Get("Connection") != "Upgrade" || h.Get("Sec-WebSocket-Protocol") != "chat" ||
		h.Get("Sec-WebSocket-Accept") != acceptFor(sampleKey) || h.Get("X-Cache") != "Miss from cloudfront" || !strings.Contains(h.Get("Via"), "(CloudFront)") {
		t.Errorf("the viewer got %d %v", v.rs.StatusCode, h)
	}
	if v.rs.ContentLength > 0 || len(v.rs.TransferEncoding) > 0 {
		t.Errorf("the 101 has a body: %+v", v.rs)
	}
	mu.Lock()
	defer mu.Unlock()
	h = seen.Header
	for name, want := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-Websocket-Version": "13", "Sec-Websocket-Key": sampleKey,
		"Sec-Websocket-Protocol": "chat, superchat", "Cookie": "", "Accept-Language": "", "User-Agent": "Amazon CloudFront",
	} {
		if h.Get(name) != want {
			t.Errorf("the origin got %s: %q", name, h.Get(name))
		}
	}
	_ = v.Close()
	if r := w.ended(t); r.Cache.Status != record.CacheBypass || r.Cache.Reason != record.ReasonUpgrade || r.Time.FirstByte <= 0 || r.Time.Total < r.Time.FirstByte {
		t.Errorf("%+v %+v", r.Cache, r.Time)
	}
}

func TestC16OneSideLeaves(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(viewer, origin *net.TCPConn)
		stays func(viewer, origin *net.TCPConn) *net.TCPConn
		end   record.End
	}{
		{"the viewer ends", func(v, _ *net.TCPConn) { _ = v.CloseWrite() }, func(_, o *net.TCPConn) *net.TCPConn { return o }, record.EndComplete},
		{"the origin ends", func(_, o *net.TCPConn) { _ = o.CloseWrite() }, func(v, _ *net.TCPConn) *net.TCPConn { return v }, record.EndComplete},
		{"the viewer resets", func(v, _ *net.TCPConn) { _ = errors.Join(v.SetLinger(0), v.Close()) }, func(_, o *net.TCPConn) *net.TCPConn { return o }, record.EndViewerLeft},
		{"the origin resets", func(_, o *net.TCPConn) { _ = errors.Join(o.SetLinger(0), o.Close()) }, func(v, _ *net.TCPConn) *net.TCPConn { return v }, record.EndOriginBroke},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conns := make(chan *net.TCPConn, 1)
			url, w := wired(t, func(w http.ResponseWriter, rq *http.Request) {
				c, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", acceptFor(rq.Header.Get("Sec-WebSocket-Key")))
				_ = rw.Flush()
				conns <- c.(*net.TCPConn)
			}, nil)
			v := dialSocket(t, url, handshakeHead)
			viewer, origin := v.Conn.(*net.TCPConn), <-conns
			tt.leave(viewer, origin)
			other := tt.stays(viewer, origin)
			if n, err := io.Copy(io.Discard, other); n != 0 || tt.end == record.EndComplete && err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
			if tt.end == record.EndComplete { // the other direction still works
				mine := map[bool]*net.TCPConn{true: viewer, false: origin}[other == origin]
				if _, err := io.WriteString(other, "last words"); err != nil {
					t.Error(err)
				}
				_ = other.CloseWrite()
				if b, err := io.ReadAll(mine); err != nil || string(b) != "last words" {
					t.Errorf("%q %v", b, err)
				}
			}
			if r := w.ended(t); r.Result.End != tt.end || r.Result.Type != record.Miss {
				t.Errorf("%+v", r.Result)
			}
			_ = errors.Join(viewer.Close(), origin.Close())
		})
	}
}

// TestC16OtherAnswers: anything but the right 101 is an answer as any other, or
// refused.
func TestC16OtherAnswers(t *testing.T) {
	const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	good := "Sec-WebSocket-Accept: " + acceptFor(sampleKey) + "\r\n"
	plain := "GET /chat HTTP/1.1\r\nHost: d1.cloudfront.net\r\n\r\n"
	without := func(field string) string { return strings.Replace(handshakeHead, field, "X: ", 1) }
	for _, tt := range []struct {
		name, head, reply string
		status            int
		body              string
	}{
		{"an answer", handshakeHead, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"},
		{"426", handshakeHead, "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nno!", 426, "no!"},
		{"not asked for", plain, switching + good + "\r\nHTTP/1.1 200 OK\r\n\r\n", 502, ""},
		{"not asked for, without fields", plain, "HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, ""},
		{"another accept", handshakeHead, switching + "Sec-WebSocket-Accept: " + acceptFor("other") + "\r\n\r\n", 502, ""},
		{"no accept", handshakeHead, switching + "\r\n", 502, ""},
		{"accept twice", handshakeHead, switching + good + good + "\r\n", 502, ""},
		{"another protocol", handshakeHead, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + good + "\r\n", 502, ""},
		{"no Upgrade", handshakeHead, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" + good + "\r\n", 502, ""},
		{"no Connection", handshakeHead, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" + good + "\r\n", 502, ""},
		{"no key", without("Sec-WebSocket-Key: "), switching + good + "\r\n", 502, ""},
		{"a key that is none", strings.Replace(handshakeHead, sampleKey, "c2hvcnQ=", 1), switching + good + "\r\n", 502, ""},
		{"no Connection: upgrade", without("Connection: "), switching + good + "\r\n", 502, ""},
		{"h2c", strings.Replace(handshakeHead, "WebSocket", "h2c", 1), switching + good + "\r\n", 502, ""},
		{"HTTP/1.0", strings.Replace(handshakeHead, "HTTP/1.1", "HTTP/1.0", 1), switching + good + "\r\n", 502, ""},
		{"HEAD", strings.Replace(handshakeHead, "GET", "HEAD", 1), switching + good + "\r\n", 502, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url, w := wired(t, func(w http.ResponseWriter, _ *http.Request) {
				c, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(c, tt.reply)
				_ = c.Close()
			}, nil)
			v := dialSocket(t, url, tt.head)
			var b []byte
			if !strings.HasPrefix(tt.head, "HEAD") {
				var err error
				if b, err = io.ReadAll(v.rs.Body); err != nil {
					t.Error(err)
				}
			}
			if v.rs.StatusCode != tt.status || tt.body != "" && string(b) != tt.body {
				t.Errorf("%d %q", v.rs.StatusCode, b)
			}
			_ = v.Close()
			if r := w.ended(t); r.Response.Status != tt.status {
				t.Errorf("record: %+v", r.Response)
			}
		})
	}
}

// TestC16NoSwitchWithoutConnection: a plane of this process (a Lambda function
// that answers 101) has no connection to give.
func TestC16NoSwitchWithoutConnection(t *testing.T) {
	w := newWorld(t)
	w.reply = func(rq *http.Request) (*http.Response, error) {
		return answer(101, "", "Upgrade", "websocket", "Connection", "Upgrade", "Sec-Websocket-Accept", acceptFor(sampleKey)), nil
	}
	w.compile()
	p := newPiped(t)
	w.edge.Serve(t.Context(), request("/a", "Upgrade", "websocket", "Connection", "upgrade", "Sec-WebSocket-Key", sampleKey), p)
	if p.status != 502 {
		t.Errorf("%d", p.status)
	}
}
