// SPDX-License-Identifier: Apache-2.0

package zone

// Which of the record sets of a name and type answers (row R1; Developer Guide,
// "How Amazon Route 53 chooses records when health checking is configured").
//
// First those that are not healthy are left out; when nobody is left, all are
// taken as healthy, for an answer that may be wrong is better than none. Then:
//
//	simple        the only one
//	weighted      one at random, each with weight/sum of weights; those of
//	              weight 0 only where no other is healthy; all 0: all alike
//	latency       the region nearest to the viewer: known times first, then the
//	              order of the template
//	failover      the primary; the secondary while it is not healthy
//	geolocation   the smallest place around the viewer, then the default
//	geoproximity  as latency, each time shortened or lengthened by the bias
//	IP-based      the longest prefix around the viewer, then the default
//	multivalue    up to eight at random

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/model"
)

// mostValues is how many record sets a multivalue answer has.
const mostValues = 8

// grain is what latency and places are told apart by: /24 and /48.
func grain(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 48
}

// take chooses among the members of s, and gives their records under name. Not
// ok: the one that is chosen has no answer here.
func (c *call) take(s *rrset, name string, typ uint16) (rrs []dns.RR, ok bool) {
	chosen := c.choose(s)
	for _, m := range chosen {
		got, ok := c.records(m, name, typ)
		if !ok {
			return nil, false
		}
		rrs = append(rrs, got...)
	}
	if len(rrs) > 1 {
		rrs = slices.Clone(rrs)
		for i := range rrs { // Fisher and Yates, from the front
			j := i + c.z.deps.Random(len(rrs)-i)
			rrs[i], rrs[j] = rrs[j], rrs[i]
		}
	}
	return rrs, true
}

func (c *call) choose(s *rrset) []*member {
	if s.routing == model.SimpleRouting || len(s.members) == 0 {
		return s.members
	}
	// That the answer depends on where the viewer is, is so whatever is healthy.
	switch s.routing {
	case model.LatencyRouting, model.ProximityRouting:
		c.depends(grain(c.q.viewer))
	case model.GeoRouting:
		if c.z.deps.Place != nil {
			c.depends(grain(c.q.viewer))
		}
	case model.CIDRRouting:
		c.depends(s.grain[family(c.q.viewer)])
	}
	healthy := make([]*member, 0, len(s.members))
	for _, m := range s.members {
		if c.healthy(m, s.typ, 0) {
			healthy = append(healthy, m)
		}
	}
	if len(healthy) == 0 {
		healthy = s.members
	}
	switch s.routing {
	case model.WeightedRouting:
		return c.byWeight(healthy)
	case model.LatencyRouting:
		return c.nearest(healthy, func(m *member) (time.Duration, bool) { return c.latency(m.m.Region) })
	case model.ProximityRouting:
		return c.nearest(healthy, c.proximity)
	case model.FailoverRouting:
		return failover(healthy)
	case model.GeoRouting:
		return c.byPlace(s.members, healthy)
	case model.CIDRRouting:
		return c.byPrefix(healthy)
	case model.MultiValueRouting:
		return c.some(healthy)
	}
	return healthy[:1]
}

func (c *call) depends(bits int) {
	if c.q.viewer.IsValid() {
		c.a.scope = max(c.a.scope, bits)
	}
}

func (c *call) byWeight(ms []*member) []*member {
	sum := 0
	for _, m := range ms {
		sum += m.m.Weight
	}
	if sum == 0 {
		i := c.z.deps.Random(len(ms))
		return ms[i : i+1]
	}
	n := c.z.deps.Random(sum)
	for i, m := range ms {
		if n -= m.m.Weight; n < 0 {
			return ms[i : i+1]
		}
	}
	return ms[:1]
}

// latency is the time from the viewer to a region.
func (c *call) latency(region string) (time.Duration, bool) {
	if c.z.deps.Latency == nil || !c.q.viewer.IsValid() {
		return 0, false
	}
	return c.z.deps.Latency(c.q.viewer, region)
}

// proximity shortens the time by a bias from 1 to 99 to as little as a
// hundredth, and lengthens it by one from -1 to -99 to a hundred times.
func (c *call) proximity(m *member) (time.Duration, bool) {
	if m.m.Proximity.Region == "" {
		return 0, false
	}
	d, ok := c.latency(m.m.Proximity.Region)
	f := 1 - math.Abs(float64(m.m.Proximity.Bias))/100
	if m.m.Proximity.Bias < 0 {
		f = 1 / f
	}
	return time.Duration(float64(d) * f), ok
}

// nearest is the member with the least time; one whose time is not known comes
// after those whose is.
func (c *call) nearest(ms []*member, far func(*member) (time.Duration, bool)) []*member {
	best, known := 0, false
	var least time.Duration
	for i, m := range ms {
		if d, ok := far(m); ok && (!known || d < least) {
			best, least, known = i, d, true
		}
	}
	return ms[best : best+1]
}

func failover(ms []*member) []*member {
	for i, m := range ms {
		if !m.m.Secondary {
			return ms[i : i+1]
		}
	}
	return ms[:1]
}

// byPlace goes from the smallest place to the largest. A place whose record is
// not healthy is left for the larger one around it; where none is healthy the
// smallest answers all the same.
func (c *call) byPlace(all, healthy []*member) []*member {
	var at Place
	if c.z.deps.Place != nil && c.q.viewer.IsValid() {
		at = c.z.deps.Place(c.q.viewer)
	}
	places := []model.GeoLocation{{Country: at.Country, Subdivision: at.Subdivision}, {Country: at.Country}, {Continent: at.Continent}, {Country: "*"}}
	for _, ms := range [][]*member{healthy, all} {
		for _, p := range places {
			if p == (model.GeoLocation{}) {
				continue
			}
			for i, m := range ms {
				if m.m.Geo == p {
					return ms[i : i+1]
				}
			}
		}
	}
	return nil // NODATA, as Route 53 says to places that no record is for
}

func (c *call) byPrefix(ms []*member) []*member {
	best, bits := -1, -1
	for i, m := range ms {
		if m.m.CIDR.Name == "*" && bits < 0 {
			best = i
		}
		for _, p := range m.m.CIDR.Prefixes {
			if p.Contains(c.q.viewer) && p.Bits() > bits {
				best, bits = i, p.Bits()
			}
		}
	}
	if best < 0 {
		return nil
	}
	return ms[best : best+1]
}

// some are up to eight, at random.
func (c *call) some(ms []*member) []*member {
	out := slices.Clone(ms)
	n := min(len(out), mostValues)
	for i := range n {
		j := i + c.z.deps.Random(len(out)-i)
		out[i], out[j] = out[j], out[i]
	}
	return out[:n]
}
