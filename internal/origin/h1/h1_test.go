// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

type (
	changed = httpmsg.Request
	answer  = httpmsg.Response
)

const hello = ok + "Content-Length: 5\r\n\r\nhello"

func TestTheRequestAsItIsWritten(t *testing.T) {
	seen := make(chan string, 1)
	cl := peer(t, func(_ int, c net.Conn) {
		buf := make([]byte, 4096)
		n, _ := c.Read(buf)
		seen <- string(buf[:n])
		_, _ = io.WriteString(c, hello)
	})
	rq := request("POST")
	rq.Body, rq.ContentLength = io.NopCloser(strings.NewReader("body")), 4
	if got := outcome(t.Context(), cl, rq); got != `200 "hello"` {
		t.Error(got)
	}
	want := "POST /a?b=c HTTP/1.1\r\nHost: o.example\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nbody"
	if got := <-seen; got != want {
		t.Errorf("%q", got)
	}
}

func TestConnectionsRestAndAreUsedAgain(t *testing.T) {
	var conns atomic.Int32
	cl := peer(t, func(n int, c net.Conn) {
		conns.Add(1)
		says(hello)(n, c)
	})
	for range 5 {
		if got := outcome(t.Context(), cl, request("GET")); got != `200 "hello"` {
			t.Fatal(got)
		}
	}
	if n := conns.Load(); n != 1 || resting(cl) != 1 {
		t.Errorf("%d connections, %d rest", n, resting(cl))
	}
}

func TestIdleConnectionsAreBoundedInNumberAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed atomic.Int32
		cl := pipes(t, func(n int, c net.Conn) {
			says(hello)(n, c)
			closed.Add(1)
		})
		cl.Idle, cl.KeepAlive = 2, 5*time.Second
		var bodies []io.Closer
		for range 3 { // at once
			var rs answer
			if err := cl.Do(t.Context(), request("GET"), &rs, nil); err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, rs.Body)
			<-time.After(time.Second)
		}
		for _, b := range bodies {
			_ = b.Close() // its bytes are there
		}
		synctest.Wait()
		if resting(cl) != 2 || closed.Load() != 1 {
			t.Errorf("%d rest, %d closed", resting(cl), closed.Load())
		}
		<-time.After(4 * time.Second)
		outcome(t.Context(), cl, request("GET")) // the last is young again
		<-time.After(1500 * time.Millisecond)
		if resting(cl) != 1 || closed.Load() != 2 {
			t.Errorf("after 5.5 s %d rest, %d closed", resting(cl), closed.Load())
		}
		<-time.After(5 * time.Second)
		if resting(cl) != 0 || closed.Load() != 3 {
			t.Errorf("after 10.5 s %d rest, %d closed", resting(cl), closed.Load())
		}
	})
}

// An origin that closes while a connection rests costs nobody a request.
func TestConnectionsThatWereClosedAreNoticed(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			gone := make(chan struct{}, 8)
			cl := peer(t, func(_ int, c net.Conn) {
				r := bufio.NewReader(c)
				_, _ = readHead(r)
				_, _ = io.WriteString(c, hello)
				_ = c.Close()
				gone <- struct{}{}
			})
			for range 3 {
				if got := outcome(t.Context(), cl, request(method)); got != `200 "hello"` {
					t.Fatal(got)
				}
				<-gone
				arrived(cl)
			}
		})
	}
}

// arrived waits until what the origin did to the connections at rest can be
// seen.
func arrived(cl *Client) {
	cl.pool[0].mu.Lock()
	defer cl.pool[0].mu.Unlock()
	for _, c := range cl.pool[0].conns {
		for try := 0; c.quiet() && try < 1e6; try++ {
		}
	}
}

// An answer that nobody asked for is nobody's answer.
func TestUnaskedAnswersAreNotTakenForTheNext(t *testing.T) {
	said := make(chan struct{}, 8)
	cl := peer(t, func(n int, c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = readHead(r)
		_, _ = io.WriteString(c, hello)
		if n == 0 {
			_, _ = io.WriteString(c, ok+"Content-Length: 6\r\n\r\npoison")
		}
		said <- struct{}{}
		_, _ = readHead(r)
	})
	for n := range 2 {
		if got := outcome(t.Context(), cl, request("GET")); got != `200 "hello"` {
			t.Fatal(got)
		}
		if <-said; n == 0 {
			arrived(cl)
		}
	}
}

