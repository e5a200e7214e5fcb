// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// response is an answer with fields given as name, value, name, value.
func response(status int, length int64, fields ...string) *httpmsg.Response {
	rs := &httpmsg.Response{Status: status, ContentLength: length}
	for i := 0; i < len(fields); i += 2 {
		rs.Header.Add(fields[i], fields[i+1])
	}
	return rs
}

// inline makes a Handler of what never blocks.
func inline(f func(rq *httpmsg.Request, w engine.Writer)) engine.Handler {
	return func(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
		f(rq, w)
		return nil
	}
}

// later makes a Handler of what may block.
func later(f func(ctx context.Context, rq *httpmsg.Request, w engine.Writer)) engine.Handler {
	return func(ctx context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
		return func() { f(ctx, rq, w) }
	}
}

// exchange sends in and tells what came back.
func exchange(t testing.TB, h engine.Handler, in string) string {
	t.Helper()
	c := &script{in: []byte(in)}
	New(h, Options{}).Serve(t.Context(), c, Peer{})
	return c.out.String()
}

// TestFraming: an answer ends where RFC 9112 6 lets the viewer find its end.
func TestFraming(t *testing.T) {
	stream := func(status int, length int64, pieces ...string) engine.Handler {
		return inline(func(_ *httpmsg.Request, w engine.Writer) {
			_ = w.Head(response(status, length, "A", "b"))
			for _, p := range pieces {
				_, _ = io.WriteString(w, p)
			}
		})
	}
	whole := func(status int, length int64, pieces ...string) engine.Handler {
		return inline(func(_ *httpmsg.Request, w engine.Writer) {
			var body [][]byte
			for _, p := range pieces {
				body = append(body, []byte(p))
			}
			_ = w.Whole(response(status, length, "A", "b"), body, nil)
		})
	}
	const (
		get11  = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
		head11 = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
		get10  = "GET / HTTP/1.0\r\n\r\n"
		keep10 = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
		ok     = "HTTP/1.1 200 OK\r\nA: b\r\n"
	)
	for _, tt := range []struct {
		name string
		h    engine.Handler
		in   string
		want string
	}{
		{"length", stream(200, 5, "he", "llo"), get11, ok + "Content-Length: 5\r\n\r\nhello"},
		{"no length", stream(200, -1, "he", "", "llo"), get11, ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"},
		{"no length, nothing", stream(200, -1), get11, ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"too much", stream(200, 3, "hello"), get11, ok + "Content-Length: 3\r\n\r\nhel"},
		{"HEAD", stream(200, 5, "hello"), head11, ok + "Content-Length: 5\r\n\r\n"},
		{"HEAD, no length", stream(200, -1, "hello"), head11, ok + "\r\n"},
		{"204", stream(204, 0), get11, "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n"},
		{"304", stream(304, 5, "hello"), get11, "HTTP/1.1 304 Not Modified\r\nA: b\r\n\r\n"},
		{"status without words", stream(299, 0), get11, "HTTP/1.1 299 \r\nA: b\r\nContent-Length: 0\r\n\r\n"},
		{"HTTP/1.0", stream(200, 5, "hello"), get10, ok + "Content-Length: 5\r\nConnection: close\r\n\r\nhello"},
		{"HTTP/1.0, no length", stream(200, -1, "hello"), keep10, ok + "Connection: close\r\n\r\nhello"},
		{"HTTP/1.0, kept", stream(200, 5, "hello"), keep10 + keep10, strings.Repeat(ok+"Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", 2)},
		{"whole", whole(200, -1, "he", "llo"), get11, ok + "Content-Length: 5\r\n\r\nhello"},
		{"whole, nothing", whole(200, 0), get11, ok + "Content-Length: 0\r\n\r\n"},
		{"whole, HEAD", whole(200, 5), head11, ok + "Content-Length: 5\r\n\r\n"},
		{"whole, HEAD with pieces", whole(200, 5, "hello"), head11, ok + "Content-Length: 5\r\n\r\n"},
		{"whole, 304", whole(304, 5), get11, "HTTP/1.1 304 Not Modified\r\nA: b\r\n\r\n"},
		{"pipelined", whole(200, 1, "x"), get11 + head11 + get11, ok + "Content-Length: 1\r\n\r\nx" + ok + "Content-Length: 0\r\n\r\n" + ok + "Content-Length: 1\r\n\r\nx"},
		{
			"large pieces stay in order", whole(200, -1, "<", strings.Repeat("y", 40000), ">", strings.Repeat("z", 5000)), get11 + get11,
			strings.Repeat(ok+"Content-Length: 45002\r\n\r\n<"+strings.Repeat("y", 40000)+">"+strings.Repeat("z", 5000), 2),
		},
		{
			"large streamed piece", stream(200, -1, "<", strings.Repeat("y", 40000), ">"), get11,
			ok + "Transfer-Encoding: chunked\r\n\r\n1\r\n<\r\n9c40\r\n" + strings.Repeat("y", 40000) + "\r\n1\r\n>\r\n0\r\n\r\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if tt.name == "pipelined" { // HEAD's length is the one that was given
				want = strings.Replace(want, "Content-Length: 0", "Content-Length: 1", 1)
			}
			if got := exchange(t, tt.h, tt.in); got != want {
				t.Errorf("got %.300q\nwant %.300q", got, want)
			}
		})
	}
}

