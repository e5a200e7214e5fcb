// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
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
	if !httpspec.ValidEscapes(text(path)) {
		return ReasonTarget
	}
	rq.Path, rq.Query = text(path), text(query)
	return ReasonNone
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
	if !httpspec.ValidAuthority(host) { // user information among it (RFC 9110 4.2.4)
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
