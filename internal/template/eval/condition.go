// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// condState is how far the evaluation of a condition has come.
type condState uint8

const (
	condNew condState = iota
	condOpen
	condDone
	condFailed
)

// condition is one member of the Conditions section, evaluated when first
// asked for.
type condition struct {
	name  string
	pos   tree.Pos
	node  *tree.Node
	state condState
	value bool
}

func (sc *scope) readConditions() {
	for _, en := range section(sc.root, "Conditions") {
		sc.conditions[en.Key] = &condition{name: en.Key, pos: en.KeyPos, node: en.Value}
	}
}

// section returns the entries of a section, none if it is absent or no map.
func section(t *tree.Node, name string) []tree.Entry {
	if s := t.Get(name); s.IsMap() {
		return s.Entries
	}
	return nil
}

// evalConditions evaluates every condition.
func (sc *scope) evalConditions() []error {
	var errs []error
	for _, en := range section(sc.root, "Conditions") {
		if !alnum(en.Key) && !strings.HasPrefix(en.Key, "Fn::") {
			errs = append(errs, at(en.KeyPos, "Conditions."+en.Key, "use letters and digits only", "%q is no name of a condition", en.Key))
		}
		e := sc.evaluator(inCondition)
		_, _ = e.named(sc.conditions[en.Key])
		errs = append(errs, e.errs...)
	}
	return errs
}

// condition evaluates the first argument of Fn::If: a name.
func (e *evaluator) condition(n, arg *tree.Node) (bool, bool) {
	if name, cond, ok := arg.Intrinsic(); ok && name == "Condition" {
		arg = cond
	}
	name, ok := e.name(n, arg, "write Fn::If: [ConditionName, value if true, value if false]")
	if !ok {
		return false, false
	}
	return e.conditionNamed(n, name)
}

func (e *evaluator) conditionNamed(n *tree.Node, name string) (bool, bool) {
	c, ok := e.sc.conditions[name]
	if !ok {
		e.fail(n, e.sc.didYouMean(name, e.sc.root.Get("Conditions").Keys(), "declare it in the Conditions section"), "no condition is named %q", name)
		return false, false
	}
	if c.state == condOpen {
		i := max(0, slices.Index(e.chain, name))
		cycle := append(slices.Clone(e.chain[i:]), name)
		e.fail(n, "remove one of these references", "conditions refer to each other in a cycle: %s", strings.Join(cycle, " → "))
		return false, false
	}
	if len(e.chain) > 4*tree.MaxDepth {
		e.fail(n, "flatten the conditions", "conditions refer to each other more than %d deep", 4*tree.MaxDepth)
		return false, false
	}
	return e.named(c)
}

// named evaluates c, unless that was done before. An error is noted once, by
// whoever comes first.
func (e *evaluator) named(c *condition) (bool, bool) {
	if c.state == condDone || c.state == condFailed {
		return c.value, c.state == condDone
	}
	c.state = condOpen
	sub := e.sc.evaluator(inCondition, "Conditions", c.name)
	sub.chain = append(slices.Clone(e.chain), c.name)
	v, ok := sub.logic(c.node)
	e.errs = append(e.errs, sub.errs...)
	if !ok {
		c.state = condFailed
		return false, false
	}
	c.state, c.value = condDone, v
	return v, true
}

// logic evaluates n to true or false.
func (e *evaluator) logic(n *tree.Node) (bool, bool) {
	if !e.spend(n, 1, 0) {
		return false, false
	}
	name, arg, ok := n.Intrinsic()
	if !ok {
		switch s, _ := n.Scalar(); s {
		case "true":
			return true, true
		case "false":
			return false, true
		}
		e.fail(n, "use Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition", "a condition must be true or false, not %s", kindOf(n))
		return false, false
	}
	e.push(name)
	defer e.pop()
	switch name {
	case "Condition":
		name, ok := e.name(n, arg, "write Condition: Name")
		if !ok {
			return false, false
		}
		return e.conditionNamed(n, name)
	case "Fn::Equals":
		return e.equals(n, arg)
	case "Fn::Not":
		a, ok := e.args(n, arg, 1, 1, "Fn::Not: [condition]")
		if !ok {
			return false, false
		}
		v, ok := e.logic(a[0])
		return !v, ok
	case "Fn::And", "Fn::Or":
		return e.andOr(n, name, arg)
	}
	if e.place == inRule {
		if v, ok, known := e.ruleLogic(n, name, arg); known {
			return v, ok
		}
	}
	v, ok := e.call(n, name, arg)
	if !ok {
		return false, false
	}
	switch s, _ := v.Scalar(); s {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	e.fail(n, "compare it: Fn::Equals: [value, other]", "%s gives %s, and a condition must be true or false", name, kindOf(v))
	return false, false
}

func (e *evaluator) andOr(n *tree.Node, name string, arg *tree.Node) (bool, bool) {
	a, ok := e.args(n, arg, 1, 10, name+": [condition, condition, … up to 10]")
	if !ok {
		return false, false
	}
	all, some := true, false
	for _, it := range a {
		v, good := e.logic(it)
		ok = ok && good
		all, some = all && v, some || v
	}
	if name == "Fn::And" {
		return all, ok
	}
	return some, ok
}

// equals evaluates Fn::Equals. Numbers and booleans compare as they are
// written, since a parameter's value is a text.
func (e *evaluator) equals(n, arg *tree.Node) (bool, bool) {
	a, ok := e.args(n, arg, 2, 2, "Fn::Equals: [value, value]")
	if !ok {
		return false, false
	}
	x, ok1 := e.eval(a[0])
	y, ok2 := e.eval(a[1])
	if !ok1 || !ok2 {
		return false, false
	}
	return same(x, y), true
}

// same compares two evaluated values, scalars as text.
func same(x, y *tree.Node) bool {
	s, ok1 := x.Scalar()
	t, ok2 := y.Scalar()
	if ok1 && ok2 {
		return s == t
	}
	if x.IsList() && y.IsList() {
		return slices.EqualFunc(x.Items, y.Items, same)
	}
	return tree.Equal(x, y)
}

// callLogic evaluates a condition function where a value is wanted, such as
// Fn::Equals inside Fn::If of a condition.
func (e *evaluator) callLogic(n *tree.Node, name string, arg *tree.Node) (v *tree.Node, ok, isLogic bool) {
	if e.place == inRule {
		if v, ok, isValue := e.ruleValue(n, name, arg); isValue {
			return v, ok, true
		}
	}
	if !known(name, logicNames()) && (e.place != inRule || !known(name, ruleNames())) {
		return nil, false, false
	}
	b, ok := e.logic(n)
	return placed(tree.NewBool(b), n), ok, true
}
