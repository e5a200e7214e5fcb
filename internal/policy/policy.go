// SPDX-License-Identifier: Apache-2.0

// Package policy reads IAM policy documents and decides by them.
//
// The flow: (1) Parse turns the JSON into a Document, once, at compile time;
// (2) Decide walks its statements for one Request: an explicit Deny wins, then
// an Allow, else the answer is Implicit (AWS IAM User Guide, "Policy
// evaluation logic").
//
// It fails closed: a condition operator or key that it does not know makes an
// Allow not apply and a Deny apply.
//
// What it does not do: no identity store, no variables other than those that
// Request carries (variable.go), no session policies. A Document is read-only after Parse.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Decision is the outcome for one request.
type Decision uint8

// The decisions.
const (
	Implicit Decision = iota // no statement applies: denied by default
	Allow
	Deny
)

// String names the decision as IAM's simulator does.
func (d Decision) String() string {
	return [...]string{"implicitDeny", "allowed", "explicitDeny", "?"}[d&3]
}

// Request is what is asked: may Principal do Action on Resource.
type Request struct {
	Action   string // s3:GetObject
	Resource string // arn:aws:s3:::bucket/key
	// Principals are all names of the caller: "Service:cloudfront.amazonaws.com",
	// "AWS:arn:…", "CanonicalUser:…". None: anonymous.
	Principals []string
	// Context has the condition keys in lower case: aws:sourcearn …
	Context map[string]string
}

// Document is a parsed policy.
type Document struct{ statements []statement }

type statement struct {
	deny          bool
	principals    []string // "*" or "Kind:value"; nil: any (identity policies)
	notPrincipals []string
	actions       []string
	notActions    []string
	resources     []string
	notResources  []string
	conditions    []condition
	variable      bool // the resources have variables
}

type condition struct {
	operator string
	key      string // lower case
	values   []string
	variable bool // the values have variables
}

// list reads a string or a list of strings, as policies write both.
type list []string

// UnmarshalJSON accepts "x", ["x","y"], numbers and booleans.
func (l *list) UnmarshalJSON(b []byte) error {
	var one any
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	many, ok := one.([]any)
	if !ok {
		many = []any{one}
	}
	for _, v := range many {
		switch v := v.(type) {
		case string:
			*l = append(*l, v)
		case bool, float64:
			*l = append(*l, fmt.Sprint(v))
		default:
			return fmt.Errorf("want a text or a list of texts, got %s", b)
		}
	}
	return nil
}

type rawStatement struct {
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       list
	NotAction    list
	Resource     list
	NotResource  list
	Condition    map[string]map[string]list
}

// Parse reads a policy document.
func Parse(text string) (*Document, error) {
	var raw struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	var sts []rawStatement
	if err := json.Unmarshal(raw.Statement, &sts); err != nil {
		var one rawStatement
		if err := json.Unmarshal(raw.Statement, &one); err != nil {
			return nil, fmt.Errorf("policy: Statement: %w", err)
		}
		sts = []rawStatement{one}
	}
	d := &Document{}
	for i, st := range sts {
		s, err := st.compile(raw.Version == withVariables)
		if err != nil {
			return nil, fmt.Errorf("policy: statement %d: %w", i+1, err)
		}
		d.statements = append(d.statements, s)
	}
	return d, nil
}

func (r rawStatement) compile(variables bool) (s statement, err error) {
	switch r.Effect {
	case "Allow":
	case "Deny":
		s.deny = true
	default:
		return s, fmt.Errorf("the effect must be Allow or Deny, not %q", r.Effect)
	}
	if len(r.Action)+len(r.NotAction) == 0 {
		return s, errors.New("the action is missing")
	}
	if s.principals, err = principals(r.Principal); err != nil {
		return s, err
	}
	if s.notPrincipals, err = principals(r.NotPrincipal); err != nil {
		return s, err
	}
	s.actions, s.notActions, s.resources, s.notResources = r.Action, r.NotAction, r.Resource, r.NotResource
	for op, keys := range r.Condition {
		for k, vs := range keys {
			s.conditions = append(s.conditions, condition{op, strings.ToLower(k), vs, variables && anyVariable(vs)})
		}
	}
	s.variable = variables && (anyVariable(s.resources) || anyVariable(s.notResources))
	return s, nil
}

