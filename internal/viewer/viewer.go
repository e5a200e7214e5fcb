// SPDX-License-Identifier: Apache-2.0

// Package viewer is where viewers connect: listeners, TLS, and the engines
// that turn bytes into httpmsg.Request and httpmsg.Response into bytes.
//
// The flow: (1) Listen binds an address; (2) Serve accepts, by TLS when a
// configuration is given, HTTP/2 being agreed by ALPN; (3) each request is
// checked against the bounds, made an httpmsg.Request and handed to the
// Handler together with a Writer; (4) Close stops accepting, lets requests
// finish and ends what is left when its context does.
//
// What it does not do: it routes nothing, caches nothing and knows no
// distribution. The engine of this width is net/http behind the same seam.
//
// Concurrency: a Request and its Writer belong to the goroutine that the
// Handler is called on; the Handler is called by many at once.
package viewer

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Handler answers one viewer request. It always calls w.Head, once.
type Handler func(ctx context.Context, rq *httpmsg.Request, w Writer)

// Writer takes one answer to its viewer.
type Writer interface {
	// Head sends status and fields; rs.ContentLength is the length of the
	// body to come (-1: not known). The body of rs is not read.
	Head(rs *httpmsg.Response) error
	// Write sends a piece of the body. An error means that the viewer is gone.
	Write(p []byte) (int, error)
	// Flush sends what is buffered.
	Flush() error
	// Abort tells that the body cannot be completed, so that the viewer does
	// not take the piece for the whole.
	Abort()
}

// Options of a Server. The zero value of each field is usable.
type Options struct {
	// TLS makes the listener speak HTTPS. Nil: cleartext.
	TLS *tls.Config
	// MaxHeader is the size of request line and fields together that is still
	// read; more is refused with 431. 0: 20,480 B as CloudFront takes
	// (and 4 KB of slack, as the count includes line ends).
	MaxHeader int
	// HeadTimeout ends a connection whose request head does not arrive. 0: 10 s.
	HeadTimeout time.Duration
	// IdleTimeout ends a kept-alive connection. 0: 60 s.
	IdleTimeout time.Duration
	// Log takes faults of connections. Nil: dropped.
	Log *slog.Logger
}

// Server serves one listener.
type Server struct {
	http http.Server
	ln   net.Listener
	tls  bool
}

// Listen binds addr (port 0 picks one).
func Listen(ctx context.Context, addr string, h Handler, o Options) (*Server, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return New(ln, h, o), nil
}

// New makes a Server of a listener it now owns.
func New(ln net.Listener, h Handler, o Options) *Server {
	s := &Server{ln: ln, tls: o.TLS != nil}
	scheme := "http"
	if s.tls {
		scheme = "https"
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s.http = http.Server{
		Handler:           &engine{handle: h, scheme: scheme},
		TLSConfig:         o.TLS,
		MaxHeaderBytes:    or(o.MaxHeader, 20480+4096) - 4096, // net/http adds 4096 itself
		ReadHeaderTimeout: or(o.HeadTimeout, 10*time.Second),
		IdleTimeout:       or(o.IdleTimeout, 60*time.Second),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return s
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Addr is the bound address.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Serve accepts until Close; it returns nil then.
func (s *Server) Serve() error {
	var err error
	if s.tls {
		err = s.http.ServeTLS(s.ln, "", "")
	} else {
		err = s.http.Serve(s.ln)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops accepting and waits for requests under way until ctx ends;
// what is left then is cut.
func (s *Server) Close(ctx context.Context) error {
	var errs []error
	if err := s.http.Shutdown(ctx); err != nil {
		errs = append(errs, err, s.http.Close())
	}
	// A listener that was never served on is not known to the engine.
	if err := s.ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
