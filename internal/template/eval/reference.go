// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// refKind is what a reference names. The list is closed.
type refKind uint8

const (
	refValue refKind = iota // Ref: parameter, pseudo parameter or resource
	refAttr                 // Fn::GetAtt: resource
	refCond                 // Fn::If, Condition
	refMap                  // Fn::FindInMap
	refBad                  // a function that does not exist
)

// String names the kind as the template does.
func (k refKind) String() string {
	switch k {
	case refValue:
		return "Ref"
	case refAttr:
		return "Fn::GetAtt"
	case refCond:
		return "condition"
	case refMap:
		return "mapping"
	case refBad:
		return "unknown function"
	}
	return "reference"
}

// reference is one name used in a value.
type reference struct {
	kind refKind
	name string
	attr string // of refAttr
	at   *tree.Node
}

// walker finds the references in a value without evaluating it. With live set
// it looks at the chosen branch of an Fn::If only.
type walker struct {
	sc    *scope
	live  bool
	path  []string
	visit func(w *walker, r reference)
}

func (w *walker) walk(n *tree.Node) {
	if n == nil {
		return
	}
	if name, arg, ok := n.Intrinsic(); ok && name != "Condition" {
		w.path = append(w.path, name)
		w.intrinsic(n, name, arg)
		w.path = w.path[:len(w.path)-1]
		return
	}
	for i, it := range n.Items {
		w.path = append(w.path, "["+strconv.Itoa(i)+"]")
		w.walk(it)
		w.path = w.path[:len(w.path)-1]
	}
	for _, en := range n.Entries {
		w.path = append(w.path, en.Key)
		w.walk(en.Value)
		w.path = w.path[:len(w.path)-1]
	}
}

func (w *walker) intrinsic(n *tree.Node, name string, arg *tree.Node) {
	switch name {
	case "Ref":
		if s, ok := arg.Scalar(); ok {
			w.visit(w, reference{kind: refValue, name: s, at: n})
			return
		}
	case "Fn::GetAtt":
		w.getAtt(n, arg)
		return
	case "Fn::Sub":
		w.sub(n, arg)
		return
	case "Fn::If":
		w.choice(n, arg)
		return
	case "Fn::FindInMap":
		if arg.IsList() && len(arg.Items) > 0 {
			if s, ok := arg.Items[0].Str(); ok && len(arg.Items) < 4 {
				w.visit(w, reference{kind: refMap, name: s, at: n})
			}
		}
	default:
		if !known(name, valueNames()) {
			w.visit(w, reference{kind: refBad, name: name, at: n})
		}
	}
	w.walk(arg)
}

func (w *walker) getAtt(n, arg *tree.Node) {
	id, attr := "", ""
	if s, ok := arg.Str(); ok {
		id, attr, _ = strings.Cut(s, ".")
	} else if arg.IsList() && len(arg.Items) >= 2 {
		id, _ = arg.Items[0].Str()
		attr, _ = arg.Items[1].Str()
		for _, it := range arg.Items {
			w.walk(it)
		}
	}
	if id != "" {
		w.visit(w, reference{kind: refAttr, name: id, attr: attr, at: n})
	}
}

func (w *walker) sub(n, arg *tree.Node) {
	text, vars := arg, (*tree.Node)(nil)
	if arg.IsList() && len(arg.Items) > 0 {
		text = arg.Items[0]
		if len(arg.Items) > 1 {
			vars = arg.Items[1]
		}
	}
	w.walk(vars)
	s, _ := text.Str()
	parts, _ := parseSub(s)
	for _, p := range parts {
		if p.name == "" || vars.Has(p.name) {
			continue
		}
		if id, attr, dotted := strings.Cut(p.name, "."); dotted && !strings.HasPrefix(p.name, "AWS::") {
			w.visit(w, reference{kind: refAttr, name: id, attr: attr, at: n})
			continue
		}
		w.visit(w, reference{kind: refValue, name: p.name, at: n})
	}
}

func (w *walker) choice(n, arg *tree.Node) {
	if !arg.IsList() || len(arg.Items) != 3 {
		w.walk(arg)
		return
	}
	name, ok := arg.Items[0].Str()
	if ok {
		w.visit(w, reference{kind: refCond, name: name, at: n})
	}
	if c := w.sc.conditions[name]; w.live && c != nil && c.state == condDone {
		if c.value {
			w.walk(arg.Items[1])
		} else {
			w.walk(arg.Items[2])
		}
		return
	}
	w.walk(arg.Items[1])
	w.walk(arg.Items[2])
}