// TestFieldsGoOutAsTheyAre but for the engine's own, and line breaks in them.
func TestFieldsGoOutAsTheyAre(t *testing.T) {
	h := inline(func(_ *httpmsg.Request, w engine.Writer) {
		_ = w.Whole(response(200, 0, "ETag", `"a"`, "x-lower", "1", "content-length", "9", "Transfer-Encoding", "chunked",
			"Keep-Alive", "timeout=5", "Upgrade", "h2c", "X-Empty", "", "Set-Cookie", "a", "Set-Cookie", "b"), nil, nil)
	})
	want := "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nx-lower: 1\r\nX-Empty: \r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"
	if got := exchange(t, h, get+"\r\n"); got != want {
		t.Errorf("got %q", got)
	}
	h = inline(func(_ *httpmsg.Request, w engine.Writer) {
		_ = w.Whole(response(200, 0, "A", "b\r\nSet-Cookie: c", "B\r\nC", "d", "E", "f\n\ng", "H", "i"), nil, nil)
	})
	want = "HTTP/1.1 200 OK\r\nA: b  Set-Cookie: c\r\nE: f  g\r\nH: i\r\nContent-Length: 0\r\n\r\n"
	if got := exchange(t, h, get+"\r\n"); got != want {
		t.Errorf("splitting: got %q", got)
	}
	h = inline(func(_ *httpmsg.Request, w engine.Writer) {
		_ = w.Whole(response(200, 0, "connection", "close"), nil, nil)
	})
	if got := exchange(t, h, get+"\r\n"+next); got != "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" {
		t.Errorf("close by the answer: got %q", got)
	}
}

