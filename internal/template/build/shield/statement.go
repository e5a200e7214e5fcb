// SPDX-License-Identifier: Apache-2.0

package shield

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// kinds are the statements, by their keys.
func kinds() []string {
	return []string{
		"AndStatement", "AsnMatchStatement", "ByteMatchStatement", "GeoMatchStatement", "IPSetReferenceStatement",
		"LabelMatchStatement", "ManagedRuleGroupStatement", "NotStatement", "OrStatement", "RateBasedStatement",
		"RegexMatchStatement", "RegexPatternSetReferenceStatement", "RuleGroupReferenceStatement", "SizeConstraintStatement",
		"SqliMatchStatement", "XssMatchStatement",
	}
}

// one is the key and the value of a statement.
func one(v base.Value) (string, base.Value) {
	only(v, kinds()...)
	pairs := v.Pairs()
	if len(pairs) != 1 {
		v.Fail("give one of "+strings.Join(kinds(), ", "), "a statement is of exactly one kind, not of %d", len(pairs))
		return "", v
	}
	return pairs[0].Key, pairs[0].Value
}

// top reads the statement of a rule, which alone can be a group or rate-based.
func (b *builder) top(v base.Value) model.ACLStatement {
	kind, s := one(v)
	switch kind {
	case "RateBasedStatement":
		return b.rate(s)
	case "RuleGroupReferenceStatement":
		return b.groupReference(s)
	case "ManagedRuleGroupStatement":
		return b.managed(s)
	}
	return b.statement(v, 0)
}

// maxDepth bounds how deep statements stand in each other.
const maxDepth = 10

// statement reads any statement that can stand in another one.
func (b *builder) statement(v base.Value, depth int) model.ACLStatement {
	kind, s := one(v)
	if depth > maxDepth {
		v.Fail("nest them less deep", "statements stand at most %d deep in each other", maxDepth)
		return &model.UnbuiltMatch{Kind: kind}
	}
	switch kind {
	case "AndStatement":
		return &model.AndMatch{Of: b.list(s, depth)}
	case "OrStatement":
		return &model.OrMatch{Of: b.list(s, depth)}
	case "NotStatement":
		only(s, "Statement")
		return &model.NotMatch{Of: b.statement(s.Get("Statement"), depth+1)}
	case "IPSetReferenceStatement":
		return b.ipReference(s)
	case "GeoMatchStatement":
		return b.geo(s)
	case "AsnMatchStatement":
		return b.asn(s)
	case "LabelMatchStatement":
		only(s, "Scope", "Key")
		return &model.LabelMatch{Namespace: oneOf(s.Get("Scope"), "LABEL", "NAMESPACE") == "NAMESPACE", Key: s.Get("Key").Text()}
	case "RateBasedStatement", "RuleGroupReferenceStatement", "ManagedRuleGroupStatement":
		v.Fail("make it a rule of its own", "%s cannot stand inside another statement", kind)
		return &model.UnbuiltMatch{Kind: kind}
	}
	return b.reading(kind, s)
}

func (b *builder) list(v base.Value, depth int) []model.ACLStatement {
	only(v, "Statements")
	var out []model.ACLStatement
	for _, s := range v.Get("Statements").List() {
		out = append(out, b.statement(s, depth+1))
	}
	if len(out) < 2 {
		v.Fail("write the one statement alone", "it joins at least two statements, not %d", len(out))
	}
	return out
}

