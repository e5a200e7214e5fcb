// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// place says where in the template a value stands, which decides the
// functions that may be used there.
type place uint8

const (
	inValue     place = iota // properties, metadata, outputs
	inCondition              // Conditions: condition functions, no resources
	inRule                   // Rules: also the rule functions
	inMacro                  // what a macro needs before resources exist
)

// String names the place for messages.
func (p place) String() string {
	switch p {
	case inValue:
		return "a value"
	case inCondition:
		return "a condition"
	case inRule:
		return "a rule"
	case inMacro:
		return "the argument of a macro"
	}
	return "place(" + strconv.Itoa(int(p)) + ")"
}

// evaluator walks one value. Every method that returns ok=false has noted an
// error; the caller goes on with the neighbours, so that one pass reports all
// independent errors. A nil Node with ok=true is AWS::NoValue.
type evaluator struct {
	sc    *scope
	place place
	path  []string
	chain []string // conditions being evaluated, outermost first
	errs  []error
	spent bool // the budget's error was noted
}

func (sc *scope) evaluator(p place, path ...string) *evaluator {
	return &evaluator{sc: sc, place: p, path: append(make([]string, 0, 16), path...)}
}

// fail notes an error at n.
func (e *evaluator) fail(n *tree.Node, mend, format string, args ...any) {
	var pos tree.Pos
	if n != nil {
		pos = n.Pos
	}
	if len(e.errs) < 20*MaxErrors {
		e.errs = append(e.errs, at(pos, joinPath(e.path), mend, format, args...))
	}
}

// spend takes from the budget of values; false when it is used up.
func (e *evaluator) spend(n *tree.Node, values, text int) bool {
	e.sc.values += values
	e.sc.text += text
	if e.sc.values <= MaxValues && e.sc.text <= MaxTotalText && text <= MaxText {
		return true
	}
	if !e.spent {
		e.spent = true
		e.fail(n, "make the template smaller, or split it into several stacks",
			"the template evaluates to more than %d values or %d MB of text", MaxValues, MaxTotalText>>20)
	}
	return false
}

func (e *evaluator) push(key string) { e.path = append(e.path, key) }
func (e *evaluator) pop()            { e.path = e.path[:len(e.path)-1] }

// eval evaluates any Node.
func (e *evaluator) eval(n *tree.Node) (*tree.Node, bool) {
	if n == nil {
		return nil, true
	}
	if !e.spend(n, 1, 0) {
		return nil, false
	}
	if len(e.path) > 4*tree.MaxDepth {
		e.fail(n, "flatten the structure", "values nest too deep")
		return nil, false
	}
	switch n.Kind {
	case tree.List:
		return e.list(n)
	case tree.Map:
		if name, arg, ok := n.Intrinsic(); ok && (name != "Condition" || e.place == inCondition || e.place == inRule) {
			e.push(name)
			defer e.pop()
			return e.call(n, name, arg)
		}
		return e.mapping(n)
	}
	return n, true
}

func (e *evaluator) list(n *tree.Node) (*tree.Node, bool) {
	out := &tree.Node{Kind: tree.List, Pos: n.Pos, Items: make([]*tree.Node, 0, len(n.Items))}
	ok := true
	for i, it := range n.Items {
		e.push("[" + strconv.Itoa(i) + "]")
		v, good := e.eval(it)
		e.pop()
		if ok = ok && good; partial(v, good) {
			out.Items = append(out.Items, v)
		}
	}
	return out, ok
}

// mapping evaluates the values of a map. A value that fails is left out, so
// that a caller who can live without it sees the rest.
func (e *evaluator) mapping(n *tree.Node) (*tree.Node, bool) {
	out := &tree.Node{Kind: tree.Map, Pos: n.Pos, Entries: make([]tree.Entry, 0, len(n.Entries))}
	ok := true
	for _, en := range n.Entries {
		if strings.HasPrefix(en.Key, "Fn::") {
			e.fail(&tree.Node{Pos: en.KeyPos}, "move the other keys out of this map", "%s has other keys beside it", en.Key)
			ok = false
			continue
		}
		e.push(en.Key)
		v, good := e.eval(en.Value)
		e.pop()
		ok = ok && good
		if partial(v, good) {
			en.Value = v
			out.Entries = append(out.Entries, en)
		}
	}
	return out, ok
}

// partial tells whether v belongs in the result: a value, or what is left of
// a map or list some of whose members failed.
func partial(v *tree.Node, ok bool) bool {
	return v != nil && (ok || v.Kind == tree.Map || v.Kind == tree.List)
}

