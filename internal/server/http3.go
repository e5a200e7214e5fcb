// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/viewer"
)

// pickTries is how often a free port is picked that TCP and UDP both have.
const pickTries = 16

// listenBoth binds HTTPS, and HTTP/3 on the UDP port of the same number.
func (s *Server) listenBoth(ctx context.Context, tcp, udp viewer.Options) error {
	_, port, err := net.SplitHostPort(s.o.HTTPS)
	picked := err == nil && port == "0"
	for try := 1; ; try++ {
		if err := s.listen(ctx, "https", s.o.HTTPS, tcp); err != nil || !s.o.HTTP3 {
			return err
		}
		last := len(s.listeners) - 1
		err := s.listenQUIC(ctx, s.listeners[last].addr.String(), udp)
		if !picked || !errors.Is(err, syscall.EADDRINUSE) || try == pickTries {
			return err
		}
		if err := s.listeners[last].close(ctx); err != nil {
			return err
		}
		s.listeners = s.listeners[:last]
	}
}

func (s *Server) listenQUIC(ctx context.Context, addr string, o viewer.Options) error {
	if s.o.Predecessor != nil {
		return s.listenLate(addr, o)
	}
	q, err := viewer.ListenQUIC(ctx, addr, s.serve, o)
	if err != nil {
		return fmt.Errorf("http3: %w (choose another address with --https, or switch it off with --http3=false)", err)
	}
	s.listeners = append(s.listeners, &listener{kind: "http3", addr: q.Addr(), serve: q.Serve, close: q.Close})
	return nil
}

// A UDP socket is not handed over: packets of connections that the predecessor
// still serves would reach a process that does not know them. Its port is bound
// when the predecessor has let go of it; until then viewers who were told of
// HTTP/3 speak it with the predecessor, or HTTP/2 over TCP.

// lateTries and latePause bound how long the port may be taken after that.
const (
	lateTries = 50
	latePause = 100 * time.Millisecond
)

func (s *Server) listenLate(addr string, o viewer.Options) error {
	udp, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return fmt.Errorf("http3: %w", err)
	}
	l := &lateQUIC{after: s.o.Predecessor, bind: func(ctx context.Context) (*viewer.QUIC, error) {
		return viewer.ListenQUIC(ctx, addr, s.serve, o)
	}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	s.listeners = append(s.listeners, &listener{kind: "http3", addr: udp, serve: l.serve, close: l.close})
	return nil
}

// lateQUIC is a listener for HTTP/3 whose port is bound when after is closed.
type lateQUIC struct {
	after  <-chan struct{}
	bind   func(context.Context) (*viewer.QUIC, error)
	ctx    context.Context // ends with close
	cancel context.CancelFunc

	mu     sync.Mutex
	bound  *viewer.QUIC
	closed bool
}

func (l *lateQUIC) serve() error {
	q, err := l.await()
	if q == nil {
		return err
	}
	l.mu.Lock()
	l.bound = q
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return q.Close(l.ctx)
	}
	return q.Serve()
}

// await is the bound port; nil without an error when close came before.
func (l *lateQUIC) await() (*viewer.QUIC, error) {
	wait := l.after
	for try := 1; ; try++ {
		select {
		case <-wait:
		case <-l.ctx.Done():
			return nil, nil
		}
		q, err := l.bind(l.ctx)
		if err == nil || l.ctx.Err() != nil {
			return q, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || try == lateTries {
			return nil, err
		}
		pause := make(chan struct{})
		time.AfterFunc(latePause, func() { close(pause) })
		wait = pause
	}
}

func (l *lateQUIC) close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	q := l.bound
	l.mu.Unlock()
	l.cancel()
	if q == nil {
		return nil
	}
	return q.Close(ctx)
}

// http3Port is the UDP port that viewers are told of; 0 without one.
func (s *Server) http3Port() int {
	for _, l := range s.listeners {
		if udp, ok := l.addr.(*net.UDPAddr); ok && l.kind == "http3" {
			return udp.Port
		}
	}
	return 0
}