// A connection that is closed in the answer's place is tried once more, if the
// request may be sent twice.
func TestRetryOnAReusedConnection(t *testing.T) {
	for _, tt := range []struct {
		method, want string
		conns        int32
	}{
		{"GET", `200 "hello"`, 2},
		{"POST", "error: ", 1}, // of the read, or of the write when the end came first
	} {
		t.Run(tt.method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var conns atomic.Int32
				cl := pipes(t, func(n int, c net.Conn) {
					conns.Add(1)
					r := bufio.NewReader(c)
					_, _ = readHead(r)
					_, _ = io.WriteString(c, hello)
					_, _ = readHead(r)
					if n > 0 {
						_, _ = io.WriteString(c, hello)
					}
				})
				outcome(t.Context(), cl, request("GET"))
				if got := outcome(t.Context(), cl, request(tt.method)); !strings.HasPrefix(got, tt.want) || conns.Load() != tt.conns {
					t.Errorf("%s over %d connections", got, conns.Load())
				}
			})
		})
	}
}

func TestAFreshConnectionIsNotTriedAgain(t *testing.T) {
	var conns atomic.Int32
	cl := peer(t, func(int, net.Conn) { conns.Add(1) })
	if got := outcome(t.Context(), cl, request("GET")); !strings.HasPrefix(got, "error: ") {
		t.Error(got)
	}
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestInterimAnswers(t *testing.T) {
	cl := peer(t, says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+hello))
	var got []string
	var rs answer
	err := cl.Do(t.Context(), request("GET"), &rs, func(rs *answer) {
		got = append(got, fmt.Sprint(rs.Status, rs.Header.Get("Link")))
	})
	if err != nil || rs.Status != 200 || fmt.Sprint(got) != "[102 103</a>]" {
		t.Errorf("%v, %d, %v", err, rs.Status, got)
	}
	_ = rs.Body.Close()
}

func TestTheContextEndsAWait(t *testing.T) {
	for _, where := range []string{"head", "body"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := pipes(t, func(_ int, c net.Conn) {
					r := bufio.NewReader(c)
					_, _ = readHead(r)
					if where == "body" {
						_, _ = io.WriteString(c, ok+"Content-Length: 5\r\n\r\nhe")
					}
					_, _ = readHead(r)
				})
				left := errors.New("the viewer left")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(3*time.Second, func() { cancel(left) })
				begin := time.Now()
				got := outcome(ctx, cl, request("GET"))
				if !strings.HasSuffix(got, "error: the viewer left") || time.Since(begin) != 3*time.Second || resting(cl) != 0 {
					t.Errorf("%s after %v", got, time.Since(begin))
				}
			})
		})
	}
}

func TestAContextThatEndedBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cl := &Client{Dial: func(context.Context, bool) (net.Conn, error) {
		t.Error("dialled")
		return nil, io.EOF
	}}
	if got := outcome(ctx, cl, request("GET")); got != "error: context canceled" {
		t.Error(got)
	}
}

func TestO3TheReadTimeout(t *testing.T) {
	for _, text := range []string{"", ok, ok + "Content-Length: 5\r\n\r\n"} {
		t.Run(fmt.Sprintf("%q", text), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := pipes(t, func(_ int, c net.Conn) {
					r := bufio.NewReader(c)
					_, _ = readHead(r)
					_, _ = io.WriteString(c, text)
					_, _ = readHead(r)
				})
				begin := time.Now()
				var rs answer
				err := cl.Do(t.Context(), request("GET"), &rs, nil)
				if err == nil {
					_, err = io.ReadAll(rs.Body)
				}
				if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != 10*time.Second {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
			})
		})
	}
}

