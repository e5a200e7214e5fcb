// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"net/netip"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// recordSet reads v, which is a resource's properties or a member of a group.
func (b *builder) recordSet(r *base.Resource, v, group base.Value) {
	z := b.zoneOf(r, v, group)
	if z == nil {
		return
	}
	set := &model.RecordSet{
		LogicalID: r.ID, Pos: v.Pos().String(), Name: clean(v.Get("Name").Text()), Type: strings.ToUpper(v.Get("Type").Text()),
		Values: v.Get("ResourceRecords").Texts(), SetID: v.Get("SetIdentifier").Text(), HealthCheck: v.Get("HealthCheckId").Text(),
	}
	ttl := v.Get("TTL")
	if n := ttl.Int(-1); ttl.Exists() && (n < 0 || n > 1<<31-1) {
		ttl.Fail("give seconds, such as 60", "%q is no time to live", ttl.Text())
	} else if n >= 0 {
		set.TTL = uint32(n)
	}
	if a := v.Get("AliasTarget"); a.Exists() {
		set.Alias = &model.Alias{ZoneID: a.Get("HostedZoneId").Text(), Name: clean(a.Get("DNSName").Text()), Evaluate: a.Get("EvaluateTargetHealth").Bool()}
		if set.Alias.Evaluate && set.Alias.ZoneID == "Z2FDTNDATAQYW2" {
			a.Get("EvaluateTargetHealth").Fail("set it to false", "the health of a distribution cannot be evaluated")
		}
		if ttl.Exists() {
			r.Note(ttl, fidelity.Ignored, "an alias has the TTL of what it stands for")
		}
	} else if !ttl.Exists() {
		v.Fail("add TTL, such as 60", "the record set has no TTL")
	}
	b.routing(r, set, v)
	if id := v.Get("HealthCheckId"); id.Text() != "" && b.Shared.HealthChecks[id.Text()] == nil {
		r.Note(id, fidelity.Unsupported, "the health check is in no template: the record set counts as healthy")
	}
	bad := set.Validate(z)
	if bad != nil {
		refuse(v, bad)
		return
	}
	z.Records = append(z.Records, set)
	b.at[set] = v
}

// routing reads the policy; a record set has one at most.
func (b *builder) routing(r *base.Resource, set *model.RecordSet, v base.Value) {
	var found []string
	is := func(key string, routing model.Routing) bool {
		if !v.Get(key).Exists() {
			return false
		}
		found = append(found, key)
		set.Routing = routing
		return true
	}
	if is("Weight", model.WeightedRouting) {
		set.Weight = v.Get("Weight").Int(-1)
	}
	if is("Region", model.LatencyRouting) {
		set.Region = v.Get("Region").Text()
	}
	if is("Failover", model.FailoverRouting) {
		switch f := v.Get("Failover"); f.Text() {
		case "PRIMARY":
		case "SECONDARY":
			set.Secondary = true
		default:
			f.Fail("write PRIMARY or SECONDARY", "%q is no role of a failover", f.Text())
		}
	}
	if is("GeoLocation", model.GeoRouting) {
		g := v.Get("GeoLocation")
		set.Geo = model.GeoLocation{
			Continent: strings.ToUpper(g.Get("ContinentCode").Text()), Country: strings.ToUpper(g.Get("CountryCode").Text()),
			Subdivision: strings.ToUpper(g.Get("SubdivisionCode").Text()),
		}
		if set.Geo.Country != "*" {
			r.Note(g, fidelity.Approximated, "places are known with --geo FILE.mmdb; without it the default record answers")
		}
	}
	if is("GeoProximityLocation", model.ProximityRouting) {
		b.proximity(r, set, v.Get("GeoProximityLocation"))
	}
	if is("CidrRoutingConfig", model.CIDRRouting) {
		c := v.Get("CidrRoutingConfig")
		set.CIDR.Name = c.Get("LocationName").Text()
		locations, known := b.Shared.CIDRs[c.Get("CollectionId").Text()]
		prefixes, has := locations[set.CIDR.Name]
		switch {
		case !known:
			r.Note(c, fidelity.Unsupported, "the CIDR collection is in no template: nobody is in its locations")
		case !has && set.CIDR.Name != "*":
			c.Get("LocationName").Fail("name a location of the collection, or * for the default", "the collection has no location %q", set.CIDR.Name)
		}
		set.CIDR.Prefixes = prefixes
	}
	if v.Get("MultiValueAnswer").Bool() {
		is("MultiValueAnswer", model.MultiValueRouting)
	}
	if len(found) > 1 {
		v.Fail("keep one", "a record set has one routing policy, not %s", strings.Join(found, " and "))
	}
}

