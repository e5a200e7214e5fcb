// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
)

// field takes one field. Content-Length and Transfer-Encoding stand in h and
// not in rs.Header; all others go there as they were sent, in order.
func (h *head) field(name, value string, rs *httpmsg.Response) Why {
	switch len(name) {
	case len("Connection"):
		if httpmsg.EqualFold(name, "Connection") {
			h.connection(value)
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
	if h.length >= 0 || value == "" || len(value) > 18 {
		return FaultLength
	}
	n := int64(0)
	for i := 0; i < len(value); i++ {
		d := value[i] - '0'
		if d > 9 {
			return FaultLength
		}
		n = n*10 + int64(d)
	}
	h.length = n
	return FaultNone
}

func (h *head) connection(value string) {
	for value != "" {
		var item string
		item, value, _ = strings.Cut(value, ",")
		item = strings.Trim(item, " \t")
		switch len(item) {
		case len("close"):
			h.close = h.close || httpmsg.EqualFold(item, "close")
		case len("upgrade"):
			h.upgrade = h.upgrade || httpmsg.EqualFold(item, "upgrade")
		case len("keep-alive"):
			h.keepAlive = h.keepAlive || httpmsg.EqualFold(item, "keep-alive")
		}
	}
}

// persists tells whether the origin lets the connection go on (RFC 9112 9.3).
func (h *head) persists() bool { return !h.close && (!h.old || h.keepAlive) }

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
