// SPDX-License-Identifier: Apache-2.0

package mux

import (
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// Head makes a request of the fields of one block, and judges it by RFC 9113
// 8.2 and 8.3, or RFC 9114 4.2 and 4.3, which say the same. What is malformed
// is refused, never repaired. Limits are to be set; Reset readies it for each
// block, Field takes the fields, Finish judges the whole.
type Head struct {
	rq      *httpmsg.Request // nil: a block that is only decoded (trailers)
	Limits  engine.Limits
	Connect bool // extended CONNECT is on (RFC 8441)

	Bad    string // why the message is malformed; "": it is not
	Status int    // of an answer that refuses a well-formed head; 0: none

	Priority string // of the field, "": there is none
	Protocol string // of extended CONNECT
	Length   int64  // content-length, -1: not told
	Expect   bool   // 100-continue

	seen    uint16 // pseudo-fields, a bit each kind
	regular bool   // a field that is no pseudo-field was seen
	size    int
	fields  int

	authority, host, path string

	hosts  int
	cookie int // place of the cookie field in the header, -1: none
	crumbs []string
	joined []byte
}

// Reset readies h for a block. With rq nil it takes any fields but pseudo-fields.
func (h *Head) Reset(rq *httpmsg.Request) {
	clear(h.crumbs)
	*h = Head{
		rq: rq, Limits: h.Limits, Connect: h.Connect, Length: -1, cookie: -1,
		crumbs: h.crumbs[:0], joined: h.joined[:0],
	}
	if rq != nil {
		fields := rq.Header
		fields.Reset()
		*rq = httpmsg.Request{Header: fields}
	}
}

// Field takes one field of the block.
func (h *Head) Field(e *Field) {
	// As CloudFront counts: the texts, and what HTTP/1.1 would put around them.
	h.size += len(e.Name) + len(e.Value) + 4
	h.fields++
	switch {
	case h.Bad != "":
		return
	case e.Kind == KindBad:
		h.Bad = "a field name is no lower-case token"
		return
	case e.Kind == KindConnection:
		h.Bad = "a connection-specific field"
		return
	case !e.Clean:
		h.Bad = "a field value has control bytes or white space around it"
		return
	case e.Kind >= KindMethod && e.Kind <= KindProtocol:
		h.pseudo(e)
		return
	}
	h.regular = true
	if h.rq == nil || h.size > h.Limits.Head || h.fields > h.Limits.Fields {
		if h.rq != nil {
			h.refuse(http.StatusRequestHeaderFieldsTooLarge)
		}
		return
	}
	if e.Kind != KindPlain {
		h.special(e)
		return
	}
	h.rq.Header.Add(e.Name, e.Value)
}

func (h *Head) refuse(status int) {
	if h.Status == 0 {
		h.Status = status
	}
}

// pseudo takes a pseudo-field: once each, before all others, none in trailers.
func (h *Head) pseudo(e *Field) {
	bit := uint16(1) << e.Kind
	switch {
	case h.rq == nil:
		h.Bad = "a pseudo-field in trailers"
	case h.regular:
		h.Bad = "a pseudo-field after other fields"
	case h.seen&bit != 0:
		h.Bad = "a pseudo-field twice"
	}
	h.seen |= bit
	if h.Bad != "" {
		return
	}
	switch e.Kind {
	case KindMethod:
		h.rq.Method = e.Value
	case KindScheme:
		h.rq.Scheme = e.Value
	case KindAuthority:
		h.authority = e.Value
	case KindPath:
		h.path = e.Value
	default:
		h.Protocol = e.Value
		h.rq.Header.Add(e.Name, e.Value)
	}
}

// special takes a field that the engine itself understands.
func (h *Head) special(e *Field) {
	switch e.Kind {
	case KindHost:
		h.host = e.Value
		h.hosts++
		return // stands in Request.Host
	case KindLength:
		n, ok := httpspec.ContentLength(e.Value)
		if !ok || h.Length >= 0 && h.Length != n {
			h.Bad = "content-length is no number, or two of them"
		}
		h.Length = n
		return // stands in Request.ContentLength
	case KindTE:
		if !httpmsg.EqualFold(e.Value, "trailers") {
			h.Bad = "te is something else than trailers"
		}
	case KindExpect:
		if httpmsg.EqualFold(e.Value, "100-continue") {
			h.Expect = true
			return // the engine answers it
		}
	case KindPriority:
		h.Priority = e.Value
	case KindCookie:
		if h.cookie >= 0 { // RFC 9113 8.2.3: crumbs of one field
			h.crumbs = append(h.crumbs, e.Value)
			return
		}
		h.cookie = h.rq.Header.Len()
	}
	h.rq.Header.Add(e.Name, e.Value)
}

// Finish judges the head as a whole and completes the request. end tells that
// no body follows.
func (h *Head) Finish(end bool) {
	const needed = 1<<KindMethod | 1<<KindScheme | 1<<KindPath
	rq := h.rq
	switch {
	case h.Bad != "":
		return
	case h.seen&(1<<KindMethod) == 0 || !httpspec.ValidName(rq.Method):
		h.Bad = "no method, or none that is a token"
	case h.seen&(1<<KindProtocol) != 0 && (!h.Connect || rq.Method != http.MethodConnect):
		h.Bad = "extended CONNECT is not on"
	case rq.Method == http.MethodConnect && h.Protocol == "":
		h.connectOnly()
		return
	case h.seen&needed != needed:
		h.Bad = ":scheme or :path is missing"
	case rq.Scheme != "http" && rq.Scheme != "https":
		h.Bad = ":scheme is neither http nor https"
	case end && h.Length > 0:
		h.Bad = "content-length without a body"
	default:
		h.setHost()
		h.setPath()
		h.joinCrumbs()
	}
	rq.ContentLength = h.Length
	if end {
		rq.ContentLength = 0
	}
}

// connectOnly judges a CONNECT request (RFC 9113 8.5): a server of a cache
// makes no tunnels.
func (h *Head) connectOnly() {
	if h.seen&(1<<KindScheme|1<<KindPath) != 0 || h.authority == "" {
		h.Bad = "CONNECT with :scheme or :path, or without :authority"
		return
	}
	h.refuse(http.StatusMethodNotAllowed)
}

// setHost makes :authority and Host agree (RFC 9113 8.3.1).
func (h *Head) setHost() {
	host := h.authority
	switch {
	case h.hosts > 1:
		h.Bad = "host twice"
	case h.hosts == 1 && h.seen&(1<<KindAuthority) != 0 && !httpmsg.EqualFold(h.host, h.authority):
		h.Bad = ":authority and host differ"
	case h.seen&(1<<KindAuthority) == 0:
		host = h.host
	}
	switch {
	case host == "":
		h.refuse(http.StatusBadRequest) // RFC 9110 7.2
	case !httpspec.ValidAuthority(host):
		h.Bad = "an authority that is no host and port"
	}
	h.rq.Host = host
}

// setPath takes :path apart. What no origin of HTTP/1 could be asked for is
// answered as there.
func (h *Head) setPath() {
	p := h.path
	ascii := true
	for i := 0; i < len(p); i++ {
		if c := p[i]; c <= ' ' || c == 0x7f || c == '#' {
			h.Bad = ":path has bytes that no path has"
			return
		} else if c > 0x7f {
			ascii = false
		}
	}
	switch {
	case p == "*" && h.rq.Method == http.MethodOptions:
	case p == "" || p[0] != '/':
		h.Bad = ":path does not begin with a slash"
		return
	case len(p) > h.Limits.Target:
		h.Status = http.StatusRequestURITooLong
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
func (h *Head) joinCrumbs() {
	if len(h.crumbs) == 0 {
		return
	}
	f := &h.rq.Header.Fields()[h.cookie]
	h.joined = append(h.joined, f.Value...)
	for _, crumb := range h.crumbs {
		h.joined = append(append(h.joined, "; "...), crumb...)
	}
	f.Value = View(h.joined)
}
