// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// field takes one field. Content-Length and Transfer-Encoding stand in h and
// not in rs.Header; all others go there as they were sent, in order.
func (h *head) field(name, value string, rs *httpmsg.Response) Why {
	switch len(name) {
	case len("Connection"):
		if httpmsg.EqualFold(name, "Connection") {
			h.options.Add(value)
		}
	case len("Content-Length"):
		if httpmsg.EqualFold(name, "Content-Length") {
			return h.contentLength(value)
		}
	case len("Transfer-Encoding"):
		if httpmsg.EqualFold(name, "Transfer-Encoding") {
			h.codings++
			h.chunked = httpmsg.EqualFold(value, "chunked")
			return FaultNone
		}
	}
	rs.Header.Add(name, value)
	return FaultNone
}

// contentLength reads digits, once. A list of equal numbers, which RFC 9110 8.6
// lets a recipient repair, is refused.
func (h *head) contentLength(value string) Why {
	n, ok := httpspec.Digits(value)
	if h.length >= 0 || !ok {
		return FaultLength
	}
	h.length = n
	return FaultNone
}

// persists tells whether the origin lets the connection go on (RFC 9112 9.3).
func (h *head) persists() bool { return !h.options.Close && (!h.old || h.options.KeepAlive) }

// mode is how an answer's body ends.
type mode uint8

const (
	modeNone mode = iota
	modeCounted
	modeChunked
	modeUntilClose
)

// frame decides how the body ends (RFC 9112 6.3) and sets rs.ContentLength: of
// an answer to HEAD it is the length that a GET would have.
func (h *head) frame(method string, rs *httpmsg.Response) mode {
	switch {
	case rs.Status < 200 || rs.Status == 204 || rs.Status == 304:
		rs.ContentLength = 0
		return modeNone
	case method == "HEAD":
		rs.ContentLength = h.length
		return modeNone
	case h.chunked:
		rs.ContentLength = -1
		return modeChunked
	case h.length > 0:
		rs.ContentLength = h.length
		return modeCounted
	case h.length == 0:
		rs.ContentLength = 0
		return modeNone
	}
	rs.ContentLength = -1
	return modeUntilClose
}
