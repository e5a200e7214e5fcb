// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// What a Handler sees of a request.
func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name string
		head []string
		want string
	}{
		{
			"plain",
			[]string{":method", "GET", ":scheme", "https", ":authority", "example.com:8443", ":path", "/a%20b?x=1&y", "accept", "*/*", "x-a", "1", "x-a", "2"},
			"GET http example.com:8443 /a%20b x=1&y HTTP/2.0 0 [{accept */*} {x-a 1} {x-a 2}]",
		},
		{
			"host and length stand in the request",
			[]string{":method", "GET", ":scheme", "http", ":path", "/", "host", "a.example", "content-length", "0"},
			"GET http a.example /  HTTP/2.0 0 []",
		},
		{
			"cookie crumbs are one field",
			[]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "cookie", "a=1", "x", "y", "cookie", "b=2", "cookie", "c=3"},
			"GET http a /  HTTP/2.0 0 [{cookie a=1; b=2; c=3} {x y}]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got string
				p := connect(t, handler(func(rq *httpmsg.Request, w engine.Writer) {
					got = fmt.Sprint(rq.Method, " ", rq.Scheme, " ", rq.Host, " ", rq.Path, " ", rq.Query, " ", rq.Proto, " ", rq.ContentLength, " ", rq.Header.Fields())
					hello(rq, w)
				}), Options{}, false)
				p.head(1, true, c.head...)
				p.want("HEADERS 1 :status=200")
				if got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

// A request that leaves the reading goroutine has memory of its own, whatever
// comes after it.
func TestRequestOwned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := connect(t, func(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
			if rq.Path != "/1" {
				hello(rq, w)
				return nil
			}
			return func() {
				<-gate
				_ = w.Whole(response(200, -1, "x", rq.Path+rq.Header.Get("x-long")), nil, nil)
			}
		}, Options{}, false)
		long := strings.Repeat("ab", 500)
		p.head(1, true, ":method", "GET", ":scheme", "http", ":path", "/1", ":authority", "a", "x-long", long)
		for id := uint32(3); id < 43; id += 2 {
			p.head(id, true, ":method", "GET", ":scheme", "http", ":path", "/other", ":authority", "zzz", "x-long", strings.Repeat("zz", 600))
			p.see()
		}
		close(gate)
		p.want("HEADERS 1 :status=200 content-length=0 x=/1"+long+" END", "HEADERS 41 :status=200")
	})
}

