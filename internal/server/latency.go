// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/forelane/forelane/internal/zone/latency"
)

const (
	peerInterval = 10 * time.Second
	peerPatience = 5 * time.Second
	mostFigures  = 16 << 20 // bytes
)

// met learns how far a viewer is, once a connection. It costs a system call,
// and only where there are zones.
func (s *Server) met(viewer netip.Addr, measure func() (time.Duration, bool)) {
	snap := s.current.Load()
	region := s.names.region.Load()
	if snap == nil || region == nil || len(snap.zones.Names()) == 0 {
		return
	}
	if rtt, ok := measure(); ok {
		s.names.latency.Learn(viewer, *region, rtt)
	}
}

// poll takes over what another node measures.
func (s *Server) poll(ctx context.Context, url string) {
	every := s.o.DNS.PeerInterval
	if every <= 0 {
		every = peerInterval
	}
	client := &http.Client{Timeout: peerPatience}
	tick := time.NewTicker(every)
	defer tick.Stop()
	silent := false
	for {
		rows, err := figuresOf(ctx, client, url)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			s.names.latency.Merge(rows)
		case !silent:
			s.log.Warn("dns: latencies of another node", "url", url, "err", err)
		}
		silent = err != nil // once, not every ten seconds
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func figuresOf(ctx context.Context, client *http.Client, url string) ([]latency.Row, error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	rs, err := client.Do(rq)
	if err != nil {
		return nil, err
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(io.LimitReader(rs.Body, mostFigures))
	switch {
	case err != nil:
		return nil, err
	case rs.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("status %d", rs.StatusCode)
	}
	return latency.Read(bytes.NewReader(b))
}

// Latencies are the figures that this node has measured, as text.
func (n node) Latencies() []byte { return latency.Append(nil, n.s.names.latency.Rows()) }

// HealthChecks are the states of the health checks that run.
func (n node) HealthChecks() any { return n.s.names.checks.States() }
