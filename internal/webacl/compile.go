// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// compiler makes the rules of one ACL after the other.
type compiler struct {
	options   Options
	set       *Set
	namespace string // of the ACL or group that is compiled
	readsBody bool
	place     string // of the rule that is compiled: ACL, rule, rule of the group
}

func (c *compiler) acl(m *model.WebACL) (*ACL, error) {
	c.namespace, c.readsBody, c.place = m.Namespace, false, m.ARN
	rules, err := c.rules(m.Rules, m.Bodies, nil)
	if err != nil {
		return nil, err
	}
	a := &ACL{m: m, rules: rules, readsBody: c.readsBody, options: c.options}
	a.log = c.compileLog(m)
	a.fallback, err = compileAction(&m.Default, m.Bodies)
	return a, err
}

// rules compiles a list in the order it is tried. overrides are the actions
// that a reference to the group puts in place of those of its rules.
func (c *compiler) rules(ms []*model.ACLRule, bodies map[string]model.ACLBody, overrides []model.ACLActionOverride) ([]*rule, error) {
	ms = slices.Clone(ms)
	slices.SortStableFunc(ms, func(a, b *model.ACLRule) int { return cmp.Compare(a.Priority, b.Priority) })
	var out []*rule
	for _, m := range ms {
		r, err := c.rule(m, bodies, overrides)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", m.Name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func (c *compiler) rule(m *model.ACLRule, bodies map[string]model.ACLBody, overrides []model.ACLActionOverride) (*rule, error) {
	r := &rule{name: m.Name, countGroup: m.CountGroup}
	outer := c.place
	c.place += "\x00" + m.Name
	defer func() { c.place = outer }()
	for _, l := range m.Labels {
		r.labels = append(r.labels, c.namespace+l)
	}
	var err error
	switch s := m.Statement.(type) {
	case *model.GroupMatch:
		r.groupID = s.Group.ARN
		r.group, err = c.group(s)
		return r, err
	case *model.ManagedMatch:
		r.groupID = s.Vendor + "#" + s.Name
		r.group, err = c.managed(s)
		return r, err
	}
	if r.when, err = c.statement(m.Statement); err != nil {
		return nil, err
	}
	if m.Action == nil {
		return nil, fmt.Errorf("it has no action")
	}
	return r, r.act(m.Action, bodies, overrides)
}

// act gives a rule its action, or that of the last override of it.
func (r *rule) act(do *model.ACLAction, bodies map[string]model.ACLBody, overrides []model.ACLActionOverride) (err error) {
	r.native = do.Kind
	for i := range overrides {
		if o := &overrides[i]; o.Rule == r.name {
			do, r.overridden, r.excluded = &o.Action, true, o.Excluded
		}
	}
	r.action, err = compileAction(do, bodies)
	return err
}

// referenced is a rule group in the place of a rule.
type referenced struct{ rules []*rule }

func (g *referenced) evaluate(x *exam) *rule { return x.walk(g.rules) }

func (c *compiler) group(m *model.GroupMatch) (group, error) {
	outer := c.namespace
	c.namespace = m.Group.Namespace
	rules, err := c.rules(m.Group.Rules, m.Group.Bodies, m.Overrides)
	c.namespace = outer
	if err != nil {
		return nil, fmt.Errorf("rule group %s: %w", m.Group.Name, err)
	}
	return &referenced{rules}, nil
}

// statement compiles any statement that is no group.
func (c *compiler) statement(m model.ACLStatement) (statement, error) {
	switch s := m.(type) {
	case *model.IPMatch:
		return compileIP(s), nil
	case *model.GeoMatch:
		return compileGeo(s), nil
	case *model.ASNMatch:
		return &asnMatch{s.Numbers, compileForwarded(s.Forwarded)}, nil
	case *model.LabelMatch:
		return labelMatch{c.qualify(s.Key), s.Namespace}, nil
	case *model.RateMatch:
		return c.rate(s)
	case *model.AndMatch:
		of, err := c.list(s.Of)
		return and(of), err
	case *model.OrMatch:
		of, err := c.list(s.Of)
		return or(of), err
	case *model.NotMatch:
		of, err := c.statement(s.Of)
		return not{of}, err
	case *model.UnbuiltMatch:
		return never{}, nil
	}
	return c.reading(m)
}

// reading compiles the statements that read a component of the request.
func (c *compiler) reading(m model.ACLStatement) (statement, error) {
	switch s := m.(type) {
	case *model.ByteMatch:
		st, err := compileByte(s)
		return st, c.reads(&s.Inspect, err)
	case *model.RegexMatch:
		st, err := compileRegex(s)
		return st, c.reads(&s.Inspect, err)
	case *model.SizeMatch:
		st, err := compileSize(s)
		return st, c.reads(&s.Inspect, err)
	case *model.SQLiMatch:
		st, err := compileSQLi(s)
		return st, c.reads(&s.Inspect, err)
	case *model.XSSMatch:
		st, err := compileXSS(s)
		return st, c.reads(&s.Inspect, err)
	}
	return nil, fmt.Errorf("a statement of kind %T cannot stand here", m)
}

func (c *compiler) reads(in *model.ACLInspect, err error) error {
	if in.Kind == model.FieldBody || in.Kind == model.FieldJSON {
		c.readsBody = true
	}
	return err
}

func (c *compiler) list(ms []model.ACLStatement) ([]statement, error) {
	var out []statement
	for _, m := range ms {
		s, err := c.statement(m)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// qualify puts the namespace of the ACL or group before a label that is written
// without one.
func (c *compiler) qualify(key string) string {
	if strings.HasPrefix(key, "awswaf:") {
		return key
	}
	return c.namespace + key
}
