// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// SelectMode says which names of a kind (headers, cookies, query strings) are meant.
type SelectMode uint8

// The modes. AllViewer and AllViewerAndCloudFront are of headers in an origin
// request policy only; All for headers is legacy `Headers: ["*"]`.
const (
	SelectNone SelectMode = iota
	SelectList
	SelectAllExcept
	SelectAll
	SelectAllViewer
	SelectAllViewerAndCloudFront // all of the viewer's, and the listed CloudFront-* headers
)

// String is a word for messages.
func (m SelectMode) String() string {
	return [...]string{"none", "whitelist", "allExcept", "all", "allViewer", "allViewerAndWhitelistCloudFront", "?", "?"}[m&7]
}

// Selection is a mode and its names.
type Selection struct {
	Mode  SelectMode
	Names []string // as written; headers compare case-insensitively, the rest exactly
}

// CachePolicy is an AWS::CloudFront::CachePolicy, a managed one, or legacy
// ForwardedValues written as one.
type CachePolicy struct {
	ID      string // uuid; empty for ForwardedValues
	Name    string
	Managed bool
	Legacy  bool // from ForwardedValues; its key also has no OPTIONS rules of policies

	MinTTL     time.Duration
	DefaultTTL time.Duration
	MaxTTL     time.Duration

	Headers Selection // SelectNone or SelectList; SelectAll (legacy `*`) forwards all and caches nothing
	Cookies Selection
	Queries Selection
	Gzip    bool // EnableAcceptEncodingGzip
	Brotli  bool // EnableAcceptEncodingBrotli

	// Rules, Vary and Heuristic are named departures from CloudFront, from
	// Metadata.Forelane of the policy. Zero is CloudFront.
	Rules     CachingRules
	Vary      VaryMode
	Heuristic int // percent of the time since Last-Modified that an answer without a lifetime stays fresh; RFC9111Rules only
	// ShowKey writes Cache-Status (RFC 9211) with the cache key, also by
	// CloudFront's rules. For debugging: the key tells of origins, and of what
	// functions add.
	ShowKey bool
}

// HonoursVary tells whether Vary makes variants of an object.
func (p *CachePolicy) HonoursVary() bool {
	return p.Vary == VaryHonour || p.Vary == VaryByRules && p.Rules == RFC9111Rules
}

// CachingRules says whose rules hold where CloudFront and the RFCs differ.
type CachingRules uint8

// The rules; the zero value is CloudFront's.
const (
	CloudFrontRules CachingRules = iota
	RFC9111Rules
)

// String is the template's word.
func (r CachingRules) String() string {
	if r == RFC9111Rules {
		return "RFC9111"
	}
	return "CloudFront"
}

// VaryMode says what Vary of an answer does to its place in the cache.
type VaryMode uint8

// The modes. VaryByRules is ignore under CloudFrontRules, honour under
// RFC9111Rules.
const (
	VaryByRules VaryMode = iota
	VaryIgnore
	VaryHonour
)

// String is the template's word.
func (m VaryMode) String() string { return [...]string{"", "ignore", "honour", "?"}[m&3] }

// Disabled tells whether the policy forbids caching (all three TTLs zero).
func (p *CachePolicy) Disabled() bool {
	return p.MinTTL == 0 && p.DefaultTTL == 0 && p.MaxTTL == 0
}

// OriginRequestPolicy is an AWS::CloudFront::OriginRequestPolicy or a managed one.
type OriginRequestPolicy struct {
	ID      string
	Name    string
	Managed bool
	Headers Selection
	Cookies Selection
	Queries Selection
}

// ResponseHeadersPolicy is an AWS::CloudFront::ResponseHeadersPolicy or a managed one.
type ResponseHeadersPolicy struct {
	ID       string
	Name     string
	Managed  bool
	CORS     *PolicyCORS
	Security []PolicyHeader // the six security headers, written out
	Custom   []PolicyHeader
	Remove   []string
	// ServerTiming is the sampling rate in percent; nil when switched off.
	ServerTiming *float64
}

// PolicyHeader is a header that a policy adds.
type PolicyHeader struct {
	Name, Value string
	Override    bool // replace the origin's value
}

// PolicyCORS is the CORS part of a response headers policy.
type PolicyCORS struct {
	AllowCredentials bool
	AllowHeaders     []string
	AllowMethods     []string // ALL stands for the seven
	AllowOrigins     []string
	ExposeHeaders    []string
	MaxAge           int // seconds; 0: header left out
	Override         bool
}

// EdgeFunction is an AWS::CloudFront::Function.
type EdgeFunction struct {
	LogicalID string
	Name      string
	ARN       string
	Pos       string
	Comment   string
	Runtime   string // cloudfront-js-1.0, cloudfront-js-2.0
	Code      string
	Stores    []string // ARNs of its key value stores (AWS: at most one)
}

// KeyValueStore is an AWS::CloudFront::KeyValueStore.
type KeyValueStore struct {
	LogicalID string
	ID        string // uuid
	Name      string
	ARN       string
	Pos       string
	Items     []KeyValue // of its ImportSource; empty when there is none
}

// KeyValue is an item of a KeyValueStore.
type KeyValue struct{ Key, Value string }
