// SPDX-License-Identifier: Apache-2.0

package zone

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/forelane/forelane/internal/model"
)

// Place is where a viewer is, as geolocation records name it. The zero Place
// is not known.
type Place struct{ Continent, Country, Subdivision string }

// Deps are what answers depend on beside the question. All may be nil.
type Deps struct {
	// Healthy tells the state of a health check by its id. Nil: all are.
	Healthy func(id string) bool
	// Latency is the time from a viewer to a region; false: it is not known.
	// Nil: none is.
	Latency func(viewer netip.Addr, region string) (time.Duration, bool)
	// Place is where a viewer is. Nil: nobody knows.
	Place func(viewer netip.Addr) Place
	// Random gives a number below n. Nil: math/rand's.
	Random func(n int) int
	// Front tells whether a name is that of a distribution or an API of this
	// node, for which aliases stand. Nil: none is.
	Front func(name string) bool
	// Addresses are those at which viewers reach this node. Nil, or none: the
	// address that the question came to.
	Addresses func() []netip.Addr
}

// Zones are the zones of the running stacks, compiled.
type Zones struct {
	deps  Deps
	zones map[string]*zone // by name, in the form of names here
	names []string         // sorted
}

// Names here are in lower case with a dot at their end.

type zone struct {
	name  string
	nodes map[string]*node
	soa   *dns.SOA
	cuts  map[string]bool // names below the zone's that are delegated
}

// node is a name; one without sets has names below it.
type node struct{ sets map[uint16]*rrset }

// rrset are all record sets of a name and type: one, or those that a policy
// chooses from.
type rrset struct {
	name    string
	typ     uint16
	routing model.Routing
	members []*member
	grain   [2]int // CIDR routing: the longest prefix, IPv4 and IPv6
}

// member is one record set.
type member struct {
	m      *model.RecordSet
	rrs    []dns.RR // shared, read only
	target string   // of an alias
}

const (
	soaTTL = 900
	nsTTL  = 172800
	// minimum is the SOA's, as Route 53 has it; its TTL is shorter and counts.
	minimum = 86400
)

// Compile makes the zones of stacks answerable.
func Compile(stacks []*model.Stack, d Deps) (*Zones, error) {
	if d.Random == nil {
		d.Random = rand.IntN
	}
	z := &Zones{deps: d, zones: map[string]*zone{}}
	var errs []error
	for _, public := range []bool{true, false} { // of two zones with a name the public one comes first
		for _, st := range stacks {
			for _, m := range st.Zones {
				if m.Private != public {
					errs = append(errs, z.add(m))
				}
			}
		}
	}
	for name, one := range z.zones {
		one.complete()
		z.names = append(z.names, name)
	}
	slices.Sort(z.names)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return z, nil
}

// Names are the names of the zones, sorted, as people write them.
func (z *Zones) Names() []string {
	var out []string
	for _, n := range z.names {
		out = append(out, strings.TrimSuffix(n, "."))
	}
	return out
}

// add puts m's record sets into the zone of its name, behind those it has.
func (z *Zones) add(m *model.Zone) error {
	name := dns.CanonicalName(m.Name)
	one := z.zones[name]
	if one == nil {
		one = &zone{name: name, nodes: map[string]*node{name: {}}, cuts: map[string]bool{}}
		z.zones[name] = one
	}
	var errs []error
	before := map[*node]bool{} // that a zone of the name has made, by the sets they have
	for _, n := range one.nodes {
		before[n] = len(n.sets) > 0
	}
	for _, r := range m.Records {
		n := one.node(dns.CanonicalName(r.Name))
		if before[n] {
			continue
		}
		if err := n.add(one, r); err != nil {
			errs = append(errs, fmt.Errorf("%s: record set %s %s: %w", r.Pos, r.Name, r.Type, err))
		}
	}
	return errors.Join(errs...)
}

// node is the node of a name; the names between it and the zone's come to be.
func (o *zone) node(name string) *node {
	n := o.nodes[name]
	if n == nil {
		n = &node{}
		o.nodes[name] = n
		if up := parent(name); dns.IsSubDomain(o.name, up) {
			o.node(up)
		}
	}
	return n
}

