// SPDX-License-Identifier: Apache-2.0

// Package zone builds the nouns of Route 53 from evaluated resources: hosted
// zones with their record sets, and health checks.
//
// The flow: health checks, CIDR collections and zones are read first and kept
// in Scope.Shared by their ids; then each record set, which finds them there
// and is put into its zone; at last the record sets of a zone are compared with
// each other. What Route 53's API would refuse is an error at the property.
//
// A zone that is in no template is made with the record sets that name it: that
// is how SAM and most templates write it. When they name it by id, its name is
// guessed from theirs (guess.go).
//
// What it does not do: it answers no question (package zone does). It runs in
// one goroutine.
package zone

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

type builder struct {
	*base.Scope
	at map[*model.RecordSet]base.Value
}

// Build puts zones and health checks into s.Stack.
func Build(s *base.Scope) {
	b := &builder{Scope: s, at: map[*model.RecordSet]base.Value{}}
	for _, r := range s.Of("AWS::Route53::HealthCheck") {
		b.healthCheck(r)
	}
	for _, r := range s.Of("AWS::Route53::CidrCollection") {
		s.Shared.CIDRs[r.Ref] = collection(r)
	}
	for _, r := range s.Of("AWS::Route53::HostedZone") {
		b.zone(r)
	}
	for _, d := range s.Stack.Distributions {
		s.Shared.Fronts[strings.ToLower(d.DomainName)] = true
	}
	for _, d := range s.Stack.Domains {
		for _, t := range d.Targets {
			s.Shared.Fronts[strings.ToLower(t)] = true
		}
	}
	b.each(b.recordSet)
	b.compare()
	b.judgeAliases()
}

// each calls f with every record set, and with what holds it: its resource's
// properties or a group's.
func (b *builder) each(f func(r *base.Resource, set, group base.Value)) {
	for _, r := range b.Of("AWS::Route53::RecordSet") {
		f(r, r.Props, r.Props)
	}
	for _, r := range b.Of("AWS::Route53::RecordSetGroup") {
		for _, v := range r.Props.Get("RecordSets").List() {
			f(r, v, r.Props)
		}
	}
}

// clean is a name as the model keeps it.
func clean(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return strings.Replace(name, `\052`, "*", 1) // as Route 53's API writes a wildcard
}

func (b *builder) zone(r *base.Resource) {
	z := &model.Zone{LogicalID: r.ID, ID: r.Ref, Name: clean(r.Props.Get("Name").Text()), Pos: r.Where(), Private: r.Props.Get("VPCs").Exists()}
	if z.Name == "" || strings.ContainsAny(z.Name, " */") {
		r.Props.Get("Name").Fail("give a domain name, such as example.com", "%q is no name of a zone", z.Name)
		return
	}
	if z.Private {
		r.Note(r.Props.Get("VPCs"), fidelity.Approximated, "the zone is answered to everybody who asks, not only in its networks")
	}
	b.Stack.Zones = append(b.Stack.Zones, z)
	b.Shared.Zones[z.ID] = z
}

// zoneOf finds the zone that a record set or a group of them names, or makes
// the one that is made elsewhere. Nil: there is none.
func (b *builder) zoneOf(r *base.Resource, set, group base.Value) *model.Zone {
	id, name := set.Get("HostedZoneId"), set.Get("HostedZoneName")
	if !id.Exists() && !name.Exists() {
		id, name = group.Get("HostedZoneId"), group.Get("HostedZoneName")
	}
	if id.Exists() {
		z := b.Shared.Zones[id.Text()]
		if z == nil {
			z = &model.Zone{ID: id.Text(), Name: b.guess(id.Text()), Pos: r.Where()}
			b.Stack.Zones = append(b.Stack.Zones, z)
			b.Shared.Zones[z.ID] = z
		}
		if z.LogicalID == "" {
			r.Note(id, fidelity.Approximated, "the zone is in no template: it is answered here as "+z.Name+" with these record sets and no others")
		}
		return z
	}
	n := clean(name.Text())
	if n == "" {
		set.Fail("add HostedZoneId or HostedZoneName", "the record set is in no zone")
		return nil
	}
	if z := b.named(n); z != nil {
		return z
	}
	r.Note(name, fidelity.Approximated, "the zone is in no template: it is answered here with these record sets and no others")
	z := &model.Zone{Name: n, Pos: r.Where()}
	b.Stack.Zones = append(b.Stack.Zones, z)
	b.Shared.Zones["name:"+n] = z
	return z
}

