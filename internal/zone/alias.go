// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"
)

// frontTTL is that of aliases to distributions and APIs.
const frontTTL = 60

// records are those of one member under name. Not ok: it stands for something
// that nothing here knows.
func (c *call) records(m *member, name string, typ uint16) ([]dns.RR, bool) {
	switch {
	case m.target == "":
		return renamed(m.rrs, name), true
	case m.target == own:
		return c.addresses(name, typ, m.m.TTL), true
	}
	if s, inside := c.z.target(m.target, typ); inside {
		if c.depth++; c.depth > mostSteps {
			return nil, false
		}
		if s == nil {
			return nil, true
		}
		rrs, ok := c.take(s, name, typ)
		return rrs, ok
	}
	if c.z.deps.Front != nil && c.z.deps.Front(plain(m.target)) {
		return c.addresses(name, typ, frontTTL), true
	}
	return nil, false
}

// target is the set that an alias stands for, nil when its name has none of
// the type. inside: the name is of our zones.
func (z *Zones) target(name string, typ uint16) (s *rrset, inside bool) {
	o := z.zoneOf(name)
	if o == nil {
		return nil, false
	}
	n, _ := o.find(name)
	if n == nil {
		return nil, true
	}
	return n.sets[typ], true
}

// addresses are those of this node.
func (c *call) addresses(name string, typ uint16, ttl uint32) []dns.RR {
	var all []netip.Addr
	if c.z.deps.Addresses != nil {
		all = c.z.deps.Addresses()
	}
	if len(all) == 0 && c.q.local.IsValid() {
		all = []netip.Addr{c.q.local}
	}
	var out []dns.RR
	hdr := dns.RR_Header{Name: name, Rrtype: typ, Class: dns.ClassINET, Ttl: ttl}
	for _, a := range all {
		a = a.Unmap()
		switch {
		case typ == dns.TypeA && a.Is4():
			out = append(out, &dns.A{Hdr: hdr, A: net.IP(a.AsSlice())})
		case typ == dns.TypeAAAA && a.Is6():
			out = append(out, &dns.AAAA{Hdr: hdr, AAAA: net.IP(a.AsSlice())})
		}
	}
	return out
}

// healthy tells whether a member may answer: its health check, and that of the
// target of an alias that is evaluated, of which one record set is enough.
func (c *call) healthy(m *member, typ uint16, depth int) bool {
	if m.m.HealthCheck != "" && c.z.deps.Healthy != nil && !c.z.deps.Healthy(m.m.HealthCheck) {
		return false
	}
	if m.m.Alias == nil || !m.m.Alias.Evaluate {
		return true
	}
	s, inside := c.z.target(m.target, typ)
	if !inside { // a distribution or an API of this node, or nothing
		return c.z.deps.Front != nil && c.z.deps.Front(plain(m.target))
	}
	if c.asked++; s == nil || depth > mostSteps || c.asked > mostAsked {
		return false
	}
	for _, t := range s.members {
		if c.healthy(t, typ, depth+1) {
			return true
		}
	}
	return false
}
