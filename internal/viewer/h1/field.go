// SPDX-License-Identifier: Apache-2.0

package h1

import (
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
			h.options.Add(value)
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
	n, ok := httpspec.Digits(value)
	if h.lengths > 1 || !ok {
		return ReasonLength
	}
	h.length = n
	return ReasonNone
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
		h.options.Close = h.options.Close || !h.options.KeepAlive
	}
	h.expect = h.expect && h.length != 0
	return ReasonNone
}
