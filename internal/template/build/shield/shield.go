// SPDX-License-Identifier: Apache-2.0

// Package shield builds the nouns of AWS WAF from evaluated resources: web
// ACLs, and what they name written out.
//
// The flow: IP sets, pattern sets and rule groups are read first and kept in
// Scope.Shared by their ARN; then each web ACL, whose statements find them
// there. What AWS WAF's own API refuses is an error at the property that is
// wrong; a key that a statement has not is refused, too: a rule that is read by
// halves protects nobody.
//
// What it does not do: it compiles no rule (package webacl does). It runs in one
// goroutine.
package shield

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

type builder struct {
	*base.Scope
	on *base.Resource // whose rules are read
	// inGroup tells that they are those of a rule group, which can hold no group.
	inGroup bool
}

// Build puts the web ACLs into s.Stack.
func Build(s *base.Scope) {
	b := &builder{Scope: s}
	for _, r := range s.Of("AWS::WAFv2::IPSet") {
		s.Shared.IPSets[r.Att("Arn")] = ipSet(r)
	}
	for _, r := range s.Of("AWS::WAFv2::RegexPatternSet") {
		s.Shared.PatternSets[r.Att("Arn")] = patternSet(r)
	}
	for _, r := range s.Of("AWS::WAFv2::RuleGroup") {
		b.on, b.inGroup = r, true
		g := b.ruleGroup(r)
		s.Shared.RuleGroups[g.ARN] = g
	}
	for _, r := range s.Of("AWS::WAFv2::WebACL") {
		b.on, b.inGroup = r, false
		a := b.webACL(r)
		s.Stack.WebACLs = append(s.Stack.WebACLs, a)
		s.Shared.WebACLs[a.ARN] = a
	}
	for _, r := range s.Of("AWS::WAFv2::WebACLAssociation") {
		b.association(r)
	}
	for _, r := range s.Of("AWS::WAFv2::LoggingConfiguration") {
		b.logging(r)
	}
}

// association says what an association with something else than a stage does.
func (b *builder) association(r *base.Resource) {
	to, acl := r.Props.Get("ResourceArn"), r.Props.Get("WebACLArn")
	if !strings.Contains(to.Text(), "/restapis/") {
		r.Note(to, fidelity.Unsupported, "a web ACL protects distributions and stages of REST APIs here: no request to this resource is blocked")
	}
	if b.Shared.WebACLs[acl.Text()] == nil {
		r.Note(acl, fidelity.Unsupported, "the web ACL is in no template: no request is blocked")
	}
}

func ipSet(r *base.Resource) []netip.Prefix {
	list := r.Props.Get("Addresses")
	want4 := r.Props.Get("IPAddressVersion").Text() == "IPV4"
	var out []netip.Prefix
	for _, v := range list.List() {
		p, err := netip.ParsePrefix(v.Text())
		switch {
		case err != nil || p.Bits() == 0:
			v.Fail("write it as 192.0.2.0/24 or 2001:db8::/32, between /1 and /32 or /128", "%q is no range of addresses", v.Text())
			continue
		case p.Addr().Is4() != want4:
			v.Fail("put it into a set of its own", "%q is not of the version %s", v.Text(), r.Props.Get("IPAddressVersion").Text())
		}
		out = append(out, p.Masked())
	}
	if len(out) > 10000 {
		list.Fail("split the set", "an IP set has at most 10,000 addresses, not %d", len(out))
	}
	return out
}

func patternSet(r *base.Resource) []string {
	list := r.Props.Get("RegularExpressionList").List()
	if len(list) > 10 {
		r.Props.Get("RegularExpressionList").Fail("split the set", "a pattern set has at most 10 expressions, not %d", len(list))
	}
	var out []string
	for _, v := range list {
		out = append(out, expression(v))
	}
	return out
}

// expression checks a regular expression.
func expression(v base.Value) string {
	if _, err := regexp.Compile(v.Text()); err != nil {
		v.Fail("write it without what RE2 has not: back references, lookaround, possessive quantifiers", "the expression cannot be read: %v", err)
	}
	if len(v.Text()) > 512 {
		v.Fail("shorten it", "an expression has at most 512 characters")
	}
	return v.Text()
}

