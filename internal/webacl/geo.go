// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"net/netip"
	"slices"

	"github.com/forelane/forelane/internal/model"
)

// geoMatch asks for the viewer's country. As AWS does, it labels the request
// with what it found, XX where that is not known; an unknown country is in no
// list.
type geoMatch struct {
	countries []string
	from      *forwardedIP
}

func (g *geoMatch) match(x *exam) bool {
	if g.from != nil {
		return g.from.any(x, func(a netip.Addr) bool { return g.is(x, a, "awswaf:forwardedip:geo:") })
	}
	return g.is(x, x.addr(), "awswaf:clientip:geo:")
}

func (g *geoMatch) is(x *exam, a netip.Addr, labels string) bool {
	country := ""
	if x.acl.options.Country != nil {
		country = x.acl.options.Country(a)
	}
	if country == "" {
		x.label(unknownCountry(labels))
		return false
	}
	x.label(labels + "country:" + country)
	return slices.Contains(g.countries, country)
}

func unknownCountry(labels string) string {
	if labels == "awswaf:clientip:geo:" {
		return "awswaf:clientip:geo:country:XX"
	}
	return labels + "country:XX"
}

func compileGeo(m *model.GeoMatch) *geoMatch {
	return &geoMatch{m.Countries, compileForwarded(m.Forwarded)}
}
