// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// question is what is asked, and from where.
type question struct {
	name   string     // in lower case, with a dot at its end
	typ    uint16     //
	viewer netip.Addr // of the client subnet, or the resolver's; may be the zero Addr
	local  netip.Addr // the address that the question came to
}

// answer is a value: wire.go makes a message of it.
type answer struct {
	rcode      int
	authority  bool
	records    []dns.RR
	referral   []dns.RR // of the authority section
	additional []dns.RR
	scope      int // bits of the viewer's address that the answer depends on
}

// call is one question under way.
type call struct {
	z     *Zones
	q     question
	a     answer
	depth int // aliases and CNAMEs that were followed
	asked int // sets whose health was asked for
}

// mostSteps bounds chains of CNAMEs and aliases, which may be loops.
const (
	mostSteps = 16
	mostAsked = 200 // trees of aliases may branch
)

// zoneOf is the zone of a name: the longest one, for zones may be in zones.
func (z *Zones) zoneOf(name string) *zone {
	for {
		if o := z.zones[name]; o != nil {
			return o
		}
		if name == "." || name == "" {
			return nil
		}
		name = parent(name)
	}
}

// ask answers a question. It may be called by many at once.
func (z *Zones) ask(q question) answer {
	c := &call{z: z, q: q}
	c.a.authority = true
	name := q.name
	for {
		o := z.zoneOf(name)
		if o == nil {
			if len(c.a.records) == 0 {
				return answer{rcode: dns.RcodeRefused}
			}
			return c.a // a CNAME led out of the zones
		}
		next := c.inZone(o, name)
		if next == "" {
			return c.a
		}
		name = next
		if c.depth++; c.depth > mostSteps {
			return answer{rcode: dns.RcodeServerFailure, authority: true}
		}
	}
}

// inZone answers for one name; next is where a CNAME leads.
func (c *call) inZone(o *zone, name string) (next string) {
	n, cut := o.find(name)
	switch {
	case cut != "" && !(cut == name && c.q.typ == dns.TypeDS):
		c.refer(o, cut)
		return ""
	case cut != "":
		n = o.nodes[cut]
	}
	if n == nil {
		c.a.rcode = dns.RcodeNameError
		c.a.referral = []dns.RR{o.negative()}
		return ""
	}
	if c.q.typ == dns.TypeANY { // RFC 8482 4.2
		c.a.records = append(c.a.records, &dns.HINFO{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3600}, Cpu: "RFC8482"})
		return ""
	}
	if s := n.sets[c.q.typ]; s != nil {
		rrs, ok := c.take(s, name, c.q.typ)
		switch {
		case !ok:
			c.a.rcode = dns.RcodeServerFailure
		case len(rrs) == 0:
			c.a.referral = []dns.RR{o.negative()}
		}
		c.a.records = append(c.a.records, rrs...)
		return ""
	}
	if s := n.sets[dns.TypeCNAME]; s != nil {
		rrs, ok := c.take(s, name, dns.TypeCNAME)
		if len(rrs) > 0 {
			c.a.records = append(c.a.records, rrs[0])
			if cname, is := rrs[0].(*dns.CNAME); is {
				return dns.CanonicalName(cname.Target)
			}
			return ""
		}
		if !ok {
			c.a.rcode = dns.RcodeServerFailure
			return ""
		}
	}
	c.a.referral = []dns.RR{o.negative()}
	return ""
}

// find is the node of a name: its own, or that of a wildcard (RFC 4592 3.3). cut
// is a delegation at or above the name, if there is one.
func (o *zone) find(name string) (n *node, cut string) {
	if len(o.cuts) > 0 {
		for up := name; up != o.name && up != "."; up = parent(up) {
			if o.cuts[up] {
				cut = up // the one nearest to the zone's own name counts
			}
		}
		if cut != "" {
			return nil, cut
		}
	}
	if n := o.nodes[name]; n != nil {
		return n, ""
	}
	for up := parent(name); dns.IsSubDomain(o.name, up); up = parent(up) {
		if o.nodes[up] != nil { // the closest encloser
			star := "*." + up
			if up == "." {
				star = "*."
			}
			return o.nodes[star], ""
		}
		if up == "." {
			break
		}
	}
	return nil, ""
}

// negative is the SOA for answers that say that there is nothing: its TTL is
// how long that may be kept (RFC 2308 5).
func (o *zone) negative() dns.RR {
	s := *o.soa
	s.Hdr.Ttl = min(s.Hdr.Ttl, s.Minttl)
	return &s
}

// refer names the servers of a part of the zone that others answer for.
func (c *call) refer(o *zone, cut string) {
	c.a.authority = len(c.a.records) > 0
	for _, m := range o.nodes[cut].sets[dns.TypeNS].members {
		for _, rr := range m.rrs {
			c.a.referral = append(c.a.referral, rr)
			ns, ok := rr.(*dns.NS)
			if !ok || !dns.IsSubDomain(o.name, dns.CanonicalName(ns.Ns)) {
				continue
			}
			glue := o.nodes[dns.CanonicalName(ns.Ns)]
			if glue == nil {
				continue
			}
			for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
				if s := glue.sets[typ]; s != nil {
					c.a.additional = append(c.a.additional, s.members[0].rrs...)
				}
			}
		}
	}
}

// renamed are records under another name: that of a wildcard's or an alias's
// question.
func renamed(rrs []dns.RR, name string) []dns.RR {
	if len(rrs) == 0 || rrs[0].Header().Name == name {
		return rrs
	}
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		out[i].Header().Name = name
	}
	return out
}

// plain is a name as people and the model write it.
func plain(name string) string { return strings.TrimSuffix(name, ".") }
