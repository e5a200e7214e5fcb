// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// peer is the viewer's side of a connection in a synctest bubble: it takes
// what comes as it comes.
type peer struct {
	net.Conn
	t    *testing.T
	ends time.Time     // when the connection ended
	done chan struct{} // Serve has returned

	mu  sync.Mutex
	got bytes.Buffer
}

// connect serves one connection; its viewer reads unless it is told not to.
func connect(t *testing.T, s *Server, reads bool) *peer {
	t.Helper()
	c, nc := net.Pipe()
	p := &peer{Conn: c, t: t, done: make(chan struct{})}
	go func() {
		s.Serve(t.Context(), nc, Peer{})
		p.ends = time.Now()
		close(p.done)
	}()
	if reads {
		go func() { _, _ = io.Copy(p, c) }()
	}
	t.Cleanup(func() { _ = c.Close() })
	return p
}

func (p *peer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.Write(b)
}

// send sends s and waits until nothing moves any more.
func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := p.Conn.Write([]byte(s)); err != nil {
		p.t.Errorf("sending %q: %v", s, err)
	}
	synctest.Wait()
}

// take is what has come since it was last asked.
func (p *peer) take() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.got.String()
	p.got.Reset()
	return s
}

// open tells whether the connection is being served.
func (p *peer) open() bool {
	synctest.Wait()
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// status is the status of the first answer in s, or "".
func status(s string) string {
	if len(s) < 12 {
		return s
	}
	return s[9:12]
}

var empty = inline(func(_ *httpmsg.Request, w engine.Writer) { _ = w.Whole(response(200, 0), nil, nil) })

// echo reads the body and answers with it.
var echo = later(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
	p, err := io.ReadAll(rq.Body)
	var be *BodyError
	if errors.As(err, &be) {
		_ = w.Whole(response(be.HTTPStatus(), -1), nil, nil)
		return
	}
	_ = w.Whole(response(200, -1), [][]byte{p}, nil)
})

func within(t *testing.T, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("after %v, want %v to %v", got, least, most)
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := connect(t, New(empty, Options{}), true)
		<-p.done
		within(t, p.ends.Sub(start), 10*time.Second, 10*time.Second) // no request at all: the head's time
		if got := p.take(); got != "" {
			t.Errorf("said %q", got)
		}
		p = connect(t, New(empty, Options{}), true)
		for range 5 {
			p.send(next)
			time.Sleep(30 * time.Second)
		}
		last := time.Now().Add(-30 * time.Second)
		<-p.done
		within(t, p.ends.Sub(last), 45*time.Second, 60*time.Second)
		if got := p.take(); strings.Count(got, "200 OK") != 5 || strings.Contains(got, "408") {
			t.Errorf("said %q", got)
		}
	})
}

func TestSlowHeads(t *testing.T) {
	for _, tt := range []struct{ name, before string }{{"first request", ""}, {"second request", next}} {
		synctest.Test(t, func(t *testing.T) {
			s := New(empty, Options{})
			p := connect(t, s, true)
			if tt.before != "" {
				p.send(tt.before)
				p.take()
				time.Sleep(20 * time.Second)
			}
			start := time.Now()
			for _, c := range []byte("GET / HTTP/1.1\r\nHost: ") {
				if !p.open() {
					break
				}
				p.send(string(c))
				time.Sleep(time.Second)
			}
			<-p.done
			within(t, p.ends.Sub(start), 10*time.Second, 10*time.Second)
			if got := p.take(); status(got) != "408" || s.Refused(ReasonHeadTimeout) != 1 {
				t.Errorf("%s: said %q", tt.name, got)
			}
		})
	}
}

// TestFragmentsAreWaitedFor: a head that has only begun is neither answered
// nor refused, wherever it stops; when the rest comes it is taken.
func TestFragmentsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(empty, Options{})
		const in = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
		for cut := 1; cut < len(in); cut++ {
			p := connect(t, s, true)
			p.send(in[:cut])
			if got := p.take(); got != "" || !p.open() {
				t.Errorf("after %q: %q", in[:cut], got)
			}
			p.send(in[cut:])
			if got := p.take(); status(got) != "200" {
				t.Errorf("cut at %d: %q", cut, got)
			}
		}
	})
}

