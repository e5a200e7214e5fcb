// SPDX-License-Identifier: Apache-2.0

package model

import (
	"net/netip"
	"time"
)

// ACLStatement is what a rule asks of a request. The list is closed: the types
// of this file.
type ACLStatement interface{ aclStatement() }

// IPMatch is an IPSetReferenceStatement, the set written out.
type IPMatch struct {
	Addresses []netip.Prefix
	Forwarded *ACLForwardedIP // nil: the address of the connection
}

// ACLForwardedIP takes an address from a header.
type ACLForwardedIP struct {
	Header   string
	Fallback bool   // whether a header without an address matches
	Position string // FIRST, LAST, ANY; empty: FIRST
}

// ByteMatch is a ByteMatchStatement.
type ByteMatch struct {
	Inspect  ACLInspect
	Search   string
	Position string // EXACTLY, STARTS_WITH, ENDS_WITH, CONTAINS, CONTAINS_WORD
}

// RegexMatch is a RegexMatchStatement, or a RegexPatternSetReferenceStatement
// with the set written out: one of Patterns matches.
type RegexMatch struct {
	Inspect  ACLInspect
	Patterns []string
	Set      bool
}

// SizeMatch is a SizeConstraintStatement.
type SizeMatch struct {
	Inspect  ACLInspect
	Operator string // EQ, NE, LE, LT, GE, GT
	Size     int64
}

// SQLiMatch is a SqliMatchStatement.
type SQLiMatch struct {
	Inspect ACLInspect
	High    bool // sensitivity
}

// XSSMatch is an XssMatchStatement.
type XSSMatch struct{ Inspect ACLInspect }

// GeoMatch is a GeoMatchStatement.
type GeoMatch struct {
	Countries []string
	Forwarded *ACLForwardedIP
}

// ASNMatch is an AsnMatchStatement; 0 is a network that is not known.
type ASNMatch struct {
	Numbers   []uint32
	Forwarded *ACLForwardedIP
}

// LabelMatch is a LabelMatchStatement.
type LabelMatch struct {
	Namespace bool // Key is a namespace, not a label
	Key       string
}

// AndMatch is an AndStatement.
type AndMatch struct{ Of []ACLStatement }

// OrMatch is an OrStatement.
type OrMatch struct{ Of []ACLStatement }

// NotMatch is a NotStatement.
type NotMatch struct{ Of ACLStatement }

// RateMatch is a RateBasedStatement.
type RateMatch struct {
	Limit     int64
	Window    time.Duration
	Keys      []ACLRateKey    // what is counted apart; empty: all requests together (CONSTANT)
	ScopeDown ACLStatement    // nil: every request counts
	Forwarded *ACLForwardedIP // of a key ForwardedIP
}

// ACLRateKeyKind is a part of the key by which requests are counted.
type ACLRateKeyKind uint8

// The parts of a key.
const (
	RateByIP ACLRateKeyKind = iota
	RateByForwardedIP
	RateByHeader
	RateByCookie
	RateByQueryArgument
	RateByQueryString
	RateByMethod
	RateByPath
	RateByLabel
	RateByJA3
	RateByJA4
	RateByASN
)

// ACLRateKey is one part of the key of a rate-based rule.
type ACLRateKey struct {
	Kind       ACLRateKeyKind
	Name       string // of the header, cookie or argument; the namespace of labels
	Transforms []string
	Fallback   bool // of fingerprints: whether a request without one matches
}

// GroupMatch is a RuleGroupReferenceStatement, the group written out.
type GroupMatch struct {
	Group     *ACLRuleGroup
	Overrides []ACLActionOverride
}

// ManagedMatch is a ManagedRuleGroupStatement.
type ManagedMatch struct {
	Vendor    string
	Name      string
	Overrides []ACLActionOverride
	ScopeDown ACLStatement
}

// UnbuiltMatch stands for a statement that is not built: it never matches.
type UnbuiltMatch struct{ Kind string }

func (*IPMatch) aclStatement()      {}
func (*ByteMatch) aclStatement()    {}
func (*RegexMatch) aclStatement()   {}
func (*SizeMatch) aclStatement()    {}
func (*SQLiMatch) aclStatement()    {}
func (*XSSMatch) aclStatement()     {}
func (*GeoMatch) aclStatement()     {}
func (*ASNMatch) aclStatement()     {}
func (*LabelMatch) aclStatement()   {}
func (*AndMatch) aclStatement()     {}
func (*OrMatch) aclStatement()      {}
func (*NotMatch) aclStatement()     {}
func (*RateMatch) aclStatement()    {}
func (*GroupMatch) aclStatement()   {}
func (*ManagedMatch) aclStatement() {}
func (*UnbuiltMatch) aclStatement() {}

// ACLFieldKind is the component of a request that a statement reads.
type ACLFieldKind uint8

// The components.
const (
	FieldHeader ACLFieldKind = iota
	FieldQueryArgument
	FieldQueryArguments
	FieldPath
	FieldQuery
	FieldBody
	FieldJSON
	FieldMethod
	FieldHeaders
	FieldCookies
	FieldHeaderOrder
	FieldJA3
	FieldJA4
	FieldFragment
)

// ACLOversize is what a component longer than what is inspected does.
type ACLOversize uint8

// The ways; the zero value inspects what there is room for.
const (
	OversizeContinue ACLOversize = iota
	OversizeMatch
	OversizeNoMatch
)

// ACLScope says which texts of a map are read.
type ACLScope uint8

// The scopes.
const (
	ScopeAll ACLScope = iota
	ScopeKeys
	ScopeValues
)

// ACLInvalid is what a body that is no JSON does.
type ACLInvalid uint8

// The ways; the zero value inspects the body up to where it is JSON.
const (
	InvalidToThere ACLInvalid = iota
	InvalidMatch
	InvalidNoMatch
	InvalidAsString
)

// ACLInspect is a component and how it is read.
type ACLInspect struct {
	Kind       ACLFieldKind
	Name       string // of a single header or query argument
	Oversize   ACLOversize
	Fallback   bool // of a fingerprint or fragment that is missing: it matches
	Scope      ACLScope
	Included   []string // names of headers or cookies, JSON pointers; nil: all
	Excluded   []string
	Invalid    ACLInvalid
	Transforms []string // AWS's names, in the order they are applied
}
