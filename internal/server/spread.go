// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/gateway"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/zone"
)

// releasing lets go of a revision with a body.
type releasing struct {
	io.ReadCloser
	release func()
}

// Close closes the body.
func (b *releasing) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

// spread is the way to an origin whose name leads to several places by the
// zones of the stacks: the node asks the records in the process, with their
// health, and measures which of the places is near. Nil: there is nothing to
// choose. rest takes the connections.
func (s *Server) spread(snap *Snapshot, rest *ways, o *model.Origin) (*origin.Spread, error) {
	members := snap.zones.Members(o.DomainName)
	if len(members) < 2 {
		return nil, nil
	}
	hosts := map[string]string{}
	for _, m := range members {
		hosts[m.ID] = m.Host
	}
	return origin.NewSpread(origin.SpreadOptions{
		Candidates: func() []origin.Candidate { return candidates(snap.zones.Members(o.DomainName)) },
		To:         func(id string) (origin.Asker, error) { return s.place(snap, rest, o, hosts[id]) },
	})
}

func candidates(ms []zone.Member) []origin.Candidate {
	out := make([]origin.Candidate, len(ms))
	for i, m := range ms {
		out[i] = origin.Candidate{ID: m.ID, Weight: m.Weight, Spare: m.Spare, Down: m.Down}
	}
	return out
}

// place is the way to one of them: a plane of this process, or the network. It
// is asked under the origin's own name, by Host and in the handshake. One
// attempt to connect is enough, for the next place is a better second one.
func (s *Server) place(snap *Snapshot, rest *ways, o *model.Origin, host string) (origin.Asker, error) {
	if rt := snap.plane(host); rt != nil {
		return plane{rt}, nil
	}
	if rt, err := s.elsewhere(snap, host, false); rt != nil || err != nil {
		return plane{rt}, err
	}
	for _, u := range snap.units { // the target of a custom domain: its Host decides
		for _, d := range u.stack.Domains {
			if name := strings.ToLower(o.DomainName); slices.Contains(d.Targets, host) && u.gateway.Owns(name) {
				if rt, err := s.elsewhere(snap, name, false); rt != nil || err != nil {
					return plane{rt}, err
				}
				return plane{u.gateway}, nil
			}
		}
	}
	one := *o
	one.Attempts = 1
	dialer := &net.Dialer{}
	t := origin.New(&one, origin.Options{Roots: s.o.Roots, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		return dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
	}})
	*rest = append(*rest, t)
	return t, nil
}

// plane asks what speaks net/http.
type plane struct{ rt http.RoundTripper }

// Ask asks.
func (p plane) Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, _ func(*httpmsg.Response)) error {
	hr, err := httpRequest(gateway.WithCaller(ctx, gateway.Caller{Scheme: rq.Scheme}), rq)
	if err != nil {
		return err
	}
	in, err := p.rt.RoundTrip(hr)
	if err != nil {
		return err
	}
	rs.Status, rs.ContentLength, rs.Body = in.StatusCode, in.ContentLength, in.Body
	for name, values := range in.Header {
		for _, v := range values {
			rs.Header.Add(name, v)
		}
	}
	return nil
}
