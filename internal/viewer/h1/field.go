// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// field takes one line of a head. Host, Content-Length and Transfer-Encoding
// stand in the Request itself and not in its Header; all others go there as
// they were sent, in order.
func field(line []byte, rq *httpmsg.Request, h *head) Reason {
	nb, vb, why := split(line)
	if why != ReasonNone {
		return why
	}
	name, value := text(nb), text(vb)
	switch len(name) {
	case len("Host"):
		if httpmsg.EqualFold(name, "Host") {
			return hostField(value, rq, h)
		}
	case len("Expect"):
		if httpmsg.EqualFold(name, "Expect") {
			if !httpmsg.EqualFold(value, "100-continue") {
				return ReasonExpect
			}
			h.expect = true
		}
	case len("Connection"):
		if httpmsg.EqualFold(name, "Connection") {
			connectionField(value, h)
		}
	case len("Content-Length"):
		if httpmsg.EqualFold(name, "Content-Length") {
			return lengthField(value, h)
		}
	case len("Transfer-Encoding"):
		if httpmsg.EqualFold(name, "Transfer-Encoding") {
			h.codings++
			h.chunked = httpmsg.EqualFold(value, "chunked")
			return ReasonNone
		}
	}
	rq.Header.Add(name, value)
	return ReasonNone
}

func hostField(value string, rq *httpmsg.Request, h *head) Reason {
	h.hosts++
	if h.hosts > 1 || value != "" && !httpspec.ValidAuthority(value) {
		return ReasonHost
	}
	if value == "" && rq.Proto == httpmsg.HTTP11 {
		return ReasonHost // an http URI has a host (RFC 9110 4.2.1)
	}
	if !h.absolute { // RFC 9112 3.2.2: the target's authority wins
		rq.Host = value
	}
	return ReasonNone
}

// lengthField reads a Content-Length: digits, once. A list of equal numbers,
// which RFC 9110 8.6 lets a recipient repair, is refused.
func lengthField(value string, h *head) Reason {
	h.lengths++
	if h.lengths > 1 || value == "" || len(value) > 18 {
		return ReasonLength
	}
	h.length = 0
	for i := 0; i < len(value); i++ {
		if !digit(value[i]) {
			return ReasonLength
		}
		h.length = h.length*10 + int64(value[i]-'0')
	}
	return ReasonNone
}

func connectionField(value string, h *head) {
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

// close judges what the fields mean together and sets what is left of rq.
func (p parser) close(rq *httpmsg.Request, h *head) Reason {
	old := rq.Proto == httpmsg.HTTP10
	switch {
	case h.codings > 0 && h.lengths > 0:
		return ReasonFraming
	case h.codings > 1, h.codings == 1 && (!h.chunked || old):
		return ReasonCoding
	case h.hosts == 0 && !old:
		return ReasonHost
	case h.hosts == 0 && !h.absolute:
		rq.Host = ""
	}
	if h.codings == 1 {
		h.length = -1
	}
	rq.ContentLength = h.length
	rq.Scheme = p.scheme
	if old {
		h.expect = false // RFC 9110 10.1.1
		h.close = h.close || !h.keepAlive
	}
	h.expect = h.expect && h.length != 0
	return ReasonNone
}
