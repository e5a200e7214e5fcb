// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// Origin is a place that answers for the edge.
type Origin struct {
	ID         string
	DomainName string // host only; a name in AWS's shape resolves inside the process
	Path       string // put before the request's path; empty or begins with /, no / at the end
	S3         bool   // S3OriginConfig: REST endpoint of a bucket

	Protocol     OriginProtocol
	HTTPPort     int           // 80
	HTTPSPort    int           // 443
	TLSVersions  []string      // SSLv3 TLSv1 TLSv1.1 TLSv1.2
	ReadTimeout  time.Duration // between packets; 30 s
	KeepAlive    time.Duration // 5 s
	Completion   time.Duration // whole response; 0: no limit
	Connect      time.Duration // 10 s
	Attempts     int           // 3
	Headers      []HeaderField // custom headers; they overwrite the viewer's
	Access       *OriginAccess // nil: unsigned
	OAI          string        // legacy origin access identity, its id
	OAICanonical string        // its S3CanonicalUserId, when it is of this stack
	ShieldRegion string        // empty: no Origin Shield
	ClientCert   string        // ARN of the certificate shown to the origin (OriginMtlsConfig); empty: none
	VPCOrigin    string        // name of a private origin; empty: public
	Sign         *SignatureKey // requests to it are signed; nil: they are not
	Made         *MadeOrigin   // what a function changed beyond all that; nil: it is as the template says
}

// MadeOrigin is what functions can change of an origin and templates cannot
// (cf.updateRequestOrigin). Empty: as the origin has it.
type MadeOrigin struct {
	HostHeader   string   // Host, in place of the origin's name or the viewer's
	ServerName   string   // of the TLS handshake
	Certificates []string // names of which the certificate must have one; *.x is any name below x
	Network      string   // tcp4, tcp6
	// Foreign: the function gave another DomainName. It stands in no template,
	// and may have come from a viewer.
	Foreign bool
}

// HeaderField is a name and a value that a template gives.
type HeaderField struct{ Name, Value string }

// OriginProtocol is how the edge speaks to a custom origin.
type OriginProtocol uint8

// The origin protocol policies; the zero value is http-only, AWS's default.
const (
	OriginHTTPOnly OriginProtocol = iota
	OriginHTTPSOnly
	OriginMatchViewer
)

// String is the template's word.
func (p OriginProtocol) String() string {
	switch p {
	case OriginHTTPSOnly:
		return "https-only"
	case OriginMatchViewer:
		return "match-viewer"
	}
	return "http-only"
}

// OriginAccess is an AWS::CloudFront::OriginAccessControl.
type OriginAccess struct {
	ID      string
	Name    string
	Type    string // s3, lambda, mediastore, mediapackagev2
	Signing string // always, never, no-override
}

// OriginGroup is a primary and a secondary origin.
type OriginGroup struct {
	ID          string
	Members     []string // ids of two origins, primary first
	StatusCodes []int    // statuses of the primary on which the secondary is asked
}
