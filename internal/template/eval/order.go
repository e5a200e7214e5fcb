// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// edge is a need of one resource for another, and where it is written.
type edge struct {
	to *Resource
	at *tree.Node
}

// sort puts the live resources in dependency order: depth first in the order
// of the template, so that the result is the same every time. A cycle is an
// error that names its members, at the reference that closes it.
//
// What makes a need: Ref, Fn::GetAtt and Fn::Sub in the chosen branches of
// Properties, and DependsOn. A DependsOn on a resource that is not created is
// dropped, as CloudFormation does; any other reference to one is an error.
func (sc *scope) sort() (order []*Resource, errs []error) {
	edges := map[*Resource][]edge{}
	for _, en := range section(sc.root, "Resources") {
		if r := sc.resources[en.Key]; r.live {
			needs, bad := sc.needs(r)
			edges[r] = needs
			errs = append(errs, bad...)
		}
	}
	errs = append(errs, sc.deadOutputs()...)
	s := sorter{edges: edges, done: map[*Resource]bool{}}
	for _, en := range section(sc.root, "Resources") {
		if r := sc.resources[en.Key]; r.live {
			s.visit(r)
		}
	}
	return s.order, append(errs, s.errs...)
}

type sorter struct {
	edges map[*Resource][]edge
	done  map[*Resource]bool
	open  []*Resource
	order []*Resource
	errs  []error
}

func (s *sorter) visit(r *Resource) {
	if s.done[r] {
		return
	}
	s.open = append(s.open, r)
	for _, e := range s.edges[r] {
		if i := slices.Index(s.open, e.to); i >= 0 {
			s.cycle(s.open[i:], e.at)
			continue
		}
		s.visit(e.to)
	}
	s.open = s.open[:len(s.open)-1]
	s.done[r] = true
	s.order = append(s.order, r)
}

func (s *sorter) cycle(members []*Resource, n *tree.Node) {
	if len(s.errs) >= MaxErrors {
		return
	}
	var names []string
	for i, m := range members {
		if i == 20 {
			names = append(names, "…")
			break
		}
		names = append(names, m.LogicalID)
	}
	last := members[len(members)-1]
	names = append(names, members[0].LogicalID)
	s.errs = append(s.errs, at(n.Pos, "Resources."+last.LogicalID,
		"remove one of these references, or give one of the resources a fixed name and write that name",
		"resources depend on each other in a cycle: %s", strings.Join(names, " → ")))
}

// needs finds the edges of r, and what r refers to that is not created.
func (sc *scope) needs(r *Resource) (out []edge, errs []error) {
	seen := map[*Resource]bool{}
	w := &walker{sc: sc, live: true, path: []string{"Resources", r.LogicalID, "Properties"}}
	w.visit = func(w *walker, ref reference) {
		if ref.kind != refValue && ref.kind != refAttr {
			return
		}
		to := sc.resources[ref.name]
		if to == nil || ref.kind == refValue && sc.params[ref.name] != nil {
			return
		}
		if !to.live {
			errs = append(errs, sc.deadReference(w, to, ref.at))
			return
		}
		if !seen[to] {
			seen[to] = true
			out = append(out, edge{to, ref.at})
		}
	}
	w.walk(r.Properties)
	for _, id := range r.DependsOn {
		if to := sc.resources[id]; to != nil && to.live && !seen[to] {
			seen[to] = true
			out = append(out, edge{to, r.Node.Get("DependsOn")})
		}
	}
	slices.SortStableFunc(out, func(a, b edge) int { return a.to.index - b.to.index })
	return out, errs
}

func (sc *scope) deadReference(w *walker, to *Resource, n *tree.Node) error {
	return at(n.Pos, joinPath(w.path), notCreatedMend(to), "resource %s is not created: its condition %s is false", to.LogicalID, to.Condition)
}

// deadOutputs finds outputs that refer to a resource that is not created.
func (sc *scope) deadOutputs() (errs []error) {
	w := &walker{sc: sc, live: true}
	w.visit = func(w *walker, ref reference) {
		if to := sc.resources[ref.name]; to != nil && !to.live && (ref.kind == refValue || ref.kind == refAttr) {
			errs = append(errs, sc.deadReference(w, to, ref.at))
		}
	}
	for _, en := range section(sc.root, "Outputs") {
		name, _ := en.Value.Get("Condition").Str()
		if c := sc.conditions[name]; c != nil && !(c.state == condDone && c.value) {
			continue
		}
		w.path = []string{"Outputs", en.Key, "Value"}
		w.walk(en.Value.Get("Value"))
	}
	return errs
}