// TestCutAnswers: an answer that is not whole does not look whole, and nothing
// follows it.
func TestCutAnswers(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(w engine.Writer)
		want string
	}{
		{"short", func(w engine.Writer) {
			_ = w.Head(response(200, 5))
			_, _ = io.WriteString(w, "hel")
		}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"},
		{"aborted", func(w engine.Writer) {
			_ = w.Head(response(200, -1))
			_, _ = io.WriteString(w, "hel")
			w.Abort()
			if _, err := io.WriteString(w, "lo"); err == nil {
				t.Error("a write after Abort succeeds")
			}
		}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n"},
		{"panic in the body", func(w engine.Writer) {
			_ = w.Head(response(200, -1))
			panic("x")
		}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"panic", func(engine.Writer) { panic("x") }, "500"},
		{"no answer", func(engine.Writer) {}, "500"},
		{"body without head", func(w engine.Writer) { _, _ = w.Write([]byte("x")) }, "500"},
		{"status of no answer", func(w engine.Writer) { _ = w.Head(response(7, 0)) }, "500"},
		{"101 by Head", func(w engine.Writer) { _ = w.Head(response(101, 0)) }, "500"},
		{"wrong length", func(w engine.Writer) {
			if w.Whole(response(200, 4), [][]byte{[]byte("hello")}, nil) == nil {
				t.Error("accepted")
			}
		}, "500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, h := range []engine.Handler{
				inline(func(_ *httpmsg.Request, w engine.Writer) { tt.f(w) }),
				later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) { tt.f(w) }),
			} {
				got := exchange(t, h, get+"\r\n"+next)
				if tt.want == "500" {
					if !strings.HasPrefix(got, "HTTP/1.1 500 ") || !strings.Contains(got, "Connection: close\r\n") || strings.Count(got, "HTTP/1.1") != 1 {
						t.Errorf("got %q, want one 500", got)
					}
				} else if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// TestOneAnswer: the second head is refused, the first stands.
func TestOneAnswer(t *testing.T) {
	h := inline(func(_ *httpmsg.Request, w engine.Writer) {
		_ = w.Whole(response(200, 0), nil, nil)
		if w.Head(response(404, 0)) == nil || w.Whole(response(404, 0), nil, nil) == nil {
			t.Error("a second answer is taken")
		}
	})
	if got := exchange(t, h, get+"\r\n"); got != "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("got %q", got)
	}
}

// TestInterimAnswers: 103 goes out at once, before the answer; HTTP/1.0 gets none.
func TestInterimAnswers(t *testing.T) {
	h := later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
		_ = w.Head(response(103, -1, "Link", "</a>"))
		_ = w.Whole(response(200, 0), nil, nil)
	})
	if got := exchange(t, h, get+"\r\n"); got != "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("got %q", got)
	}
	if got := exchange(t, h, "GET / HTTP/1.0\r\n\r\n"); got != "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" {
		t.Errorf("HTTP/1.0: got %q", got)
	}
}

// writes counts what is written and how often.
type writes struct {
	script
	n int
}

func (w *writes) Write(p []byte) (int, error) { w.n++; return w.script.Write(p) }

// TestOneWritePerRead: all requests of one read are answered by one write.
func TestOneWritePerRead(t *testing.T) {
	c := &writes{script: script{in: []byte(strings.Repeat(next, 20))}}
	New(inline(func(_ *httpmsg.Request, w engine.Writer) {
		_ = w.Whole(response(200, -1), [][]byte{[]byte("hello")}, nil)
	}), Options{}).Serve(t.Context(), c, Peer{})
	if c.n != 1 || strings.Count(c.out.String(), "hello") != 20 {
		t.Errorf("%d writes: %q", c.n, c.out.String())
	}
}

// TestPendingIsBounded: answers do not pile up while the buffer still holds
// requests.
func TestPendingIsBounded(t *testing.T) {
	c := &writes{script: script{in: []byte(strings.Repeat(next, 20))}}
	body := [][]byte{make([]byte, 1000)}
	New(inline(func(_ *httpmsg.Request, w engine.Writer) {
		_ = w.Whole(response(200, -1), body, nil)
	}), Options{Limits: engine.Limits{Pending: 4500}}).Serve(t.Context(), c, Peer{})
	if c.n != 4 {
		t.Errorf("%d writes, want 4", c.n)
	}
}

// TestCopiesAreBounded: a viewer that asks for much and takes nothing does not
// make the output buffer grow.
func TestCopiesAreBounded(t *testing.T) {
	c := &writes{script: script{in: []byte(strings.Repeat(next, 100))}}
	body := [][]byte{make([]byte, copyMax)}
	New(inline(func(_ *httpmsg.Request, w engine.Writer) {
		_ = w.Whole(response(200, -1), body, nil)
	}), Options{}).Serve(t.Context(), c, Peer{})
	if most := c.out.Len() / c.n; most > gatherMax+2*copyMax {
		t.Errorf("%d bytes in %d writes", c.out.Len(), c.n)
	}
}

