// SPDX-License-Identifier: Apache-2.0

package h1

// A head is complete where its first empty line ends. It is then copied once,
// and every field of the answer is a piece of that text:
//
//	HTTP/1.1 200 OK CRLF        statusLine
//	Content-Length: 5 CRLF      field; what frames is kept aside
//	CRLF                        frame: what the fields mean together
//
// Strictness: an origin that is fooled into writing a part of a viewer's
// request into its head must not make two answers of one. So a line ends in
// CRLF and nothing else, and a field line has one form.

import (
	"bytes"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// scan looks for the end of the head in b, of which the first from bytes are
// known to be whole lines. end is 0 while it is not there; next is where to go
// on.
func scan(b []byte, from int) (end, next int, why Why) {
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			if len(b) >= maxHead {
				return 0, from, FaultHead
			}
			return 0, from, FaultNone
		}
		at := from + i
		switch {
		case at >= maxHead:
			return 0, from, FaultHead
		case i == 0 || b[at-1] != '\r':
			return 0, from, FaultBareLF
		case from == 0 && !bytes.HasPrefix(b, []byte("HTTP/1.")):
			return 0, from, FaultStatusLine
		case i == 1 && from > 0:
			return at + 1, at + 1, FaultNone
		}
		from = at + 1
	}
}

// head is what an answer's fields say about its body and the connection.
type head struct {
	length  int64 // Content-Length, -1: none
	chunked bool
	codings int
	old     bool // HTTP/1.0
	options httpspec.Connection
}

// parse takes a complete head apart, the empty line included.
func parse(text string, rs *httpmsg.Response) (h head, why Why) {
	h.length = -1
	rs.Header.Reset()
	rs.Body, rs.ContentLength = nil, -1
	line, rest := cutLine(text)
	if rs.Status, h.old, why = statusLine(line); why != FaultNone {
		return h, why
	}
	for n := 0; ; n++ {
		line, rest = cutLine(rest)
		if line == "" {
			break
		}
		if n == maxFields {
			return h, FaultHead
		}
		name, value, why := split(line)
		if why == FaultNone {
			why = h.field(name, value, rs)
		}
		if why != FaultNone {
			return h, why
		}
	}
	switch {
	case h.codings > 0 && h.length >= 0:
		return h, FaultFraming
	case h.codings > 1, h.codings == 1 && (!h.chunked || h.old):
		return h, FaultCoding
	}
	return h, FaultNone
}

// cutLine takes a line off text, in which every line ends in CRLF.
func cutLine(text string) (line, rest string) {
	i := strings.IndexByte(text, '\n')
	return text[:i-1], text[i+1:]
}

// statusLine reads a line such as "HTTP/1.1 200 OK". The reason may be empty,
// and its space may be missing.
func statusLine(line string) (status int, old bool, why Why) {
	const version = "HTTP/1.1 "
	if len(line) < len(version)+3 || line[:7] != version[:7] || line[8] != ' ' || line[7] != '1' && line[7] != '0' {
		return 0, false, FaultStatusLine
	}
	code, reason := line[9:12], line[12:]
	for i := range 3 {
		d := code[i] - '0'
		if d > 9 {
			return 0, false, FaultStatusLine
		}
		status = status*10 + int(d)
	}
	if reason != "" && reason[0] != ' ' {
		return 0, false, FaultStatusLine
	}
	if status < 100 || status > 599 {
		return 0, false, FaultStatus
	}
	if !visible(reason) {
		return 0, false, FaultValue
	}
	return status, line[7] == '0', FaultNone
}

// split takes a field line apart and checks both sides.
func split(line string) (name, value string, why Why) {
	i := 0
	for i < len(line) && tokenByte[line[i]] {
		i++
	}
	if i == 0 && (line[0] == ' ' || line[0] == '\t') {
		return "", "", FaultFold
	}
	if i == 0 || i == len(line) || line[i] != ':' {
		return "", "", FaultName
	}
	name, value = line[:i], line[i+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n-- {
		value = value[:n-1]
	}
	if !visible(value) {
		return "", "", FaultValue
	}
	return name, value, FaultNone
}

// tokenByte tells the bytes of a token (RFC 9110 5.6.2). It is never changed.
var tokenByte = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

func token(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return s != ""
}

// target tells whether s can stand in a request line or a Host field: no
// space, no control byte.
func target(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// visible tells that s has no control byte but the tab, looking at eight bytes
// at a time. Bytes beyond ASCII (obs-text) are let through.
func visible(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		del := x ^ 0x7f*ones
		if ((x-0x20*ones)&^x|(del-ones)&^del)&highs != 0 {
			break // a control byte, be it a tab
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
