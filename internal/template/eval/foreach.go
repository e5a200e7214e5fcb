// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Fn::ForEach of AWS::LanguageExtensions.
//
//	Fn::ForEach::Topics:             the loop's name, unused but for errors
//	  - Name                         the identifier
//	  - [Orders, Mails]              the collection, or what evaluates to it
//	  - Topic${Name}:                one entry or more, made once a member
//	      Type: AWS::SNS::Topic
//	      Properties: {TopicName: !Ref Name}
//
// In keys and texts ${Name} stands for the member and &{Name} for its letters
// and digits; {Ref: Name} is the member. A loop may hold loops.
//
// Source: AWS CloudFormation User Guide, Fn::ForEach.

const forEach = "Fn::ForEach::"

// binding is an identifier with its current member.
type binding struct{ name, value string }

// loops expands every Fn::ForEach in n and replaces bound identifiers.
func (x *expander) loops(n *tree.Node, bound []binding) *tree.Node {
	if n == nil || !x.spend(n, 1) {
		return n
	}
	switch n.Kind {
	case tree.String:
		if s := x.replace(n, n.Text, bound); s != n.Text {
			return &tree.Node{Kind: tree.String, Text: s, Pos: n.Pos}
		}
		return n
	case tree.List:
		out := &tree.Node{Kind: tree.List, Pos: n.Pos, Items: make([]*tree.Node, len(n.Items))}
		for i, it := range n.Items {
			x.in("["+strconv.Itoa(i)+"]", func() { out.Items[i] = x.loops(it, bound) })
		}
		return out
	case tree.Map:
		if name, arg, ok := n.Intrinsic(); ok && name == "Ref" {
			for _, b := range bound {
				if s, _ := arg.Str(); s == b.name {
					return &tree.Node{Kind: tree.String, Text: b.value, Pos: n.Pos}
				}
			}
		}
		out := &tree.Node{Kind: tree.Map, Pos: n.Pos, Entries: make([]tree.Entry, 0, len(n.Entries))}
		x.loopEntries(n, bound, out)
		return out
	}
	return n
}

// loopEntries adds the expanded entries of n to out.
func (x *expander) loopEntries(n *tree.Node, bound []binding, out *tree.Node) {
	seen := make(map[string]bool, len(n.Entries))
	for _, en := range out.Entries {
		seen[en.Key] = true
	}
	var add func(n *tree.Node, bound []binding)
	add = func(n *tree.Node, bound []binding) {
		for _, en := range n.Entries {
			if len(x.errs) > 0 && x.sc.values > MaxValues {
				return
			}
			if strings.HasPrefix(en.Key, forEach) {
				x.in(en.Key, func() { x.loop(en, bound, add) })
				continue
			}
			key := x.replace(n, en.Key, bound)
			if seen[key] {
				x.fail(&tree.Node{Pos: en.KeyPos}, "use the loop's identifier in the key, as in Name${Identifier}", "the key %q is made twice", key)
				continue
			}
			seen[key] = true
			x.in(key, func() {
				out.Entries = append(out.Entries, tree.Entry{Key: key, KeyPos: en.KeyPos, Value: x.loops(en.Value, bound)})
			})
		}
	}
	add(n, bound)
}

// loop runs one Fn::ForEach: add is called with its body once a member.
func (x *expander) loop(en tree.Entry, bound []binding, add func(*tree.Node, []binding)) {
	arg := en.Value
	usage := "write " + en.Key + ": [Identifier, [member, …], {Key${Identifier}: …}]"
	if !arg.IsList() || len(arg.Items) != 3 || !arg.Items[2].IsMap() {
		x.fail(&tree.Node{Pos: en.KeyPos}, usage, "the loop does not have an identifier, a collection and a map")
		return
	}
	id, ok := arg.Items[0].Str()
	if !ok || !alnum(id) {
		x.fail(arg.Items[0], "use letters and digits only", "the identifier of the loop must be a plain name")
		return
	}
	if x.sc.params[id] != nil {
		x.fail(arg.Items[0], "rename the identifier", "the identifier %s of the loop is also a parameter", id)
		return
	}
	for _, b := range bound {
		if b.name == id {
			x.fail(arg.Items[0], "rename the inner identifier", "the identifier %s is in use by an outer loop", id)
			return
		}
	}
	members, ok := x.members(arg.Items[1], bound)
	if !ok {
		return
	}
	for _, m := range members {
		if x.loopRuns++; x.loopRuns > MaxForEach {
			if x.loopRuns == MaxForEach+1 {
				x.fail(arg.Items[1], "use smaller collections", "loops run more than %d times", MaxForEach)
			}
			return
		}
		inner := append(bound[:len(bound):len(bound)], binding{id, m})
		add(arg.Items[2], inner)
	}
}

