// SPDX-License-Identifier: Apache-2.0

// Package viewer is where viewers connect: listeners, TLS, and the engines
// that turn bytes into httpmsg.Request and httpmsg.Response into bytes.
//
// The flow: (1) Listen binds an address, or New takes a listener that there is;
// (2) Serve accepts what the Gate has room for, takes a balancer's word for who
// the viewer is (balancer.go), shakes hands when a TLS
// configuration is given, and hands the connection to the engine that the
// handshake chose: room h2, or room h1, which also speaks on cleartext (room h2
// too, with H2C, to those that begin with its preface); (3) the
// engine parses each request strictly into an httpmsg.Request and calls the
// Handler on the connection's goroutine (room engine says when it leaves it);
// (4) Close stops accepting, lets requests finish and cuts what is left when
// its context ends.
//
// What it does not do: it routes nothing, caches nothing and knows no
// distribution.
//
// Concurrency: a Request and its Writer belong to the goroutine that the
// Handler is called on; the Handler is called by many at once.
package viewer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/socket"
	"github.com/forelane/forelane/internal/viewer/engine"
	"github.com/forelane/forelane/internal/viewer/h1"
	"github.com/forelane/forelane/internal/viewer/h2"
	"github.com/forelane/forelane/internal/viewer/hello"
)

// Handler answers one viewer request: see engine.Handler for its contract.
type Handler = engine.Handler

// Writer takes one answer to its viewer: see engine.Writer.
type Writer = engine.Writer

// Options of a Server. The zero value of each field is usable.
type Options struct {
	// TLS makes the listener speak HTTPS, and HTTP/2 where its NextProtos say
	// h2. Nil: cleartext.
	TLS *tls.Config
	// H2C lets cleartext connections speak HTTP/2 when they begin with its
	// preface (prior knowledge, RFC 9113 3.3).
	H2C bool
	// WebSocket offers extended CONNECT (RFC 8441) on HTTP/2. On HTTP/1.1 the
	// Handler upgrades by h1.Upgrader, which every Writer there is.
	WebSocket bool
	// Balancers are peers who begin each connection with the PROXY protocol,
	// version 1 or 2, and whose word for the viewer's address is taken. All
	// others may not speak it.
	Balancers []netip.Prefix
	// Met is called once a connection of a viewer over TCP, with a way to
	// measure the round trip to it, which holds for the call. Nil: nobody wants
	// to know.
	Met func(viewer netip.Addr, measure func() (time.Duration, bool))
	// Limits bound viewers. The zero Limits are those of limits below.
	Limits engine.Limits
	// Gate bounds connections; listeners may share it. Nil: one of its own,
	// with the default Bounds.
	Gate *Gate
	// Log takes faults of connections (Debug) and panics (Error). Nil: dropped.
	Log *slog.Logger
}

// limits are engine.Defaults, but with room for heads that the edge refuses
// itself, in CloudFront's words and with a record (row C4).
func limits() engine.Limits {
	l := engine.Defaults()
	l.Head, l.Target = 32<<10, 24<<10
	return l
}

// Server serves one listener.
type Server struct {
	ln  net.Listener
	tls *tls.Config
	h2c bool
	h1  *h1.Server
	h2  *h2.Server

	balancers []netip.Prefix
	met       func(netip.Addr, func() (time.Duration, bool))

	gate      *Gate
	handshake time.Duration
	log       *slog.Logger

	ctx     context.Context    // ends: connections are cut
	cut     context.CancelFunc // ends ctx
	leaving context.Context    // ends: the server drains
	drain   context.CancelFunc // ends leaving: HTTP/2 connections say goodbye
	conns   sync.WaitGroup
	serving atomic.Bool
}

// Listen binds addr (port 0 picks one).
func Listen(ctx context.Context, addr string, h Handler, o Options) (*Server, error) {
	ln, err := Bind(ctx, addr, false)
	if err != nil {
		return nil, err
	}
	return New(ln, h, o), nil
}

// New makes a Server of a listener it now owns.
func New(ln net.Listener, h Handler, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Limits == (engine.Limits{}) {
		o.Limits = limits()
	}
	if o.Gate == nil {
		o.Gate = NewGate(Bounds{})
	}
	s := &Server{ln: ln, tls: o.TLS, h2c: o.H2C, balancers: o.Balancers, met: o.Met, gate: o.Gate, handshake: o.Limits.HeadTimeout, log: o.Log}
	s.ctx, s.cut = context.WithCancel(context.Background())
	s.leaving, s.drain = context.WithCancel(s.ctx)
	s.h1 = h1.New(h, h1.Options{Limits: o.Limits, Log: o.Log})
	s.h2 = h2.New(h, h2.Options{Limits: o.Limits, WebSocket: o.WebSocket, Log: o.Log, Drain: s.leaving, Flood: s.gate.blame})
	s.gate.join(s.h1, s.h2)
	frugal(ln)
	return s
}

