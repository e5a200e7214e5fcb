// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/forelane/forelane/internal/model"
)

// Statements about where an address is. As AWS does, each labels the request with
// what it found: XX for a country and 0 for a network that is not known. An
// unknown country is in no list; network 0 may be in one.

// Namespaces of the labels, by whose address was looked at.
const (
	clientLabels    = "awswaf:clientip:"
	forwardedLabels = "awswaf:forwardedip:"
)

// unplaced is of an address that no database knows.
var unplaced model.Place

func (x *exam) place(a netip.Addr) *model.Place {
	if x.acl.options.Place != nil {
		if p := x.acl.options.Place(a); p != nil {
			return p
		}
	}
	return &unplaced
}

// whose tests the viewer's address, or those that a header tells.
func whose(x *exam, from *forwardedIP, test func(a netip.Addr, labels string) bool) bool {
	if from != nil {
		return from.any(x, func(a netip.Addr) bool { return test(a, forwardedLabels) })
	}
	return test(x.addr(), clientLabels)
}

// geoMatch asks for the viewer's country.
type geoMatch struct {
	countries []string
	from      *forwardedIP
}

func (g *geoMatch) match(x *exam) bool {
	return whose(x, g.from, func(a netip.Addr, labels string) bool {
		p := x.place(a)
		if p.Country == "" {
			x.label(unknownCountry(labels))
			return false
		}
		x.label(labels + "geo:country:" + p.Country)
		if p.Region != "" {
			x.label(labels + "geo:region:" + p.Country + "-" + p.Region)
		}
		return slices.Contains(g.countries, p.Country)
	})
}

func unknownCountry(labels string) string {
	if labels == clientLabels {
		return clientLabels + "geo:country:XX"
	}
	return forwardedLabels + "geo:country:XX"
}

func compileGeo(m *model.GeoMatch) *geoMatch {
	return &geoMatch{m.Countries, compileForwarded(m.Forwarded)}
}

// asnMatch asks for the number of the network that the address is in.
type asnMatch struct {
	numbers []uint32
	from    *forwardedIP
}

func (m *asnMatch) match(x *exam) bool {
	return whose(x, m.from, func(a netip.Addr, labels string) bool {
		n := x.place(a).ASN
		x.label(labels + "asn:" + strconv.FormatUint(uint64(n), 10))
		return slices.Contains(m.numbers, n)
	})
}
