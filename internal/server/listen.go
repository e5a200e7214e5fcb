// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/forelane/forelane/internal/control"
	"github.com/forelane/forelane/internal/viewer"
)

// listener is one bound address.
type listener struct {
	kind  string // http, https, admin
	addr  net.Addr
	serve func() error
	close func(context.Context) error
}

// Bind binds the addresses of Options; viewers that connect wait until Start.
// It comes before Apply, for redirects name the port of HTTPS. On an error
// nothing is left bound.
func (s *Server) Bind(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(
		s.listen(ctx, "http", s.o.HTTP, viewer.Options{Log: s.log, H2C: s.o.H2C, WebSocket: s.o.H2WebSocket}),
		s.listenTLS(ctx),
		s.listenAdmin(ctx),
	)
	if err != nil {
		for _, l := range s.listeners {
			err = errors.Join(err, l.close(ctx))
		}
		s.listeners = nil
	}
	return err
}

func (s *Server) listen(ctx context.Context, kind, addr string, o viewer.Options) error {
	if addr == "" {
		return nil
	}
	v, err := viewer.Listen(ctx, addr, s.serve, o)
	if err != nil {
		return fmt.Errorf("%s: %w (choose another address with --%s, port 0 picks a free one)", kind, err, kind)
	}
	s.listeners = append(s.listeners, &listener{kind, v.Addr(), v.Serve, v.Close})
	return nil
}

// Start serves on the bound addresses.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		go func() {
			if err := l.serve(); err != nil {
				s.log.Error("listener ended", "kind", l.kind, "err", err)
			}
		}()
	}
}

func (s *Server) listenTLS(ctx context.Context) error {
	if s.o.HTTPS == "" {
		return nil
	}
	if s.o.CA == nil {
		return errors.New("https: no certificate authority")
	}
	return s.listen(ctx, "https", s.o.HTTPS, viewer.Options{Log: s.log, WebSocket: s.o.H2WebSocket, TLS: s.o.CA.TLS(func(name string) bool {
		snap := s.current.Load()
		return snap != nil && snap.allows(name)
	})})
}

func (s *Server) listenAdmin(ctx context.Context) error {
	if s.o.Admin == "" {
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.o.Admin)
	if err != nil {
		return fmt.Errorf("admin: %w (choose another address with --admin, port 0 picks a free one)", err)
	}
	srv := &http.Server{Handler: control.New(node{s}), ReadHeaderTimeout: 10 * time.Second}
	serve := func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	// The admin side has no request worth waiting for: followers of a log
	// would keep it open for ever.
	stop := func(context.Context) error { return errors.Join(srv.Close(), closed(ln)) }
	s.listeners = append(s.listeners, &listener{"admin", ln.Addr(), serve, stop})
	return nil
}

// closed closes a listener that its server may have closed already.
func closed(ln net.Listener) error {
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// httpsPort is the port that redirects to HTTPS name; 0 without a listener.
func (s *Server) httpsPort() int {
	for _, l := range s.listeners {
		if tcp, ok := l.addr.(*net.TCPAddr); ok && l.kind == "https" {
			return tcp.Port
		}
	}
	return 0
}

// Addr is the bound address of a listener: http, https or admin; empty when
// there is none.
func (s *Server) Addr(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if l.kind == kind {
			return l.addr.String()
		}
	}
	return ""
}
