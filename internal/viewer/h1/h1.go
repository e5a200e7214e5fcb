// SPDX-License-Identifier: Apache-2.0

// Package h1 speaks HTTP/1.1 and HTTP/1.0 to viewers: one goroutine a
// connection, no allocation for a request that is answered from memory.
//
// The flow: (1) Serve reads what the socket has into a pooled buffer; (2) the
// parser checks one head, line by line, and makes it an httpmsg.Request whose
// texts point into that buffer; (3) the Handler answers inline, or returns the
// rest of its work, which runs on the spot with a Request of its own memory;
// (4) the answer is appended to an output buffer, large pieces by reference;
// (5) when no complete request is left in the buffer, everything goes out in
// one write, and the next read begins. Pipelined requests are answered in
// order, for nothing overtakes on one goroutine.
//
// Refuse rather than repair: what two readers could understand in two ways is
// answered with an error and the connection is closed; Reason lists the cases.
// A valid message with a rare form (a chunk extension, a trailer, an absolute
// target) is taken as RFC 9112 means it.
//
// What it does not do: no TLS, no listener, no Date or Server field (all fields
// but the framing are the edge's), no routing. CONNECT is refused. Trailers of
// requests are checked and dropped. An upgraded connection is handed over as
// it is: what is spoken on it is the Handler's (see Upgrader).
//
// Concurrency: a Server is used by many goroutines. Request and Writer belong
// to the goroutine of the connection; the Body may be read by another one,
// and stops working when the Handler is done. The context of a request is the
// connection's: it ends when the viewer goes away, not with the answer.
package h1

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// Options of a Server. The zero value of each field is usable.
type Options struct {
	// Limits bound heads and times. A zero field takes engine.Defaults' value.
	Limits engine.Limits
	// Log takes refusals and faults of connections, at level debug, and panics
	// of the Handler, at level error. Nil: dropped.
	Log *slog.Logger
}

// Peer is what is known of a connection when it is handed over.
type Peer struct {
	Viewer httpmsg.Viewer
	// Scheme of the requests. "": https when Viewer.TLS is set, else http.
	Scheme string
	// First are bytes of the connection that have been read already.
	First []byte
	// Doubtful: the viewer may mean another protocol. When what it sends first
	// is no request of any version of HTTP, it is left without an answer,
	// which it would misread.
	Doubtful bool
}

// Server is what connections of one listener share.
type Server struct {
	handle engine.Handler
	limits engine.Limits
	log    *slog.Logger
	small  sync.Pool // of *buffer, smallBuffer long
	large  sync.Pool // of *buffer, long enough for the longest head
	out    sync.Pool // of *buffer: output

	draining atomic.Bool
	grace    atomic.Int64 // of idle connections while draining, in ns
	refused  [reasonCount]atomic.Uint64

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// New makes a Server that answers by h.
func New(h engine.Handler, o Options) *Server {
	s := &Server{handle: h, limits: withDefaults(o.Limits), log: o.Log, conns: map[*conn]struct{}{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	large := s.limits.Head + smallBuffer
	s.small.New = func() any { return &buffer{b: make([]byte, smallBuffer)} }
	s.large.New = func() any { return &buffer{b: make([]byte, large)} }
	s.out.New = func() any { return &buffer{b: make([]byte, 0, smallBuffer)} }
	return s
}

func withDefaults(l engine.Limits) engine.Limits {
	d := engine.Defaults()
	size := func(p *int, fallback int) {
		if *p <= 0 {
			*p = fallback
		}
	}
	span := func(p *time.Duration, fallback time.Duration) {
		if *p <= 0 {
			*p = fallback
		}
	}
	size(&l.Head, d.Head)
	size(&l.Target, d.Target)
	size(&l.Fields, d.Fields)
	size(&l.Pending, d.Pending)
	span(&l.HeadTimeout, d.HeadTimeout)
	span(&l.BodyTimeout, d.BodyTimeout)
	span(&l.IdleTimeout, d.IdleTimeout)
	span(&l.WriteStall, d.WriteStall)
	return l
}

// Serve speaks HTTP/1 on nc until the connection ends, and closes it. When ctx
// ends the connection is cut. A TLS connection has shaken hands before.
func (s *Server) Serve(ctx context.Context, nc net.Conn, p Peer) {
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	c := newConn(s, nc, p)
	c.ctx, c.cancel = context.WithCancel(ctx)
	defer c.cancel()
	s.enter(c)
	defer s.leave(c)
	c.serve(p.First)
}

func (s *Server) enter(c *conn) {
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// Drain ends the connections without failing a request: each gets one more
// answer, marked with Connection: close; one that stays idle for grace is
// closed, and so is an upgraded one when it has been quiet for a moment. It
// does not wait: Serve returns as connections end.
func (s *Server) Drain(grace time.Duration) {
	s.grace.Store(int64(grace))
	s.draining.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if t := c.tunnel.Load(); t != nil {
			t.drain()
		}
		if c.idle.CompareAndSwap(waiting, waking) {
			_ = c.nc.SetReadDeadline(time.Now().Add(grace))
			c.idle.Store(woken)
		}
	}
}

// CloseIdle closes up to most connections that have waited for a request since
// before, and returns how many.
func (s *Server) CloseIdle(before time.Time, most int) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if n >= most {
			break
		}
		if c.since.Load() <= before.UnixNano() && c.idle.CompareAndSwap(waiting, waking) {
			_ = c.nc.SetReadDeadline(time.Unix(1, 0))
			c.idle.Store(woken)
			n++
		}
	}
	return n
}

// Connections is the number of connections being served.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Refused is how many requests were refused for why.
func (s *Server) Refused(why Reason) uint64 {
	if why >= reasonCount {
		return 0
	}
	return s.refused[why].Load()
}
