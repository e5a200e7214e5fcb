// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/tunnel"
	"github.com/forelane/forelane/internal/viewer"
)

// The ways to what has no public address: an API of this process behind an
// interface endpoint, an override, or agents.

// privates are the private origins that a snapshot needs, by their names.
type privates struct {
	mu  sync.Mutex
	all map[string]*private
}

type private struct {
	names []string
	users []string // who asks it
	rt    http.RoundTripper
}

// of is the private origin with these names, made once.
func (p *privates) of(names []string, user string, make func() http.RoundTripper) http.RoundTripper {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := strings.Join(names, " ")
	one := p.all[key]
	if one == nil {
		if p.all == nil {
			p.all = map[string]*private{}
		}
		one = &private{names: names, rt: make()}
		p.all[key] = one
	}
	if !slices.Contains(one.users, user) {
		one.users = append(one.users, user)
	}
	return one.rt
}

// list are they, by name.
func (p *privates) list() []*private {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*private
	for _, one := range p.all {
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b *private) int { return cmp.Compare(a.names[0], b.names[0]) })
	return out
}

// private is the way to a distribution's origin that agents serve. It has the
// times of the origin, so it is not shared.
func (s *Server) private(snap *Snapshot, o *model.Origin, user, name string) http.RoundTripper {
	rt := s.relay(snap, o, name)
	snap.private.of([]string{name}, user, func() http.RoundTripper { return rt })
	return rt
}

func (s *Server) relay(snap *Snapshot, o *model.Origin, names ...string) http.RoundTripper {
	if s.hub == nil {
		return unreached{names, s}
	}
	r := origin.NewRelay(o, agents{s.hub.Route(names...)}, origin.Options{})
	snap.origins = append(snap.origins, r)
	return r
}

// link is the way through a VPC link to a target: a URL, or the ARN of what
// stands behind the link.
func (s *Server) link(snap *Snapshot, st *model.Stack, link, target string) http.RoundTripper {
	names := linkNames(st, link, target)
	for _, name := range names {
		if raw, ok := s.o.Origins[name]; ok {
			if u, err := url.Parse(raw); err == nil && u.Host != "" {
				return elsewhere{u, origin.Client(origin.Options{Roots: s.o.Roots})}
			}
		}
	}
	far := snap.private.of(names, st.PrivateName(link), func() http.RoundTripper { return s.relay(snap, linked(), names...) })
	return nearOrFar{snap, far}
}

// linked are the times of what is behind a link: the integration has its own.
func linked() *model.Origin {
	return &model.Origin{ReadTimeout: time.Hour, KeepAlive: 30 * time.Second}
}

// linkNames are the names of what is behind a link, the most exact first: that
// of the load balancer, listener or service; the link's with the port of the
// target; the link's.
func linkNames(st *model.Stack, link, target string) []string {
	name := st.PrivateName(link)
	var names []string
	if u, err := url.Parse(target); err == nil && u.Port() != "" {
		names = append(names, name+":"+u.Port())
	} else if strings.HasPrefix(target, "arn:") {
		if exact := st.PrivateName(target); exact != target {
			names = append(names, exact)
		}
	}
	return append(names, name)
}

// atEndpoint is the way to a host of an interface endpoint that is none of this
// process; nil when it is no such host.
func (s *Server) atEndpoint(snap *Snapshot, st *model.Stack, host string) http.RoundTripper {
	name := endpointName(st, host)
	if name == "" {
		return nil
	}
	return snap.private.of([]string{name}, host, func() http.RoundTripper { return s.relay(snap, linked(), name) })
}

// endpointName is the name of the interface endpoint that a host belongs to,
// api-vpce-1.execute-api.… or vpce-1-x.execute-api.….vpce.…; empty: it is none.
func endpointName(st *model.Stack, host string) string {
	label, rest, _ := strings.Cut(host, ".")
	if !strings.HasPrefix(rest, "execute-api.") {
		return ""
	}
	i := strings.Index(label, "vpce-")
	if i < 0 || i > 0 && label[i-1] != '-' {
		return ""
	}
	id := label[i:]
	if n := strings.IndexByte(id[len("vpce-"):], '-'); n >= 0 {
		id = id[:len("vpce-")+n]
	}
	return st.PrivateName(id)
}

