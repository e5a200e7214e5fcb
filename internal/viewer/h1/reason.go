// SPDX-License-Identifier: Apache-2.0

package h1

import "strconv"

// Reason tells why a request was refused, or a connection left. It is a closed
// list.
type Reason uint8

// The reasons. The zero Reason is no refusal.
const (
	ReasonNone Reason = iota

	ReasonBareLF      // a line ends in LF without CR
	ReasonBareCR      // a CR that is not followed by LF
	ReasonRequestLine // not exactly: method SP target SP version
	ReasonMethod      // the method is no token
	ReasonConnect     // CONNECT: this is no tunnel
	ReasonTarget      // control bytes, bytes beyond ASCII, a fragment, a bad %-escape, or no form of RFC 9112 3.2
	ReasonVersion     // not HTTP/1.1 or HTTP/1.0 (HTTP/0.9 among them)
	ReasonMajor       // HTTP/2 and above on an HTTP/1 connection
	ReasonFold        // a line begins with white space (obs-fold, or before the first field)
	ReasonFieldName   // empty, not a token, or without a colon
	ReasonFieldSpace  // white space before the colon
	ReasonFieldValue  // a control byte in a value
	ReasonHost        // missing on HTTP/1.1, twice, or no host and port
	ReasonLength      // Content-Length is no number, too large, or stands twice
	ReasonCoding      // Transfer-Encoding is not exactly one "chunked", or on HTTP/1.0
	ReasonFraming     // Transfer-Encoding beside Content-Length
	ReasonExpect      // an expectation other than 100-continue
	ReasonTargetSize  // the target is longer than Limits.Target
	ReasonHeadSize    // the head is longer than Limits.Head
	ReasonFields      // more fields than Limits.Fields
	ReasonHeadTimeout // the head did not arrive in time
	ReasonChunk       // a chunk of the body is malformed
	ReasonTrailer     // a trailer of the body is malformed or too large
	ReasonBodyTimeout // the body stopped arriving
	ReasonBodyCut     // the viewer went away within a body
	ReasonUnread      // too much of a body was left unread to keep the connection
	ReasonStall       // the viewer took no byte for too long
	reasonCount
)

var reasonWords = [reasonCount]string{
	"none", "bare-lf", "bare-cr", "request-line", "method", "connect", "target", "version", "major-version", "fold",
	"field-name", "field-space", "field-value", "host", "content-length", "transfer-encoding", "framing", "expect",
	"target-size", "head-size", "fields", "head-timeout", "chunk", "trailer", "body-timeout", "body-cut", "unread", "stall",
}

// String is the reason's word in logs and metrics.
func (r Reason) String() string {
	if r < reasonCount {
		return reasonWords[r]
	}
	return "reason(" + strconv.Itoa(int(r)) + ")"
}

// Status is the answer to a request that is refused for r.
func (r Reason) Status() int {
	switch r {
	case ReasonTargetSize:
		return 414
	case ReasonHeadSize, ReasonFields:
		return 431
	case ReasonHeadTimeout, ReasonBodyTimeout:
		return 408
	case ReasonExpect:
		return 417
	case ReasonMajor:
		return 505
	}
	return 400
}

// Reasons calls f with each reason, for metrics.
func Reasons(f func(Reason)) {
	for r := ReasonNone + 1; r < reasonCount; r++ {
		f(r)
	}
}