// members evaluates the collection of a loop.
func (x *expander) members(n *tree.Node, bound []binding) ([]string, bool) {
	v, ok := x.eval(x.loops(n, bound))
	if !ok {
		return nil, false
	}
	if !v.IsList() {
		x.fail(n, "give a list, or a Ref to a CommaDelimitedList", "the collection of the loop must be a list, not %s", kindOf(v))
		return nil, false
	}
	var out []string
	for _, it := range v.Items {
		if it.IsList() { // a member that is a Ref to a list parameter
			for _, sub := range it.Items {
				s, _ := sub.Scalar()
				out = append(out, s)
			}
			continue
		}
		s, ok := it.Scalar()
		if !ok {
			x.fail(n, "give texts", "a member of the collection must be a text, not %s", kindOf(it))
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// replace replaces ${Name} and &{Name} of bound identifiers in s.
func (x *expander) replace(n *tree.Node, s string, bound []binding) string {
	if len(bound) == 0 || !strings.Contains(s, "{") {
		return s
	}
	for _, b := range bound {
		braced, plain := "${"+b.name+"}", "&{"+b.name+"}"
		times := strings.Count(s, braced) + strings.Count(s, plain)
		if times == 0 {
			continue
		}
		size := len(s) + times*len(b.value)
		if x.sc.text += size; size > MaxText || x.sc.text > MaxTotalText {
			if !x.grown {
				x.fail(n, "use smaller collections", "loops make more than %d MB of text", MaxTotalText>>20)
			}
			x.grown = true
			return s
		}
		s = strings.ReplaceAll(s, braced, b.value)
		s = strings.ReplaceAll(s, plain, letters(b.value))
	}
	return s
}

// letters drops everything but letters and digits.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && alnum(string(r)) {
			return r
		}
		return -1
	}, s)
}

// computedNames replaces names in Ref and Fn::GetAtt that are computed, such
// as !GetAtt [!Sub "Topic${Name}", TopicName], by what they evaluate to.
func (x *expander) computedNames(t *tree.Node) {
	for _, name := range []string{"Resources", "Outputs"} {
		x.path = append(x.path[:0], name)
		x.namesIn(t.Get(name))
	}
}

func (x *expander) namesIn(n *tree.Node) {
	if n == nil || !x.spend(n, 1) {
		return
	}
	name, arg, ok := n.Intrinsic()
	switch {
	case ok && name == "Ref" && arg.IsIntrinsic():
		if v, ok := x.eval(arg); ok && v != nil {
			n.Entries[0].Value = v
		}
		return
	case ok && name == "Fn::GetAtt" && arg.IsList():
		for i, it := range arg.Items {
			if v, ok := x.eval(it); it.IsIntrinsic() && ok && v != nil {
				arg.Items[i] = v
			}
		}
		return
	}
	for i, it := range n.Items {
		x.in("["+strconv.Itoa(i)+"]", func() { x.namesIn(it) })
	}
	for _, en := range n.Entries {
		x.in(en.Key, func() { x.namesIn(en.Value) })
	}
}

// refuseLanguage reports what needs AWS::LanguageExtensions in a template
// that does not declare it, since AWS would refuse it.
func (x *expander) refuseLanguage(t *tree.Node) {
	const mend = "add AWS::LanguageExtensions to the Transform section"
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		for i, it := range n.Items {
			x.in("["+strconv.Itoa(i)+"]", func() { walk(it) })
		}
		for _, en := range n.Entries {
			if en.Key == "Fn::Length" || en.Key == "Fn::ToJsonString" || strings.HasPrefix(en.Key, forEach) {
				x.fail(&tree.Node{Pos: en.KeyPos}, mend, "%s works under AWS::LanguageExtensions only", en.Key)
				continue
			}
			if en.Value != nil {
				x.in(en.Key, func() { walk(en.Value) })
			}
		}
	}
	for _, name := range []string{"Conditions", "Resources", "Outputs"} {
		if s := t.Get(name); s != nil {
			x.path = append(x.path[:0], name)
			walk(s)
		}
	}
}