func (b *builder) proximity(r *base.Resource, set *model.RecordSet, v base.Value) {
	set.Proximity = model.Proximity{Region: v.Get("AWSRegion").Text(), Bias: v.Get("Bias").Int(0)}
	if c := v.Get("Coordinates"); c.Exists() {
		set.Proximity.Latitude, set.Proximity.Longitude = number(c.Get("Latitude")), number(c.Get("Longitude"))
		r.Note(c, fidelity.Unsupported, "where viewers are is not known: the record is asked for last")
	} else {
		r.Note(v, fidelity.Approximated, "distance is the measured latency to the region, which the bias shortens or lengthens")
	}
}

func (b *builder) healthCheck(r *base.Resource) {
	c := r.Props.Get("HealthCheckConfig")
	typ := c.Get("Type").Text()
	h := &model.HealthCheck{
		LogicalID: r.ID, ID: r.Ref, Pos: r.Where(), Host: c.Get("FullyQualifiedDomainName").Text(), Port: c.Get("Port").Int(0),
		Path: c.Get("ResourcePath").TextOr("/"), Search: c.Get("SearchString").Text(), Interval: c.Get("RequestInterval").Seconds(30 * time.Second),
		Threshold: c.Get("FailureThreshold").Int(3), Inverted: c.Get("Inverted").Bool(), Disabled: c.Get("Disabled").Bool(),
		Children: c.Get("ChildHealthChecks").Texts(), Healthy: c.Get("HealthThreshold").Int(0),
	}
	switch {
	case strings.HasPrefix(typ, "HTTPS"):
		h.Kind, h.SNI = model.HealthHTTPS, true
		if sni := c.Get("EnableSNI"); sni.Exists() {
			h.SNI = sni.Bool()
		}
	case strings.HasPrefix(typ, "HTTP"):
		h.Kind = model.HealthHTTP
	case typ == "TCP":
		h.Kind = model.HealthTCP
	case typ == "CALCULATED":
		h.Kind = model.HealthCalculated
	default:
		h.Kind = model.HealthAlarm
		r.Note(c.Get("Type"), fidelity.Unsupported, "alarms and routing controls do not watch: the check is always healthy")
	}
	if h.Port == 0 {
		h.Port = map[model.HealthKind]int{model.HealthHTTP: 80, model.HealthHTTPS: 443}[h.Kind]
	}
	if !strings.HasSuffix(typ, "_STR_MATCH") {
		h.Search = ""
	} else if h.Search == "" {
		c.Get("SearchString").Fail("add SearchString", "a check of type %s looks for a text", typ)
	}
	if ip := c.Get("IPAddress"); ip.Text() != "" {
		a, err := netip.ParseAddr(ip.Text())
		if err != nil || a.Zone() != "" {
			ip.Fail("write it as 192.0.2.1 or 2001:db8::1", "%q is no address", ip.Text())
			return
		}
		h.Address = a
	}
	if i := h.Validate(); i != nil {
		refuse(c, i)
		return
	}
	b.Stack.HealthChecks = append(b.Stack.HealthChecks, h)
	b.Shared.HealthChecks[h.ID] = h
}
