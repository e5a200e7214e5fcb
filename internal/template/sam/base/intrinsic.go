// SPDX-License-Identifier: Apache-2.0

package base

import (
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Makers of intrinsic functions.

// Str makes a String node.
func Str(s string) *tree.Node { return tree.NewString(s) }

// Map makes a Map of alternating keys and values; a nil value is left out.
// Unlike tree.Node.With it gives the keys no position: the transform made them.
func Map(kv ...any) *tree.Node {
	m := tree.NewMap()
	for i := 0; i+1 < len(kv); i += 2 {
		k, _ := kv[i].(string)
		var n *tree.Node
		switch v := kv[i+1].(type) {
		case *tree.Node:
			n = v
		case string:
			n = tree.NewString(v)
		case bool:
			n = tree.NewBool(v)
		case int:
			n = tree.NewInt(v)
		}
		if n != nil {
			m.Entries = append(m.Entries, tree.Entry{Key: k, Value: n})
		}
	}
	return m
}

// Ref makes {"Ref": id}.
func Ref(id string) *tree.Node { return Map("Ref", id) }

// GetAtt makes {"Fn::GetAtt": [id, attr]}.
func GetAtt(id, attr string) *tree.Node { return Map("Fn::GetAtt", tree.NewStrings(id, attr)) }

// Sub makes {"Fn::Sub": s}, or {"Fn::Sub": [s, vars]} if vars has members.
func Sub(s string, vars *tree.Node) *tree.Node {
	if vars.Len() > 0 {
		return Map("Fn::Sub", tree.NewList(tree.NewString(s), vars))
	}
	return Map("Fn::Sub", s)
}

// Join makes {"Fn::Join": [sep, [items…]]}.
func Join(sep string, items ...*tree.Node) *tree.Node {
	return Map("Fn::Join", tree.NewList(tree.NewString(sep), tree.NewList(items...)))
}

// NoValue makes {"Ref": "AWS::NoValue"}.
func NoValue() *tree.Node { return Ref("AWS::NoValue") }

// If makes {"Fn::If": [condition, yes, no]}; a nil no is AWS::NoValue.
func If(condition string, yes, no *tree.Node) *tree.Node {
	if no == nil {
		no = NoValue()
	}
	return Map("Fn::If", tree.NewList(tree.NewString(condition), yes, no))
}

// Cond makes {"Condition": name}.
func Cond(name string) *tree.Node { return Map("Condition", name) }

// Or makes {"Fn::Or": [{Condition: …}, …]}.
func Or(names ...string) *tree.Node {
	l := tree.NewList()
	for _, n := range names {
		l.Add(Cond(n))
	}
	return Map("Fn::Or", l)
}

// And makes {"Fn::And": [{Condition: …}, …]}.
func And(names ...string) *tree.Node {
	l := tree.NewList()
	for _, n := range names {
		l.Add(Cond(n))
	}
	return Map("Fn::And", l)
}

// Not makes {"Fn::Not": [{Condition: name}]}.
func Not(name string) *tree.Node { return Map("Fn::Not", tree.NewList(Cond(name))) }

// AnyOf makes the conditions that together hold if one of names holds, under
// name. CloudFormation takes at most ten members of Fn::Or, so more names make
// a tree of conditions name1, name2, … with name at the top. Nil if there are
// fewer than two names.
func AnyOf(name string, names []string) []tree.Entry {
	const most = 10
	if len(names) < 2 {
		return nil
	}
	var out []tree.Entry
	rest := append([]string(nil), names...)
	for n := (len(rest) - 2) / (most - 1); len(rest) > 1; n-- {
		key := name
		if n > 0 {
			key += itoa(n)
		}
		k := min(most, len(rest))
		out = append(out, tree.Entry{Key: key, Value: Or(rest[:k]...)})
		rest = append(rest[k:], key)
	}
	return out
}

// Readers of intrinsic functions.

// IsIf tells whether n is an Fn::If.
func IsIf(n *tree.Node) bool {
	name, _, ok := n.Intrinsic()
	return ok && name == "Fn::If"
}

// IsNoValue tells whether n is {"Ref": "AWS::NoValue"}.
func IsNoValue(n *tree.Node) bool {
	name, arg, ok := n.Intrinsic()
	return ok && name == "Ref" && arg.IsString() && arg.Text == "AWS::NoValue"
}

// RefTarget is the logical id that a Ref or a two-part Fn::GetAtt names.
func RefTarget(n *tree.Node) (id string, ok bool) {
	name, arg, isFn := n.Intrinsic()
	switch {
	case !isFn:
		return "", false
	case name == "Ref":
		return arg.Str()
	case name == "Fn::GetAtt" && arg.IsList() && len(arg.Items) == 2:
		return arg.Items[0].Str()
	case name == "Fn::GetAtt" && arg.IsString():
		if p := strings.Split(arg.Text, "."); len(p) == 2 {
			return p[0], true
		}
	}
	return "", false
}

// IsDynamicRef tells whether n is text of the form {{resolve:service:key}}.
func IsDynamicRef(n *tree.Node) bool {
	s, ok := n.Str()
	if !ok || !strings.HasPrefix(s, "{{resolve:") || !strings.HasSuffix(s, "}}") {
		return false
	}
	service, key, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(s, "{{resolve:"), "}}"), ":")
	return ok && service != "" && key != "" && strings.Trim(service, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// Truthy tells whether n is present and neither null, false, zero nor empty.
func Truthy(n *tree.Node) bool {
	if n == nil {
		return false
	}
	switch n.Kind {
	case tree.Bool:
		return n.Bool
	case tree.Number:
		return strings.Trim(n.Text, "-0.") != ""
	case tree.String:
		return n.Text != ""
	case tree.List, tree.Map:
		return n.Len() > 0
	}
	return false
}

// Opt is the value of key, nil if it is absent or null.
func Opt(n *tree.Node, key string) *tree.Node {
	if v := n.Get(key); !v.IsNull() {
		return v
	}
	return nil
}

// Text is the text of the String under key, else "".
func Text(n *tree.Node, key string) string {
	s, _ := n.Get(key).Str()
	return s
}
