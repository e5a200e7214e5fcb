// SPDX-License-Identifier: Apache-2.0

package model

// WebACL is an AWS::WAFv2::WebACL.
type WebACL struct {
	LogicalID string
	Name      string
	ID        string
	ARN       string
	Pos       string
	Namespace string // of the labels its rules add: awswaf:ACCOUNT:webacl:NAME:

	Default ACLAction // Allow or Block
	Rules   []*ACLRule
	Bodies  map[string]ACLBody // of custom responses, by key
	// BodyLimit is how many bytes of a body are inspected: 16 KB where the
	// template says nothing, 64 KB at most.
	BodyLimit int

	Logging *ACLLogging // nil: it keeps no log
	Protect []ACLProtection
}

// ACLRuleGroup is an AWS::WAFv2::RuleGroup.
type ACLRuleGroup struct {
	LogicalID string
	Name      string
	ID        string
	ARN       string
	Pos       string
	Namespace string // awswaf:ACCOUNT:rulegroup:NAME:
	Capacity  int
	Rules     []*ACLRule
	Bodies    map[string]ACLBody
}

// ACLBody is a custom response body.
type ACLBody struct{ ContentType, Content string }

// ACLRule is a rule of a web ACL or a rule group.
type ACLRule struct {
	Name      string
	Priority  int
	Pos       string
	Statement ACLStatement
	// Action is nil when Statement is a group: its rules have actions.
	Action *ACLAction
	// CountGroup turns the terminating action of a group into Count
	// (OverrideAction).
	CountGroup bool
	Labels     []string // as written, without a namespace
}

// ACLActionKind is what a rule does to a request that it matches.
type ACLActionKind uint8

// The actions. Count does not end the evaluation; Captcha and Challenge end it
// for a request without a valid token.
const (
	ACLCount ACLActionKind = iota
	ACLAllow
	ACLBlock
	ACLCaptcha
	ACLChallenge
)

// String is the word of AWS WAF's log.
func (k ACLActionKind) String() string {
	return [...]string{"COUNT", "ALLOW", "BLOCK", "CAPTCHA", "CHALLENGE", "?", "?", "?"}[k&7]
}

// ACLAction is an action and what is custom about it.
type ACLAction struct {
	Kind     ACLActionKind
	Insert   []HeaderField // into the request, without the prefix x-amzn-waf-
	Response *ACLResponse  // of Block; nil: the default 403
}

// ACLResponse is the custom response of a Block.
type ACLResponse struct {
	Status  int
	BodyKey string // of Bodies; empty: no body
	Headers []HeaderField
}

// ACLActionOverride replaces the action of a rule of a group.
type ACLActionOverride struct {
	Rule     string
	Action   ACLAction
	Excluded bool // by ExcludedRules: Action is Count
}
