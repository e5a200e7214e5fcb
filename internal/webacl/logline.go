// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// line is one line of the log. The order and the names of its fields are AWS's;
// what is never known here (an AS number, a token) has no field.
type (
	line struct {
		Timestamp     int64       `json:"timestamp"` // ms
		FormatVersion int         `json:"formatVersion"`
		WebACL        string      `json:"webaclId"`
		Rule          string      `json:"terminatingRuleId"`
		RuleType      string      `json:"terminatingRuleType"`
		Action        string      `json:"action"`
		Details       []found     `json:"terminatingRuleMatchDetails"`
		SourceName    string      `json:"httpSourceName"`
		SourceID      string      `json:"httpSourceId"`
		Groups        []groupLine `json:"ruleGroupList"`
		Rates         []rateLine  `json:"rateBasedRuleList"`
		Counted       []ruleLine  `json:"nonTerminatingMatchingRules"`
		Inserted      []named     `json:"requestHeadersInserted"`
		Status        *int        `json:"responseCodeSent"`
		Request       request     `json:"httpRequest"`
		Labels        []label     `json:"labels,omitempty"`
		Captcha       *tokenLine  `json:"captchaResponse,omitempty"`
		Challenge     *tokenLine  `json:"challengeResponse,omitempty"`
		Oversize      []string    `json:"oversizeFields,omitempty"`
		BodySize      *int64      `json:"requestBodySize,omitempty"`
		BodyInspected *int64      `json:"requestBodySizeInspectedByWAF,omitempty"`
		JA3           string      `json:"ja3Fingerprint,omitempty"`
		JA4           string      `json:"ja4Fingerprint,omitempty"`
	}
	request struct {
		ClientIP string  `json:"clientIp"`
		Country  string  `json:"country"`
		Headers  []named `json:"headers"`
		URI      string  `json:"uri"`
		Args     string  `json:"args"`
		Version  string  `json:"httpVersion"`
		Method   string  `json:"httpMethod"`
		ID       string  `json:"requestId"`
		Scheme   string  `json:"scheme"`
		Host     string  `json:"host"`
	}
	named struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	label struct {
		Name string `json:"name"`
	}
	found struct {
		Condition   string   `json:"conditionType"`
		Sensitivity string   `json:"sensitivityLevel,omitempty"`
		Location    string   `json:"location"`
		Matched     []string `json:"matchedData"`
		Field       string   `json:"matchedFieldName"`
	}
	ruleLine struct {
		Rule       string  `json:"ruleId"`
		Action     string  `json:"action"`
		Overridden string  `json:"overriddenAction,omitempty"`
		Details    []found `json:"ruleMatchDetails"`
	}
	groupLine struct {
		Group    string         `json:"ruleGroupId"`
		Ended    *ruleLine      `json:"terminatingRule"`
		Counted  []ruleLine     `json:"nonTerminatingMatchingRules"`
		Excluded []excludedLine `json:"excludedRules"`
		Config   *struct{}      `json:"customerConfig"` // always null
	}
	excludedLine struct {
		Type string `json:"exclusionType"`
		Rule string `json:"ruleId"`
	}
	rateLine struct {
		Rule   string       `json:"rateBasedRuleId"`
		Name   string       `json:"rateBasedRuleName"`
		Key    string       `json:"limitKey"`
		Limit  uint64       `json:"maxRateAllowed"`
		Window string       `json:"evaluationWindowSec"`
		Value  string       `json:"limitValue,omitempty"`
		Values []customLine `json:"customValues,omitempty"`
	}
	customLine struct {
		Key   string `json:"key"`
		Name  string `json:"name,omitempty"`
		Value string `json:"value"`
	}
	tokenLine struct {
		Status int    `json:"responseCode"`
		Solved int64  `json:"solveTimestamp"`
		Why    string `json:"failureReason"`
	}
)

// line is the line of an evaluation.
func (l *logger) line(x *exam, q Ask) *line {
	v, t := x.v, x.trace
	out := &line{
		Timestamp: x.now.UnixMilli(), FormatVersion: 1, WebACL: x.acl.m.ARN, Rule: v.Rule, RuleType: "REGULAR", Action: v.Action.String(),
		SourceName: q.Source.Name, SourceID: q.Source.ID, Request: l.request(x, q),
		Details: []found{}, Groups: []groupLine{}, Rates: []rateLine{}, Counted: l.rules(t.counted),
	}
	if t.ended != nil {
		out.RuleType, out.Details = t.ended.rule.kind(), l.details(t.ended.details)
	}
	for i := range t.groups {
		out.Groups = append(out.Groups, l.group(&t.groups[i]))
	}
	for _, m := range t.rates {
		out.Rates = append(out.Rates, l.rate(x, m.rule))
	}
	for _, name := range v.Labels {
		out.Labels = append(out.Labels, label{name})
	}
	if v.Passes() {
		for _, f := range v.Insert {
			out.Inserted = append(out.Inserted, named{f.Name, f.Value})
		}
	}
	switch {
	case v.Action == model.ACLCaptcha:
		out.Captcha = &tokenLine{Status: v.Answer.Status, Why: "TOKEN_MISSING"}
	case v.Action == model.ACLChallenge:
		out.Challenge = &tokenLine{Status: v.Answer.Status, Why: "TOKEN_MISSING"}
	case v.Action == model.ACLBlock && v.Answer.Custom:
		out.Status = &v.Answer.Status
	}
	if x.acl.readsBody && x.rq.Body != nil && x.rq.ContentLength != 0 {
		size, seen := max(x.rq.ContentLength, int64(len(x.body))), int64(len(x.body))
		out.BodySize, out.BodyInspected = &size, &seen
		if x.more {
			out.Oversize = []string{"REQUEST_BODY"}
		}
	}
	if tls := x.rq.Viewer.TLS; tls != nil {
		out.JA3, out.JA4 = tls.JA3, tls.JA4
	}
	return out
}

