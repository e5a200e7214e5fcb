// SPDX-License-Identifier: Apache-2.0

package statemachine

// A definition written in the template becomes the string that Step Functions
// reads. Two things happen on the way:
//
//  1. Every intrinsic function and dynamic reference in it is cut out and put
//     under a name of its own into DefinitionSubstitutions, in the order of a
//     walk that visits keys sorted:
//
//     Resource: !GetAtt F.Arn   ->   Resource: ${definition_substitution_1}
//
//  2. The rest is printed as JSON with sorted keys, four spaces a level, and
//     handed over as the lines of a Fn::Join, as AWS does to keep the
//     transformed template readable.

import (
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/tree"
)

// cutDynamic replaces what is only known at deployment in n by placeholders,
// in place, and returns what they stand for.
func cutDynamic(n *tree.Node) *tree.Node {
	subs := tree.NewMap()
	visit(n, func(v *tree.Node) *tree.Node {
		if !v.IsIntrinsic() && !base.IsDynamicRef(v) {
			return nil
		}
		name := "definition_substitution_" + strconv.Itoa(subs.Len()+1)
		subs.Set(name, v)
		return &tree.Node{Kind: tree.String, Text: "${" + name + "}", Pos: v.Pos}
	})
	return subs
}

// visit offers every value below n to swap, parents before children; a value
// that swap replaces is not entered.
func visit(n *tree.Node, swap func(*tree.Node) *tree.Node) {
	each := func(v *tree.Node, put func(*tree.Node)) {
		if r := swap(v); r != nil {
			put(r)
			return
		}
		visit(v, swap)
	}
	switch n.Kind {
	case tree.Map:
		for _, i := range sorted(n) {
			e := &n.Entries[i]
			each(e.Value, func(r *tree.Node) { e.Value = r })
		}
	case tree.List:
		for i := range n.Items {
			each(n.Items[i], func(r *tree.Node) { n.Items[i] = r })
		}
	}
}

// sorted returns the indexes of n's entries in the order of their keys.
func sorted(n *tree.Node) []int {
	idx := make([]int, len(n.Entries))
	for i := range idx {
		idx[i] = i
	}
	slices.SortFunc(idx, func(a, b int) int { return strings.Compare(n.Entries[a].Key, n.Entries[b].Key) })
	return idx
}

// definitionString prints n as the Fn::Join of its lines.
func definitionString(n *tree.Node) *tree.Node {
	var b strings.Builder
	printJSON(&b, n, "\n")
	return tree.NewMap().With("Fn::Join", tree.NewList(
		tree.NewString("\n"), tree.NewStrings(strings.Split(b.String(), "\n")...)))
}

// printJSON writes n; nl is the line break with the indent of n's level.
func printJSON(b *strings.Builder, n *tree.Node, nl string) {
	inner := nl + "    "
	switch n.Kind {
	case tree.Map:
		if len(n.Entries) == 0 {
			b.WriteString("{}")
			return
		}
		sep := "{"
		for _, i := range sorted(n) {
			b.WriteString(sep + inner)
			b.Write(base.SpacedJSON(tree.NewString(n.Entries[i].Key)))
			b.WriteString(": ")
			printJSON(b, n.Entries[i].Value, inner)
			sep = ","
		}
		b.WriteString(nl + "}")
	case tree.List:
		if len(n.Items) == 0 {
			b.WriteString("[]")
			return
		}
		sep := "["
		for _, it := range n.Items {
			b.WriteString(sep + inner)
			printJSON(b, it, inner)
			sep = ","
		}
		b.WriteString(nl + "]")
	default:
		b.Write(base.SpacedJSON(n)) // a scalar
	}
}
