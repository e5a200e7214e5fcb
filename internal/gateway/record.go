// SPDX-License-Identifier: Apache-2.0

package gateway

import "time"

// Record tells of one request. It is made when the head of the response is
// ready; a body may still be on its way, unless the stage keeps an access log
// and the body's length is not known: then it is made when the body ends.
type Record struct {
	Time        time.Time
	API         string // logical id; empty when no API has the host
	APIID       string
	Kind        string // HTTP API, REST API, function URL
	Stage       string
	Route       string // route key
	Integration string // kind: "Lambda proxy", …
	Method      string
	Path        string // as sent, without the query
	Status      int    // 0: the viewer left before there was one
	// Reason is empty when the integration answered; Detail is for the operator.
	Reason Reason
	Detail error

	Latency            time.Duration
	IntegrationLatency time.Duration // 0: it was not asked
	Cache              CacheUse      // of the stage
	// Received and Sent are the lengths of the bodies, as far as they are known:
	// that of an answer which is streamed only where the Record waits for its end.
	Received, Sent int64
	SourceIP       string
	APIKeyID       string // never the key itself
	RequestID      string
	ExtendedID     string // REST only

	// AccessLine is the stage's access log entry, without a line end; empty:
	// it keeps none. AccessLog is the ARN of the log group or stream it is for,
	// a canary's with /Canary.
	AccessLine, AccessLog string
}

// CacheUse is what a stage's cache did for a request: a closed list.
type CacheUse uint8

// The uses. The zero CacheUse is that the method's answers are not kept.
const (
	CacheNone CacheUse = iota
	CacheHit           // the endpoint was not asked
	CacheMiss          // nothing was kept, or the viewer had it made anew
)

// String is the word of the record.
func (u CacheUse) String() string { return [...]string{"", "hit", "miss", "?"}[u&3] }
