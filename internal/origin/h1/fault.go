// SPDX-License-Identifier: Apache-2.0

package h1

import "strconv"

// Why tells what is wrong with an answer, or with the request. It is a closed
// list.
type Why uint8

// The faults.
const (
	FaultNone       Why = iota
	FaultRequest        // the request cannot be written: a byte that does not belong where it stands
	FaultStatusLine     // not exactly: HTTP/1.1 or HTTP/1.0, SP, three digits, SP, reason
	FaultStatus         // a status below 100 or beyond 599, or 101 for a request that asked for no upgrade
	FaultBareLF         // a line ends in LF without CR
	FaultFold           // a line begins with white space (obs-fold)
	FaultName           // a field name is empty or no token, or has no colon at once behind it
	FaultValue          // a control byte in a value or the reason
	FaultLength         // Content-Length is no number, too large, or stands twice
	FaultCoding         // Transfer-Encoding is not exactly one "chunked", or on HTTP/1.0
	FaultFraming        // Transfer-Encoding beside Content-Length
	FaultInterim        // more interim answers than anybody sends
	FaultHead           // the head is too large
	FaultChunk          // a chunk is malformed
	FaultTrailer        // a trailer is malformed or too large
	faultCount
)

var faultWords = [faultCount]string{
	"none", "request", "status-line", "status", "bare-lf", "fold", "field-name", "field-value", "content-length",
	"transfer-encoding", "framing", "interim", "head-size", "chunk", "trailer",
}

// String is the fault's word.
func (w Why) String() string {
	if w < faultCount {
		return faultWords[w]
	}
	return "fault(" + strconv.Itoa(int(w)) + ")"
}

// Fault is an answer that is not HTTP as this package takes it.
type Fault struct{ Why Why }

// Error names the fault.
func (f *Fault) Error() string {
	switch f.Why {
	case FaultHead:
		return "origin: server response headers exceeded " + strconv.Itoa(maxHead) + " bytes"
	case FaultRequest:
		return "origin: the request has a byte that HTTP/1.1 cannot carry"
	}
	return "origin: malformed HTTP response: " + f.Why.String()
}
