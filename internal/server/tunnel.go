// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/tunnel"
)

// tunnelDir is below Options.Data: the authority that agents trust, and the
// roll of those who have joined.
const tunnelDir = "tunnel"

func (s *Server) openTunnel() error {
	if s.o.Tunnel == "" {
		return nil
	}
	hub, err := tunnel.OpenHub(tunnel.HubOptions{Dir: filepath.Join(s.o.Data, tunnelDir), Log: s.log})
	if err != nil {
		return err
	}
	s.hub = hub
	figure := func(name, help string, read func(tunnel.Figures) float64) {
		s.meter.GaugeFunc(name, help, func() float64 { return read(hub.Figures()) })
	}
	figure("forelane_tunnel_agents", "Connections of agents.", func(f tunnel.Figures) float64 { return float64(f.Links) })
	figure("forelane_tunnel_agents_healthy", "Those that answer pings and are not leaving.", func(f tunnel.Figures) float64 { return float64(f.Healthy) })
	figure("forelane_tunnel_requests", "Requests to private origins that are under way.", func(f tunnel.Figures) float64 { return float64(f.UnderWay) })
	s.meter.CounterFunc("forelane_tunnel_refused_total", "Connections that were no agent's of this node.", func() float64 { return float64(hub.Figures().Refused) })
	return nil
}

// listenTunnel binds TCP and the UDP port of the same number.
func (s *Server) listenTunnel(ctx context.Context) error {
	if s.hub == nil {
		return nil
	}
	_, port, err := net.SplitHostPort(s.o.Tunnel)
	picked := err == nil && port == "0"
	for try := 1; ; try++ {
		tcp, err := s.bound(ctx, "tunnel", s.o.Tunnel, false)
		if err != nil {
			return err
		}
		var lc net.ListenConfig
		udp, err := lc.ListenPacket(ctx, "udp", tcp.Addr().String())
		if err == nil || s.o.Predecessor != nil {
			s.addTunnel(tcp, udp)
			return nil
		}
		err = errors.Join(err, tcp.Close())
		if !picked || !errors.Is(err, syscall.EADDRINUSE) || try == pickTries {
			return fmt.Errorf("tunnel: %w", err)
		}
	}
}

// addTunnel serves agents; udp is nil while a predecessor has the port.
func (s *Server) addTunnel(tcp net.Listener, udp net.PacketConn) {
	var once sync.Once
	ends := make(chan struct{})
	l := &listener{kind: "tunnel", addr: tcp.Addr()}
	l.serve = func() error {
		errs := make(chan error, 2)
		go func() { errs <- s.hub.ServeTCP(tcp) }()
		go func() {
			if udp == nil {
				if udp = s.lateUDP(tcp.Addr().String(), ends); udp == nil {
					errs <- nil
					return
				}
			}
			errs <- s.hub.ServeQUIC(udp)
		}()
		return errors.Join(<-errs, <-errs)
	}
	l.close = func(context.Context) error {
		once.Do(func() { close(ends) })
		return errors.Join(s.hub.Retire(), closed(tcp))
	}
	l.socket = fileOf(tcp)
	s.listeners = append(s.listeners, l)
}

// lateUDP binds the port once the predecessor has let go of it; nil when that
// fails or ends is closed. Until then agents come over TCP.
func (s *Server) lateUDP(addr string, ends <-chan struct{}) net.PacketConn {
	wait := s.o.Predecessor
	for range lateTries {
		select {
		case <-wait:
		case <-ends:
			return nil
		}
		var lc net.ListenConfig
		udp, err := lc.ListenPacket(context.Background(), "udp", addr)
		if err == nil {
			return udp
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			s.log.Error("tunnel: no QUIC", "err", err)
			return nil
		}
		pause := make(chan struct{})
		time.AfterFunc(latePause, func() { close(pause) })
		wait = pause
	}
	s.log.Error("tunnel: no QUIC: another process has the port", "addr", addr)
	return nil
}