func parent(name string) string {
	i, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[i:]
}

func (n *node) add(o *zone, r *model.RecordSet) error {
	typ, known := dns.StringToType[r.Type]
	if !known {
		return fmt.Errorf("type %s is not known", r.Type)
	}
	name := dns.CanonicalName(r.Name)
	if n.sets == nil {
		n.sets = map[uint16]*rrset{}
	}
	s := n.sets[typ]
	if s == nil {
		s = &rrset{name: name, typ: typ, routing: r.Routing}
		n.sets[typ] = s
	}
	one := &member{m: r}
	if r.Alias != nil {
		one.target = dns.CanonicalName(r.Alias.Name)
	}
	for _, v := range r.Values {
		rr, err := parse(name, r, v)
		if err != nil {
			return err
		}
		one.rrs = append(one.rrs, rr)
	}
	if typ == dns.TypeNS && name != o.name {
		o.cuts[name] = true
	}
	for _, p := range r.CIDR.Prefixes {
		f := family(p.Addr())
		s.grain[f] = max(s.grain[f], p.Bits())
	}
	s.members = append(s.members, one)
	return nil
}

// parse reads one value as zone files write it. Names in it are whole, with or
// without a dot at their end.
func parse(name string, r *model.RecordSet, value string) (dns.RR, error) {
	if strings.ContainsAny(value, "\n\r") {
		return nil, fmt.Errorf("%q has more than one line", value)
	}
	zp := dns.NewZoneParser(strings.NewReader(fmt.Sprintf("%s %d IN %s %s\n", name, r.TTL, r.Type, value)), ".", "")
	zp.SetIncludeAllowed(false)
	rr, ok := zp.Next()
	if err := zp.Err(); err != nil || !ok || rr == nil {
		return nil, fmt.Errorf("%q cannot be read: %w", value, err)
	}
	if rr.Header().Rrtype != dns.StringToType[r.Type] {
		return nil, fmt.Errorf("%q is of another type", value)
	}
	rr.Header().Name = name
	return rr, nil
}

// complete gives a zone the records that every zone has: its SOA and its name
// servers. A template may have its own.
func (o *zone) complete() {
	apex := o.nodes[o.name]
	if apex.sets == nil {
		apex.sets = map[uint16]*rrset{}
	}
	server := "ns1." + o.name
	if o.name == "." {
		server = "ns1."
	}
	if apex.sets[dns.TypeNS] == nil {
		ns := &dns.NS{Hdr: dns.RR_Header{Name: o.name, Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: nsTTL}, Ns: server}
		apex.sets[dns.TypeNS] = &rrset{name: o.name, typ: dns.TypeNS, members: []*member{{m: &model.RecordSet{}, rrs: []dns.RR{ns}}}}
		if n := o.node(server); len(n.sets) == 0 { // the name server is this node
			n.sets = map[uint16]*rrset{}
			for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA} {
				n.sets[typ] = &rrset{name: server, typ: typ, members: []*member{{m: &model.RecordSet{TTL: nsTTL}, target: own}}}
			}
		}
	}
	if s := apex.sets[dns.TypeSOA]; s != nil && len(s.members) > 0 && len(s.members[0].rrs) > 0 {
		o.soa, _ = s.members[0].rrs[0].(*dns.SOA)
		return
	}
	o.soa = &dns.SOA{
		Hdr: dns.RR_Header{Name: o.name, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: soaTTL},
		Ns:  server, Mbox: "hostmaster." + strings.TrimPrefix(o.name, "."), Serial: 1, Refresh: 7200, Retry: soaTTL, Expire: 1209600, Minttl: minimum,
	}
	apex.sets[dns.TypeSOA] = &rrset{name: o.name, typ: dns.TypeSOA, members: []*member{{m: &model.RecordSet{}, rrs: []dns.RR{o.soa}}}}
}

// own is the target of aliases that stand for this node.
const own = "*"

func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}
