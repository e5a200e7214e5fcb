// SPDX-License-Identifier: Apache-2.0

package base

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Resolve returns a copy of n in which every Ref to a parameter with a known
// value is that value, and every ${Parameter} of an Fn::Sub whose value is
// text is replaced. All else stays as it is.
func (c *Context) Resolve(n *tree.Node) (*tree.Node, error) {
	r := resolver{c: c, budget: maxResolved}
	return r.resolve(n.Clone())
}

// Bounds of one Resolve, so that parameters whose values contain references
// cannot make it run away.
const (
	maxResolved = 200_000           // values visited
	maxNested   = 2 * tree.MaxDepth // levels
)

type resolver struct {
	c             *Context
	budget, depth int
}

func (r *resolver) resolve(n *tree.Node) (*tree.Node, error) {
	if n == nil {
		return nil, nil
	}
	r.budget--
	r.depth++
	defer func() { r.depth-- }()
	if r.budget < 0 || r.depth > maxNested {
		return nil, n.Errorf("the value is too large to resolve its parameters, or they contain themselves")
	}
	n, err := r.one(n)
	if err != nil {
		return nil, err
	}
	for i := range n.Items {
		if n.Items[i], err = r.resolve(n.Items[i]); err != nil {
			return nil, err
		}
	}
	for i := range n.Entries {
		if n.Entries[i].Value, err = r.resolve(n.Entries[i].Value); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (r *resolver) one(n *tree.Node) (*tree.Node, error) {
	if !n.IsMap() || len(n.Entries) != 1 {
		return n, nil
	}
	arg := n.Entries[0].Value
	switch n.Entries[0].Key {
	case "Ref":
		if v := r.c.param(arg); v != nil {
			return v.Clone(), nil // its own members are resolved next
		}
	case "Fn::Sub":
		text := arg
		if arg.IsList() && len(arg.Items) > 0 {
			text = arg.Items[0]
		}
		if text.IsString() {
			s, err := SubRefs(text.Text, func(full, name string) (string, error) {
				v := r.c.param(tree.NewString(name))
				if v == nil {
					return full, nil
				}
				s, ok := v.Str()
				if !ok {
					return "", text.Errorf("Fn::Sub puts parameter %s into text, but its value is a %s", name, v.Kind)
				}
				return s, nil
			})
			if err != nil {
				return nil, err
			}
			text.Text = s
		}
	}
	return n, nil
}

// param is the value of the parameter that name (a String) names. A value
// that CloudFormation put there as a placeholder counts as none.
func (c *Context) param(name *tree.Node) *tree.Node {
	s, ok := name.Str()
	if !ok {
		return nil
	}
	v := c.Params[s]
	if t, isText := v.Str(); isText && strings.HasPrefix(t, "{{IntrinsicFunction:") {
		return nil
	}
	return v
}

var reSubRef = regexp.MustCompile(`\$\{([A-Za-z0-9.]+|AWS::[A-Z][A-Za-z]*)\}`)

// SubRefs replaces each ${name} of an Fn::Sub text by what f returns for it.
func SubRefs(text string, f func(full, name string) (string, error)) (string, error) {
	found := reSubRef.FindAllStringSubmatchIndex(text, -1)
	if found == nil {
		return text, nil
	}
	var b strings.Builder
	last := 0
	for _, m := range found {
		s, err := f(text[m[0]:m[1]], text[m[2]:m[3]])
		if err != nil {
			return "", err
		}
		b.WriteString(text[last:m[0]])
		b.WriteString(s)
		last = m[1]
	}
	b.WriteString(text[last:])
	return b.String(), nil
}

// ResolveIn is Resolve that also changes n, as a value that is used in two
// places must be the same in both. A Ref alone stays what it is.
func (c *Context) ResolveIn(n *tree.Node) (*tree.Node, error) {
	r, err := c.Resolve(n)
	if err != nil || n == nil {
		return r, err
	}
	if name, _, ok := n.Intrinsic(); !(ok && name == "Ref") && (n.IsMap() || n.IsList()) {
		*n = *r
		return n, nil
	}
	return r, nil
}

// FindInMap returns a copy of n in which each Fn::FindInMap of literal keys
// that the template's Mappings hold is its value.
func (c *Context) FindInMap(n *tree.Node) (*tree.Node, error) { return c.findInMap(n.Clone()) }

func (c *Context) findInMap(n *tree.Node) (*tree.Node, error) {
	if n == nil {
		return nil, nil
	}
	if name, arg, ok := n.Intrinsic(); ok && name == "Fn::FindInMap" {
		return c.mapped(n, arg)
	}
	var err error
	for i := range n.Items {
		if n.Items[i], err = c.findInMap(n.Items[i]); err != nil {
			return nil, err
		}
	}
	for i := range n.Entries {
		if n.Entries[i].Value, err = c.findInMap(n.Entries[i].Value); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (c *Context) mapped(n, arg *tree.Node) (*tree.Node, error) {
	if !arg.IsList() || len(arg.Items) != 3 {
		return nil, n.Errorf("Fn::FindInMap takes a list of three: map, top key, second key")
	}
	at := c.Template.Get("Mappings")
	for i, it := range arg.Items {
		k, err := c.findInMap(it)
		if err != nil {
			return nil, err
		}
		s, isText := k.Str()
		if !isText {
			return n, nil
		}
		next := at.Get(s)
		if next == nil {
			return n, nil
		}
		if i < 2 && !next.IsMap() {
			return nil, n.Errorf("Fn::FindInMap: %s is not a map of two levels", s)
		}
		at = next
	}
	return at.Clone(), nil
}