// call evaluates one intrinsic function: n is its map, arg its argument.
func (e *evaluator) call(n *tree.Node, name string, arg *tree.Node) (*tree.Node, bool) {
	if e.place != inValue && e.place != inMacro {
		if v, ok, known := e.callLogic(n, name, arg); known {
			return v, ok
		}
	}
	switch name {
	case "Ref":
		return e.ref(n, arg)
	case "Fn::GetAtt":
		return e.getAtt(n, arg)
	case "Fn::Sub":
		return e.sub(n, arg)
	case "Fn::Join":
		return e.join(n, arg)
	case "Fn::Split":
		return e.split(n, arg)
	case "Fn::Select":
		return e.selectItem(n, arg)
	case "Fn::If":
		return e.choose(n, arg)
	case "Fn::FindInMap":
		return e.findInMap(n, arg)
	case "Fn::Base64":
		return e.base64(n, arg)
	case "Fn::Cidr":
		return e.cidr(n, arg)
	case "Fn::GetAZs":
		return e.getAZs(n, arg)
	case "Fn::ImportValue":
		return e.importValue(n, arg)
	case "Fn::ToJsonString":
		return e.toJSON(n, arg)
	case "Fn::Length":
		return e.length(n, arg)
	}
	e.unknown(n, name)
	return nil, false
}

// unknown reports a function that does not exist or not here.
func (e *evaluator) unknown(n *tree.Node, name string) {
	switch {
	case known(name, logicNames()):
		e.fail(n, "move it to the Conditions section and name that condition in Fn::If", "%s cannot be used in %s", name, e.place)
	case known(name, ruleNames()):
		e.fail(n, "it belongs to the Rules section", "%s cannot be used in %s", name, e.place)
	case name == "Fn::Transform" || strings.HasPrefix(name, "Fn::ForEach"):
		e.fail(n, "it is expanded in Resources, Conditions, Mappings and Outputs only", "%s is not expanded here", name)
	default:
		e.fail(n, e.sc.didYouMean(name, valueNames(), "check the spelling of the function"), "unknown intrinsic function %s", name)
	}
}

func valueNames() []string {
	return []string{
		"Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Split", "Fn::Select", "Fn::If", "Fn::FindInMap",
		"Fn::Base64", "Fn::Cidr", "Fn::GetAZs", "Fn::ImportValue", "Fn::ToJsonString", "Fn::Length", "Fn::Transform",
	}
}

func logicNames() []string {
	return []string{"Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"}
}

func ruleNames() []string {
	return []string{"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn", "Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"}
}

func known(name string, names []string) bool {
	for _, k := range names {
		if k == name {
			return true
		}
	}
	return false
}

// scalarArg evaluates n where a single text is wanted; what says which.
func (e *evaluator) scalarArg(n *tree.Node, what string) (string, bool) {
	v, ok := e.eval(n)
	if !ok {
		return "", false
	}
	if s, ok := v.Scalar(); ok {
		return s, true
	}
	e.fail(n, "give a single text or number", "%s must be a text, not %s", what, kindOf(v))
	return "", false
}

// listArg evaluates n where a list is wanted.
func (e *evaluator) listArg(n *tree.Node, what string) ([]*tree.Node, bool) {
	v, ok := e.eval(n)
	if !ok {
		return nil, false
	}
	if !v.IsList() {
		e.fail(n, "give a list", "%s must be a list, not %s", what, kindOf(v))
		return nil, false
	}
	return v.Items, true
}

// args checks that arg is a list of lo to hi members as written.
func (e *evaluator) args(n, arg *tree.Node, lo, hi int, usage string) ([]*tree.Node, bool) {
	if !arg.IsList() || len(arg.Items) < lo || len(arg.Items) > hi {
		got := kindOf(arg)
		if arg.IsList() {
			got = fmt.Sprintf("a list of %d", len(arg.Items))
		}
		e.fail(n, "write it as "+usage, "the argument does not fit: it is %s", got)
		return nil, false
	}
	return arg.Items, true
}

// kindOf says what a value is, without showing it.
func kindOf(n *tree.Node) string {
	switch {
	case n == nil:
		return "AWS::NoValue"
	case n.Kind == tree.Null:
		return "null"
	}
	return "a " + n.Kind.String()
}

// text makes the String that a function returns, placed where it was called.
func (e *evaluator) text(n *tree.Node, s string) (*tree.Node, bool) {
	if !e.spend(n, 1, len(s)) {
		return nil, false
	}
	return &tree.Node{Kind: tree.String, Text: s, Pos: n.Pos}, true
}

// placed copies v (not its members) with the position of n.
func placed(v, n *tree.Node) *tree.Node {
	if v == nil {
		return nil
	}
	c := *v
	c.Pos = n.Pos
	return &c
}
