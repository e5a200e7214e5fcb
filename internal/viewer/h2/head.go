// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// head makes a request of the fields of one block, and judges it by RFC 9113
// 8.2 and 8.3. What is malformed is refused, never repaired.
type head struct {
	rq      *httpmsg.Request // nil: a block that is only decoded (trailers)
	limits  engine.Limits
	connect bool // extended CONNECT is on (RFC 8441)

	bad    string // why the message is malformed; "": it is not
	status int    // of an answer that refuses a well-formed head; 0: none

	seen    uint16 // pseudo-fields, a bit each kind
	regular bool   // a field that is no pseudo-field was seen
	size    int
	fields  int

	authority, host, path, protocol, priority string

	hosts  int
	length int64 // content-length, -1: not told
	expect bool  // 100-continue
	cookie int   // place of the cookie field in the header, -1: none
	crumbs []string
	joined []byte
}

// reset readies h for a block. With rq nil it takes any fields but pseudo-fields.
func (h *head) reset(rq *httpmsg.Request) {
	clear(h.crumbs)
	*h = head{
		rq: rq, limits: h.limits, connect: h.connect, length: -1, cookie: -1,
		crumbs: h.crumbs[:0], joined: h.joined[:0],
	}
	if rq != nil {
		fields := rq.Header
		fields.Reset()
		*rq = httpmsg.Request{Header: fields}
	}
}

// field takes one field of the block.
func (h *head) field(e *entry) {
	// As CloudFront counts: the texts, and what HTTP/1.1 would put around them.
	h.size += len(e.name) + len(e.value) + 4
	h.fields++
	switch {
	case h.bad != "":
		return
	case e.kind == kindBad:
		h.bad = "a field name is no lower-case token"
		return
	case e.kind == kindConnection:
		h.bad = "a connection-specific field"
		return
	case !e.clean:
		h.bad = "a field value has control bytes or white space around it"
		return
	case e.kind >= kindMethod && e.kind <= kindProtocol:
		h.pseudo(e)
		return
	}
	h.regular = true
	if h.rq == nil || h.size > h.limits.Head || h.fields > h.limits.Fields {
		if h.rq != nil {
			h.refuse(http.StatusRequestHeaderFieldsTooLarge)
		}
		return
	}
	if e.kind != kindPlain {
		h.special(e)
		return
	}
	h.rq.Header.Add(e.name, e.value)
}

func (h *head) refuse(status int) {
	if h.status == 0 {
		h.status = status
	}
}

// pseudo takes a pseudo-field: once each, before all others, none in trailers.
func (h *head) pseudo(e *entry) {
	bit := uint16(1) << e.kind
	switch {
	case h.rq == nil:
		h.bad = "a pseudo-field in trailers"
	case h.regular:
		h.bad = "a pseudo-field after other fields"
	case h.seen&bit != 0:
		h.bad = "a pseudo-field twice"
	}
	h.seen |= bit
	if h.bad != "" {
		return
	}
	switch e.kind {
	case kindMethod:
		h.rq.Method = e.value
	case kindScheme:
		h.rq.Scheme = e.value
	case kindAuthority:
		h.authority = e.value
	case kindPath:
		h.path = e.value
	default:
		h.protocol = e.value
		h.rq.Header.Add(e.name, e.value)
	}
}

// special takes a field that the engine itself understands.
func (h *head) special(e *entry) {
	switch e.kind {
	case kindHost:
		h.host = e.value
		h.hosts++
		return // stands in Request.Host
	case kindLength:
		n, ok := httpspec.ContentLength(e.value)
		if !ok || h.length >= 0 && h.length != n {
			h.bad = "content-length is no number, or two of them"
		}
		h.length = n
		return // stands in Request.ContentLength
	case kindTE:
		if !httpmsg.EqualFold(e.value, "trailers") {
			h.bad = "te is something else than trailers"
		}
	case kindExpect:
		if httpmsg.EqualFold(e.value, "100-continue") {
			h.expect = true
			return // the engine answers it
		}
	case kindPriority:
		h.priority = e.value
	case kindCookie:
		if h.cookie >= 0 { // RFC 9113 8.2.3: crumbs of one field
			h.crumbs = append(h.crumbs, e.value)
			return
		}
		h.cookie = h.rq.Header.Len()
	}
	h.rq.Header.Add(e.name, e.value)
}

