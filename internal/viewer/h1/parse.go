// SPDX-License-Identifier: Apache-2.0

package h1

// The parser goes line by line: a line is judged when its LF is there, so that
// the outcome does not depend on how the bytes were cut into reads. A head
// that is not complete is parsed again from its beginning when another LF has
// come: at most once a field, so a slow viewer cannot make it costly.
//
//	GET /a?b HTTP/1.1 CRLF      requestLine: method, target (target.go), version
//	Host: h CRLF                field: name, value; what frames is kept aside
//	CRLF                        close: what the fields mean together

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// head is what a request's fields say about the connection.
type head struct {
	length   int64 // of the body; -1: chunked
	hosts    int
	lengths  int
	codings  int
	chunked  bool // the coding is exactly "chunked"
	options  httpspec.Connection
	expect   bool // Expect: 100-continue
	absolute bool // the target's authority is the host
}

// parser turns bytes into a Request. It holds no state between calls.
type parser struct {
	limits *engine.Limits
	scheme string
}

// tokenByte tells the bytes of a token (RFC 9110 5.6.2). It is never changed.
var tokenByte = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

// text is b as a string that shares its memory.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parse reads one head from the beginning of b into rq and h. n is the head's
// length, 0 while it is not complete. The texts of rq point into b.
func (p parser) parse(b []byte, rq *httpmsg.Request, h *head) (n int, why Reason) {
	*h = head{}
	rq.Header.Reset()
	line, at, why := p.line(b, 0, ReasonTargetSize)
	if at == 0 || why != ReasonNone {
		return 0, why
	}
	if why := p.requestLine(line, rq, h); why != ReasonNone {
		return 0, why
	}
	for {
		line, next, why := p.line(b, at, ReasonHeadSize)
		if next == 0 || why != ReasonNone {
			return 0, why
		}
		at = next
		if len(line) == 0 {
			return at, p.close(rq, h)
		}
		if rq.Header.Len()+h.hosts+h.lengths+h.codings >= p.limits.Fields {
			return 0, ReasonFields
		}
		if why := field(line, rq, h); why != ReasonNone {
			return 0, why
		}
	}
}

// line is the line that begins at at, without its CRLF. next is where the one
// after it begins, 0 when the line is not complete. over is the refusal of a
// head that is too long.
func (p parser) line(b []byte, at int, over Reason) (line []byte, next int, why Reason) {
	i := bytes.IndexByte(b[at:], '\n')
	end := at + i
	if i < 0 {
		end = len(b)
	}
	if end >= p.limits.Head {
		return nil, 0, over
	}
	if i < 0 {
		return nil, 0, ReasonNone
	}
	if i == 0 || b[end-1] != '\r' {
		return nil, 0, ReasonBareLF
	}
	return b[at : end-1], end + 1, ReasonNone
}

func (p parser) requestLine(line []byte, rq *httpmsg.Request, h *head) Reason {
	i := 0
	for i < len(line) && tokenByte[line[i]] {
		i++
	}
	if i == len(line) {
		return ReasonRequestLine
	}
	if i == 0 || line[i] != ' ' {
		return orBareCR(line[i], ReasonMethod)
	}
	rq.Method = text(line[:i])
	line = line[i+1:]
	sp := bytes.IndexByte(line, ' ')
	if sp < 0 {
		sp = len(line)
	}
	if sp > p.limits.Target {
		return ReasonTargetSize
	}
	if why := version(line[sp:], rq); why != ReasonNone {
		return why
	}
	if rq.Method == "CONNECT" {
		return ReasonConnect
	}
	return p.target(line[:sp], rq, h)
}

// version reads what follows the target, the space included.
func version(b []byte, rq *httpmsg.Request) Reason {
	switch string(b) {
	case " HTTP/1.1":
		rq.Proto = httpmsg.HTTP11
		return ReasonNone
	case " HTTP/1.0":
		rq.Proto = httpmsg.HTTP10
		return ReasonNone
	case "": // HTTP/0.9
		return ReasonVersion
	}
	if bytes.IndexByte(b, '\r') >= 0 {
		return ReasonBareCR
	}
	if bytes.IndexByte(b[1:], ' ') >= 0 {
		return ReasonRequestLine
	}
	if len(b) == len(" HTTP/1.1") && string(b[:6]) == " HTTP/" && digit(b[6]) && b[7] == '.' && digit(b[8]) && b[6] >= '2' {
		return ReasonMajor
	}
	return ReasonVersion
}

func digit(c byte) bool { return c-'0' < 10 }

// orBareCR is the refusal of a byte that does not belong where it stands.
func orBareCR(c byte, why Reason) Reason {
	if c == '\r' {
		return ReasonBareCR
	}
	return why
}

// split takes a field line apart and checks both sides. It is used for
// trailers as well.
func split(line []byte) (name, value []byte, why Reason) {
	i := 0
	for i < len(line) && tokenByte[line[i]] {
		i++
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return nil, nil, badName(line, i)
	}
	name, value = line[:i], line[i+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n-- {
		value = value[:n-1]
	}
	return name, value, visible(value)
}

// badName tells what is wrong with a line whose name ends at i.
func badName(line []byte, i int) Reason {
	switch {
	case i == len(line):
		return ReasonFieldName // no colon
	case line[i] == '\r':
		return ReasonBareCR
	case i == 0 && (line[0] == ' ' || line[0] == '\t'):
		return ReasonFold
	case line[i] == ' ' || line[i] == '\t':
		return ReasonFieldSpace
	}
	return ReasonFieldName
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// visible refuses control bytes but the tab. Bytes beyond ASCII (obs-text) are
// let through. It looks at eight bytes at a time.
func visible(v []byte) Reason {
	i := 0
	for ; i+8 <= len(v); i += 8 {
		x := binary.LittleEndian.Uint64(v[i:])
		del := x ^ 0x7f*ones
		if ((x-0x20*ones)&^x|(del-ones)&^del)&highs != 0 {
			break // a control byte, be it a tab
		}
	}
	for ; i < len(v); i++ {
		if c := v[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return orBareCR(c, ReasonFieldValue)
		}
	}
	return ReasonNone
}