// TestAHeadInTimeIsTaken: the deadline of a slow head does not outlast it.
func TestAHeadInTimeIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(empty, Options{}), true)
		p.send("GET / HTTP/1.1\r\n")
		time.Sleep(9 * time.Second)
		p.send("Host: h\r\n\r\n")
		time.Sleep(30 * time.Second)
		p.send(next)
		if got := p.take(); strings.Count(got, "200 OK") != 2 {
			t.Errorf("said %q", got)
		}
	})
}

func TestSlowBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(echo, Options{})
		p := connect(t, s, true)
		p.send(post + "Content-Length: 10\r\n\r\nhe")
		for range 3 { // slow is well
			time.Sleep(20 * time.Second)
			p.send("y")
		}
		start := time.Now()
		<-p.done
		within(t, p.ends.Sub(start), 22*time.Second, 30*time.Second)
		if got := p.take(); status(got) != "408" || !strings.Contains(got, "Connection: close") || s.Refused(ReasonBodyTimeout) != 1 {
			t.Errorf("said %q", got)
		}
	})
}

func TestContinueIsSentWhenTheBodyIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(later(func(ctx context.Context, rq *httpmsg.Request, w engine.Writer) {
			time.Sleep(time.Second)
			echo(ctx, rq, w, false)()
		}), Options{}), true)
		p.send(post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if got := p.take(); got != "" {
			t.Errorf("before it is read: %q", got)
		}
		time.Sleep(time.Second)
		if got := p.take(); got != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Errorf("when it is read: %q", got)
		}
		p.send("hello")
		if got := p.take(); got != "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" {
			t.Errorf("then: %q", got)
		}
		if !p.open() {
			t.Error("the connection is not kept")
		}
	})
}

// TestReadAfterAnswer: a body that was not asked for before the answer began
// cannot be asked for any more.
func TestReadAfterAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(later(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			_ = w.Head(response(200, 0))
			if _, err := rq.Body.Read(make([]byte, 1)); !errors.Is(err, errNotAsked) {
				t.Errorf("read: %v", err)
			}
		}), Options{}), true)
		p.send(post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if got := p.take(); got != "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" {
			t.Errorf("said %q", got)
		}
	})
}

func TestViewersThatDoNotRead(t *testing.T) {
	for name, h := range map[string]engine.Handler{
		"whole": inline(func(_ *httpmsg.Request, w engine.Writer) {
			_ = w.Whole(response(200, -1), [][]byte{make([]byte, 1<<20)}, nil)
		}),
		"streamed": later(func(ctx context.Context, _ *httpmsg.Request, w engine.Writer) {
			_ = w.Head(response(200, -1))
			for ctx.Err() == nil {
				_, _ = w.Write(make([]byte, 10000))
			}
		}),
	} {
		synctest.Test(t, func(t *testing.T) {
			s := New(h, Options{})
			p := connect(t, s, false)
			start := time.Now()
			p.send(next)
			<-p.done
			within(t, p.ends.Sub(start), 22*time.Second, 30*time.Second)
			if s.Refused(ReasonStall) != 1 {
				t.Errorf("%s: not counted", name)
			}
		})
	}
}

// TestSlowReadersGetAll: slow is not stalled.
func TestSlowReadersGetAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bytes.Repeat([]byte("0123456789abcdef"), 20000)
		p := connect(t, New(inline(func(_ *httpmsg.Request, w engine.Writer) {
			_ = w.Whole(response(200, -1), [][]byte{body[:7], body[7:200000], body[200000:]}, nil)
		}), Options{}), false)
		p.send(next)
		var got []byte
		for buf := make([]byte, 1024); len(got) < len(body); {
			n, err := p.Read(buf)
			if err != nil {
				t.Fatalf("after %d bytes: %v", len(got), err)
			}
			got = append(got, buf[:n]...)
			time.Sleep(time.Second)
			if i := bytes.Index(got, []byte("\r\n\r\n")); i >= 0 && len(got) == i+4+len(body) {
				got = got[i+4:]
				break
			}
		}
		if !bytes.Equal(got, body) {
			t.Error("another body")
		}
	})
}

func TestViewersThatLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		p := connect(t, New(later(func(ctx context.Context, _ *httpmsg.Request, w engine.Writer) {
			<-ctx.Done()
			cause = ctx.Err()
			if w.Whole(response(200, 0), nil, nil) != nil || w.Flush() == nil {
				t.Error("a flush to nobody succeeds")
			}
		}), Options{}), true)
		p.send(next)
		time.Sleep(time.Minute) // longer than any time of the connection
		if !p.open() {
			t.Fatal("ended while the viewer waits")
		}
		_ = p.Close()
		<-p.done
		if !errors.Is(cause, context.Canceled) {
			t.Errorf("cause %v", cause)
		}
	})
}

