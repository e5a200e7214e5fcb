// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/control"
	"github.com/forelane/forelane/internal/viewer"
)

// listener is one bound address.
type listener struct {
	kind   string // http, https, http3, admin, tunnel, endpoint, dns …
	addr   net.Addr
	serve  func() error
	close  func(context.Context) error
	socket func() (*os.File, error) // nil: it is not handed over
}

// Bind binds the addresses of Options, or takes the Listeners in their place;
// viewers that connect wait until Start. It comes before Apply, for redirects
// name the port of HTTPS. On an error nothing is left bound.
func (s *Server) Bind(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.Join(
		s.listen(ctx, "http", s.o.HTTP, viewer.Options{Log: s.log, Gate: s.gate, Balancers: s.o.Balancers, H2C: s.o.H2C, WebSocket: s.o.H2WebSocket, Met: s.met}),
		s.listenTLS(ctx),
		s.listenAdmin(ctx),
		s.listenPeers(ctx),
		s.openACME(),
		s.listenTunnel(ctx),
		s.listenTo(ctx, "endpoint", s.o.Endpoint, s.serveEndpoint, viewer.Options{Log: s.log, Gate: s.gate}),
		s.listenDNS(ctx),
	)
	if err != nil {
		for _, l := range s.listeners {
			err = errors.Join(err, l.close(ctx))
		}
		s.listeners = nil
	}
	addrs := map[string]string{}
	for _, l := range s.listeners {
		addrs[l.kind] = l.addr.String()
	}
	s.addrs.Store(&addrs)
	return err
}

// bound is the listener for kind: the one of before, or a new one.
func (s *Server) bound(ctx context.Context, kind, addr string, share bool) (net.Listener, error) {
	if ln := s.o.Listeners[kind]; ln != nil {
		return ln, nil
	}
	ln, err := viewer.Bind(ctx, addr, share)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (choose another address with --%s, port 0 picks a free one; a node that runs is replaced by --replace)", kind, err, kind)
	}
	return ln, nil
}

func (s *Server) listen(ctx context.Context, kind, addr string, o viewer.Options) error {
	return s.listenTo(ctx, kind, addr, s.serve, o)
}

func (s *Server) listenTo(ctx context.Context, kind, addr string, h viewer.Handler, o viewer.Options) error {
	if addr == "" {
		return nil
	}
	ln, err := s.bound(ctx, kind, addr, s.o.ReusePort)
	if err != nil {
		return err
	}
	v := viewer.New(ln, h, o)
	s.listeners = append(s.listeners, &listener{kind, v.Addr(), v.Serve, func(ctx context.Context) error { return v.Retire(ctx, s.grace(ctx)) }, v.Socket})
	return nil
}

// Start serves on the bound addresses.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life.serving.Store(true)
	own, err := reached(s.listeners)
	if err != nil {
		s.log.Warn("addresses of this machine", "err", err)
	}
	s.own.Store(&own)
	for _, l := range s.listeners {
		go func() {
			if err := l.serve(); err != nil {
				s.life.lost.Add(1)
				s.log.Error("listener ended", "kind", l.kind, "err", err)
			}
		}()
	}
}

func (s *Server) listenTLS(ctx context.Context) error {
	if s.o.HTTPS == "" {
		return nil
	}
	if s.o.CA == nil && s.o.Certificates == nil {
		return errors.New("https: no certificate, and no authority to make one")
	}
	terms := s.terms()
	tcp := viewer.Options{Log: s.log, Gate: s.gate, Balancers: s.o.Balancers, WebSocket: s.o.H2WebSocket, Met: s.met, TLS: terms.TCP()}
	quic := viewer.Options{Log: s.log, TLS: terms.QUIC()}
	return s.listenBoth(ctx, tcp, quic)
}

func (s *Server) listenAdmin(ctx context.Context) error {
	if s.o.Admin == "" {
		return nil
	}
	ln, err := s.bound(ctx, "admin", s.o.Admin, false)
	if err != nil {
		return err
	}
	handler := s.objects(control.New(node{s}, control.Options{Token: s.o.AdminToken, Routes: s.o.AdminRoutes}))
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, TLSConfig: s.o.AdminTLS}
	serve := func() error {
		run := srv.Serve
		if srv.TLSConfig != nil {
			run = func(ln net.Listener) error { return srv.ServeTLS(ln, "", "") }
		}
		if err := run(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	// Followers of a log would keep the admin side open for ever; what else
	// there is ends soon.
	stop := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, adminDrain)
		defer cancel()
		if err := srv.Shutdown(ctx); err == nil {
			return closed(ln)
		}
		return errors.Join(srv.Close(), closed(ln))
	}
	s.listeners = append(s.listeners, &listener{"admin", ln.Addr(), serve, stop, fileOf(ln)})
	return nil
}

// fileOf gives a copy of a listener's socket.
func fileOf(ln net.Listener) func() (*os.File, error) {
	return func() (*os.File, error) {
		f, ok := ln.(interface{ File() (*os.File, error) })
		if !ok {
			return nil, errors.New("the listener is no socket")
		}
		return f.File()
	}
}

// closeListeners ends the listeners. The admin side is the last one, for it tells
// that the node is stopping; that of a successor answers already.
func (s *Server) closeListeners(ctx context.Context) error {
	s.life.draining.Store(true)
	errs := make([]error, len(s.listeners))
	closeThose := func(which func(kind string) bool) {
		var stopping sync.WaitGroup
		for i, l := range s.listeners {
			if which(l.kind) {
				stopping.Go(func() { errs[i] = l.close(ctx) })
			}
		}
		stopping.Wait()
	}
	if s.succeeded.Load() {
		closeThose(func(string) bool { return true })
		return errors.Join(errs...)
	}
	if s.o.DrainDelay > 0 && s.life.serving.Load() {
		delay := time.NewTimer(s.o.DrainDelay)
		defer delay.Stop()
		select {
		case <-delay.C:
		case <-ctx.Done():
		}
	}
	closeThose(func(kind string) bool { return kind != "admin" })
	closeThose(func(kind string) bool { return kind == "admin" })
	return errors.Join(errs...)
}

// adminDrain is how long requests of the admin side may take to finish.
const adminDrain = time.Second

// Sockets are copies of the sockets that listen, by kind, for a successor. The
// caller closes them.
func (s *Server) Sockets() (map[string]*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]*os.File{}
	for _, l := range s.listeners {
		if l.socket == nil {
			continue
		}
		f, err := l.socket()
		if err != nil {
			for _, f := range out {
				err = errors.Join(err, f.Close())
			}
			return nil, err
		}
		out[l.kind] = f
	}
	return out, nil
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

// Addr is the bound address of a listener: http, https, http3 or admin; empty when
// there is none.
func (s *Server) Addr(kind string) string {
	if m := s.addrs.Load(); m != nil {
		return (*m)[kind]
	}
	return ""
}