// principals reads "*" or {"AWS": …, "Service": …}.
func principals(raw json.RawMessage) ([]string, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var star string
	if json.Unmarshal(raw, &star) == nil {
		if star != "*" {
			return nil, fmt.Errorf("principal %q: a text may only be \"*\"", star)
		}
		return []string{"*"}, nil
	}
	var kinds map[string]list
	if err := json.Unmarshal(raw, &kinds); err != nil {
		return nil, fmt.Errorf("principal: %w", err)
	}
	var out []string
	for kind, names := range kinds {
		for _, n := range names {
			if n == "*" {
				out = append(out, "*")
			} else {
				out = append(out, kind+":"+n)
			}
		}
	}
	return out, nil
}

// Public tells whether a statement allows everybody without a condition.
func (d *Document) Public() bool {
	for _, s := range d.statements {
		if !s.deny && len(s.conditions) == 0 && contains(s.principals, "*") {
			return true
		}
	}
	return false
}

// NamesResources tells whether every statement says which resources it is
// about. One that does not is about all of them.
func (d *Document) NamesResources() bool {
	for _, s := range d.statements {
		if len(s.resources)+len(s.notResources) == 0 {
			return false
		}
	}
	return true
}

// NamesPrincipals tells whether a statement says who it is about, as policies of
// resources do and those of identities cannot.
func (d *Document) NamesPrincipals() bool {
	for _, s := range d.statements {
		if len(s.principals)+len(s.notPrincipals) > 0 {
			return true
		}
	}
	return false
}

// Decide evaluates rq.
func (d *Document) Decide(rq *Request) Decision {
	out := Implicit
	for i := range d.statements {
		s := &d.statements[i]
		if !s.applies(rq) {
			continue
		}
		if s.deny {
			return Deny
		}
		out = Allow
	}
	return out
}

func (s *statement) applies(rq *Request) bool {
	if len(s.principals) > 0 && !s.isPrincipal(s.principals, rq) || len(s.notPrincipals) > 0 && s.isPrincipal(s.notPrincipals, rq) {
		return false
	}
	if len(s.actions) > 0 && !anyMatch(s.actions, rq.Action, true) || len(s.notActions) > 0 && anyMatch(s.notActions, rq.Action, true) {
		return false
	}
	if !s.about(rq) {
		return false
	}
	for _, c := range s.conditions {
		met, known := c.met(rq.Context)
		if !known {
			met = s.deny // fail closed
		}
		if !met {
			return false
		}
	}
	return true
}

// about tells whether the statement is about the resource.
func (s *statement) about(rq *Request) bool {
	is, not := s.resources, s.notResources
	if s.variable {
		var sure, sureNot bool
		is, sure = filled(is, rq.Context)
		not, sureNot = filled(not, rq.Context)
		if !sure || !sureNot {
			if s.deny {
				return true // fail closed
			}
			if !sureNot || len(is) == 0 {
				return false
			}
		}
	}
	if len(is) > 0 && !anyMatch(is, rq.Resource, false) {
		return false
	}
	return len(not) == 0 || !anyMatch(not, rq.Resource, false)
}

func (s *statement) isPrincipal(names []string, rq *Request) bool {
	for _, n := range names {
		if n == "*" || contains(rq.Principals, n) {
			return true
		}
	}
	return false
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

func anyMatch(patterns []string, s string, fold bool) bool {
	for _, p := range patterns {
		if fold {
			p, s = strings.ToLower(p), strings.ToLower(s)
		}
		if Glob(p, s) {
			return true
		}
	}
	return false
}

// Glob matches * (any run) and ? (any one byte), in time linear in
// len(pattern)·len(s) at worst.
func Glob(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
