// SPDX-License-Identifier: Apache-2.0

package model

// ACLLogging is an AWS::WAFv2::LoggingConfiguration: where a web ACL tells what
// it decided, and about which requests.
type ACLLogging struct {
	// Destination is the ARN of a log group, a delivery stream or a bucket.
	Destination string
	Redact      []ACLProtection
	// Filters are asked in their order; the first that a request meets decides.
	Filters []ACLLogFilter
	// Drop: a request that meets no filter is not logged.
	Drop bool
}

// ACLLogFilter keeps or drops requests.
type ACLLogFilter struct {
	Drop       bool
	Any        bool // one condition is enough
	Conditions []ACLLogCondition
}

// ACLLogCondition is about an action of a rule, or about a label: one of both is
// empty.
type ACLLogCondition struct {
	Action string // ALLOW, BLOCK, COUNT, CAPTCHA, CHALLENGE, EXCLUDED_AS_COUNT
	Label  string // fully qualified
}

// ACLProtectedField is a part of a request that a log does not show.
type ACLProtectedField uint8

// The parts. Path and Method occur in ACLLogging.Redact only, Cookie, Argument
// and Body in WebACL.Protect only.
const (
	ProtectHeader ACLProtectedField = iota
	ProtectCookie
	ProtectArgument
	ProtectQuery
	ProtectBody
	ProtectPath
	ProtectMethod
)

// ACLProtection hides a part of a request in the log.
type ACLProtection struct {
	Field ACLProtectedField
	Keys  []string // names of headers, cookies, arguments; none: all
	Hash  bool     // a digest stands in its place, else REDACTED
	// KeepMatch and KeepRate leave it in what a rule found, and in the key of a
	// rate-based rule.
	KeepMatch, KeepRate bool
}
