// SPDX-License-Identifier: Apache-2.0

package effect

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// domains compares custom domains of APIs by their name.
func (c *comparison) domains() {
	was, is := c.before.domains(), c.after.domains()
	for _, name := range slices.Sorted(keys(was, is)) {
		o, n := was[name], is[name]
		area := Area{Kind: "domain", Resource: name}
		switch {
		case o == nil:
			area.Changes = append([]Change{{Aspect: Served, Before: "no", After: "yes"}}, Change{Aspect: Origin, After: c.after.mappings(n)[0].text})
		case n == nil:
			area.Changes = []Change{{Aspect: Served, Before: "yes", After: "no"}}
		default:
			area.Changes = aspects(c.before.mappings(o), c.after.mappings(n))
		}
		c.add(area)
	}
}

// mappings describes what is below which path of a domain.
func (x *index) mappings(d *model.Domain) []meaning {
	var out []string
	for _, m := range d.Mappings {
		target := m.APIID
		for _, s := range x.stacks {
			if a := s.API(m.APIID); a != nil {
				target = a.LogicalID
			}
		}
		out = append(out, "/"+m.Path+" is "+strings.TrimSuffix(target+" "+m.Stage, " "))
	}
	slices.Sort(out)
	certificates := meaning{aspect: Authorisation, text: none}
	if d.ClientCertificates {
		certificates = meaning{Authorisation, "certificates of viewers", "", 1}
	}
	return []meaning{{aspect: Origin, text: list(out)}, certificates}
}

func (x *index) domains() map[string]*model.Domain {
	out := map[string]*model.Domain{}
	for _, s := range x.stacks {
		for _, d := range s.Domains {
			out[d.Name] = d
		}
	}
	return out
}