// reading reads the statements about a component of the request.
func (b *builder) reading(kind string, s base.Value) model.ACLStatement {
	const field, transforms = "FieldToMatch", "TextTransformations"
	in := b.inspect(s)
	switch kind {
	case "ByteMatchStatement":
		only(s, field, transforms, "SearchString", "SearchStringBase64", "PositionalConstraint")
		return &model.ByteMatch{
			Inspect: in, Search: searchString(s),
			Position: oneOf(s.Get("PositionalConstraint"), "EXACTLY", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "CONTAINS_WORD"),
		}
	case "RegexMatchStatement":
		only(s, field, transforms, "RegexString")
		return &model.RegexMatch{Inspect: in, Patterns: []string{expression(s.Get("RegexString"))}}
	case "RegexPatternSetReferenceStatement":
		only(s, field, transforms, "Arn")
		set, ok := b.Shared.PatternSets[s.Get("Arn").Text()]
		if !ok {
			s.Get("Arn").Fail("declare it in the template", "the template has no pattern set %q", s.Get("Arn").Text())
		}
		return &model.RegexMatch{Inspect: in, Patterns: set, Set: true}
	case "SizeConstraintStatement":
		only(s, field, transforms, "ComparisonOperator", "Size")
		return &model.SizeMatch{
			Inspect: in, Operator: oneOf(s.Get("ComparisonOperator"), "EQ", "NE", "LE", "LT", "GE", "GT"), Size: int64(s.Get("Size").Int(0)),
		}
	case "SqliMatchStatement":
		only(s, field, transforms, "SensitivityLevel")
		return &model.SQLiMatch{Inspect: in, High: s.Get("SensitivityLevel").Text() == "HIGH"}
	case "XssMatchStatement":
		only(s, field, transforms)
		return &model.XSSMatch{Inspect: in}
	}
	return &model.UnbuiltMatch{Kind: kind}
}

func (b *builder) ipReference(s base.Value) model.ACLStatement {
	only(s, "Arn", "IPSetForwardedIPConfig")
	arn := s.Get("Arn")
	set, ok := b.Shared.IPSets[arn.Text()]
	if !ok {
		arn.Fail("declare it in the template", "the template has no IP set %q", arn.Text())
	}
	return &model.IPMatch{Addresses: set, Forwarded: forwarded(s.Get("IPSetForwardedIPConfig"), true)}
}

func (b *builder) geo(s base.Value) model.ACLStatement {
	only(s, "CountryCodes", "ForwardedIPConfig")
	b.on.Note(s, fidelity.Approximated, "countries are known with --geo FILE.mmdb; without it every country is unknown and in no list")
	return &model.GeoMatch{Countries: s.Get("CountryCodes").Texts(), Forwarded: forwarded(s.Get("ForwardedIPConfig"), false)}
}

// maxASNs is how many networks a statement may name.
const maxASNs = 100

func (b *builder) asn(s base.Value) model.ACLStatement {
	only(s, "AsnList", "ForwardedIPConfig")
	b.on.Note(s, fidelity.Approximated, "networks are known with --geo FILE.mmdb; without it every network is 0")
	m := &model.ASNMatch{Forwarded: forwarded(s.Get("ForwardedIPConfig"), false)}
	list := s.Get("AsnList")
	if n := len(list.List()); n < 1 || n > maxASNs {
		list.Fail("give 1 to 100 numbers", "an AsnMatchStatement names 1 to %d networks, not %d", maxASNs, n)
	}
	for _, v := range list.List() {
		n, err := strconv.ParseUint(v.Text(), 10, 32)
		if err != nil {
			v.Fail("give 0 to 4294967295", "%q is no number of a network", v.Text())
		}
		m.Numbers = append(m.Numbers, uint32(n))
	}
	return m
}

// forwarded reads where an address of a header comes from; nil: nowhere.
func forwarded(v base.Value, position bool) *model.ACLForwardedIP {
	if !v.Exists() {
		return nil
	}
	only(v, "HeaderName", "FallbackBehavior", "Position")
	f := &model.ACLForwardedIP{
		Header: v.Get("HeaderName").Text(), Fallback: oneOf(v.Get("FallbackBehavior"), "MATCH", "NO_MATCH") == "MATCH",
	}
	if position {
		f.Position = oneOf(v.Get("Position"), "FIRST", "LAST", "ANY")
	}
	return f
}

func (b *builder) groupReference(s base.Value) model.ACLStatement {
	only(s, "Arn", "ExcludedRules", "RuleActionOverrides")
	if b.inGroup {
		s.Fail("name it in the web ACL", "a rule group cannot hold another one")
	}
	g := b.Shared.RuleGroups[s.Get("Arn").Text()]
	if g == nil {
		s.Get("Arn").Fail("declare it in the template", "the template has no rule group %q", s.Get("Arn").Text())
		g = &model.ACLRuleGroup{}
	}
	out := &model.GroupMatch{Group: g, Overrides: overrides(s)}
	for i, o := range out.Overrides {
		if !slices.ContainsFunc(g.Rules, func(r *model.ACLRule) bool { return r.Name == o.Rule }) {
			s.Fail("name a rule of the group", "override %d: the rule group %s has no rule %q", i, g.Name, o.Rule)
		}
	}
	return out
}

