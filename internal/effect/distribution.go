// SPDX-License-Identifier: Apache-2.0

package effect

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
)

// distributions pairs the distributions of both sides and compares each pair.
func (c *comparison) distributions() {
	old := c.before.distributions()
	for _, d := range c.after.distributions() {
		i := pairOf(d, old)
		if i < 0 {
			c.add(Area{Kind: "distribution", Resource: d.LogicalID, Host: hostOf(d), Changes: []Change{{Aspect: Served, Before: "no", After: "yes"}}})
			continue
		}
		o := old[i]
		old = slices.Delete(slices.Clone(old), i, i+1)
		whole := append(aspects(c.before.distribution(o), c.after.distribution(d)), countries(o.Geo, d.Geo)...)
		c.add(Area{Kind: "distribution", Resource: d.LogicalID, Host: hostOf(d), Changes: whole})
		c.behaviors(o, d)
	}
	for _, o := range old {
		c.add(Area{Kind: "distribution", Resource: o.LogicalID, Host: hostOf(o), Changes: []Change{{Aspect: Served, Before: "yes", After: "no"}}})
	}
}

// pairOf finds the distribution that d was: one with an alias of it, or with
// its logical id; -1 for none.
func pairOf(d *model.Distribution, old []*model.Distribution) int {
	if i := slices.IndexFunc(old, func(o *model.Distribution) bool {
		return slices.ContainsFunc(o.Aliases, func(a string) bool {
			return slices.ContainsFunc(d.Aliases, func(b string) bool { return strings.EqualFold(a, b) })
		})
	}); i >= 0 {
		return i
	}
	return slices.IndexFunc(old, func(o *model.Distribution) bool { return o.LogicalID == d.LogicalID })
}

// hostOf is the name by which people know a distribution.
func hostOf(d *model.Distribution) string {
	for _, a := range d.Aliases {
		if !strings.HasPrefix(a, "*") {
			return a
		}
	}
	if len(d.Aliases) > 0 {
		return d.Aliases[0]
	}
	return ""
}

// behaviors finds the areas of a pair.
func (c *comparison) behaviors(old, now *model.Distribution) {
	was, is := compile(old), compile(now)
	for j, b := range now.Behaviors {
		after := c.after.behavior(now, b)
		for i, o := range old.Behaviors {
			changes := aspects(c.before.behavior(old, o), after)
			if len(changes) == 0 {
				continue
			}
			out := slices.Concat(was[:i], is[:j])
			path, answer := pattern.Search([]pattern.Path{was[i], is[j]}, out)
			if answer == pattern.Nothing {
				continue
			}
			c.add(Area{
				Kind: "distribution", Resource: now.LogicalID, Host: hostOf(now), Path: path,
				Before: o.PathPattern, After: b.PathPattern, Changes: changes,
			})
		}
	}
}

// compile reads the patterns of a distribution; one that is not valid matches
// nothing.
func compile(d *model.Distribution) []pattern.Path {
	out := make([]pattern.Path, len(d.Behaviors))
	for i, b := range d.Behaviors {
		out[i], _ = pattern.CompilePath(b.PathPattern)
	}
	return out
}