// A head that comes byte by byte has the read timeout as a whole.
func TestAHeadThatTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := pipes(t, func(_ int, c net.Conn) {
			r := bufio.NewReader(c)
			_, _ = readHead(r)
			for _, b := range []byte(hello) {
				<-time.After(time.Second)
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
			}
		})
		begin := time.Now()
		err := cl.Do(t.Context(), request("GET"), &answer{}, nil)
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestCompletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := pipes(t, func(_ int, c net.Conn) {
			r := bufio.NewReader(c)
			_, _ = readHead(r)
			_, _ = io.WriteString(c, ok+"Content-Length: 50\r\n\r\n")
			for {
				<-time.After(2 * time.Second)
				if _, err := io.WriteString(c, "a"); err != nil {
					return
				}
			}
		})
		cl.Completion = 7 * time.Second
		begin := time.Now()
		if got := outcome(t.Context(), cl, request("GET")); got != `200 "aaa" error: `+ErrCompletion.Error() {
			t.Error(got)
		}
		if took := time.Since(begin); took != 7*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// slowBody gives a byte a second.
type slowBody struct {
	left   int
	closed chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	<-time.After(time.Second)
	b.left--
	p[0] = 'x'
	return 1, nil
}

func (b *slowBody) Close() error {
	close(b.closed)
	return nil
}

// What is written counts as progress: a long upload is not cut.
func TestO3AnUploadLongerThanTheReadTimeout(t *testing.T) {
	for _, length := range []int64{-1, smallBody + 1} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := pipes(t, func(_ int, c net.Conn) {
					r := bufio.NewReader(c)
					rq, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					n, _ := io.Copy(io.Discard, rq.Body)
					_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nN: %d\r\nContent-Length: 0\r\n\r\n", n)
					_, _ = readHead(r)
				})
				size := int64(30)
				if length > 0 {
					size = length
				}
				b := &slowBody{int(size), make(chan struct{})}
				rq := request("POST")
				rq.Body, rq.ContentLength = b, length
				if got := outcome(t.Context(), cl, rq); got != fmt.Sprintf("200 N=%d none", size) {
					t.Error(got)
				}
				<-b.closed
				if resting(cl) != 1 {
					t.Error("the connection does not rest")
				}
			})
		})
	}
}

func TestAnAnswerBeforeTheBodyIsSent(t *testing.T) {
	cl := peer(t, func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	pr, pw := io.Pipe()
	rq := request("POST")
	rq.Body, rq.ContentLength = pr, -1
	if got := outcome(t.Context(), cl, rq); got != "413 none" || resting(cl) != 0 {
		t.Error(got, resting(cl))
	}
	for { // the upload ends, and closes the body
		if _, err := pw.Write(make([]byte, 1<<16)); err != nil {
			break
		}
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	broken := errors.New("the viewer's body broke")
	for _, length := range []int64{5, -1, 1 << 20} {
		cl := peer(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		rq := request("POST")
		rq.Body, rq.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("abc"), errReader{broken})), length
		if err := cl.Do(t.Context(), rq, &answer{}, nil); !errors.Is(err, broken) {
			t.Errorf("length %d: error %v", length, err)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestExpect(t *testing.T) {
	for _, tt := range []struct {
		name, first, want string
		sent              bool
		took              time.Duration
	}{
		{"asked", "HTTP/1.1 100 Continue\r\n\r\n", "200 none", true, 0},
		{"no answer", "", "200 none", true, time.Second},
		{"refused", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "401 none", false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Bool
				cl := pipes(t, func(_ int, c net.Conn) {
					r := bufio.NewReader(c)
					_, _ = readHead(r)
					_, _ = io.WriteString(c, tt.first)
					b := make([]byte, 4)
					if _, err := io.ReadFull(r, b); err == nil {
						sent.Store(true)
						_, _ = io.WriteString(c, ok+"Content-Length: 0\r\n\r\n")
					}
					_, _ = readHead(r)
				})
				rq := request("POST")
				rq.Header.Add("Expect", "100-continue")
				rq.Body, rq.ContentLength = io.NopCloser(strings.NewReader("body")), 4
				begin := time.Now()
				got := outcome(t.Context(), cl, rq)
				synctest.Wait()
				if got != tt.want || sent.Load() != tt.sent || time.Since(begin) != tt.took {
					t.Errorf("%s, sent %v, after %v", got, sent.Load(), time.Since(begin))
				}
			})
		})
	}
}

func TestUpgrade(t *testing.T) {
	cl := peer(t, func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst ")
		_, _ = io.Copy(c, r)
	})
	rq := request("GET")
	rq.Header.Add("Connection", "Upgrade")
	rq.Header.Add("Upgrade", "echo")
	var rs answer
	if err := cl.Do(t.Context(), rq, &rs, nil); err != nil || rs.Status != 101 {
		t.Fatal(rs.Status, err)
	}
	rw := rs.Body.(io.ReadWriteCloser)
	_, _ = io.WriteString(rw, "and more")
	got := make([]byte, len("first and more"))
	if _, err := io.ReadFull(rw, got); err != nil || string(got) != "first and more" {
		t.Errorf("%q, %v", got, err)
	}
	_ = rw.Close()
}

