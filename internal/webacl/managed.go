// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/webacl/crs"
)

// AWS does not publish the rules of its managed groups, only their names, labels
// and purposes. What AWS documents exactly (sizes, a missing User-Agent) is
// asked here; for the rest the OWASP Core Rule Set stands (room crs), each of
// its hits under the AWS rule that is about such attacks in such a place. As in
// the Core Rule Set, hits have points: a rule of the group matches with five,
// and so does the group's last rule, AnomalyScore, when the points of several
// rules add up to that. docs/decisions/0013-web-acl.md has the table.

// threshold is the anomaly score that is an attack.
const threshold = 5

// managedGroup is what is known of a managed rule group.
type managedGroup struct {
	name     string
	label    string // namespace of its labels
	families []crs.Family
	checks   []check
	of       func(crs.Hit) string // the AWS rule of a hit; "": not of this group
	rules    []string             // in the order they are tried
}

// check is a rule that AWS documents exactly.
type check struct {
	name string
	is   func(x *exam) bool
}

// managedNamed is the group with a name, or nil.
func managedNamed(vendor, name string) *managedGroup {
	if vendor != "AWS" {
		return nil
	}
	switch name {
	case "AWSManagedRulesCommonRuleSet":
		return commonGroup()
	case "AWSManagedRulesKnownBadInputsRuleSet":
		return badInputsGroup()
	case "AWSManagedRulesSQLiRuleSet":
		return sqlGroup()
	}
	return nil
}

// places are AWS's words for places in the names of rules.
func suffix(p crs.Place) string {
	return [...]string{"URIPATH", "QUERYARGUMENTS", "COOKIE", "HEADER", "BODY", "", "", ""}[p&7]
}

// labelOf turns GenericLFI_URIPATH into GenericLFI_URIPath, as AWS writes labels.
func labelOf(rule string) string {
	name, place, ok := strings.Cut(rule, "_")
	if !ok {
		return rule
	}
	words := strings.NewReplacer(
		"HEADER", "Header", "QUERYSTRING", "QueryString", "QUERYARGUMENTS", "QueryArguments", "URIPATH", "URIPath",
		"COOKIE", "Cookie", "BODY", "Body", "METHOD", "Method",
	)
	if name == "UserAgent" { // UserAgent_BadBots_HEADER is labelled BadBots_Header
		return words.Replace(place)
	}
	return name + "_" + words.Replace(place)
}

// managed is a managed group in the place of a rule.
type managed struct {
	engine *engine
	scope  statement // nil: every request
	checks []check
	of     func(crs.Hit) string
	rules  map[string]*rule
	order  []string
	last   *rule // AnomalyScore
}

// unbuilt is a managed group that is not built: none of its rules matches.
type unbuilt struct{}

func (unbuilt) evaluate(*exam) *rule { return nil }

func (c *compiler) managed(m *model.ManagedMatch) (group, error) {
	def := managedNamed(m.Vendor, m.Name)
	if def == nil {
		return unbuilt{}, nil
	}
	c.readsBody = true
	g := &managed{engine: c.set.rules, checks: def.checks, of: def.of, rules: map[string]*rule{}, order: def.rules}
	if m.ScopeDown != nil {
		scope, err := c.statement(m.ScopeDown)
		if err != nil {
			return nil, err
		}
		g.scope = scope
	}
	for _, name := range append(slices.Clone(def.rules), "AnomalyScore") {
		r := &rule{name: name, labels: []string{def.label + labelOf(name)}}
		if err := r.act(&model.ACLAction{Kind: model.ACLBlock}, nil, m.Overrides); err != nil {
			return nil, err
		}
		g.rules[name] = r
	}
	g.last = g.rules["AnomalyScore"]
	return g, nil
}

func (g *managed) evaluate(x *exam) *rule {
	if g.scope != nil && !g.scope.match(x) {
		return nil
	}
	for _, c := range g.checks {
		if c.is(x) {
			if r := g.fire(x, g.rules[c.name]); r != nil {
				return r
			}
		}
	}
	if !x.looked {
		x.looked = true
		if x.err = g.engine.Screen(x.rq, x.body, &x.hits); x.err != nil {
			return g.last
		}
		for _, h := range x.hits.Hits {
			if !slices.Contains(x.v.Findings, h.Rule) { // it may have matched in several places
				x.v.Findings = append(x.v.Findings, h.Rule)
			}
		}
	}
	if len(x.hits.Hits) == 0 {
		return nil
	}
	return g.judge(x)
}

// judge adds the points of the hits up by rule, and tries the rules.
func (g *managed) judge(x *exam) *rule {
	points := map[string]int{}
	for _, h := range x.hits.Hits {
		if name := g.of(h); g.rules[name] != nil {
			points[name] += h.Points
		}
	}
	sum := 0
	for _, name := range g.order {
		n, r := points[name], g.rules[name]
		if r.action.kind != model.ACLCount {
			sum += n
		}
		if n < threshold {
			continue
		}
		if ended := g.fire(x, r); ended != nil {
			return ended
		}
	}
	if sum >= threshold {
		return g.fire(x, g.last)
	}
	return nil
}

// fire adds the labels of a rule and returns it when it ends the evaluation.
func (g *managed) fire(x *exam, r *rule) *rule {
	x.trace.begin()
	x.trace.matched(r)
	for _, l := range r.labels {
		x.label(l)
	}
	if r.action.kind == model.ACLCount {
		x.v.count(r)
		return nil
	}
	return r
}

// families are those that the managed groups of some ACLs need: they share one
// engine, so that a request is looked at once.
func families(acls []*model.WebACL) []crs.Family {
	var out []crs.Family
	for _, a := range acls {
		for _, r := range a.Rules {
			m, ok := r.Statement.(*model.ManagedMatch)
			if !ok {
				continue
			}
			if g := managedNamed(m.Vendor, m.Name); g != nil {
				out = append(out, g.families...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