func (b *builder) ruleGroup(r *base.Resource) *model.ACLRuleGroup {
	g := &model.ACLRuleGroup{
		LogicalID: r.ID, Name: nameOf(r), ID: r.Att("Id"), ARN: r.Att("Arn"), Pos: r.Where(),
		Namespace: r.Att("LabelNamespace"), Capacity: r.Props.Get("Capacity").Int(0), Bodies: bodies(r),
	}
	g.Rules = b.rules(r.Props.Get("Rules"), g.Bodies)
	if n := g.Spent(); n > g.Capacity {
		r.Note(r.Props.Get("Capacity"), fidelity.Approximated, fmt.Sprintf("the rules need %s capacity units: AWS refuses the group; here it runs", thousands(n)))
	}
	return g
}

func (b *builder) webACL(r *base.Resource) *model.WebACL {
	a := &model.WebACL{
		LogicalID: r.ID, Name: nameOf(r), ID: r.Att("Id"), ARN: r.Att("Arn"), Pos: r.Where(),
		Namespace: r.Att("LabelNamespace"), Bodies: bodies(r), BodyLimit: 16 << 10,
	}
	def := r.Props.Get("DefaultAction")
	a.Default = action(def, a.Bodies)
	if a.Default.Kind != model.ACLAllow && a.Default.Kind != model.ACLBlock || len(def.Pairs()) != 1 {
		def.Fail("give Allow: {} or Block: {}", "the default action is Allow or Block")
	}
	for _, p := range r.Props.Get("AssociationConfig", "RequestBody").Pairs() {
		if n := sizeLimit(p.Value.Get("DefaultSizeInspectionLimit").Text()); n > a.BodyLimit {
			a.BodyLimit = n
		}
	}
	a.Rules = b.rules(r.Props.Get("Rules"), a.Bodies)
	if v := r.Props.Get("DataProtectionConfig"); v.Exists() {
		a.Protect = protections(v)
	}
	tellCapacity(r, a)
	return a
}

// tellCapacity says what the rules cost at AWS.
func tellCapacity(r *base.Resource, a *model.WebACL) {
	units, unknown := a.Capacity()
	fact := fmt.Sprintf("capacity %s of %s included in the price, %s at most", thousands(units), thousands(model.IncludedCapacity), thousands(model.MaxCapacity))
	if unknown > 0 {
		fact += fmt.Sprintf("; without %d managed groups whose capacity is not known", unknown)
	}
	r.Report.Facts = append(r.Report.Facts, fact)
	if units > model.MaxCapacity {
		r.Note(r.Props.Get("Rules"), fidelity.Approximated, "AWS refuses a web ACL of more than 5,000 capacity units; here it runs")
	}
}

func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func sizeLimit(s string) int {
	i := slices.Index([]string{"KB_16", "KB_32", "KB_48", "KB_64"}, s)
	return (i + 1) * 16 << 10
}

// nameOf is the name, which the ARN has where the template says none.
func nameOf(r *base.Resource) string {
	if n := r.Props.Get("Name").Text(); n != "" {
		return n
	}
	parts := strings.Split(r.Att("Arn"), "/")
	return parts[max(len(parts)-2, 0)]
}

func bodies(r *base.Resource) map[string]model.ACLBody {
	pairs := r.Props.Get("CustomResponseBodies").Pairs()
	if len(pairs) == 0 {
		return nil
	}
	out := map[string]model.ACLBody{}
	for _, p := range pairs {
		types := map[string]string{"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html", "APPLICATION_JSON": "application/json"}
		out[p.Key] = model.ACLBody{ContentType: types[p.Value.Get("ContentType").Text()], Content: p.Value.Get("Content").Text()}
		if len(out[p.Key].Content) > 4096 {
			p.Value.Fail("shorten it", "a custom response body has at most 4 KB")
		}
	}
	return out
}
