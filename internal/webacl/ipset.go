// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// ipMatch is an IP set. The prefixes of each length are a sorted list, so that
// an address costs one search a length: sets have up to 10,000 prefixes of a
// few lengths.
type ipMatch struct {
	from  *forwardedIP // nil: the connection's address
	bits  [2][]int     // the lengths that occur, IPv4 and IPv6
	addrs map[netip.Prefix]struct{}
}

func compileIP(m *model.IPMatch) *ipMatch {
	s := &ipMatch{from: compileForwarded(m.Forwarded), addrs: make(map[netip.Prefix]struct{}, len(m.Addresses))}
	for _, p := range m.Addresses {
		p = p.Masked()
		s.addrs[p] = struct{}{}
		f := family(p.Addr())
		if !slices.Contains(s.bits[f], p.Bits()) {
			s.bits[f] = append(s.bits[f], p.Bits())
		}
	}
	return s
}

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

func (s *ipMatch) has(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	a = a.WithZone("")
	for _, n := range s.bits[family(a)] {
		p, err := a.Prefix(n)
		if err != nil {
			return false
		}
		if _, ok := s.addrs[p]; ok {
			return true
		}
	}
	return false
}

func (s *ipMatch) match(x *exam) bool {
	if s.from == nil {
		return s.has(x.addr())
	}
	return s.from.any(x, s.has)
}

// forwardedIP is the address in a header that a proxy wrote.
type forwardedIP struct {
	header   string
	fallback bool
	position string
}

func compileForwarded(m *model.ACLForwardedIP) *forwardedIP {
	if m == nil {
		return nil
	}
	return &forwardedIP{m.Header, m.Fallback, m.Position}
}

// maxForwarded is how many addresses of a header are looked at.
const maxForwarded = 10

// any asks about the addresses at the position. A request without the header is
// not matched; what is no address at its place is decided by the fallback.
func (f *forwardedIP) any(x *exam, test func(netip.Addr) bool) bool {
	text, ok := forwardedText(x, f.header)
	if !ok {
		return false
	}
	switch f.position {
	case "LAST":
		if i := strings.LastIndexByte(text, ','); i >= 0 {
			text = text[i+1:]
		}
	case "ANY":
		any := false
		for n := 0; n < maxForwarded && text != ""; n++ {
			var one string
			if one, text = beforeComma(text); one != "" {
				a, ok := parseAddr(one)
				if !ok {
					return f.fallback
				}
				any = any || test(a)
			}
		}
		return any
	default:
		text, _ = beforeComma(text)
	}
	a, ok := parseAddr(text)
	if !ok {
		return f.fallback
	}
	return test(a)
}

func forwardedText(x *exam, header string) (string, bool) {
	for _, f := range x.rq.Header.Fields() {
		if httpmsg.EqualFold(f.Name, header) {
			return x.rq.Header.Join(header), true
		}
	}
	return "", false
}

func beforeComma(s string) (first, rest string) {
	first, rest, _ = strings.Cut(s, ",")
	return strings.Trim(first, " \t"), rest
}

func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.Trim(s, " \t"))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