// What goes out of an answer.
func TestAnswer(t *testing.T) {
	body := [][]byte{[]byte("12345")}
	for _, c := range []struct {
		name, method string
		answer       func(w engine.Writer)
		want         []string
	}{
		{"whole", "GET", func(w engine.Writer) { _ = w.Whole(response(200, -1, "ETag", `"1"`), body, nil) }, []string{`HEADERS 1 :status=200 content-length=5 etag="1"`, "DATA 1 5 END"}},
		{"whole without body", "GET", func(w engine.Writer) { _ = w.Whole(response(418, -1), nil, nil) }, []string{"HEADERS 1 :status=418 content-length=0 END"}},
		{"HEAD", "HEAD", func(w engine.Writer) { _ = w.Whole(response(200, -1), body, nil) }, []string{"HEADERS 1 :status=200 content-length=5 END", "!DATA"}},
		{"HEAD with a length and no body", "HEAD", func(w engine.Writer) { _ = w.Whole(response(200, 77), nil, nil) }, []string{"HEADERS 1 :status=200 content-length=77 END"}},
		{"304", "GET", func(w engine.Writer) { _ = w.Whole(response(304, 5), body, nil) }, []string{"HEADERS 1 :status=304 END", "!DATA"}},
		{"204", "GET", func(w engine.Writer) { _ = w.Head(response(204, -1)) }, []string{"HEADERS 1 :status=204 END"}},
		{"early hints", "GET", func(w engine.Writer) {
			_ = w.Head(response(103, -1, "Link", "</a>"))
			_ = w.Whole(response(200, -1), body, nil)
		}, []string{"HEADERS 1 :status=103 link=</a>", "HEADERS 1 :status=200", "DATA 1 5 END"}},
		{"connection fields stay behind", "GET", func(w engine.Writer) {
			_ = w.Whole(response(200, -1, "Connection", "close", "Transfer-Encoding", "chunked", "Keep-Alive", "1", "Upgrade", "x", "TE", "x", "Content-Length", "9", "X-Y", "z"), body, nil)
		}, []string{"HEADERS 1 :status=200 content-length=5 x-y=z"}},
		{"a value with a line feed", "GET", func(w engine.Writer) { _ = w.Whole(response(200, -1, "X", "a\nb"), body, nil) }, []string{"RST 1 INTERNAL_ERROR", "!HEADERS"}},
		{"a name with a space", "GET", func(w engine.Writer) { _ = w.Whole(response(200, -1, "X Y", "a"), body, nil) }, []string{"RST 1 INTERNAL_ERROR", "!HEADERS"}},
		{"stream of unknown length", "POST", func(w engine.Writer) {
			_ = w.Head(response(200, -1))
			_, _ = w.Write([]byte("12"))
			_ = w.Flush()
			_, _ = w.Write([]byte("3"))
			_, _ = w.Write([]byte("4"))
		}, []string{"HEADERS 1 :status=200", "DATA 1 2", "DATA 1 2 END"}},
		{"written inline", "GET", func(w engine.Writer) {
			_ = w.Head(response(200, 3))
			_, _ = w.Write([]byte("12"))
			_, _ = w.Write([]byte("3"))
			_ = w.Flush()
		}, []string{"HEADERS 1 :status=200 content-length=3", "DATA 1 3 END"}},
		{"shorter than told", "POST", func(w engine.Writer) {
			_ = w.Head(response(200, 9))
			_, _ = w.Write([]byte("12"))
		}, []string{"HEADERS 1 :status=200 content-length=9", "RST 1 INTERNAL_ERROR"}},
		{"longer than told", "POST", func(w engine.Writer) {
			_ = w.Head(response(200, 1))
			if _, err := w.Write([]byte("12")); err == nil {
				panic("no error")
			}
		}, []string{"RST 1 INTERNAL_ERROR"}},
		{"aborted", "POST", func(w engine.Writer) {
			_ = w.Head(response(200, -1))
			_, _ = w.Write([]byte("12"))
			w.Abort()
		}, []string{"HEADERS 1 :status=200", "RST 1 INTERNAL_ERROR"}},
		{"no answer", "GET", func(engine.Writer) {}, []string{"RST 1 INTERNAL_ERROR"}},
		{"a panic inline", "GET", func(engine.Writer) { panic("x") }, []string{"RST 1 INTERNAL_ERROR", "!CLOSED"}},
		{"a panic in the rest", "POST", func(engine.Writer) { panic("x") }, []string{"RST 1 INTERNAL_ERROR", "!CLOSED"}},
		{"twice", "GET", func(w engine.Writer) {
			_ = w.Whole(response(200, -1), body, nil)
			if w.Whole(response(200, -1), body, nil) == nil {
				panic("no error")
			}
		}, []string{"HEADERS 1 :status=200", "DATA 1 5 END", "!RST"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := connect(t, func(_ context.Context, rq *httpmsg.Request, w engine.Writer, _ bool) func() {
					if rq.Method == "POST" {
						return func() { c.answer(w) }
					}
					c.answer(w)
					return nil
				}, Options{}, false)
				p.request(1, c.method, true)
				p.want(c.want...)
			})
		})
	}
}

func TestLargeHeadIsSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(func(_ *httpmsg.Request, w engine.Writer) {
			_ = w.Whole(response(200, -1, "x", strings.Repeat("a", 20000)), [][]byte{[]byte("x")}, nil)
		}), Options{}, false)
		p.get(1)
		p.want("HEADERS 1", "CONTINUATION 1", "DATA 1 1 END")
	})
}