// finish judges the head as a whole and completes the request. end tells that
// no body follows.
func (h *head) finish(end bool) {
	const needed = 1<<kindMethod | 1<<kindScheme | 1<<kindPath
	rq := h.rq
	switch {
	case h.bad != "":
		return
	case h.seen&(1<<kindMethod) == 0 || !httpspec.ValidName(rq.Method):
		h.bad = "no method, or none that is a token"
	case h.seen&(1<<kindProtocol) != 0 && (!h.connect || rq.Method != http.MethodConnect):
		h.bad = "extended CONNECT is not on"
	case rq.Method == http.MethodConnect && h.protocol == "":
		h.connectOnly()
		return
	case h.seen&needed != needed:
		h.bad = ":scheme or :path is missing"
	case rq.Scheme != "http" && rq.Scheme != "https":
		h.bad = ":scheme is neither http nor https"
	case end && h.length > 0:
		h.bad = "content-length without a body"
	default:
		h.setHost()
		h.setPath()
		h.joinCrumbs()
	}
	rq.ContentLength = h.length
	if end {
		rq.ContentLength = 0
	}
}

// connectOnly judges a CONNECT request (RFC 9113 8.5): a server of a cache
// makes no tunnels.
func (h *head) connectOnly() {
	if h.seen&(1<<kindScheme|1<<kindPath) != 0 || h.authority == "" {
		h.bad = "CONNECT with :scheme or :path, or without :authority"
		return
	}
	h.refuse(http.StatusMethodNotAllowed)
}

// setHost makes :authority and Host agree (RFC 9113 8.3.1).
func (h *head) setHost() {
	host := h.authority
	switch {
	case h.hosts > 1:
		h.bad = "host twice"
	case h.hosts == 1 && h.seen&(1<<kindAuthority) != 0 && !httpmsg.EqualFold(h.host, h.authority):
		h.bad = ":authority and host differ"
	case h.seen&(1<<kindAuthority) == 0:
		host = h.host
	}
	switch {
	case host == "":
		h.refuse(http.StatusBadRequest) // RFC 9110 7.2
	case !httpspec.ValidAuthority(host):
		h.bad = "an authority that is no host and port"
	}
	h.rq.Host = host
}

// setPath takes :path apart. What no origin of HTTP/1 could be asked for is
// answered as there.
func (h *head) setPath() {
	p := h.path
	ascii := true
	for i := 0; i < len(p); i++ {
		if c := p[i]; c <= ' ' || c == 0x7f || c == '#' {
			h.bad = ":path has bytes that no path has"
			return
		} else if c > 0x7f {
			ascii = false
		}
	}
	switch {
	case p == "*" && h.rq.Method == http.MethodOptions:
	case p == "" || p[0] != '/':
		h.bad = ":path does not begin with a slash"
		return
	case len(p) > h.limits.Target:
		h.status = http.StatusRequestURITooLong
	}
	h.rq.Path, h.rq.Query = p, ""
	if i := strings.IndexByte(p, '?'); i >= 0 {
		h.rq.Path, h.rq.Query = p[:i], p[i+1:]
	}
	if !ascii || !httpspec.ValidEscapes(h.rq.Path) {
		h.refuse(http.StatusBadRequest)
	}
}

// joinCrumbs makes one cookie field of several.
func (h *head) joinCrumbs() {
	if len(h.crumbs) == 0 {
		return
	}
	f := &h.rq.Header.Fields()[h.cookie]
	h.joined = append(h.joined, f.Value...)
	for _, crumb := range h.crumbs {
		h.joined = append(append(h.joined, "; "...), crumb...)
	}
	f.Value = view(h.joined)
}
