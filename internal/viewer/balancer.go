// SPDX-License-Identifier: Apache-2.0

package viewer

// Behind a load balancer every connection comes from the balancer, so the true
// address of a viewer must be told: by the PROXY protocol (room balancer), in
// front of everything else, TLS too. Whoever may tell it could tell any
// address, so only peers that the operator names are asked, and they must: a
// connection of theirs without it is refused, for it would pass as a viewer at
// the balancer's address. From others it is a malformed request.
//
// A balancer that speaks for itself (its health checks) keeps its own address,
// and is not bounded by it.

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/forelane/forelane/internal/viewer/balancer"
)

// carries tells whether a peer is a balancer.
func (s *Server) carries(peer netip.Addr) bool {
	if len(s.balancers) == 0 {
		return false
	}
	peer = peer.Unmap().WithZone("")
	for _, p := range s.balancers {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// carried serves the viewer whom a balancer announces on c.
func (s *Server) carried(c net.Conn, peer netip.AddrPort) {
	from, first, err := s.announced(c)
	if err != nil {
		s.gate.leave(netip.Addr{})
		if !errors.Is(err, errAsleep) {
			n, level := s.gate.unannounced(), slog.LevelDebug
			if n&(n-1) == 0 { // the first, the second, the fourth ...: each would fill the log
				level = slog.LevelWarn
			}
			s.log.Log(s.ctx, level, "a balancer's connection was refused", "balancer", peer.Addr(), "so far", n, "err", err)
		}
		reset(c)
		return
	}
	if !from.IsValid() {
		defer s.gate.leave(netip.Addr{})
		s.serve(c, peer, first)
		return
	}
	if !s.gate.claim(from.Addr()) {
		s.gate.leave(netip.Addr{})
		reset(c)
		return
	}
	defer s.gate.leave(from.Addr())
	s.serve(c, from, first)
}

// errAsleep: the connection ended before its first byte, as a check of the
// port does.
var errAsleep = errors.New("ended without a byte")

// announced reads the announcement, and maybe first bytes of what follows.
func (s *Server) announced(c net.Conn) (from netip.AddrPort, first []byte, err error) {
	_ = c.SetReadDeadline(time.Now().Add(s.handshake)) // an error shows in Read
	cut := context.AfterFunc(s.ctx, func() { _ = c.Close() })
	defer cut()
	hurry := context.AfterFunc(s.leaving, func() { _ = c.SetReadDeadline(time.Now().Add(grace)) })
	defer hurry()
	b := make([]byte, balancer.Most)
	for have := 0; ; {
		n, err := c.Read(b[have:])
		have += n
		if n > 0 {
			from, size, perr := balancer.Parse(b[:have])
			if perr != nil {
				return from, nil, perr
			}
			if size > 0 {
				hurry()
				_ = c.SetReadDeadline(time.Time{}) // what comes now sets its own
				return from, b[size:have], nil
			}
		}
		switch {
		case err != nil && have == 0 && !errors.Is(err, os.ErrDeadlineExceeded):
			return from, nil, errAsleep
		case err != nil:
			return from, nil, err
		}
	}
}

// unannounced counts a connection of a balancer that did not say whom it
// carries, and tells how many there were.
func (g *Gate) unannounced() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent++
	return g.silent
}