// Closing a body whose bytes are not all there costs the connection; so does
// closing it from another goroutine, which ends a read.
func TestClosingABodyEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := pipes(t, func(_ int, c net.Conn) {
			r := bufio.NewReader(c)
			_, _ = readHead(r)
			_, _ = io.WriteString(c, ok+"Content-Length: 5\r\n\r\nhel")
			_, _ = readHead(r)
		})
		for _, reading := range []bool{false, true} {
			var rs answer
			if err := cl.Do(t.Context(), request("GET"), &rs, nil); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			if reading {
				go func() {
					_, err := io.ReadAll(rs.Body)
					done <- err
				}()
				<-time.After(time.Second)
			}
			_ = rs.Body.Close()
			if reading {
				if err := <-done; err == nil {
					t.Error("the read went well")
				}
			}
			if _, err := rs.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a closed body can be read")
			}
			if resting(cl) != 0 {
				t.Error("the connection rests")
			}
		}
	})
}

func TestTLS(t *testing.T) {
	big := strings.Repeat("0123456789", 10000)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = io.WriteString(w, big)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %d %v", r.RemoteAddr, len(b), r.TLS.DidResume)
	}))
	srv.StartTLS()
	defer srv.Close()
	cl := &Client{Read: 10 * time.Second, Idle: 8, KeepAlive: time.Minute}
	cl.Dial = func(ctx context.Context, _ bool) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", srv.Listener.Addr().String())
	}
	conf := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	conf.NextProtos, conf.ServerName = nil, "example.com"
	over(cl, conf)
	defer cl.CloseIdle()
	ask := func(method, path string, n int) string {
		rq := &httpmsg.Request{Method: method, Scheme: "https", Host: "example.com", Path: path}
		if n > 0 {
			rq.Body, rq.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, n))), int64(n)
		}
		var rs answer
		if err := cl.Do(t.Context(), rq, &rs, nil); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rs.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := ask("GET", "/", 0)
	if got := ask("POST", "/", 100000); strings.Fields(got)[0] != strings.Fields(first)[0] || strings.Fields(got)[1] != "100000" {
		t.Errorf("first %s, then %s", first, got)
	}
	if got := ask("GET", "/big", 0); got != big {
		t.Errorf("%d bytes", len(got))
	}
}

// cheap answers each read with the same bytes, and allocates nothing for it.
func cheap(text string) func(int, net.Conn) {
	out, in := []byte(text), make([]byte, 4096)
	return func(_ int, c net.Conn) {
		for {
			if _, err := c.Read(in); err != nil {
				return
			}
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	cl := peer(t, cheap(ok+"Date: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Type: text/plain\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\nhello"))
	rq := request("GET")
	var rs answer
	buf := make([]byte, 100)
	n := testing.AllocsPerRun(200, func() {
		if err := cl.Do(t.Context(), rq, &rs, nil); err != nil {
			t.Fatal(err)
		}
		_, _ = rs.Body.Read(buf)
		_ = rs.Body.Close()
	})
	if n > 2 { // the head's text and the body
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDo(b *testing.B) {
	cl := peer(b, cheap(ok+"Date: Mon, 02 Jan 2006 15:04:05 GMT\r\nContent-Type: text/plain\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\nhello"))
	rq := request("GET")
	var rs answer
	buf := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if err := cl.Do(b.Context(), rq, &rs, nil); err != nil {
			b.Fatal(err)
		}
		_, _ = rs.Body.Read(buf)
		_ = rs.Body.Close()
	}
}