// named is the zone of a name: this stack's before another's, a public one
// before a private one.
func (b *builder) named(name string) *model.Zone {
	all := slices.Clone(b.Stack.Zones)
	for _, id := range slices.Sorted(maps.Keys(b.Shared.Zones)) {
		all = append(all, b.Shared.Zones[id])
	}
	for _, private := range []bool{false, true} {
		for _, z := range all {
			if z.Name == name && z.Private == private {
				return z
			}
		}
	}
	return nil
}

func collection(r *base.Resource) map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{}
	for _, l := range r.Props.Get("Locations").List() {
		name := l.Get("LocationName").Text()
		out[name] = []netip.Prefix{}
		for _, v := range l.Get("CidrList").List() {
			p, err := netip.ParsePrefix(v.Text())
			if err != nil || p.Addr().Is4() && p.Bits() > 24 || p.Addr().Is6() && p.Bits() > 48 {
				v.Fail("write it as 192.0.2.0/24 or 2001:db8::/48; longer prefixes are not possible", "%q is no block of a CIDR collection", v.Text())
				continue
			}
			out[name] = append(out[name], p.Masked())
		}
	}
	return out
}

// compare finds record sets that cannot stand beside each other.
func (b *builder) compare() {
	for _, z := range b.Stack.Zones {
		first := map[string]*model.RecordSet{} // by name and type
		ids := map[string]bool{}
		names := map[string]*model.RecordSet{} // by name: whether a CNAME is among them
		for _, r := range z.Records {
			v, ours := b.at[r]
			if !ours {
				continue
			}
			key := r.Name + " " + r.Type
			if o := first[key]; o != nil {
				switch {
				case o.Routing != r.Routing:
					v.Fail("give all of them the same policy", "%s has another routing policy already (%s, %s)", key, o.Routing, o.Pos)
				case r.Routing == model.SimpleRouting:
					v.Fail("put the values into one record set", "there is a record set %s already (%s)", key, o.Pos)
				case ids[key+" "+r.SetID]:
					v.Get("SetIdentifier").Fail("choose another", "%s has an identifier %q already", key, r.SetID)
				}
			} else {
				first[key] = r
			}
			ids[key+" "+r.SetID] = true
			if o := names[r.Name]; o != nil && o.Type != r.Type && (o.Type == "CNAME" || r.Type == "CNAME") {
				v.Fail("keep the CNAME or the others", "%s has record sets of type %s and of type %s: nothing stands beside a CNAME", r.Name, o.Type, r.Type)
			}
			names[r.Name] = r
		}
	}
}

// judgeAliases says of aliases that nothing here answers for.
func (b *builder) judgeAliases() {
	for _, z := range b.Stack.Zones {
		for _, r := range z.Records {
			v, ours := b.at[r]
			if !ours || r.Alias == nil {
				continue
			}
			target := v.Get("AliasTarget")
			switch {
			case r.Alias.Name == r.Name:
				target.Fail("name another record set", "the alias stands for itself")
			case z.Within(r.Alias.Name) || b.Shared.Fronts[r.Alias.Name]:
			default:
				if res := b.resource(r.LogicalID); res != nil {
					res.Note(target, fidelity.Unsupported, "the target is no distribution, API or record set of the stack: the name is answered with SERVFAIL")
				}
			}
		}
	}
}

func (b *builder) resource(id string) *base.Resource {
	for _, r := range b.Resources {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// refuse puts an error of Validate where the property stands.
func refuse(v base.Value, i *model.Invalid) {
	if i == nil {
		return
	}
	if i.Property != "" {
		v = v.Get(i.Property)
	}
	v.Fail(i.Mend, "%s", i.Msg)
}

func number(v base.Value) float64 {
	f, err := strconv.ParseFloat(v.Text(), 64)
	if err != nil {
		v.Fail("give degrees, such as 52.5", "%q is no coordinate", v.Text())
	}
	return f
}
