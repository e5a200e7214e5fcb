// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"bytes"
	"io"
	"strings"

	"github.com/forelane/forelane/internal/edgerule"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// maxRequestHead bounds the fields of a request that a function returns, as
// those of viewers are bounded (row C4).
const maxRequestHead = 32 << 10

// applyRequest judges all of a request that a function handed back, and only
// then changes the message.
func (f *Function) applyRequest(out *Outcome, m members, sent *request, x exchange) error {
	r := reader{m, "request", nil}
	uri, method, query, client := r.must("uri"), r.must("method"), r.text("querystring"), r.text("clientIp")
	if !m.has("headers") {
		r.fail("request.headers is missing")
	}
	fields := r.headers("headers")
	if r.err != nil {
		return r.err
	}
	switch {
	case method != sent.Method:
		return invalid("request.method is read-only")
	case m.has("clientIp") && client != sent.ClientIP:
		return invalid("request.clientIp is read-only")
	}
	path, search, err := targetOf(uri, query, sent, x.rq)
	if err != nil {
		return err
	}
	changes := changesOf(sent.Headers, fields)
	if err := f.checkChanges(changes); err != nil {
		return err
	}
	data, replaced, err := f.replacement(m.get("body"), method)
	if err != nil {
		return err
	}
	to, err := readOrigin(m.get("origin"), sent.Origin, x.call.Origin)
	if err != nil {
		return err
	}
	if err := checkBoth(to, changes); err != nil {
		return err
	}
	head := x.rq.Header.Clone()
	host := applyHeaders(&head, changes, x.rq.Host)
	if n := headSize(&head); n > maxRequestHead {
		return invalid("the headers of the request have %d bytes; it has at most %d", n, maxRequestHead)
	}
	out.Changed = len(changes) > 0 || replaced || to != nil || path != x.rq.Path || search != x.rq.Query
	out.Origin = to
	if host == "" { // the function took it off
		if host = x.rq.Host; x.call.Origin != nil {
			host = or(to, x.call.Origin).DomainName
		}
	}
	x.rq.Path, x.rq.Query, x.rq.Header, x.rq.Host = path, search, head, host
	if replaced {
		setRequestBody(x.rq, data)
	}
	return nil
}

// targetOf is path and query string as the function left them.
func targetOf(uri, query string, sent *request, rq *httpmsg.Request) (path, search string, err error) {
	path, search = rq.Path, rq.Query
	if uri != sent.URI {
		if !strings.HasPrefix(uri, "/") {
			return "", "", invalid("request.uri %q does not begin with /", clip(uri))
		}
		path = edgerule.EscapePath(uri)
	}
	if query != sent.QueryString {
		if edgerule.BadQuery(query) {
			return "", "", invalid("request.querystring has spaces, control characters or #")
		}
		search = query
	}
	if n := len(path) + 1 + len(search); n > edgerule.MaxURI && (path != rq.Path || search != rq.Query) {
		return "", "", invalid("the URI has %d characters with its query string; CloudFront allows %d", n, edgerule.MaxURI)
	}
	return path, search, nil
}

// checkBoth refuses a field that the function put into the request's headers
// and into the origin's.
func checkBoth(to *model.Origin, changes []change) error {
	if to == nil {
		return nil
	}
	for _, c := range changes {
		for _, h := range to.Headers {
			if len(c.now) > 0 && strings.EqualFold(h.Name, c.name) {
				return invalid("header %s is in request.headers and in the origin's customHeaders", c.name)
			}
		}
	}
	return nil
}

// applyHeaders changes fields. The host, which stands beside them, is returned.
func applyHeaders(h *httpmsg.Header, changes []change, host string) string {
	for _, c := range changes {
		switch {
		case c.name == "host":
			if host = ""; len(c.now) > 0 {
				host = c.now[0].Value
			}
		case c.name == "content-length": // it stands beside them, too, and is ours to know
		case len(c.was) == 1 && len(c.now) == 1 && (c.now[0].Key == "" || c.now[0].Key == c.was[0].Key) && c.name != "cookie":
			h.Set(c.name, c.now[0].Value)
		default:
			h.Del(c.name)
			for _, p := range c.now {
				h.Add(or(p.Key, edgerule.Canonical(c.name)), p.Value)
			}
		}
	}
	return host
}

func setRequestBody(rq *httpmsg.Request, data []byte) {
	rq.Body, rq.ContentLength = nil, int64(len(data))
	if len(data) > 0 {
		rq.Body = io.NopCloser(bytes.NewReader(data))
	}
}

func headSize(h *httpmsg.Header) int {
	n := 0
	for _, f := range h.Fields() {
		n += len(f.Name) + len(f.Value) + len(": \r\n")
	}
	return n
}

// applyResponse judges all of a response that a function handed back, and only
// then changes rs.
func (f *Function) applyResponse(out *Outcome, m members, sent *response, rs *httpmsg.Response) error {
	r := reader{m, "response", nil}
	if !m.has("headers") {
		r.fail("response.headers is missing")
	}
	fields := r.headers("headers")
	if r.err != nil {
		return r.err
	}
	status, err := statusOf(m)
	if err != nil {
		return err
	}
	if f.event == model.ViewerResponse && status != rs.Status {
		return invalid("response.status cannot be changed at viewer-response")
	}
	changes := changesOf(sent.Headers, fields)
	if err := f.checkChanges(changes); err != nil {
		return err
	}
	data, replaced, err := responseBody(m)
	if err != nil {
		return err
	}
	head := rs.Header.Clone()
	applyHeaders(&head, changes, "")
	if err := f.checkSize(&head, data, status); err != nil {
		return err
	}
	out.Changed, out.Body = len(changes) > 0 || replaced || status != rs.Status, replaced
	rs.Status, rs.Header = status, head
	if replaced {
		if rs.Body != nil {
			_ = rs.Body.Close() // nobody reads it any more
		}
		setResponseBody(rs, data)
	}
	return nil
}

func setResponseBody(rs *httpmsg.Response, data []byte) {
	rs.Body, rs.ContentLength = nil, int64(len(data))
	if len(data) > 0 {
		rs.Body = io.NopCloser(bytes.NewReader(data))
	}
}
