// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/origin"
)

// The border to net/http: the planes of this process (gateway, bucket, function
// URL) are asked by http.RoundTripper. The network has a face without its maps.

// Asker is an optional second face of a transport. Ask sends rq, whose Scheme
// and Host it may change, and reads the head of the answer into rs; all of it happens on
// the goroutine of the Exchange. The texts of rs are its own, its Body (nil:
// none) is to be closed. interim takes answers of 1xx before the final one.
type Asker interface {
	Ask(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error
}

var _ Asker = (*origin.Transport)(nil)

// Chooser is an Asker that chooses among several places, and tells which one it
// was.
type Chooser interface {
	AskWho(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) (who string, err error)
}

var _ Chooser = (*origin.Spread)(nil)

// askOnce asks one member for rq. The answer is in x.asked.rs, nil after an error.
func (x *Exchange) askOnce(m member, rq *httpmsg.Request) error {
	x.asked.rs = nil
	rs := &x.asked.room
	h := rs.Header
	h.Reset()
	*rs = httpmsg.Response{Header: h}
	var err error
	switch {
	case x.rpc.wanted:
		err = x.call(m, rq, rs)
	case m.choice != nil:
		x.rec.Origin.Member, err = m.choice.AskWho(x.asked.ctx, rq, rs, x.interimHook())
	case m.direct != nil:
		err = m.direct.Ask(x.asked.ctx, rq, rs, x.interimHook())
	default:
		err = x.roundTrip(m.rt, rq, rs)
	}
	if err != nil {
		return err
	}
	if rs.Body == nil {
		rs.Body = http.NoBody
	}
	if n := fieldsSize(&rs.Header); n > maxHead {
		_ = rs.Body.Close()
		return errHeadTooBig
	}
	x.asked.rs = rs
	return nil
}

func fieldsSize(h *httpmsg.Header) int {
	n := 0
	for _, f := range h.Fields() {
		n += len(f.Name) + len(f.Value) + len(": \r\n")
	}
	return n
}

// roundTrip asks by net/http.
func (x *Exchange) roundTrip(rt http.RoundTripper, rq *httpmsg.Request, rs *httpmsg.Response) error {
	hr, passed := x.withInterim(httpRequest(x.spans.Asking(x.asked.ctx), rq))
	in, err := rt.RoundTrip(hr)
	passed()
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

// httpRequest is rq for net/http, in memory of its own: a plane may keep it
// longer than the viewer's request lasts.
func httpRequest(ctx context.Context, rq *httpmsg.Request) *http.Request {
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
