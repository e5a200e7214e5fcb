// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// Options of a Server. The zero value of each field is usable.
type Options struct {
	// Limits bound viewers. A zero field is that of engine.Defaults.
	Limits engine.Limits
	// Scheme is that of requests. "": https on a connection with TLS, else http.
	Scheme string
	// WebSocket takes extended CONNECT (RFC 8441). The Handler sees the method
	// CONNECT, the field :protocol first in the header, and a body without
	// end; what it writes after a 2xx head is the other direction. A drain ends
	// a tunnel that is quiet.
	WebSocket bool
	// Refuse makes the answer to a request that the engine refuses by itself
	// (400, 405, 414, 431). Nil: an answer without a body.
	Refuse func(status int) (*httpmsg.Response, [][]byte)
	// Drain, when it ends, lets every connection finish what it has begun and
	// close (GOAWAY). Nil: never.
	Drain context.Context //nolint:containedctx // a signal without a goroutine a connection: context.AfterFunc
	// Flood is told the address of a viewer whose connection ends because it
	// sent too much of what costs. It must not block. Nil: nobody is told.
	Flood func(netip.Addr)
	// Log takes faults of viewers (Debug) and panics of the Handler (Error).
	// Nil: dropped.
	Log *slog.Logger
}

// Server speaks HTTP/2 on connections that others accept.
type Server struct {
	handle engine.Handler
	opts   Options
	limits engine.Limits
	log    *slog.Logger
	pool   sync.Pool // *[]byte: output buffers
	large  sync.Pool // *[]byte: read buffers that hold the largest frame

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// New makes a Server that answers with h.
func New(h engine.Handler, o Options) *Server {
	s := &Server{handle: h, opts: o, limits: o.Limits, log: o.Log, conns: map[*conn]struct{}{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	l, d := &s.limits, engine.Defaults()
	l.Head, l.Target, l.Fields = or(l.Head, d.Head), or(l.Target, d.Target), or(l.Fields, d.Fields)
	l.HeadTimeout, l.BodyTimeout = or(l.HeadTimeout, d.HeadTimeout), or(l.BodyTimeout, d.BodyTimeout)
	l.IdleTimeout, l.WriteStall = or(l.IdleTimeout, d.IdleTimeout), or(l.WriteStall, d.WriteStall)
	l.Streams, l.Pending = or(l.Streams, d.Streams), or(l.Pending, d.Pending)
	s.pool.New = func() any { b := make([]byte, 0, firstOut); return &b }
	s.large.New = func() any { b := make([]byte, largeRead); return &b }
	return s
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Serve speaks HTTP/2 on nc, from the viewer's preface on, until it ends: it
// returns when the connection is closed and every Handler has returned. It
// owns nc. When ctx ends the connection is cut.
func (s *Server) Serve(ctx context.Context, nc net.Conn, v httpmsg.Viewer) {
	c := newConn(ctx, s, nc, v)
	defer context.AfterFunc(ctx, c.cut)()
	c.hello()
	if s.opts.Drain != nil { // after hello: no GOAWAY comes before our SETTINGS
		defer context.AfterFunc(s.opts.Drain, c.drain)()
	}
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	c.readLoop()
	<-c.done
	c.handlers.Wait()
}

// CloseIdle sends up to most connections away that have had no request since
// before, and returns how many.
func (s *Server) CloseIdle(before time.Time, most int) (n int) {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range all {
		if n >= most {
			break
		}
		if c.quiet(before) {
			go c.dismiss() // a write may block
			n++
		}
	}
	return n
}

func (s *Server) get() ([]byte, *[]byte) {
	box, _ := s.pool.Get().(*[]byte)
	return (*box)[:0], box
}

// put takes an output buffer back. One that has grown far is dropped.
func (s *Server) put(box *[]byte, b []byte) {
	if box == nil || cap(b) > 4*batch {
		return
	}
	*box = b[:0]
	s.pool.Put(box)
}