func overrides(s base.Value) []model.ACLActionOverride {
	var out []model.ACLActionOverride
	for _, v := range s.Get("ExcludedRules").List() {
		out = append(out, model.ACLActionOverride{Rule: v.Get("Name").Text(), Excluded: true}) // Count
	}
	for _, v := range s.Get("RuleActionOverrides").List() {
		only(v, "Name", "ActionToUse")
		out = append(out, model.ACLActionOverride{Rule: v.Get("Name").Text(), Action: action(v.Get("ActionToUse"), nil)})
	}
	return out
}

// builtGroups are the managed groups that package webacl serves.
func builtGroups() []string {
	return []string{"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesSQLiRuleSet"}
}

func (b *builder) managed(s base.Value) model.ACLStatement {
	only(s, "VendorName", "Name", "Version", "ExcludedRules", "ScopeDownStatement", "ManagedRuleGroupConfigs", "RuleActionOverrides")
	if b.inGroup {
		s.Fail("name it in the web ACL", "a rule group cannot hold another one")
	}
	m := &model.ManagedMatch{Vendor: s.Get("VendorName").Text(), Name: s.Get("Name").Text(), Overrides: overrides(s)}
	if down := s.Get("ScopeDownStatement"); down.Exists() {
		m.ScopeDown = b.statement(down, 1)
	}
	if m.Vendor == "AWS" && slices.Contains(builtGroups(), m.Name) {
		b.on.Note(s, fidelity.Approximated, "the rules of AWS's group are not public: the OWASP Core Rule Set stands for them")
	} else {
		b.on.Note(s, fidelity.Unsupported, "the managed rule group "+m.Vendor+" "+m.Name+" is not built: none of its rules matches")
	}
	return m
}

func (b *builder) rate(s base.Value) model.ACLStatement {
	only(s, "Limit", "EvaluationWindowSec", "AggregateKeyType", "ScopeDownStatement", "ForwardedIPConfig", "CustomKeys")
	m := &model.RateMatch{
		Limit: int64(s.Get("Limit").Int(0)), Window: s.Get("EvaluationWindowSec").Seconds(300 * time.Second),
		Forwarded: forwarded(s.Get("ForwardedIPConfig"), false),
	}
	if m.Limit < 10 || m.Limit > 2_000_000_000 {
		s.Get("Limit").Fail("use 10 to 2,000,000,000", "a rate limit of %d is not possible", m.Limit)
	}
	if !slices.Contains([]time.Duration{60 * time.Second, 120 * time.Second, 300 * time.Second, 600 * time.Second}, m.Window) {
		s.Get("EvaluationWindowSec").Fail("use 60, 120, 300 or 600", "an evaluation window of %v is not possible", m.Window)
	}
	if down := s.Get("ScopeDownStatement"); down.Exists() {
		m.ScopeDown = b.statement(down, 1)
	}
	switch oneOf(s.Get("AggregateKeyType"), "IP", "FORWARDED_IP", "CONSTANT", "CUSTOM_KEYS") {
	case "IP":
		m.Keys = []model.ACLRateKey{{Kind: model.RateByIP}}
	case "FORWARDED_IP":
		m.Keys = []model.ACLRateKey{{Kind: model.RateByForwardedIP}}
	case "CONSTANT":
		if m.ScopeDown == nil {
			s.Fail("add a ScopeDownStatement", "all requests are counted together only with a scope-down statement")
		}
	case "CUSTOM_KEYS":
		m.Keys = customKeys(s.Get("CustomKeys"))
	}
	needsHeader := slices.ContainsFunc(m.Keys, func(k model.ACLRateKey) bool { return k.Kind == model.RateByForwardedIP })
	if needsHeader && m.Forwarded == nil {
		s.Fail("add ForwardedIPConfig", "requests are counted by a forwarded address of no header")
	}
	return m
}
