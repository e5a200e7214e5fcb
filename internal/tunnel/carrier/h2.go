// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// HTTP/2 with its roles reversed. The agent has dialled, and serves; the edge
// has accepted, and asks. A stream is one POST whose request and answer have
// bodies without an end:
//
//	edge                                   agent
//	HEADERS :method POST :path /    ->
//	                                <-     HEADERS :status 200
//	DATA …                          ->
//	                                <-     DATA …
//
// Both bodies are the bytes of the stream. net/http speaks the protocol; it
// takes the TLS connection for a cleartext one, so that nothing but our own ALPN
// decides what is spoken.

// frame is the most that one DATA frame has.
const frame = 128 << 10

// h2Edge is the end that opens streams.
type h2Edge struct {
	conn net.Conn
	cc   *http.ClientConn
	done chan struct{}
	once sync.Once
	n    atomic.Uint64
}

// OverTLS makes the end that opens streams of an accepted connection, which it
// then owns.
func OverTLS(ctx context.Context, conn net.Conn) (Edge, error) {
	e := &h2Edge{done: make(chan struct{})}
	e.conn = &watched{conn, e.end}
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{
		Protocols: &protocols, DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return e.conn, nil },
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: maxWindow, MaxReceiveBufferPerStream: maxStream, MaxReadFrameSize: frame,
			SendPingTimeout: keepAlive, PingTimeout: idle - keepAlive, WriteByteTimeout: idle,
		},
	}
	var err error
	if e.cc, err = tr.NewClientConn(ctx, "http", "agent:80"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return e, nil
}

// watched tells when the connection has been closed, by whom ever.
type watched struct {
	net.Conn
	closed func()
}

// Close closes the connection.
func (w *watched) Close() error {
	w.closed()
	return w.Conn.Close()
}

func (e *h2Edge) end() { e.once.Do(func() { close(e.done) }) }

// Kind is HTTP2.
func (e *h2Edge) Kind() Kind { return HTTP2 }

// Remote is the other end.
func (e *h2Edge) Remote() net.Addr { return e.conn.RemoteAddr() }

// Done is closed when the connection has ended.
func (e *h2Edge) Done() <-chan struct{} { return e.done }

// Close ends the connection and its streams.
func (e *h2Edge) Close() error { return errors.Join(e.cc.Close(), e.conn.Close()) }

// Open opens a stream. It does not wait for the agent's head: the first bytes
// to come are those of the stream.
func (e *h2Edge) Open(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	life, cancel := context.WithCancel(context.Background())
	rq, err := http.NewRequestWithContext(life, http.MethodPost, "http://agent/", upward{far})
	if err != nil {
		cancel()
		return nil, err
	}
	rq.ContentLength = -1
	s := &h2Stream{Conn: near, cancel: cancel, remote: addr{e.Remote(), e.n.Add(1)}}
	go func() {
		defer cancel()
		defer far.Close()
		rs, err := e.cc.RoundTrip(rq)
		if err != nil {
			s.fail(err)
			return
		}
		defer rs.Body.Close()
		if rs.StatusCode != http.StatusOK {
			s.fail(errors.New("tunnel: the agent answered " + rs.Status))
			return
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{far}, rs.Body, make([]byte, frame)); err != nil {
			s.fail(err)
		}
	}()
	return s, nil
}

// upward is what the edge writes, as the body of the question. Its end is not
// that of the pipe: the answer goes on.
type upward struct{ far net.Conn }

// Read reads what was written.
func (u upward) Read(p []byte) (int, error) { return u.far.Read(p) }

// Close lets a Read that waits fail.
func (u upward) Close() error { return u.far.SetReadDeadline(time.Unix(1, 0)) }

// h2Stream is the edge's end of a stream. Its deadlines are those of the pipe.
type h2Stream struct {
	net.Conn
	cancel context.CancelFunc
	remote addr
	err    atomic.Pointer[error] // why the stream ended, where that was no end of its bytes
}

