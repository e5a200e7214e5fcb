// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// TraceID names all spans of one trace; its first four bytes are the time when
// it began, which X-Ray demands.
type TraceID [16]byte

// SpanID names one span.
type SpanID [8]byte

// Context is what goes from one span to the next, within the process or in a
// header. The zero Context is of no trace.
type Context struct {
	Trace TraceID
	Span  SpanID // zero: not told (X-Ray's Root alone)
	// Decided tells that somebody before has chosen whether the trace is
	// sampled, and Sampled what.
	Decided, Sampled bool
}

// Valid tells whether c is of a trace.
func (c Context) Valid() bool { return c.Trace != TraceID{} }

// ParseW3C reads a traceparent field (W3C Trace Context, 3.2). What breaks the
// grammar is of no trace.
func ParseW3C(s string) (c Context) {
	const length = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return Context{}
	}
	var version, flags [1]byte
	if !unhex(version[:], s[:2]) || version[0] == 0xff || version[0] == 0 && len(s) != length || len(s) > length && s[length] != '-' {
		return Context{}
	}
	if !unhex(c.Trace[:], s[3:35]) || !unhex(c.Span[:], s[36:52]) || !unhex(flags[:], s[53:55]) {
		return Context{}
	}
	if !c.Valid() || c.Span == (SpanID{}) {
		return Context{}
	}
	c.Decided, c.Sampled = true, flags[0]&1 != 0
	return c
}

// ParseXRay reads an X-Amzn-Trace-Id field, whose parts may stand in any order:
// Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1.
// Without a Root it is of no trace; Sampled=? leaves the decision open.
func ParseXRay(s string) (c Context) {
	for s != "" {
		var part string
		part, s, _ = strings.Cut(s, ";")
		name, value, _ := strings.Cut(strings.Trim(part, " "), "=")
		switch name {
		case "Root":
			if len(value) != 35 || value[:2] != "1-" || value[10] != '-' || !unhex(c.Trace[:4], value[2:10]) || !unhex(c.Trace[4:], value[11:]) {
				return Context{}
			}
		case "Parent":
			if len(value) != 16 || !unhex(c.Span[:], value) {
				return Context{}
			}
		case "Sampled":
			c.Decided, c.Sampled = value == "0" || value == "1", value == "1"
		}
	}
	if !c.Valid() {
		return Context{}
	}
	return c
}

// unhex decodes lower-case hexadecimal digits, all of s.
func unhex(to []byte, s string) bool {
	if len(s) != 2*len(to) {
		return false
	}
	for i := range to {
		hi, lo := digit(s[2*i]), digit(s[2*i+1])
		if hi > 15 || lo > 15 {
			return false
		}
		to[i] = hi<<4 | lo
	}
	return true
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// W3C is c as a traceparent field.
func (c Context) W3C() string {
	b := append(make([]byte, 0, 55), "00-"...)
	b = append(hex.AppendEncode(b, c.Trace[:]), '-')
	b = append(hex.AppendEncode(b, c.Span[:]), "-00"...)
	if c.Sampled {
		b[len(b)-1] = '1'
	}
	return string(b)
}

// XRay is c as an X-Amzn-Trace-Id field.
func (c Context) XRay() string {
	b := append(make([]byte, 0, 74), "Root=1-"...)
	b = append(hex.AppendEncode(b, c.Trace[:4]), '-')
	b = append(hex.AppendEncode(b, c.Trace[4:]), ";Parent="...)
	b = append(hex.AppendEncode(b, c.Span[:]), ";Sampled=0"...)
	if c.Sampled {
		b[len(b)-1] = '1'
	}
	return string(b)
}

// newTrace makes an id. It identifies, it keeps no secret.
func newTrace(now time.Time) (id TraceID) {
	binary.BigEndian.PutUint32(id[:4], uint32(now.Unix()))
	binary.BigEndian.PutUint32(id[4:8], rand.Uint32())
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	return id
}

func newSpan() (id SpanID) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1) // never zero
	return id
}

// draw tells whether a trace that nobody decided about is sampled: by the last
// eight bytes of its id, so that all nodes with one ratio decide alike.
func draw(id TraceID, ratio float64) bool {
	return float64(binary.BigEndian.Uint64(id[8:])>>11) < ratio*(1<<53)
}