// A viewer that takes away the HPACK table is told that we obey.
func TestTableSizeIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(hello), Options{}, false)
		p.dec.SetAllowedMaxDynamicTableSize(0)
		_ = p.WriteSettings(setting2(settingTableSize, 0))
		p.get(1)
		p.send()
		synctest.Wait()
		b, _ := p.conn.take()
		if !strings.Contains(string(b), "\x01\x04\x00\x00\x00\x01\x20\x88") {
			t.Errorf("no table size update in front of the status: %x", b)
		}
	})
}

func TestContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(hello), Options{}, false)
		p.request(1, "POST", false, "expect", "100-continue")
		p.want("HEADERS 1 :status=100", "!DATA")
		_ = p.WriteData(1, true, []byte("x"))
		p.want("HEADERS 1 :status=200")
	})
}

// A request answered before its body has come is told so (RFC 9113 8.1); the
// body that is under way is no fault.
func TestAnswerBeforeBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, func(_ context.Context, _ *httpmsg.Request, w engine.Writer, _ bool) func() {
			_ = w.Whole(response(403, -1), [][]byte{[]byte("no")}, nil)
			return nil
		}, Options{}, false)
		p.request(1, "POST", false)
		p.want("HEADERS 1 :status=403", "DATA 1 2 END", "!RST")
		time.Sleep(lingerFor)
		p.want("RST 1 NO_ERROR")
		for range 20 {
			_ = p.WriteData(1, false, make([]byte, 10000))
			p.see()
		}
		p.get(3)
		p.want("HEADERS 3 :status=403", "WINDOW 0", "!GOAWAY")
	})
}

func TestWebSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, blocking(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			_ = w.Head(response(200, -1, "x", rq.Method+rq.Header.Get(":protocol")))
			_ = w.Flush()
			b := make([]byte, 100)
			for {
				n, err := rq.Body.Read(b)
				if err != nil {
					return
				}
				_, _ = w.Write([]byte(strings.ToUpper(string(b[:n]))))
				_ = w.Flush()
			}
		}), Options{WebSocket: true}, false)
		p.head(1, false, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "a")
		p.want("HEADERS 1 :status=200 x=CONNECTwebsocket")
		_ = p.WriteData(1, false, []byte("abc"))
		p.want("DATA 1 3")
		_ = p.WriteData(1, true, []byte("d"))
		p.want("DATA 1 1", "DATA 1 0 END")
	})
}

func TestRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, handler(hello), Options{Refuse: func(status int) (*httpmsg.Response, [][]byte) {
			return response(status, -1, "Server", "s"), [][]byte{[]byte("page")}
		}}, false)
		p.get(1, "x", strings.Repeat("a", 22000))
		p.want("HEADERS 1 :status=431 content-length=4 server=s", "DATA 1 4 END")
		p.get(3) // the tables of both ends still agree
		p.want("HEADERS 3 :status=200")
	})
}

// The context of a request ends with the stream, and with the Handler.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 8)
		p := connect(t, blocking(func(ctx context.Context, rq *httpmsg.Request, w engine.Writer) {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			_, err := io.Copy(io.Discard, rq.Body)
			<-derived.Done()
			ended <- err
			if w.Head(response(200, -1)) == nil || ctx.Err() == nil {
				ended <- io.EOF
			}
		}), Options{}, false)
		p.request(1, "POST", false)
		p.see()
		_ = p.WriteRSTStream(1, 8)
		p.see()
		if err := <-ended; err != errReset || len(ended) != 0 {
			t.Errorf("reading a reset body: %v, %d", err, len(ended))
		}
		p.request(3, "POST", false)
		p.see()
		p.conn.Close()
		if err := <-ended; err != errClosed {
			t.Errorf("reading the body of a closed connection: %v", err)
		}
	})
}
