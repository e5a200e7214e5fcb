// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"net/netip"

	"github.com/miekg/dns"
)

// Lookup are the IPv4 addresses of a name, as a resolver of nowhere would get
// them. Nil: the zones have none.
func (z *Zones) Lookup(name string) []netip.Addr {
	var out []netip.Addr
	for _, rr := range z.ask(question{name: dns.CanonicalName(name), typ: dns.TypeA}).records {
		if a, ok := rr.(*dns.A); ok {
			if addr, ok := netip.AddrFromSlice(a.A.To4()); ok {
				out = append(out, addr)
			}
		}
	}
	return out
}
