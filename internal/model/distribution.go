// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// Distribution is an AWS::CloudFront::Distribution.
type Distribution struct {
	LogicalID  string
	ID         string // E… as Ref gives it
	ARN        string
	DomainName string // d….cloudfront.net
	Pos        string

	Aliases           []string // exact names and *.example.com
	Enabled           bool     // a disabled distribution answers nothing
	Comment           string
	DefaultRootObject string // without the leading slash; empty for none
	HTTPVersion       string // http1.1, http2 (AWS's default), http3, http2and3
	PriceClass        string
	Staging           bool   // answers only what its primary hands over
	WebACL            string // ARN, empty for none

	Origins      []*Origin
	OriginGroups []*OriginGroup

	// Behaviors in the order they are tried; the last one is the default
	// behavior, its PathPattern is "*".
	Behaviors    []*Behavior
	CustomErrors []CustomError
	Geo          GeoRestriction
	Logging      *Logging // nil: no standard log in the template

	LeakGuard LeakGuard
	// TagHeader is the response header in which the origin names an answer's
	// tags, in lower case; empty: answers have none.
	TagHeader  string
	Deployment *ContinuousDeployment // nil: no continuous deployment policy

	MinimumProtocol string      // TLSv1.2_2021 …; empty: CloudFront's default certificate
	MTLS            *ViewerMTLS `json:",omitempty"`
}

// ViewerMTLS is how a distribution asks its viewers for certificates
// (ViewerMtlsConfig). A nil one: it does not.
type ViewerMTLS struct {
	Mode         MTLSMode
	Store        TrustStore
	AdvertiseCAs bool // tell viewers the authorities' names
	IgnoreExpiry bool // take certificates that have expired
	// Function says that a connection function is to decide about each
	// connection. There are none here: nobody is let in.
	Function bool
}

// MTLSMode is what is asked for.
type MTLSMode uint8

// The modes; the zero value is the strictest.
const (
	MTLSRequired    MTLSMode = iota // a certificate by a trusted authority
	MTLSOptional                    // none, or such a one
	MTLSPassthrough                 // none, or any: the origin verifies it
)

// String is the template's word.
func (m MTLSMode) String() string { return [...]string{"required", "optional", "passthrough"}[m%3] }

// TrustStore is an AWS::CloudFront::TrustStore: a file of authorities in a
// bucket.
type TrustStore struct {
	ID        string // as a distribution names it
	LogicalID string // empty: it is in no template
	Bucket    string
	Key       string
}

// LeakGuard says what happens to answers that could be one viewer's and that
// CloudFront would store for everybody.
type LeakGuard uint8

// The guards; the zero value is what the node does otherwise.
const (
	GuardOfNode LeakGuard = iota
	GuardExact            // store them, as CloudFront does, and say so
	GuardSafe             // serve them, and do not store them
)

// Default is the default behavior.
func (d *Distribution) Default() *Behavior { return d.Behaviors[len(d.Behaviors)-1] }

// Origin returns the origin with this id, or nil.
func (d *Distribution) Origin(id string) *Origin {
	for _, o := range d.Origins {
		if o.ID == id {
			return o
		}
	}
	return nil
}

// Group returns the origin group with this id, or nil.
func (d *Distribution) Group(id string) *OriginGroup {
	for _, g := range d.OriginGroups {
		if g.ID == id {
			return g
		}
	}
	return nil
}

// ViewerProtocol is what a behavior does with cleartext requests.
type ViewerProtocol uint8

// The viewer protocol policies; the zero value is allow-all.
const (
	AllowAll ViewerProtocol = iota
	HTTPSOnly
	RedirectToHTTPS
)

// String is the template's word.
func (p ViewerProtocol) String() string {
	switch p {
	case HTTPSOnly:
		return "https-only"
	case RedirectToHTTPS:
		return "redirect-to-https"
	}
	return "allow-all"
}

// Behavior is a CacheBehavior or the DefaultCacheBehavior.
type Behavior struct {
	PathPattern string // "*" for the default behavior
	Target      string // id of an origin or of an origin group
	Viewer      ViewerProtocol
	Allowed     []string // methods; GET and HEAD when the template says nothing
	Cached      []string // GET and HEAD, with or without OPTIONS
	Compress    bool

	// Cache is never nil: legacy ForwardedValues are written as a policy.
	Cache *CachePolicy
	// OriginRequest and ResponseHeaders are nil when the behavior has none.
	OriginRequest   *OriginRequestPolicy
	ResponseHeaders *ResponseHeadersPolicy

	Functions        []FunctionAssociation
	TrustedKeyGroups []string
	SignerKeys       map[string]string // public keys of those groups: PEM by id
	TrustedSigners   bool
	GRPC             bool
	RealtimeLog      string       // ARN, empty for none
	Realtime         *RealtimeLog // what it names; nil: nothing of a template
	FieldEncryption  string
}

// EdgeEvent is the moment at which an edge function runs.
type EdgeEvent uint8

// The events of FunctionAssociations and LambdaFunctionAssociations.
const (
	ViewerRequest EdgeEvent = iota
	ViewerResponse
	OriginRequest
	OriginResponse
)

// String is the template's word.
func (e EdgeEvent) String() string {
	return [...]string{"viewer-request", "viewer-response", "origin-request", "origin-response"}[e&3]
}

// FunctionAssociation ties a function to a behavior.
type FunctionAssociation struct {
	Event       EdgeEvent
	ARN         string // of an EdgeFunction, or of a numbered Lambda version
	Lambda      bool   // Lambda@Edge
	IncludeBody bool
}

// CustomError is one of CustomErrorResponses.
type CustomError struct {
	Code          int            // origin status it is for
	CachingMinTTL *time.Duration // nil: 10 s
	ResponseCode  int            // 0: keep the status
	PagePath      string         // empty: keep the body
}

// GeoRestriction limits viewers by country.
type GeoRestriction struct {
	Allow     bool // true: only Countries; false: all but Countries
	Countries []string
}

// Logging is the standard access log of a distribution.
type Logging struct {
	Bucket         string
	Prefix         string
	IncludeCookies bool
}
