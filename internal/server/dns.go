// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/zone"
	"github.com/forelane/forelane/internal/zone/health"
	"github.com/forelane/forelane/internal/zone/latency"
)

// DNS are the options of the zones of stacks. The zero value is usable.
type DNS struct {
	// Addr is where questions are answered, over UDP and TCP. Empty: nowhere;
	// origins whose name is in a zone are chosen all the same.
	Addr string
	// Addresses are answered where an alias leads to a distribution or an API.
	// Nil: those that the node's own listeners for viewers are bound to.
	Addresses []netip.Addr
	// Rate is how many answers of one meaning a network gets in a second. 0:
	// zone.DefaultRate; below zero: no limit.
	Rate int
	// Latency are the figures that the operator knows.
	Latency []latency.Row
	// Peers are URLs of other nodes' figures, which are asked for every
	// PeerInterval: http://192.0.2.1:9900/v1/latency.
	Peers []string
	// PeerInterval is 10 s when it is 0.
	PeerInterval time.Duration
	// HealthInterval is in place of the health checks' own. 0: theirs.
	HealthInterval time.Duration
}

// names is what outlives revisions of the zones.
type names struct {
	latency *latency.Table
	checks  *health.Checks
	region  atomic.Pointer[string]
	stop    context.CancelFunc
	polling sync.WaitGroup
}

func (s *Server) newNames() {
	n := &s.names
	n.latency = latency.New()
	n.latency.Configure(s.o.DNS.Latency)
	n.checks = health.New(health.Options{
		Interval: s.o.DNS.HealthInterval, Log: s.log, Resolve: s.resolve, Inside: s.insideFor, Changed: func(string, bool) { s.turned() },
	})
	var ctx context.Context
	ctx, n.stop = context.WithCancel(context.Background())
	for _, url := range s.o.DNS.Peers {
		n.polling.Go(func() { s.poll(ctx, url) })
	}
}

func (n *names) close() {
	if n.stop == nil {
		return
	}
	n.stop()
	n.checks.Close()
	n.polling.Wait()
}

// compileZones makes the zones of a revision. They come first, for origins may
// be named in them.
func (s *Server) compileZones(snap *Snapshot) error {
	var err error
	deps := zone.Deps{Healthy: s.names.checks.Healthy, Latency: s.names.latency.Between, Front: fronts(snap.stacks), Addresses: s.ownAddresses}
	if s.o.Geo != nil {
		deps.Place = s.placeOf
	}
	snap.zones, err = zone.Compile(snap.stacks, deps)
	return err
}

// placeOf is where a viewer is, by the databases of the node.
func (s *Server) placeOf(viewer netip.Addr) zone.Place {
	if p := s.o.Geo.Find(viewer); p != nil {
		return zone.Place{Continent: p.Continent, Country: p.Country, Subdivision: p.Region}
	}
	return zone.Place{}
}

// fronts are the names of distributions and APIs, for which aliases stand.
func fronts(stacks []*model.Stack) func(string) bool {
	all := map[string]bool{}
	for _, st := range stacks {
		for _, d := range st.Distributions {
			all[strings.ToLower(d.DomainName)] = true
		}
		for _, d := range st.Domains {
			for _, t := range d.Targets {
				all[strings.ToLower(t)] = true
			}
		}
	}
	return func(name string) bool { return all[name] }
}

// ownAddresses are where viewers reach this node. Start finds them: questions
// take no lock.
func (s *Server) ownAddresses() []netip.Addr {
	if a := s.o.DNS.Addresses; a != nil {
		return a
	}
	if p := s.own.Load(); p != nil {
		return *p
	}
	return nil
}

// reached are the addresses that listeners for viewers are bound to, or those
// of the machine when one is bound to all.
func reached(listeners []*listener) ([]netip.Addr, error) {
	var out []netip.Addr
	every := false
	for _, l := range listeners {
		tcp, ok := l.addr.(*net.TCPAddr)
		if !ok || l.kind != "http" && l.kind != "https" {
			continue
		}
		a := tcp.AddrPort().Addr().Unmap().WithZone("")
		every = every || a.IsUnspecified()
		if !a.IsUnspecified() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if !every {
		return out, nil
	}
	all, err := net.InterfaceAddrs()
	for _, i := range all {
		if p, err := netip.ParsePrefix(i.String()); err == nil && p.Addr().IsGlobalUnicast() && !slices.Contains(out, p.Addr().Unmap()) {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out, err
}

// watch has the health checks of a revision run, where somebody asks for their
// state: questions, or origins that lead to several places.
func (s *Server) watch(snap *Snapshot) {
	var all []*model.HealthCheck
	if s.o.DNS.Addr != "" || len(snap.spreads) > 0 {
		for _, st := range snap.stacks {
			all = append(all, st.HealthChecks...)
		}
	}
	s.names.checks.Apply(all)
	if len(snap.stacks) > 0 {
		s.names.region.Store(&snap.stacks[0].Region)
	}
}

// turned tells origins that a health check has changed its state.
func (s *Server) turned() {
	snap := s.pin()
	if snap == nil {
		return
	}
	defer snap.release()
	for _, sp := range snap.spreads {
		sp.Turned()
	}
}

// resolve finds the addresses of an endpoint that is checked: in the zones of
// the node, else as the system does.
func (s *Server) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	if snap := s.current.Load(); snap != nil {
		if got := snap.zones.Lookup(name); len(got) > 0 {
			return got, nil
		}
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
}

// insideFor is the plane that a health check asks without a socket, or nil.
func (s *Server) insideFor(host string) http.RoundTripper {
	snap := s.pin()
	if snap == nil {
		return nil
	}
	defer snap.release()
	if s.way(snap, host) == nil {
		return nil
	}
	return probed{s, host}
}

// way is the plane for a host, of this process or of a node that does errands.
func (s *Server) way(snap *Snapshot, host string) http.RoundTripper {
	if rt := snap.plane(host); rt != nil {
		return rt
	}
	rt, _ := s.elsewhere(snap, host, false) // an error: no node is known, and the network is asked
	return rt
}

// probed asks a plane of the revision that there is when it is asked.
type probed struct {
	s    *Server
	host string
}

// RoundTrip asks the plane; the revision stays until the body is closed.
func (p probed) RoundTrip(rq *http.Request) (*http.Response, error) {
	snap := p.s.pin()
	if snap == nil {
		return nil, errors.New("nothing is running")
	}
	rt := p.s.way(snap, p.host)
	if rt == nil {
		snap.release()
		return nil, fmt.Errorf("%s is not served any more", p.host)
	}
	rs, err := rt.RoundTrip(rq.WithContext(gateway.WithCaller(rq.Context(), gateway.Caller{Scheme: rq.URL.Scheme})))
	if err != nil {
		snap.release()
		return nil, err
	}
	rs.Body = &releasing{ReadCloser: rs.Body, release: sync.OnceFunc(snap.release)}
	return rs, nil
}
