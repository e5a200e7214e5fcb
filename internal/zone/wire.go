// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"net/netip"

	"github.com/miekg/dns"
)

// udpMost is the largest message over UDP, whatever resolvers offer: it passes
// everywhere without fragments (DNS Flag Day 2020).
const udpMost = 1232

// asked is a message with what is around it.
type asked struct {
	m      *dns.Msg
	remote netip.Addr
	local  netip.Addr // the zero Addr: not known
	udp    bool
}

// reply answers a message.
func (z *Zones) reply(in asked) *dns.Msg {
	out := new(dns.Msg)
	out.SetReply(in.m)
	out.RecursionAvailable, out.Compress = false, true
	if len(in.m.Question) != 1 {
		out.Rcode = dns.RcodeFormatError
		return out
	}
	size := dns.MinMsgSize
	opt, many := options(in.m)
	var subnet *dns.EDNS0_SUBNET
	if opt != nil {
		size = min(max(int(opt.UDPSize()), dns.MinMsgSize), udpMost)
		mine := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		mine.SetUDPSize(udpMost)
		out.Extra = append(out.Extra, mine)
		if opt.Version() != 0 {
			out.Rcode = dns.RcodeBadVers // its upper bits go into mine when it is packed
			return out
		}
		var fine bool
		if subnet, fine = subnetOf(opt); !fine || many {
			out.Rcode = dns.RcodeFormatError
			return out
		}
		if subnet != nil {
			subnet.SourceScope = 0
			mine.Option = append(mine.Option, subnet)
		}
	}
	q := in.m.Question[0]
	switch {
	case q.Qclass != dns.ClassINET, q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR:
		out.Rcode = dns.RcodeRefused
		return out
	}
	ask := question{name: dns.CanonicalName(q.Name), typ: q.Qtype, viewer: in.remote, local: in.local}
	if subnet != nil && subnet.SourceNetmask > 0 {
		ask.viewer, _ = netip.AddrFromSlice(subnet.Address)
		ask.viewer = ask.viewer.Unmap()
		if subnet.Family == 2 && ask.viewer.Is4() {
			ask.viewer = netip.AddrFrom16(ask.viewer.As16())
		}
	}
	a := z.ask(ask)
	out.Rcode, out.Authoritative = a.rcode, a.authority
	if a.rcode == dns.RcodeRefused {
		out.Authoritative = false
	}
	out.Answer, out.Ns = a.records, a.referral
	out.Extra = append(a.additional[:len(a.additional):len(a.additional)], out.Extra...)
	if subnet != nil && subnet.SourceNetmask > 0 {
		subnet.SourceScope = uint8(a.scope)
	}
	if in.udp {
		out.Truncate(size)
	} else {
		out.Truncate(dns.MaxMsgSize)
	}
	return out
}

// options is the OPT record; a message has one at most (RFC 6891 6.1.1).
func options(m *dns.Msg) (opt *dns.OPT, many bool) {
	for _, rr := range m.Extra {
		if o, ok := rr.(*dns.OPT); ok {
			if opt != nil {
				return opt, true
			}
			opt = o
		}
	}
	return opt, false
}

// subnetOf is a copy of the client subnet; nil when there is none. Not fine: it
// is no subnet as RFC 7871 6 has it.
func subnetOf(opt *dns.OPT) (s *dns.EDNS0_SUBNET, fine bool) {
	for _, o := range opt.Option {
		e, ok := o.(*dns.EDNS0_SUBNET)
		if !ok {
			continue
		}
		if s != nil || e.SourceScope != 0 {
			return nil, false
		}
		addr, ok := netip.AddrFromSlice(e.Address)
		bits := 0
		switch e.Family {
		case 1:
			addr, bits = addr.Unmap(), 32
		case 2:
			bits = 128
		case 0: // dig's +subnet=0: nothing is told
			if e.SourceNetmask != 0 {
				return nil, false
			}
			c := *e
			s = &c
			continue
		default:
			return nil, false
		}
		if !ok || int(e.SourceNetmask) > bits || addr.BitLen() != bits {
			return nil, false
		}
		if p := netip.PrefixFrom(addr, int(e.SourceNetmask)); p.Masked() != p { // bits beyond the prefix
			return nil, false
		}
		c := *e
		s = &c
	}
	return s, true
}
