// SPDX-License-Identifier: Apache-2.0

package shield

import (
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// logging gives a web ACL its log. AWS has one a web ACL.
func (b *builder) logging(r *base.Resource) {
	to := r.Props.Get("ResourceArn")
	acl := b.Shared.WebACLs[to.Text()]
	if acl == nil {
		r.Note(to, fidelity.Unsupported, "the web ACL is in no template: nothing is logged")
		return
	}
	if acl.Logging != nil {
		to.Fail("keep one of the two", "the web ACL %s has a logging configuration already", acl.Name)
	}
	list := r.Props.Get("LogDestinationConfigs")
	if len(list.List()) != 1 {
		list.Fail("give one ARN", "a web ACL logs to one destination, not to %d", len(list.List()))
		return
	}
	at := list.List()[0]
	l := &model.ACLLogging{Destination: strings.TrimSuffix(at.Text(), ":*")}
	if !strings.Contains(l.Destination, "aws-waf-logs-") {
		r.Note(at, fidelity.Approximated, "AWS refuses a destination whose name does not begin with aws-waf-logs-")
	}
	for _, f := range r.Props.Get("RedactedFields").List() {
		l.Redact = append(l.Redact, redacted(f))
	}
	filter := r.Props.Get("LoggingFilter")
	only(filter, "DefaultBehavior", "Filters")
	if filter.Exists() {
		l.Drop = drops(filter.Get("DefaultBehavior"))
	}
	for _, f := range filter.Get("Filters").List() {
		l.Filters = append(l.Filters, logFilter(f))
	}
	acl.Logging = l
}

func redacted(f base.Value) model.ACLProtection {
	only(f, "SingleHeader", "UriPath", "QueryString", "Method", "JsonBody")
	var p model.ACLProtection
	if len(f.Pairs()) != 1 {
		f.Fail("give one of SingleHeader, UriPath, QueryString, Method", "a redacted field is of exactly one kind")
		return p
	}
	switch f.Pairs()[0].Key {
	case "SingleHeader":
		p.Keys = []string{f.Get("SingleHeader", "Name").Text()}
		if p.Keys[0] == "" {
			f.Fail("add Name", "the redacted header has no name")
		}
	case "UriPath":
		p.Field = model.ProtectPath
	case "QueryString":
		p.Field = model.ProtectQuery
	case "Method":
		p.Field = model.ProtectMethod
	case "JsonBody": // of older templates: no body is logged but for what was found in it
		p.Field = model.ProtectBody
	}
	return p
}

func drops(v base.Value) bool { return oneOf(v, "KEEP", "DROP") == "DROP" }

func logFilter(f base.Value) model.ACLLogFilter {
	only(f, "Behavior", "Conditions", "Requirement")
	out := model.ACLLogFilter{Drop: drops(f.Get("Behavior")), Any: oneOf(f.Get("Requirement"), "MEETS_ALL", "MEETS_ANY") == "MEETS_ANY"}
	for _, c := range f.Get("Conditions").List() {
		only(c, "ActionCondition", "LabelNameCondition")
		var one model.ACLLogCondition
		switch {
		case len(c.Pairs()) != 1:
			c.Fail("give ActionCondition or LabelNameCondition", "a condition is of exactly one kind")
		case c.Get("ActionCondition").Exists():
			one.Action = oneOf(c.Get("ActionCondition", "Action"), "ALLOW", "BLOCK", "COUNT", "CAPTCHA", "CHALLENGE", "EXCLUDED_AS_COUNT")
		default:
			if one.Label = c.Get("LabelNameCondition", "LabelName").Text(); one.Label == "" {
				c.Fail("add LabelName", "the condition names no label")
			}
		}
		out.Conditions = append(out.Conditions, one)
	}
	if len(out.Conditions) == 0 {
		f.Fail("add Conditions", "a filter has at least one condition")
	}
	return out
}

// protections reads DataProtectionConfig.
func protections(v base.Value) []model.ACLProtection {
	only(v, "DataProtections")
	var out []model.ACLProtection
	for _, p := range v.Get("DataProtections").List() {
		only(p, "Field", "Action", "ExcludeRuleMatchDetails", "ExcludeRateBasedDetails")
		only(p.Get("Field"), "FieldType", "FieldKeys")
		out = append(out, model.ACLProtection{
			Field: map[string]model.ACLProtectedField{
				"SINGLE_HEADER": model.ProtectHeader, "SINGLE_COOKIE": model.ProtectCookie, "SINGLE_QUERY_ARGUMENT": model.ProtectArgument,
				"QUERY_STRING": model.ProtectQuery, "BODY": model.ProtectBody,
			}[oneOf(p.Get("Field", "FieldType"), "SINGLE_HEADER", "SINGLE_COOKIE", "SINGLE_QUERY_ARGUMENT", "QUERY_STRING", "BODY")],
			Keys: p.Get("Field", "FieldKeys").Texts(), Hash: oneOf(p.Get("Action"), "SUBSTITUTION", "HASH") == "HASH",
			KeepMatch: p.Get("ExcludeRuleMatchDetails").Bool(), KeepRate: p.Get("ExcludeRateBasedDetails").Bool(),
		})
	}
	return out
}
