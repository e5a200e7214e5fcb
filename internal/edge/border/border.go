// SPDX-License-Identifier: Apache-2.0

// Package border is where requests of the edge cross over to net/http: the planes of
// this process (gateway, bucket, function URL) are asked by http.RoundTripper.
//
// The flow: RoundTrip makes an http.Request of a request, with memory of its own,
// asks, and reads the head of the answer back. Interim answers are told while it
// asks, and not when it has returned.
//
// What it does not do: it changes neither fields nor paths, and follows nothing.
//
// Concurrency: RoundTrip may be called by many at once.
package border

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/httpmsg"
)

// RoundTrip sends rq by rt and reads the head of the answer into rs, whose Body is
// to be closed. interim takes answers of 1xx before the final one, one at a time;
// nil: nobody wants to know.
func RoundTrip(ctx context.Context, rt http.RoundTripper, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error {
	hr := request(ctx, rq)
	if interim != nil {
		told := &teller{to: interim}
		defer told.end()
		hr = hr.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: told.tell}))
	}
	in, err := rt.RoundTrip(hr)
	if err != nil {
		return err
	}
	rs.Status, rs.ContentLength, rs.Body = in.StatusCode, in.ContentLength, in.Body
	if rq.Method == http.MethodHead { // a plane may say it in the field alone
		if n, err := strconv.ParseInt(in.Header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
			rs.ContentLength = n
		}
	}
	fromHTTP(&rs.Header, in.Header)
	return nil
}

// teller passes interim answers on while a fetch is under way: the transport calls
// from a goroutine of its own, while that of the request waits for it.
type teller struct {
	mu sync.Mutex
	to func(*httpmsg.Response) // nil as soon as the fetch is over
}

func (t *teller) tell(code int, header textproto.MIMEHeader) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to == nil {
		return nil
	}
	rs := httpmsg.Response{Status: code}
	fromHTTP(&rs.Header, http.Header(header))
	t.to(&rs)
	return nil
}

func (t *teller) end() {
	t.mu.Lock()
	t.to = nil
	t.mu.Unlock()
}

// fromHTTP appends fields sorted by name, for net/http keeps no order.
func fromHTTP(to *httpmsg.Header, from http.Header) {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		shown := name
		switch name {
		case "Content-Length", "Transfer-Encoding":
			continue
		case "Etag": // the spelling of RFC 9110, which net/http changes
			shown = "ETag"
		}
		for _, v := range from[name] {
			to.Add(shown, v)
		}
	}
}

// request is rq for net/http, in memory of its own: a plane may keep it
// longer than the viewer's request lasts.
func request(ctx context.Context, rq *httpmsg.Request) *http.Request {
	u := &url.URL{Scheme: strings.Clone(rq.Scheme), Host: rq.Host, RawQuery: strings.Clone(rq.Query)}
	setPath(u, rq.Path)
	hr := &http.Request{
		Method: strings.Clone(rq.Method), URL: u, Host: strings.Clone(rq.Host), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, rq.Header.Len()), Body: rq.Body, ContentLength: rq.ContentLength,
	}
	for _, f := range rq.Header.Fields() {
		name := http.CanonicalHeaderKey(strings.Clone(f.Name))
		hr.Header[name] = append(hr.Header[name], strings.Clone(f.Value))
	}
	return hr.WithContext(ctx)
}

// setPath keeps the path exactly as the viewer wrote it.
func setPath(u *url.URL, raw string) {
	raw = strings.Clone(raw)
	if p, err := url.PathUnescape(raw); err == nil {
		u.Path, u.RawPath = p, raw
		if u.EscapedPath() == raw {
			return
		}
	}
	if strings.HasPrefix(raw, "//") { // an opaque part with two slashes would be an authority
		u.Path, u.RawPath = raw, ""
		return
	}
	u.Path, u.RawPath, u.Opaque = raw, "", raw
}