// TestWatchKeepsWhatItReads: requests that come while another is worked on are
// answered after it, in order, wherever the bytes were cut.
func TestWatchKeepsWhatItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(later(func(_ context.Context, rq *httpmsg.Request, w engine.Writer) {
			time.Sleep(time.Second)
			_ = w.Whole(response(200, -1, "P", rq.Path), nil, nil)
		}), Options{}), true)
		const all = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n"
		for i := 0; i < len(all); i += 10 {
			p.send(all[i:min(i+10, len(all))])
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		want := ""
		for _, path := range []string{"/1", "/2", "/3"} {
			want += "HTTP/1.1 200 OK\r\nP: " + path + "\r\nContent-Length: 0\r\n\r\n"
		}
		if got := p.take(); got != want {
			t.Errorf("got %q", got)
		}
		if !p.open() {
			t.Error("not kept")
		}
	})
}

// TestEarlierAnswersDoNotWait for a request behind them that takes its time.
func TestEarlierAnswersDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
			time.Sleep(time.Second)
			_ = w.Whole(response(203, 0), nil, nil)
		})
		p := connect(t, New(func(ctx context.Context, rq *httpmsg.Request, w engine.Writer, in bool) func() {
			if rq.Path == "/next" {
				return slow(ctx, rq, w, in)
			}
			return empty(ctx, rq, w, in)
		}, Options{}), true)
		p.send(get + "\r\n" + get + "\r\n" + next + get + "\r\n")
		if got := p.take(); strings.Count(got, "200 OK") != 2 || strings.Contains(got, "203") {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(time.Second)
		if got := p.take(); status(got) != "203" || strings.Count(got, "200 OK") != 1 {
			t.Errorf("then: %q", got)
		}
	})
}

// TestStreamsAreSeenWhenFlushed and not gathered for longer.
func TestStreamsAreSeenWhenFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, New(later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
			_ = w.Head(response(200, -1))
			for range 2 {
				_, _ = w.Write([]byte("tick"))
				_ = w.Flush()
				time.Sleep(time.Second)
			}
		}), Options{}), true)
		p.send(next)
		if got := p.take(); !strings.HasSuffix(got, "\r\n4\r\ntick\r\n") {
			t.Errorf("first: %q", got)
		}
		time.Sleep(time.Second)
		if got := p.take(); got != "4\r\ntick\r\n" {
			t.Errorf("second: %q", got)
		}
		time.Sleep(time.Second)
		if got := p.take(); got != "0\r\n\r\n" {
			t.Errorf("end: %q", got)
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(later(func(_ context.Context, _ *httpmsg.Request, w engine.Writer) {
			time.Sleep(5 * time.Second)
			_ = w.Whole(response(200, 0), nil, nil)
		}), Options{})
		idle, asks, busy, half := connect(t, s, true), connect(t, s, true), connect(t, s, true), connect(t, s, true)
		busy.send(next)
		half.send("GET / HTTP/1.1\r\n")
		start := time.Now()
		s.Drain(time.Second)
		late := connect(t, s, true)
		time.Sleep(500 * time.Millisecond)
		asks.send(next)
		half.send("Host: h\r\n\r\n")
		for _, p := range []*peer{idle, late} {
			<-p.done
			within(t, p.ends.Sub(start), time.Second, time.Second)
			if got := p.take(); got != "" {
				t.Errorf("idle: said %q", got)
			}
		}
		for _, p := range []*peer{asks, busy, half} {
			<-p.done
			if got := p.take(); status(got) != "200" || !strings.Contains(got, "Connection: close\r\n") {
				t.Errorf("said %q", got)
			}
		}
		if n := s.Connections(); n != 0 {
			t.Errorf("%d connections left", n)
		}
	})
}

// TestEachCut sends pipelined requests with bodies cut at each place.
func TestEachCut(t *testing.T) {
	in := post + "Content-Length: 3\r\n\r\nabc" + post + te + "3\r\nabc\r\n2;x\r\nde\r\n0\r\nA: b\r\n\r\n" + next
	want := []string{`POST h / "abc"`, `POST h / "abcde"`, "GET h /next"}
	for cut := 1; cut < len(in); cut++ {
		if got := play(t, in, cut, engine.Limits{}); !slices.Equal(got, want) {
			t.Errorf("cut %d: %q", cut, got)
		}
	}
}