func (l *logger) request(x *exam, q Ask) request {
	rq := x.rq
	out := request{
		ClientIP: x.addr().String(), Country: "-", URI: l.whole(model.ProtectPath, rq.Path), Args: l.query(rq.Query), Version: rq.Proto.String(),
		Method: l.whole(model.ProtectMethod, rq.Method), ID: q.ID, Scheme: rq.Scheme, Host: l.header("Host", rq.Host),
		Headers: []named{},
	}
	if c := x.place(x.addr()).Country; c != "" {
		out.Country = c
	}
	if rq.Host != "" && !rq.Header.Has("Host") {
		out.Headers = append(out.Headers, named{"Host", out.Host})
	}
	for _, f := range rq.Header.Fields() {
		out.Headers = append(out.Headers, named{f.Name, l.header(f.Name, f.Value)})
	}
	if rq.ContentLength > 0 && !rq.Header.Has("Content-Length") { // viewer engines take it out of the fields
		out.Headers = append(out.Headers, named{"Content-Length", l.header("Content-Length", strconv.FormatInt(rq.ContentLength, 10))})
	}
	return out
}

func (l *logger) details(ds []detail) []found {
	out := []found{}
	for _, d := range ds {
		out = append(out, found{d.condition, d.sensitivity, location(d.in.kind), []string{l.matched(d.in, d.text)}, d.in.name})
	}
	return out
}

// location is AWS's word for a component.
func location(k model.ACLFieldKind) string {
	switch k {
	case model.FieldHeader, model.FieldHeaders, model.FieldHeaderOrder:
		return "HEADER"
	case model.FieldCookies:
		return "COOKIE"
	case model.FieldQueryArgument:
		return "SINGLE_QUERY_ARG"
	case model.FieldQueryArguments:
		return "ALL_QUERY_ARGS"
	case model.FieldQuery:
		return "QUERY_STRING"
	case model.FieldPath:
		return "URI"
	case model.FieldMethod:
		return "METHOD"
	case model.FieldBody, model.FieldJSON:
		return "BODY"
	default:
		return "UNKNOWN"
	}
}

func (l *logger) rules(ms []matched) []ruleLine {
	out := []ruleLine{}
	for _, m := range ms {
		out = append(out, *l.rule(&m))
	}
	return out
}

func (l *logger) rule(m *matched) *ruleLine {
	r := &ruleLine{Rule: m.rule.name, Action: m.rule.action.kind.String(), Details: l.details(m.details)}
	if m.rule.overridden {
		r.Overridden = m.rule.native.String()
	}
	return r
}

// group is what a group did. A rule that its reference excludes stands in a list
// of its own; one whose action is overridden stands with both.
func (l *logger) group(t *groupTrace) groupLine {
	out := groupLine{Group: t.rule.groupID, Counted: []ruleLine{}}
	if t.ended != nil {
		out.Ended = l.rule(t.ended)
	}
	for i := range t.counted {
		if m := &t.counted[i]; m.rule.excluded {
			out.Excluded = append(out.Excluded, excludedLine{"EXCLUDED_AS_COUNT", m.rule.name})
		} else {
			out.Counted = append(out.Counted, *l.rule(m))
		}
	}
	return out
}

// kind is the type of a rule that ended the evaluation.
func (r *rule) kind() string {
	switch r.group.(type) {
	case *referenced:
		return "GROUP"
	case *managed, unbuilt:
		return "MANAGED_RULE_GROUP"
	}
	if _, ok := r.when.(*rateMatch); ok {
		return "RATE_BASED"
	}
	return "REGULAR"
}

// rate is what a rate-based rule counted the request by.
func (l *logger) rate(x *exam, r *rule) rateLine {
	s := r.when.(*rateMatch)
	out := rateLine{
		Rule: r.name, Name: r.name, Key: "CONSTANT", Limit: s.counts.limit, Window: strconv.Itoa(int(time.Duration(s.counts.steps) * step / time.Second)),
	}
	switch {
	case len(s.parts) == 0:
		return out
	case len(s.parts) == 1 && s.parts[0].kind == model.RateByIP:
		out.Key, out.Value = "IP", x.addr().String()
		return out
	case len(s.parts) == 1 && s.parts[0].kind == model.RateByForwardedIP:
		out.Key, out.Value = "FORWARDED_IP", l.rated(s, &s.parts[0], s.shown(x, &s.parts[0]))
		return out
	}
	out.Key = "CUSTOMKEYS"
	for i := range s.parts {
		p := &s.parts[i]
		out.Values = append(out.Values, customLine{keyWord(p.kind), p.name, l.rated(s, p, s.shown(x, p))})
	}
	return out
}

// shown is a part of the key as people read it.
func (s *rateMatch) shown(x *exam, p *ratePart) string {
	if p.kind == model.RateByIP {
		return x.addr().String()
	}
	text, _ := p.text(x, s.from)
	for _, t := range p.transforms {
		text = t(text)
	}
	if p.kind == model.RateByForwardedIP && len(text) == 16 {
		return netip.AddrFrom16([16]byte([]byte(text))).Unmap().String()
	}
	return text
}

// keyWord is the log's word for a part of a key.
func keyWord(k model.ACLRateKeyKind) string {
	return [...]string{
		"IP", "FORWARDED_IP", "HEADER", "COOKIE", "QUERY_ARGUMENT", "QUERY_STRING", "HTTP_METHOD", "URI_PATH", "LABEL_NAMESPACE",
		"JA3_FINGERPRINT", "JA4_FINGERPRINT", "ASN", "", "", "", "",
	}[k&15]
}
