// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/zone"
)

// listenDNS binds UDP and TCP for questions. A predecessor keeps its sockets as
// long as it lives: then they are bound after it, and resolvers ask again.
func (s *Server) listenDNS(ctx context.Context) error {
	if s.o.DNS.Addr == "" {
		return nil
	}
	bind := func(ctx context.Context) (*zone.Server, error) {
		srv, err := zone.Listen(ctx, s.o.DNS.Addr, s.zonesNow, zone.Options{Rate: s.o.DNS.Rate, Log: s.log})
		if err != nil {
			err = fmt.Errorf("dns: %w (choose another address with --dns, port 0 picks a free one)", err)
		}
		return srv, err
	}
	if s.o.Predecessor != nil {
		return s.listenLateDNS(bind)
	}
	srv, err := bind(ctx)
	if err != nil {
		return err
	}
	s.dns.Store(srv)
	s.listeners = append(s.listeners, &listener{kind: "dns", addr: srv.Addr(), serve: srv.Serve, close: srv.Close})
	return nil
}

func (s *Server) zonesNow() *zone.Zones {
	if snap := s.current.Load(); snap != nil {
		return snap.zones
	}
	return nil
}

func (s *Server) listenLateDNS(bind func(context.Context) (*zone.Server, error)) error {
	addr, err := net.ResolveTCPAddr("tcp", s.o.DNS.Addr)
	if err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	serve := func() error {
		wait := s.o.Predecessor
		for try := 1; ; try++ {
			select {
			case <-wait:
			case <-ctx.Done():
				return nil
			}
			srv, err := bind(ctx)
			switch {
			case err == nil:
				s.dns.Store(srv)
				defer context.AfterFunc(ctx, func() { _ = srv.Close(context.Background()) })()
				return srv.Serve()
			case ctx.Err() != nil:
				return nil
			case !errors.Is(err, syscall.EADDRINUSE) || try == lateTries:
				return err
			}
			pause := make(chan struct{})
			time.AfterFunc(latePause, func() { close(pause) })
			wait = pause
		}
	}
	s.listeners = append(s.listeners, &listener{kind: "dns", addr: addr, serve: serve, close: func(context.Context) error {
		cancel()
		return nil
	}})
	return nil
}

// showDNS makes what DNS counts series of the node's metrics.
func (s *Server) showDNS() {
	count := func(f func(zone.State) uint64) func() float64 {
		return func() float64 {
			if srv := s.dns.Load(); srv != nil {
				return float64(f(srv.State()))
			}
			return 0
		}
	}
	s.meter.CounterFunc("forelane_dns_answers_total", "Answers to DNS questions, refusals and errors among them.", count(func(st zone.State) (n uint64) {
		for _, c := range st.Answers {
			n += c
		}
		return n
	}))
	s.meter.CounterFunc("forelane_dns_held_total", "Answers over UDP beyond --dns-rate: dropped, or sent without content.", count(func(st zone.State) uint64 { return st.Held }))
	s.meter.GaugeFunc("forelane_latency_networks", "Networks of viewers whose round trip is known.", func() float64 { return float64(s.names.latency.Len()) })
	s.meter.GaugeFunc("forelane_unhealthy_checks", "Health checks whose endpoint is not well.", func() float64 {
		n := 0
		for _, c := range s.names.checks.States() {
			if !c.Healthy {
				n++
			}
		}
		return float64(n)
	})
}
