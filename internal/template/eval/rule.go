// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// checkRules evaluates the Rules section: where a rule's condition holds (or
// there is none), every assertion must hold.
//
// Source: AWS CloudFormation User Guide, Rules section syntax reference.
// CheckBootstrapVersion, which the CDK writes, asks for a fact of an account
// and is satisfied. So is an assertion with Fn::ValueOf or Fn::ValueOfAll,
// which ask for attributes of VPCs and the like.
func (sc *scope) checkRules() []error {
	var errs []error
	for _, en := range section(sc.root, "Rules") {
		if en.Key == "CheckBootstrapVersion" {
			continue
		}
		e := sc.evaluator(inRule, "Rules", en.Key)
		e.rule(en)
		errs = append(errs, e.errs...)
	}
	return errs
}

func (e *evaluator) rule(en tree.Entry) {
	rule := en.Value
	if !rule.IsMap() {
		e.fail(rule, "give Assertions", "a rule must be a map, not %s", kindOf(rule))
		return
	}
	for _, k := range rule.Entries {
		if k.Key != "RuleCondition" && k.Key != "Assertions" {
			e.fail(&tree.Node{Pos: k.KeyPos}, e.sc.didYouMean(k.Key, []string{"RuleCondition", "Assertions"}, "a rule has RuleCondition and Assertions"), "a rule has no %q", k.Key)
			return
		}
	}
	if cond := rule.Get("RuleCondition"); cond != nil {
		e.push("RuleCondition")
		yes, ok := e.assertion(cond)
		e.pop()
		if !ok || !yes {
			return
		}
	}
	list := rule.Get("Assertions")
	if !list.IsList() {
		e.fail(rule, "write Assertions: [{Assert: …, AssertDescription: …}]", "the rule has no list of Assertions")
		return
	}
	e.push("Assertions")
	defer e.pop()
	for _, it := range list.Items {
		holds, ok := e.assertion(it.Get("Assert"))
		if !ok || holds {
			continue
		}
		text, _ := it.Get("AssertDescription").Str()
		if text == "" {
			text = "rule " + en.Key + " does not hold"
		}
		e.fail(it, "give parameter values that satisfy the rule", "%s", text)
	}
}

// assertion evaluates n; what cannot be known here holds.
func (e *evaluator) assertion(n *tree.Node) (holds, ok bool) {
	if n == nil {
		e.fail(n, "write Assert: {rule function}", "an assertion has no Assert")
		return false, false
	}
	if asksAccount(n) {
		return true, true
	}
	return e.logic(n)
}

// asksAccount tells whether n asks for attributes of resources of an account.
func asksAccount(n *tree.Node) bool {
	if name, _, ok := n.Intrinsic(); ok && (name == "Fn::ValueOf" || name == "Fn::ValueOfAll") {
		return true
	}
	for _, it := range n.Items {
		if asksAccount(it) {
			return true
		}
	}
	for _, en := range n.Entries {
		if asksAccount(en.Value) {
			return true
		}
	}
	return false
}

// ruleValue evaluates the functions that give a value in a rule.
func (e *evaluator) ruleValue(n *tree.Node, name string, arg *tree.Node) (v *tree.Node, ok, isValue bool) {
	if name != "Fn::RefAll" {
		return nil, false, false
	}
	typ, ok := e.scalarArg(arg, "the type of Fn::RefAll")
	if !ok {
		return nil, false, true
	}
	out := &tree.Node{Kind: tree.List, Pos: n.Pos}
	for _, p := range e.sc.paramOrder {
		if strings.Contains(p.Type, typ) && p.Value != nil {
			out.Add(p.Value)
		}
	}
	return out, e.spend(n, len(out.Items), 0), true
}

// ruleLogic evaluates the functions that give true or false in a rule only.
func (e *evaluator) ruleLogic(n *tree.Node, name string, arg *tree.Node) (holds, ok, isLogic bool) {
	if name != "Fn::Contains" && name != "Fn::EachMemberEquals" && name != "Fn::EachMemberIn" {
		return false, false, false
	}
	a, ok := e.args(n, arg, 2, 2, name+": [[value, …], …]")
	if !ok {
		return false, false, true
	}
	list, ok := e.listArg(a[0], "the first argument of "+name)
	if !ok {
		return false, false, true
	}
	if name != "Fn::EachMemberIn" {
		v, ok := e.eval(a[1])
		if !ok {
			return false, false, true
		}
		if name == "Fn::Contains" {
			return contains(list, v), true, true
		}
		for _, it := range list {
			if !same(it, v) {
				return false, true, true
			}
		}
		return true, true, true
	}
	allowed, ok := e.listArg(a[1], "the second argument of "+name)
	if !ok {
		return false, false, true
	}
	if !e.spend(n, len(list)*len(allowed)/8, 0) {
		return false, false, true
	}
	for _, it := range list {
		if !contains(allowed, it) {
			return false, true, true
		}
	}
	return true, true, true
}

func contains(list []*tree.Node, v *tree.Node) bool {
	for _, it := range list {
		if same(it, v) {
			return true
		}
	}
	return false
}