// TestUnreadBodies are drained when that is cheap, and end the connection when
// it is not.
func TestUnreadBodies(t *testing.T) {
	ignore := inline(func(rq *httpmsg.Request, w engine.Writer) { _ = w.Whole(response(200, -1, "P", rq.Path), nil, nil) })
	const ok = "HTTP/1.1 200 OK\r\nP: %\r\nContent-Length: 0\r\n"
	first, second := strings.Replace(ok, "%", "/", 1), strings.Replace(ok, "%", "/next", 1)+"\r\n"
	for _, tt := range []struct{ name, in, want string }{
		{"short", post + "Content-Length: 5\r\n\r\nhello" + next, first + "\r\n" + second},
		{"chunked", post + te + "5\r\nhello\r\n0\r\nA: b\r\n\r\n" + next, first + "\r\n" + second},
		{"long", post + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 1000000) + next, first + "Connection: close\r\n\r\n"},
		{"long chunks", post + te + strings.Repeat("2710\r\n"+strings.Repeat("x", 10000)+"\r\n", 100) + "0\r\n\r\n" + next, first + "\r\n"},
		{"bad chunks", post + te + "5\r\nhello" + next, first + "\r\n"},
		{"not asked for", post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" + next, first + "Connection: close\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exchange(t, ignore, tt.in); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// TestOwnedRequest: when the rest runs, the Request does not depend on the
// connection's buffer.
func TestOwnedRequest(t *testing.T) {
	body := strings.Repeat("x", 3*smallBuffer)
	in := "POST http://other/path?query HTTP/1.1\r\nHost: h\r\nA: b\r\nX-Empty:\r\nTransfer-Encoding: chunked\r\n\r\n" +
		strings.Repeat("5\r\nhello\r\n", 4000) + "0\r\n\r\n" + next
	want := "POST other /path?query {A: b}{X-Empty: }"
	h := func(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
		if rq.Body == nil {
			_ = w.Whole(response(200, 0), nil, nil)
			return nil
		}
		return func() {
			keep := rq.Clone()
			if got := dump(keep); got != want {
				t.Errorf("before: %s", got)
			}
			if p, err := io.ReadAll(rq.Body); err != nil || len(p) != 20000 {
				t.Errorf("body: %d bytes, %v", len(p), err)
			}
			rq.Body, rq.ContentLength = nil, 0
			if got := dump(rq); got != want {
				t.Errorf("after: %s", got)
			}
			_ = w.Whole(response(200, int64(len(body))), [][]byte{[]byte(body)}, nil)
		}
	}
	if got := exchange(t, h, in); strings.Count(got, "HTTP/1.1 200 OK") != 2 {
		t.Errorf("got %.100q", got)
	}
}

// TestViewerAndFirstBytes: what the caller knows of the connection reaches the
// Request, and what it has read is not lost, however much it is.
func TestViewerAndFirstBytes(t *testing.T) {
	for _, n := range []int{1, 3, 300} {
		c, seen := &script{}, 0
		p := Peer{Viewer: httpmsg.Viewer{TLS: &httpmsg.TLS{Version: "TLSv1.3"}}, First: []byte(strings.Repeat(next, n))}
		New(inline(func(rq *httpmsg.Request, w engine.Writer) {
			seen++
			if rq.Scheme != "https" || rq.Viewer.TLS == nil {
				t.Error("no TLS")
			}
			_ = w.Whole(response(200, 0), nil, nil)
		}), Options{}).Serve(t.Context(), c, p)
		if seen != n {
			t.Errorf("%d requests, want %d", seen, n)
		}
	}
}

// TestContextEndsTheConnection: a server that stops cuts what is left.
func TestContextEndsTheConnection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, s := net.Pipe()
	defer c.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(inline(nil), Options{}).Serve(ctx, s, Peer{})
	}()
	cancel()
	<-done
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("the connection is open")
	}
}
