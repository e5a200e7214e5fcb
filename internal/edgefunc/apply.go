// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"strings"

	"github.com/dop251/goja"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// applyRequest reads the request that a function handed back, judges all of
// it, and only then changes rq.
func (e *exchange) applyRequest(o *goja.Object, rq *httpmsg.Request) (changed bool, err error) {
	get := func(name string) goja.Value { return e.request.peek(o, name) }
	if v := get("method"); v != untouched {
		if method, ok := textOf(v); !ok || method != e.method {
			return false, invalid("request.method is read-only")
		}
	}
	uri, ok := e.uri, true
	if v := get("uri"); v != untouched {
		uri, ok = textOf(v)
	}
	switch {
	case !ok:
		return false, invalid("request.uri is not a string")
	case !strings.HasPrefix(uri, "/") && uri != e.uri:
		return false, invalid("request.uri %q does not begin with /", clip(uri, 60))
	}
	headers, _, err := e.headers.changes(get("headers"), "request.headers")
	if err != nil {
		return false, err
	}
	if err := checkHeaders(headers, true, false); err != nil {
		return false, err
	}
	cookies, cookieOrder, err := e.cookies.changes(get("cookies"), "request.cookies")
	if err != nil {
		return false, err
	}
	if err := checkCookies(cookies); err != nil {
		return false, err
	}
	query, err := e.newQueryString(get("querystring"), rq.Query)
	if err != nil {
		return false, err
	}
	path := rq.Path
	if uri != e.uri {
		path = escapePath(uri)
	}
	if len(path)+1+len(query) > maxURI && (path != rq.Path || query != rq.Query) {
		return false, invalid("the URI has %d characters with its query string; CloudFront allows %d", len(path)+1+len(query), maxURI)
	}
	changed = path != rq.Path || query != rq.Query || len(headers)+len(cookies) > 0
	rq.Path, rq.Query = path, query
	applyHeaders(headers, &rq.Header)
	if len(cookies) > 0 {
		if field := newCookie(rq.Header.Join("Cookie"), cookies, cookieOrder); field == "" {
			rq.Header.Del("Cookie")
		} else {
			rq.Header.Set("Cookie", field)
		}
	}
	return changed, nil
}

// newQueryString is the query string that the function left: that of the object,
// or a text that it put in its place, which the guide does not tell of and AWS's
// own examples do (aws-samples/amazon-cloudfront-functions).
func (e *exchange) newQueryString(v goja.Value, old string) (string, error) {
	if text, ok := textOf(v); ok {
		if badQuery(text) {
			return "", invalid("request.querystring has spaces, control characters or #")
		}
		return text, nil
	}
	params, order, err := e.query.changes(v, "request.querystring")
	if err == nil {
		err = checkQuery(params)
	}
	if err != nil || len(params) == 0 {
		return old, err
	}
	return newQuery(old, params, order), nil
}

// newQuery writes the query string anew; what was not touched stays as sent.
func newQuery(old string, changes []change, order []string) string {
	var b strings.Builder
	and := func(s string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(s)
	}
	merge{
		changes: changes, order: order,
		each: func(visit func(name, raw string)) {
			for n, _, raw, rest, ok := httpspec.NextParam(old); ok; n, _, raw, rest, ok = httpspec.NextParam(rest) {
				visit(utf8Text(n), raw)
			}
		},
		keep: and,
		put: func(name string, it item) {
			and(name)
			b.WriteByte('=')
			b.WriteString(it.value)
		},
	}.run()
	return b.String()
}

// newCookie writes the Cookie field anew.
func newCookie(old string, changes []change, order []string) string {
	var b strings.Builder
	and := func(name, value string) {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		if name != "" {
			b.WriteString(name)
			b.WriteByte('=')
		}
		b.WriteString(value)
	}
	merge{
		changes: changes, order: order,
		each: func(visit func(name, raw string)) {
			for n, v, rest, ok := httpspec.NextCookie(old); ok; n, v, rest, ok = httpspec.NextCookie(rest) {
				raw := v
				if n != "" {
					raw = n + "=" + v
				}
				visit(utf8Text(n), raw)
			}
		},
		keep: func(raw string) { and("", raw) },
		put:  func(name string, it item) { and(name, it.value) },
	}.run()
	return b.String()
}

// applyHeaders changes the fields of a message.
func applyHeaders(changes []change, h *httpmsg.Header) {
	for _, c := range changes {
		switch {
		case len(c.was) == 1 && len(c.items) == 1:
			h.Set(c.name, c.items[0].value) // keeps the case that it came in
		default:
			h.Del(c.name)
			for _, it := range c.items {
				h.Add(canonical(c.name), it.value)
			}
		}
	}
}

// applySetCookies writes the Set-Cookie fields anew.
func applySetCookies(changes []change, order []string, h *httpmsg.Header) {
	var fields []string
	merge{
		changes: changes, order: order,
		each: func(visit func(name, raw string)) {
			for _, f := range h.Fields() {
				if httpmsg.EqualFold(f.Name, "Set-Cookie") {
					n, _, _ := httpspec.ParseSetCookie(utf8Text(f.Value))
					visit(n, f.Value)
				}
			}
		},
		keep: func(raw string) { fields = append(fields, raw) },
		put:  func(name string, it item) { fields = append(fields, setCookie(name, it)) },
	}.run()
	h.Del("Set-Cookie")
	for _, f := range fields {
		h.Add("Set-Cookie", f)
	}
}

func setCookie(name string, it item) string {
	s := name + "=" + it.value
	if it.attributes != "" {
		s += "; " + it.attributes
	}
	return s
}
