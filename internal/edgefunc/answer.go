// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"encoding/base64"
	"io"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/httpmsg"
)

const (
	maxBody       = 2 << 20 // a function has 2 MB of memory
	maxAnswerHead = 20480   // of all headers and cookies of an answer
	lowestStatus  = 200
	highestStatus = 599
)

// empty is the source of an answer that a function makes itself.
type empty struct{}

func (empty) lookup(string) []item { return nil }
func (empty) names(func(string))   {}

// answer reads the response that a function made at viewer-request.
func (e *exchange) answer(o *goja.Object) (*httpmsg.Response, error) {
	rs := &httpmsg.Response{}
	status, err := e.statusOf(o)
	if err != nil {
		return nil, err
	}
	rs.Status = status
	headers, _, err := (&bag{m: e.m, src: empty{}}).changes(o.Get("headers"), "response.headers")
	if err != nil {
		return nil, err
	}
	headers = slices.DeleteFunc(headers, func(c change) bool { return c.name == "content-length" })
	if err := checkHeaders(headers, false, true); err != nil {
		return nil, err
	}
	cookies, order, err := (&bag{m: e.m, src: empty{}}).changes(o.Get("cookies"), "response.cookies")
	if err != nil {
		return nil, err
	}
	if err := checkCookies(cookies); err != nil {
		return nil, err
	}
	body, _, err := bodyOf(o)
	if err != nil {
		return nil, err
	}
	applyHeaders(headers, &rs.Header)
	applySetCookies(cookies, order, &rs.Header)
	if err := checkHead(&rs.Header); err != nil {
		return nil, err
	}
	setBody(rs, body)
	return rs, nil
}

// applyResponse reads the response that a function handed back at
// viewer-response, judges it, and then changes rs.
//
// content-length is the edge's own business: it is shown, and what the
// function writes there is ignored, for it could only be wrong.
func (e *exchange) applyResponse(o *goja.Object, rs *httpmsg.Response) (changed, body bool, err error) {
	get := func(name string) goja.Value { return e.response.peek(o, name) }
	status, err := e.status, error(nil)
	if code, words := get("statusCode"), get("statusDescription"); code != untouched || words != untouched {
		status, err = e.statusOf(o)
	}
	if err != nil {
		return false, false, err
	}
	headers, _, err := e.sent.changes(get("headers"), "response.headers")
	if err != nil {
		return false, false, err
	}
	headers = slices.DeleteFunc(headers, func(c change) bool { return c.name == "content-length" })
	if err := checkHeaders(headers, false, false); err != nil {
		return false, false, err
	}
	cookies, order, err := e.setCookies.changes(get("cookies"), "response.cookies")
	if err != nil {
		return false, false, err
	}
	if err := checkCookies(cookies); err != nil {
		return false, false, err
	}
	text, replace, err := bodyOf(o)
	if err != nil {
		return false, false, err
	}
	if len(headers)+len(cookies) > 0 {
		next := httpmsg.Header{}
		for _, f := range rs.Header.Fields() {
			next.Add(f.Name, f.Value)
		}
		applyHeaders(headers, &next)
		if len(cookies) > 0 {
			applySetCookies(cookies, order, &next)
		}
		if err := checkHead(&next); err != nil {
			return false, false, err
		}
		rs.Header = next
	}
	changed = status != rs.Status || len(headers)+len(cookies) > 0 || replace
	rs.Status = status
	if replace {
		if rs.Body != nil {
			_ = rs.Body.Close()
		}
		setBody(rs, text)
	}
	return changed, replace, nil
}

func setBody(rs *httpmsg.Response, body string) {
	rs.Body, rs.ContentLength = nil, int64(len(body))
	if body != "" {
		rs.Body = io.NopCloser(strings.NewReader(body))
	}
}

// statusOf reads statusCode, an integer and not a string, and checks
// statusDescription, which HTTP/2 and HTTP/3 do not have and nobody needs.
func (e *exchange) statusOf(o *goja.Object) (int, error) {
	v := o.Get("statusCode")
	if v == nil {
		return 0, invalid("response.statusCode is missing")
	}
	n := 0
	switch x := v.Export().(type) {
	case int64:
		n = int(x)
	case float64:
		n = int(x)
		if float64(n) != x {
			return 0, invalid("response.statusCode is not an integer")
		}
	default:
		return 0, invalid("response.statusCode is not an integer")
	}
	if n < lowestStatus || n > highestStatus {
		return 0, invalid("response.statusCode %d is not between %d and %d", n, lowestStatus, highestStatus)
	}
	if d := o.Get("statusDescription"); d != nil && !goja.IsUndefined(d) && !goja.IsNull(d) {
		words, ok := textOf(d)
		if !ok {
			return 0, invalid("response.statusDescription is not a string")
		}
		e.m.words = strings.Clone(words)
	}
	return n, nil
}

// bodyOf reads body: a string, or {encoding: text or base64, data}. set is
// false when there is none, and the body that was there stays.
func bodyOf(o *goja.Object) (body string, set bool, err error) {
	v := o.Get("body")
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return "", false, nil
	}
	encoding := "text"
	if b, ok := v.(*goja.Object); ok {
		if enc := b.Get("encoding"); enc != nil && !goja.IsUndefined(enc) {
			if encoding, ok = textOf(enc); !ok {
				return "", false, invalid("response.body.encoding is not a string")
			}
		}
		v = b.Get("data")
	}
	body, ok := textOf(v)
	switch {
	case !ok:
		return "", false, invalid("response.body is neither a string nor an object with data")
	case encoding == "base64":
		raw, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			return "", false, invalid("response.body.data is not valid base64")
		}
		body = string(raw)
	case encoding != "text":
		return "", false, invalid("response.body.encoding %q is neither text nor base64", clip(encoding, 20))
	}
	if len(body) > maxBody {
		return "", false, invalid("response.body has %d bytes; a function has %d of memory", len(body), maxBody)
	}
	return body, true, nil
}

func checkHead(h *httpmsg.Header) error {
	n := 0
	for _, f := range h.Fields() {
		n += len(f.Name) + len(f.Value) + 4
	}
	if n > maxAnswerHead {
		return invalid("the headers of the response have %d bytes; CloudFront allows %d", n, maxAnswerHead)
	}
	return nil
}
