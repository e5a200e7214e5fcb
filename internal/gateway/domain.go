// SPDX-License-Identifier: Apache-2.0

// Custom domains (row A22; Developer Guides, "Custom domain name for public
// REST APIs", "Map API stages to a custom domain name"). The host chooses the
// domain, the path a mapping: the longest one whose segments the path begins
// with.
//
//	mappings  ""          -> site, prod
//	          orders      -> orders, prod
//	          orders/v1   -> orders, old
//	/orders/v1/7  is /7 of old, /orders/v10 is /v10 of prod, /x is /x of site
//
// A mapping without a stage leaves it to the path's next segment, as the
// default endpoint does. Where no mapping fits, nobody answers: 403.

package gateway

import (
	"errors"
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// domain is a compiled model.Domain.
type domain struct {
	mappings map[string]*mapping // by path
	closed   error               // why every request is refused; nil: it is not
	mutual   string              // the terms of its viewers' certificates; empty: none are asked for
}

// mapping is a compiled model.DomainMapping.
type mapping struct {
	path  string // "orders/v1"
	api   *api
	stage string // empty: of the path
}

// compileDomains makes the domains of a stack; apis are by id.
// mutual names the terms of a domain that demands certificates; nil: there are
// none.
func (g *Gateway) compileDomains(s *model.Stack, apis map[string]*api, mutual func(*model.Domain) string) {
	for _, m := range s.Domains {
		d := &domain{mappings: map[string]*mapping{}}
		switch {
		case m.ClientCertificates && mutual == nil:
			d.closed = errors.New("the domain demands client certificates, which nobody here can ask for")
			g.note("%s %s: %v: every request to %s is refused with 403", m.Pos, m.LogicalID, d.closed, m.Name)
		case m.ClientCertificates:
			d.mutual = mutual(m)
		}
		if m.RulesOnly {
			d.closed = errors.New("the domain is routed by rules, which are not built")
			g.note("%s %s: %v: every request to %s is refused with 403", m.Pos, m.LogicalID, d.closed, m.Name)
		}
		for _, mm := range m.Mappings {
			if a := apis[mm.APIID]; a != nil {
				d.mappings[mm.Path] = &mapping{mm.Path, a, mm.Stage}
			}
		}
		if err := g.domains.Add(m.Name, d); err != nil {
			g.note("%s %s: the domain is not answered: %v", m.Pos, m.LogicalID, err)
			continue
		}
		for _, t := range m.Targets {
			if t = strings.ToLower(t); t != "" {
				g.targets[t] = true
			}
		}
	}
}

var errUncertified = errors.New("the connection was not opened by the domain's terms for client certificates")

// Mutual names the terms of the certificates that a host's viewers are asked for;
// empty: they are not.
func (g *Gateway) Mutual(host string) string {
	if d, ok := g.domains.Find(hostName(host)); ok {
		return d.mutual
	}
	return ""
}

// find is the longest mapping that a path begins with; nil: there is none.
func (d *domain) find(path string) *mapping {
	path = strings.TrimPrefix(path, "/")
	for prefix := path; ; {
		if m := d.mappings[strings.TrimSuffix(prefix, "/")]; m != nil {
			return m
		}
		i := strings.LastIndexByte(prefix, '/')
		if i < 0 {
			break
		}
		prefix = prefix[:i]
	}
	return d.mappings[""]
}

// choose finds the API of a request by its host, or by a domain's mapping.
func (g *Gateway) choose(x *exchange) {
	host := x.call.Domain
	shown := x.call.Caller.Certificate
	x.call.Caller.Certificate = nil // but for a domain that has asked for it, and judged it
	if x.api = g.hosts[host]; x.api != nil {
		return
	}
	if door := g.front[host]; door != nil {
		id := strings.ToLower(x.call.Header.Get("X-Apigw-Api-Id"))
		if x.api = g.byID[id]; x.api == nil {
			x.refuse(ReasonNoAPI, fmt.Errorf("%s is an interface endpoint: x-apigw-api-id must name an API, and %q does not", host, id))
		}
		return
	}
	d, ok := g.domains.Find(host)
	switch {
	case !ok && g.targets[host]:
		x.refuse(ReasonNoMapping, fmt.Errorf("%s is where a custom domain points to: the request must have the domain as its Host", host))
	case !ok:
		x.refuse(ReasonNoAPI, noHost("API", host))
	case d.closed != nil:
		x.refuse(ReasonClosedDomain, d.closed)
	case d.mutual != "" && x.call.Caller.Mutual != d.mutual:
		x.refuse(ReasonClosedDomain, errUncertified)
	default:
		m := d.find(x.call.Path)
		if m == nil {
			x.refuse(ReasonNoMapping, fmt.Errorf("%s has no mapping for %s", host, x.call.Path))
			return
		}
		x.api, x.mapping = m.api, m
		if d.mutual != "" {
			x.call.Caller.Certificate = shown
		}
		x.call.MappedPath = m.path
	}
}

// mapped is the path below the mapping.
func (m *mapping) mapped(path string) string {
	if m.path == "" {
		return path
	}
	if path = path[1+len(m.path):]; path == "" {
		return "/"
	}
	return path
}