// checkReferences checks every name that resources and outputs use, chosen
// branch or not, as CloudFormation does before it creates anything; and that
// what lives refers to nothing that is not created.
func (sc *scope) checkReferences() (errs []error) {
	w := &walker{sc: sc}
	note := func(w *walker, n *tree.Node, mend, format string, args ...any) {
		if len(errs) < 20*MaxErrors {
			errs = append(errs, at(n.Pos, joinPath(w.path), mend, format, args...))
		}
	}
	w.visit = func(w *walker, r reference) { sc.checkReference(w, r, note) }
	for _, en := range section(sc.root, "Resources") {
		r := sc.resources[en.Key]
		if r == nil {
			continue
		}
		for _, key := range []string{"Properties", "Metadata", "UpdatePolicy", "CreationPolicy"} {
			w.path = append(w.path[:0], "Resources", en.Key, key)
			w.live = false
			w.walk(en.Value.Get(key))
		}
		sc.checkDependsOn(r, &errs)
	}
	for _, en := range section(sc.root, "Outputs") {
		errs = append(errs, sc.checkOutput(en)...)
		w.path = append(w.path[:0], "Outputs", en.Key, "Value")
		w.walk(en.Value.Get("Value"))
		w.path = append(w.path[:0], "Outputs", en.Key, "Export")
		w.walk(en.Value.Get("Export"))
	}
	return errs
}

func (sc *scope) checkDependsOn(r *Resource, errs *[]error) {
	for _, id := range r.DependsOn {
		if sc.resources[id] == nil {
			*errs = append(*errs, at(r.Node.Get("DependsOn").Pos, "Resources."+r.LogicalID+".DependsOn",
				sc.didYouMean(id, sc.root.Get("Resources").Keys(), "declare it under Resources"), "no resource is named %q", id))
		}
	}
}

func (sc *scope) checkOutput(en tree.Entry) (errs []error) {
	path := "Outputs." + en.Key
	if !alnum(en.Key) {
		errs = append(errs, at(en.KeyPos, path, "use letters and digits only", "%q is no name of an output", en.Key))
	}
	if !en.Value.IsMap() {
		return append(errs, at(en.KeyPos, path, "give a Value", "an output must be a map, not %s", kindOf(en.Value)))
	}
	keys := []string{"Condition", "Description", "Export", "Value"}
	for _, k := range en.Value.Entries {
		if !known(k.Key, keys) {
			errs = append(errs, at(k.KeyPos, path, sc.didYouMean(k.Key, keys, "an output has Value, Description, Export and Condition"), "an output has no attribute %q", k.Key))
		}
	}
	if en.Value.Get("Value") == nil {
		errs = append(errs, at(en.KeyPos, path, "add Value", "the output has no Value"))
	}
	if c := en.Value.Get("Condition"); c != nil {
		name, _ := c.Str()
		if sc.conditions[name] == nil {
			errs = append(errs, at(c.Pos, path+".Condition", sc.didYouMean(name, sc.root.Get("Conditions").Keys(), "declare it in the Conditions section"), "no condition is named %q", name))
		}
	}
	return errs
}

type noteFunc = func(w *walker, n *tree.Node, mend, format string, args ...any)

func (sc *scope) checkReference(w *walker, r reference, note noteFunc) {
	switch r.kind {
	case refValue:
		sc.checkRef(w, r, note)
	case refAttr:
		if sc.resources[r.name] != nil {
			return
		}
		if sc.params[r.name] != nil {
			note(w, r.at, "write Ref: "+r.name, "%s is a parameter and has no attributes", r.name)
			return
		}
		note(w, r.at, sc.didYouMean(r.name, sc.root.Get("Resources").Keys(), "declare it under Resources"), "no resource is named %q", r.name)
	case refCond:
		if sc.conditions[r.name] == nil {
			note(w, r.at, sc.didYouMean(r.name, sc.root.Get("Conditions").Keys(), "declare it in the Conditions section"), "no condition is named %q", r.name)
		}
	case refMap:
		if !sc.root.Get("Mappings").Has(r.name) {
			note(w, r.at, sc.didYouMean(r.name, sc.root.Get("Mappings").Keys(), "declare it in the Mappings section"), "no mapping is named %q", r.name)
		}
	case refBad:
		e := sc.evaluator(inValue, w.path...)
		e.unknown(r.at, r.name)
		for _, err := range e.errs {
			if te, ok := err.(*tree.Error); ok {
				note(w, r.at, te.Mend, "%s", te.Msg)
			}
		}
	}
}

func (sc *scope) checkRef(w *walker, r reference, note noteFunc) {
	switch {
	case strings.HasPrefix(r.name, "AWS::"):
		if _, ok := sc.o.pseudo(r.name); !ok {
			note(w, r.at, sc.didYouMean(r.name, pseudoNames(), "pseudo parameters are "+strings.Join(pseudoNames(), ", ")), "unknown pseudo parameter %s", r.name)
		}
	case sc.params[r.name] != nil || sc.resources[r.name] != nil:
	case sc.conditions[r.name] != nil:
		note(w, r.at, "use it in Fn::If: ["+r.name+", …, …]", "%s is a condition; Ref names parameters and resources", r.name)
	case sc.root.Get("Mappings").Has(r.name):
		note(w, r.at, "use Fn::FindInMap: ["+r.name+", …, …]", "%s is a mapping; Ref names parameters and resources", r.name)
	default:
		note(w, r.at, sc.didYouMean(r.name, sc.names(), "declare it under Resources or Parameters"), "no resource or parameter is named %q", r.name)
	}
}
