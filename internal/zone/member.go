// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/model"
)

// Member is one place that a name leads to.
type Member struct {
	ID     string // of the record set, or its value: the same as long as the template is
	Host   string // an address, or a name that no zone here has
	Weight int    // of weighted record sets and what is below them; 1 elsewhere
	Spare  bool   // it is asked when the others fail: the secondary of a failover
	Down   bool   // its health check says so: it is asked last
}

// mostMembers bounds what one name leads to.
const mostMembers = 64

// Members are the places that a name leads to, flattened: every member of every
// policy on the way, with what health checks say. IPv6 counts where there is no
// IPv4. Nil: no zone has the name.
//
// Where viewers are plays no part: who asks (package origin) is one place, and
// measures.
func (z *Zones) Members(name string) []Member {
	w := walk{c: call{z: z}}
	w.name(dns.CanonicalName(name), Member{Weight: 1}, 0)
	return w.out
}

// Chooses tells whether a policy is on the way from a name, or several values:
// whether there is something to choose.
func (z *Zones) Chooses(name string) bool {
	ms := z.Members(name)
	return len(ms) > 1
}

type walk struct {
	c     call
	steps int
	out   []Member
}

func (w *walk) name(name string, m Member, depth int) {
	if w.steps++; depth > mostSteps || w.steps > mostAsked {
		return // a loop
	}
	o := w.c.z.zoneOf(name)
	if o == nil {
		m.Host = plain(name)
		w.add(m)
		return
	}
	n, _ := o.find(name)
	if n == nil {
		return
	}
	for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME} {
		if s := n.sets[typ]; s != nil {
			w.set(s, m, depth)
			return
		}
	}
}

func (w *walk) set(s *rrset, m Member, depth int) {
	for _, one := range s.members {
		next := m
		next.ID = strings.Trim(m.ID+"/"+one.m.SetID, "/")
		next.Down = m.Down || !w.c.healthy(one, s.typ, 0)
		next.Spare = m.Spare || s.routing == model.FailoverRouting && one.m.Secondary
		if s.routing == model.WeightedRouting {
			next.Weight = m.Weight * one.m.Weight
		}
		if one.target != "" {
			w.name(one.target, next, depth+1)
			continue
		}
		for _, rr := range one.rrs {
			at := next
			switch r := rr.(type) {
			case *dns.A:
				a, _ := netip.AddrFromSlice(r.A.To4())
				at.Host = a.String()
			case *dns.AAAA:
				a, _ := netip.AddrFromSlice(r.AAAA)
				at.Host = a.String()
			case *dns.CNAME:
				w.name(dns.CanonicalName(r.Target), at, depth+1)
				continue
			default:
				continue
			}
			w.add(at)
		}
	}
}

func (w *walk) add(m Member) {
	m.ID = strings.TrimPrefix(m.ID+"/"+m.Host, "/")
	if m.Host == "" || len(w.out) >= mostMembers || slices.ContainsFunc(w.out, func(o Member) bool { return o.ID == m.ID }) {
		return
	}
	w.out = append(w.out, m)
}
