// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// serving is a Server on a loopback port that the test closes.
func serving(t *testing.T, h Handler, o Options) (s *Server, ended chan error) {
	t.Helper()
	s, err := Listen(t.Context(), "127.0.0.1:0", h, o)
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan error, 1)
	go func() { ended <- s.Serve() }()
	return s, ended
}

// ask sends one request on c.
func ask(c net.Conn) (*http.Response, error) {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		return nil, err
	}
	rs, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err
	}
	_, err = io.ReadAll(rs.Body)
	return rs, err
}

// late is a listener that accepts nothing before Close.
type late struct {
	*net.TCPListener
	closing chan struct{}
}

func (l *late) Accept() (net.Conn, error) {
	<-l.closing
	return l.TCPListener.Accept()
}

func (l *late) SetDeadline(t time.Time) error {
	defer close(l.closing)
	return l.TCPListener.SetDeadline(t)
}

// TestCloseSweepsTheQueue: what connected before Close is answered, though
// nobody had accepted it yet.
func TestCloseSweepsTheQueue(t *testing.T) {
	ln, err := Bind(t.Context(), "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	s := New(&late{ln.(*net.TCPListener), make(chan struct{})}, echo, Options{})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	for !s.serving.Load() {
		runtime.Gosched()
	}
	var queued []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		queued = append(queued, c)
	}
	done := make(chan error, 1)
	go func() { done <- s.Close(context.Background()) }()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for i, c := range queued {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		rs, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if !rs.Close {
			t.Errorf("connection %d is not told to close", i)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestCloseWithoutServe(t *testing.T) {
	s, err := Listen(t.Context(), "127.0.0.1:0", echo, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := s.Serve(); err != nil {
		t.Errorf("Serve after Close: %v", err)
	}
}

// TestRetireWaits: an idle connection has one more request, and is told to
// close by its answer.
func TestRetireWaits(t *testing.T) {
	s, ended := serving(t, echo, Options{})
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if rs, err := ask(c); err != nil || rs.Close {
		t.Fatal(err, rs)
	}
	done := make(chan error, 1)
	go func() { done <- s.Retire(context.Background(), time.Minute) }()
	if err := <-ended; err != nil { // the listener is closed
		t.Error(err)
	}
	if rs, err := ask(c); err != nil || !rs.Close {
		t.Error(err, rs)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestFullServerClosesIdleConnections, and not those with a request.
func TestFullServerClosesIdleConnections(t *testing.T) {
	var busy sync.WaitGroup
	release := make(chan struct{})
	s, ended := serving(t, func(ctx context.Context, rq *httpmsg.Request, w Writer, in bool) func() {
		if rq.Header.Get("X-Wait") == "" {
			return echo(ctx, rq, w, in)
		}
		return func() {
			busy.Done()
			<-release
			echo(ctx, rq, w, in)
		}
	}, Options{Gate: NewGate(Bounds{Connections: 4, PerAddress: 4})})
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	busy.Add(3)
	var working []net.Conn
	for range 3 {
		c := dial()
		working = append(working, c)
		fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: h\r\nX-Wait: 1\r\n\r\n")
	}
	idle := dial()
	if _, err := ask(idle); err != nil {
		t.Fatal(err)
	}
	busy.Wait()
	if got := s.gate.State().Open; got != 4 {
		t.Errorf("%d open", got)
	}
	// The address has all it may have; the next one is of another address.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	next, err := d.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := ask(next); err != nil {
		t.Errorf("a new viewer: %v", err)
	}
	if _, err := ask(idle); err == nil {
		t.Error("the idle connection was kept")
	}
	close(release)
	for i, c := range working {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		if rs, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || rs.StatusCode != 200 {
			t.Errorf("connection %d with a request: %v", i, err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// faulty is a listener whose first accepts fail as they do without file
// descriptors.
type faulty struct {
	net.Listener
	left int
}

func (f *faulty) Accept() (net.Conn, error) {
	if f.left > 0 {
		f.left--
		return nil, errors.New("accept: too many open files")
	}
	return f.Listener.Accept()
}

func TestAcceptGoesOnAfterErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(&faulty{ln, 5}, echo, Options{})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := ask(c); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestSlowReadersHoldLittle: the kernel takes no megabytes for a viewer that
// reads nothing.
func TestSlowReadersHoldLittle(t *testing.T) {
	took := make(chan int, 1)
	s, ended := serving(t, func(_ context.Context, _ *httpmsg.Request, w Writer, _ bool) func() {
		return func() {
			_ = w.Head(&httpmsg.Response{Status: 200, ContentLength: -1})
			n := 0
			for { // until the viewer is gone
				k, err := w.Write(make([]byte, 16<<10))
				if err != nil {
					break
				}
				n += k
			}
			took <- n
		}
	}, Options{Limits: engine.Limits{WriteStall: 500 * time.Millisecond}})
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(1)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if n := <-took; n > 4*unsent {
		t.Errorf("%d bytes were taken for a viewer that reads none", n)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
