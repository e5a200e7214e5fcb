// SPDX-License-Identifier: Apache-2.0

// Package fault tells what it means that an origin did not answer (row E11): the
// status that stands for its answer, the word of the record, and whether it is
// worth asking again.
//
// It is about errors alone: those of the transports, of net and crypto/tls, and
// those here, of answers that the edge itself takes for none.
package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/origin"
	"github.com/forelane/forelane/internal/record"
)

// ErrRangeLength is a part whose length is not that of the range that it says it
// is.
var ErrRangeLength = errors.New("origin: Content-Length is not the length of Content-Range")

// ErrSwitch is a 101 that no viewer asked for, or that is not an answer to what
// it asked. Were it passed on, bytes of the origin would count as an answer.
var ErrSwitch = errors.New("malformed answer: 101, but not to the handshake that was sent")

// HeadTooBig is a head larger than so many bytes: an origin's is bounded as a
// viewer's is (row C4). The network's transport sees to it itself; those in the
// process do not.
type HeadTooBig int

// Error implements error.
func (n HeadTooBig) Error() string {
	return "server response headers exceeded " + strconv.Itoa(int(n)) + " bytes"
}

// Silent tells an origin that did not answer in time from one that could not
// be reached, whose transport has tried again already.
func Silent(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return false
	}
	return Timeout(err)
}

// Timeout tells whether something took too long.
func Timeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// Classify gives the status and the detailed result type of a failed fetch
// (row E11): 504 for silence, 502 for anything else.
func Classify(err error) (int, record.Detail) {
	var dns *net.DNSError
	var op *net.OpError
	dial := errors.As(err, &op) && op.Op == "dial"
	write := !dial && op != nil && op.Op == "write"
	var broken *origin.Fault
	text := err.Error()
	switch {
	case errors.As(err, &broken):
		if broken.Why == origin.FaultHead {
			return 502, record.OriginHeaderTooBigError
		}
		return 502, record.OriginInvalidResponseError
	case errors.Is(err, ErrRangeLength):
		return 502, record.OriginContentRangeLengthError
	case errors.As(err, &dns):
		return 502, record.OriginDNSError
	case dial && Timeout(err):
		return 504, record.OriginConnectError
	case Timeout(err), errors.Is(err, origin.ErrCompletion):
		return 504, record.OriginCommError
	case write:
		return 502, record.OriginWriteError
	case dial, strings.Contains(text, "tls: "), strings.Contains(text, "x509: "):
		return 502, record.OriginConnectError
	case strings.Contains(text, "server response headers exceeded"):
		return 502, record.OriginHeaderTooBigError
	case strings.Contains(text, "malformed"), strings.Contains(text, "bad Content-Length"):
		return 502, record.OriginInvalidResponseError
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 502, record.OriginReadError
	}
	return 502, record.OriginCommError
}