// Addr is the bound address.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Serve accepts until Close; it returns nil then.
func (s *Server) Serve() error {
	s.conns.Add(1) // so that Close's Wait comes after the last connection
	defer s.conns.Done()
	s.serving.Store(true)
	pause := time.Duration(0)
	for {
		c, err := s.ln.Accept()
		switch {
		case err == nil:
			pause = 0
			s.admit(c)
		case errors.Is(err, net.ErrClosed):
			return nil
		case s.leaving.Err() != nil: // the sweep is over
			return s.closeListener()
		default: // too many open files, or the like: it passes
			pause = min(max(2*pause, 5*time.Millisecond), acceptPause)
			s.log.Warn("accept", "err", err, "again in", pause)
			s.gate.reclaim()
			select {
			case <-time.After(pause):
			case <-s.ctx.Done():
				return nil
			}
		}
	}
}

// admit gives a connection its goroutine, or refuses it.
func (s *Server) admit(c net.Conn) {
	from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	if s.carries(from.Addr()) {
		if !s.gate.enter(s.leaving, netip.Addr{}) {
			reset(c)
			return
		}
		s.conns.Go(func() { s.carried(c, from) })
		return
	}
	if !s.gate.enter(s.leaving, from.Addr()) {
		reset(c)
		return
	}
	s.conns.Go(func() {
		defer s.gate.leave(from.Addr())
		if s.met != nil {
			s.met(from.Addr(), func() (time.Duration, bool) { return roundTripTime(c) })
		}
		s.serve(c, from, nil)
	})
}

// serve speaks on one connection, of which first has been read, to its end.
func (s *Server) serve(c net.Conn, from netip.AddrPort, first []byte) {
	c = socket.Wrap(c)
	v := httpmsg.Viewer{Addr: from}
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		v.Local = a.AddrPort().Addr().Unmap()
	}
	if s.tls == nil {
		s.cleartext(c, v, first)
		return
	}
	if len(first) > 0 {
		c = &begun{Conn: c, first: first}
	}
	tc := tls.Server(c, s.tls)
	v.TLS = new(httpmsg.TLS)
	ctx, cancel := context.WithTimeout(hello.With(s.ctx, v.TLS), s.handshake)
	err := tc.HandshakeContext(ctx)
	cancel()
	if err != nil {
		s.log.Debug("handshake", "viewer", v.Addr, "err", err)
		tellCleartext(err)
		_ = c.Close()
		return
	}
	st := tc.ConnectionState()
	shaken(v.TLS, st)
	if st.NegotiatedProtocol == "h2" {
		s.h2.Serve(s.ctx, tc, v)
		return
	}
	s.h1.Serve(s.ctx, tc, h1.Peer{Viewer: v})
}

// tellCleartext answers somebody who speaks HTTP to the port of HTTPS.
func tellCleartext(err error) {
	var rh tls.RecordHeaderError
	if !errors.As(err, &rh) || rh.Conn == nil {
		return
	}
	first := rh.RecordHeader[:]
	for _, method := range []string{"GET ", "HEAD ", "POST ", "PUT ", "OPTIO", "PATCH", "DELET"} {
		if bytes.HasPrefix(first, []byte(method)) {
			_, _ = io.WriteString(rh.Conn, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks HTTPS.\n")
			return
		}
	}
}

// grace is how long an idle HTTP/1 connection may still send a request while
// the server stops: what is on its way is answered.
const grace = 100 * time.Millisecond

// Close stops accepting and waits for requests under way until ctx ends;
// what is left then is cut.
func (s *Server) Close(ctx context.Context) error { return s.Retire(ctx, grace) }

// Retire is Close for a server that has a successor: nobody waits for it, so
// idle HTTP/1 connections may take as long as idle to send one more request,
// whose answer tells them to go.
func (s *Server) Retire(ctx context.Context, idle time.Duration) error {
	s.h1.Drain(idle)
	s.drain()
	errs := []error{s.stopAccepting()}
	done := make(chan struct{})
	go func() {
		s.conns.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, context.Cause(ctx))
		s.cut()
		<-done
	}
	s.cut()
	return errors.Join(append(errs, s.closeListener())...)
}
