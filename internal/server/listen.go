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
	close func(context.Context) error
}

// Start binds the addresses of Options and serves on them. On an error nothing
// is left bound.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(
		s.listen(ctx, "http", s.o.HTTP, viewer.Options{Log: s.log}),
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
	go func() {
		if err := v.Serve(); err != nil {
			s.log.Error("listener ended", "kind", kind, "err", err)
		}
	}()
	s.listeners = append(s.listeners, &listener{kind, v.Addr(), v.Close})
	return nil
}

func (s *Server) listenTLS(ctx context.Context) error {
	if s.o.HTTPS == "" {
		return nil
	}
	if s.o.CA == nil {
		return errors.New("https: no certificate authority")
	}
	return s.listen(ctx, "https", s.o.HTTPS, viewer.Options{Log: s.log, TLS: s.o.CA.TLS(func(name string) bool {
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
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("listener ended", "kind", "admin", "err", err)
		}
	}()
	// The admin side has no request worth waiting for: followers of a log
	// would keep it open for ever.
	s.listeners = append(s.listeners, &listener{"admin", ln.Addr(), func(context.Context) error { return srv.Close() }})
	return nil
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
