// SPDX-License-Identifier: Apache-2.0

// Package record is what is known about one exchange when it is over, and the
// lines that are written from it.
//
// The flow:
//
//  1. The edge owns a Record an exchange and fills it step by step: organs
//     return facts, the plane writes them down. Reset makes it new.
//  2. When the viewer has its answer, the edge hands the Record to every
//     Writer that wants it (Writer.Write), which copies what it needs.
//  3. A Writer appends a line (AppendStandard: the 33 fields of CloudFront's
//     standard log; AppendJSON: one object a line, with the names of Tags;
//     Layout: fields by choice) to a bounded buffer, and one goroutine writes
//     that out.
//  4. What it writes to is a File that rotates, Files as CloudFront delivers
//     them, or a stream (room kinesis). Realtime takes a sample.
//
// What it does not do: it decides nothing, and it never makes a request wait:
// lines that find the buffer full are dropped and counted.
//
// A Record belongs to one goroutine. A Writer is safe for concurrent use.
// Strings of a Record may point into a connection's buffer; they need to live
// until Write returns.
package record

import (
	"net/netip"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// Record is one exchange. The zero Record is one of which nothing is known.
type Record struct {
	ID    string // request id, as in X-Amz-Cf-Id
	Start time.Time

	Viewer   Viewer
	Request  Request
	Edge     Edge
	Shield   Shield
	Result   Result
	Cache    Cache
	Function [4]Function // viewer-request, viewer-response, origin-request, origin-response
	Origin   Origin
	API      API
	Response Response
	Time     Timing
}

// Reset makes r as good as new.
func (r *Record) Reset() { *r = Record{} }

// Viewer is who asked.
type Viewer struct {
	Addr         netip.AddrPort
	ForwardedFor string // X-Forwarded-For as it came
	TLSVersion   string // TLSv1.3; empty on a cleartext connection
	TLSCipher    string // OpenSSL's name
	Proto        httpmsg.Proto
	Local        netip.Addr // the node's address that it reached; invalid: not known
	// Country and ASN are told only where a log asks for them.
	Country string
	ASN     uint32
}

// Request is what was asked.
type Request struct {
	Method    string
	Scheme    string // http, https, ws, wss
	Host      string // Host as the viewer sent it
	Path      string // as sent
	Query     string // as sent, without the ?
	Referer   string
	UserAgent string
	Cookie    string
	Bytes     int64 // head and body
	// Header has the fields as they were sent, without Host; good until Write
	// returns. Nil: not known.
	Header *httpmsg.Header
}

// Edge is who was in charge.
type Edge struct {
	Location     string // x-edge-location and X-Amz-Cf-Pop
	Stack        string
	Distribution string // E…
	Domain       string // d….cloudfront.net
	Behavior     string // its path pattern
	Staging      bool   // the distribution is the staging one of that which was asked
	// PrimaryID and PrimaryDomain are of the distribution that was asked, where
	// it has a staging one.
	PrimaryID     string
	PrimaryDomain string
}

// Shield is what the web ACL decided. An empty ACL: there was none.
type Shield struct {
	ACL     string   // its name
	Action  string   // ALLOW, BLOCK, CAPTCHA, CHALLENGE
	Rule    string   // that ended it; Default_Action
	Inner   string   // the rule of the group that Rule is
	Labels  []string // good until Write returns
	Counted []string // rules that only counted; good until Write returns
	// Findings are ids of rules of the Core Rule Set, which stands behind the
	// managed groups; good until Write returns.
	Findings []int
}

// Result is how it ended.
type Result struct {
	Type   ResultType // after the last byte
	Sent   ResultType // just before the answer was sent; ResultNone: as Type
	Detail Detail     // DetailNone: as Type
	Why    string     // what the viewer is not told of a refusal; often empty
	End    End
}

// Cache is what the cache did.
type Cache struct {
	Status     CacheStatus
	Reason     CacheReason
	Key        string // readable form of the key
	ShowKey    bool   // Cache-Status shows it
	Age        time.Duration
	TTL        time.Duration
	TTLReason  httpspec.Reason // meaningful when Stored or NotStored says so
	Store      StoreResult
	Collapsed  bool // waited for the fetch of another exchange
	Encoding   string
	Background bool // a refresh without a viewer
}

// Function is a run of an edge function.
type Function struct {
	Name        string // empty: none ran
	Time        time.Duration
	Utilization int // percent of the allowed time
	Error       string
}

// Origin is the origin that was asked. An empty ID: none.
type Origin struct {
	ID        string
	Host      string
	Peer      string // the edge of the region that was asked in its place; empty: none
	Status    int
	Tries     int
	Failover  bool          // the secondary of a group answered
	Member    string        // of the places that Host leads to; empty: there is one
	FirstByte time.Duration // from sending the request to the head of the answer
	LastByte  time.Duration // and to its last byte; 0: with the head, or not known
	// FailedStatus is that of the primary of a group for which the secondary was
	// asked.
	FailedStatus int
	Error        string // of the last try
}

// API is the gateway behind the origin. An empty ID: none.
type API struct {
	ID       string
	Stage    string
	Route    string // route key, or resource path and method
	Identity string
	Function string
	Cold     bool
	Time     time.Duration // of the integration
}

// Response is what was sent.
type Response struct {
	Status      int // 0: the viewer left before there was one
	Bytes       int64
	ContentType string
	// ContentLength and the ends of Range are those of the fields sent;
	// HasLength and HasRange tell whether they were.
	ContentLength int64
	Range         httpspec.Span
	HasLength     bool
	HasRange      bool
}

// Timing is measured from Start.
type Timing struct {
	FirstByte time.Duration // first byte of the answer written
	Total     time.Duration // last byte written
}