func (s *h2Stream) fail(err error) { s.err.CompareAndSwap(nil, &err) }

// Read reads on. What cut the stream is no end of its bytes.
func (s *h2Stream) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		if cause := s.err.Load(); cause != nil {
			err = *cause
		}
	}
	return n, err
}

// Close ends both directions.
func (s *h2Stream) Close() error {
	err := s.Conn.Close()
	s.cancel()
	return err
}

// RemoteAddr is the agent, with the number of the stream.
func (s *h2Stream) RemoteAddr() net.Addr { return s.remote }

// h2Agent is the end that takes streams.
type h2Agent struct {
	conn *TLS
	done chan struct{}
	once sync.Once
}

// AgentOverTLS makes the end that takes streams of a connection that was
// dialled, and owns it.
func AgentOverTLS(conn *TLS) Agent { return &h2Agent{conn: conn, done: make(chan struct{})} }

// Kind is HTTP2.
func (a *h2Agent) Kind() Kind { return HTTP2 }

// Close ends the connection and its streams.
func (a *h2Agent) Close() error {
	a.once.Do(func() { close(a.done) })
	return a.conn.Close()
}

// Serve takes streams until the connection ends.
func (a *h2Agent) Serve(f func(Stream)) error {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	var running sync.WaitGroup
	over := make(chan struct{}) // closed when no new stream can come
	srv := &http.Server{
		Protocols: &protocols, MaxHeaderBytes: 4 << 10, ReadHeaderTimeout: idle,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: MaxStreams, MaxReadFrameSize: frame, MaxReceiveBufferPerConnection: maxWindow, MaxReceiveBufferPerStream: maxStream,
			SendPingTimeout: keepAlive, PingTimeout: idle - keepAlive, WriteByteTimeout: idle,
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Done()
			s := &h2Taken{r: r.Body, w: w, rc: http.NewResponseController(w)}
			if s.rc.Flush() != nil {
				return
			}
			f(s)
			if s.aborted.Load() {
				panic(http.ErrAbortHandler) // resets the stream
			}
		}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				a.once.Do(func() { close(a.done) })
				close(over)
			}
		},
		ErrorLog: silent(),
	}
	ln := &single{conn: &watched{a.conn, func() { a.once.Do(func() { close(a.done) }) }}, done: a.done}
	err := srv.Serve(ln)
	_ = a.conn.Close() // it may be closed already
	<-over
	running.Wait()
	return err
}

// single is a listener with one connection; it ends with it.
type single struct {
	conn net.Conn
	done <-chan struct{}
	gave bool
}

// Accept gives the connection, then waits for its end.
func (s *single) Accept() (net.Conn, error) {
	if !s.gave {
		s.gave = true
		return s.conn, nil
	}
	<-s.done
	return nil, errEnded
}

// Close does nothing: the connection is not the listener's.
func (s *single) Close() error { return nil }

// Addr is this end of the connection.
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// h2Taken is the agent's end of a stream.
type h2Taken struct {
	r       io.ReadCloser
	w       io.Writer
	rc      *http.ResponseController
	aborted atomic.Bool
}

// Read reads on.
func (s *h2Taken) Read(p []byte) (int, error) { return s.r.Read(p) }

// Write writes and does not let it wait.
func (s *h2Taken) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil {
		err = s.rc.Flush()
	}
	return n, err
}

// SetReadDeadline bounds reads.
func (s *h2Taken) SetReadDeadline(t time.Time) error { return s.rc.SetReadDeadline(t) }

// CloseWrite does nothing: the end of Serve's function is the end of what is
// written.
func (s *h2Taken) CloseWrite() error { return nil }

// Abort ends both directions; what waits fails.
func (s *h2Taken) Abort() {
	s.aborted.Store(true)
	past := time.Unix(1, 0)
	_ = s.rc.SetReadDeadline(past) // a stream that has ended has none
	_ = s.rc.SetWriteDeadline(past)
}