// door is the way to a private API of this process, by its endpoint; nil: the
// host is of none.
func (snap *Snapshot) door(host string) http.RoundTripper {
	for _, u := range snap.units {
		if !snap.remote && u.gateway.Private(host) {
			return within{u.gateway, host}
		}
	}
	return nil
}

// within asks a private API from within its network.
type within struct {
	to   *gateway.Gateway
	host string
}

// RoundTrip asks by the endpoint.
func (t within) RoundTrip(rq *http.Request) (*http.Response, error) {
	c := t.to.Via(gateway.Caller{}, t.host, "")
	return t.to.RoundTrip(rq.WithContext(gateway.WithCaller(rq.Context(), c)))
}

// nearOrFar asks what a link leads to: a private API of this process, else far.
type nearOrFar struct {
	snap *Snapshot
	far  http.RoundTripper
}

// RoundTrip asks.
func (t nearOrFar) RoundTrip(rq *http.Request) (*http.Response, error) {
	if near := t.snap.door(hostname(rq.URL.Host)); near != nil {
		hops, _ := rq.Context().Value(hopsKey{}).(int)
		if hops >= mostHops {
			return nil, fmt.Errorf("%s: a loop: the request passed through %d APIs of this process", rq.URL.Host, hops)
		}
		return near.RoundTrip(rq.WithContext(context.WithValue(rq.Context(), hopsKey{}, hops+1)))
	}
	return t.far.RoundTrip(rq)
}

// elsewhere asks the URL that takes the place of a private target. The Host
// stays.
type elsewhere struct {
	at *url.URL
	to http.RoundTripper
}

// RoundTrip asks.
func (t elsewhere) RoundTrip(rq *http.Request) (*http.Response, error) {
	moved := *rq
	u := *rq.URL
	u.Scheme, u.Host = t.at.Scheme, t.at.Host
	moved.URL = &u
	return t.to.RoundTrip(&moved)
}

// agents are the ways of a Relay.
type agents struct{ route *tunnel.Route }

// Take gives an agent.
func (a agents) Take(ctx context.Context, tried []origin.Way) (origin.Way, func(int64), error) {
	ways := make([]tunnel.Way, len(tried))
	for i, w := range tried {
		ways[i], _ = w.(tunnel.Way) // there are no others
	}
	w, done, err := a.route.Take(ctx, ways)
	return w, done, err
}

// unreached is a private origin of a node without --tunnel.
type unreached struct {
	names []string
	s     *Server
}

func (u unreached) fail() error {
	name := strings.Join(u.names, " or ")
	u.s.log.Error("a request failed because its origin is private and this node has no --tunnel", "origin", name)
	return &net.OpError{Op: "dial", Net: "tunnel", Err: fmt.Errorf("the origin %s is private, and this node has no --tunnel", name)}
}

// RoundTrip fails.
func (u unreached) RoundTrip(rq *http.Request) (*http.Response, error) {
	if rq.Body != nil {
		_ = rq.Body.Close()
	}
	return nil, u.fail()
}

// Ask fails.
func (u unreached) Ask(_ context.Context, rq *httpmsg.Request, _ *httpmsg.Response, _ func(*httpmsg.Response)) error {
	if rq.Body != nil {
		_ = rq.Body.Close()
	}
	return u.fail()
}

// serveEndpoint is the viewer.Handler of the interface endpoint: it asks private
// APIs, and never an edge. It always hands the work back.
func (s *Server) serveEndpoint(ctx context.Context, rq *httpmsg.Request, w viewer.Writer, inline bool) (rest func()) {
	snap := s.pin()
	if snap == nil {
		text(w, http.StatusServiceUnavailable, "Service Unavailable\n")
		return nil
	}
	rq.Own()
	return orNow(inline, func() {
		defer snap.release()
		host, c := hostname(rq.Host), caller(rq)
		for _, u := range snap.units {
			if !u.gateway.Owns(host) {
				continue
			}
			id := s.o.EndpointID
			if e := u.stack.Endpoint(id); e != nil {
				id = e.ID
			}
			answerDirect(gateway.WithCaller(ctx, u.gateway.Via(c, host, id)), snap.tracer, u.gateway, rq, w)
			return
		}
		text(w, http.StatusForbidden, "Forbidden\n")
	})
}
