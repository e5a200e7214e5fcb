// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
)

// target takes a request target apart (RFC 9112 3.2). The texts stay as they
// were sent: no dot segment is removed, no escape decoded.
func (p parser) target(b []byte, rq *httpmsg.Request, h *head) Reason {
	if why := targetBytes(b); why != ReasonNone {
		return why
	}
	if len(b) > 0 && b[0] == '/' {
		return origin(b, rq)
	}
	if len(b) == 1 && b[0] == '*' {
		rq.Path, rq.Query = text(b), ""
		if rq.Method != "OPTIONS" {
			return ReasonTarget
		}
		return ReasonNone
	}
	return p.absolute(b, rq, h)
}

// targetBytes lets printable ASCII but # through: CloudFront wants the rest
// percent-encoded, and a fragment never goes to a server (RFC 9110 4.2.5).
func targetBytes(b []byte) Reason {
	for _, c := range b {
		if c-'!' >= 0x7f-'!' || c == '#' {
			return orBareCR(c, ReasonTarget)
		}
	}
	return ReasonNone
}

// origin reads the origin form, the usual one.
func origin(b []byte, rq *httpmsg.Request) Reason {
	path, query := b, b[len(b):]
	if i := bytes.IndexByte(b, '?'); i >= 0 {
		path, query = b[:i], b[i+1:]
	}
	if !escapes(path) {
		return ReasonTarget
	}
	rq.Path, rq.Query = text(path), text(query)
	return ReasonNone
}

// escapes tells whether each % of a path is followed by two hex digits.
func escapes(path []byte) bool {
	for {
		i := bytes.IndexByte(path, '%')
		if i < 0 {
			return true
		}
		if i+2 >= len(path) || hex(path[i+1]) < 0 || hex(path[i+2]) < 0 {
			return false
		}
		path = path[i+3:]
	}
}

// hex is the value of a hex digit, or -1.
func hex(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// absolute reads the absolute form: its authority takes the place of Host
// (RFC 9112 3.2.2); its scheme must be the connection's, for another one would
// be a request to somebody else.
func (p parser) absolute(b []byte, rq *httpmsg.Request, h *head) Reason {
	i := bytes.Index(b, []byte("://"))
	if i < 0 || !httpmsg.EqualFold(text(b[:i]), p.scheme) {
		return ReasonTarget
	}
	b = b[i+3:]
	end := len(b)
	if i := bytes.IndexAny(b, "/?"); i >= 0 {
		end = i
	}
	host := text(b[:end])
	if !validHost(host) { // user information among it (RFC 9110 4.2.4)
		return ReasonTarget
	}
	h.absolute = true
	rq.Host = host
	switch b = b[end:]; {
	case len(b) == 0:
		rq.Path, rq.Query = "/", ""
		if rq.Method == "OPTIONS" {
			rq.Path = "*" // RFC 9112 3.2.4
		}
		return ReasonNone
	case b[0] == '?':
		rq.Path, rq.Query = "/", text(b[1:])
		return ReasonNone
	}
	return origin(b, rq)
}

// validHost takes a name or an address with a port or without. It is stricter
// than RFC 3986: sub-delims and escapes, which no resolvable name has, are
// refused; the underscore is let through.
func validHost(s string) bool {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		a, err := netip.ParseAddr(s[1:end])
		if err != nil || !a.Is6() || a.Zone() != "" {
			return false
		}
		if rest := s[end+1:]; rest != "" {
			return rest[0] == ':' && validPort(rest[1:])
		}
		return true
	}
	if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	if host == "" || len(host) > 255 {
		return false
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		if c|0x20-'a' >= 26 && !digit(c) && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return validPort(port)
}

// validPort: the port may be empty after its colon (RFC 3986 3.2.3).
func validPort(s string) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		if !digit(s[i]) || i == 5 {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 65535
}
