// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// request makes what the origin is sent, but for what differs between the
// members of a group (see outgoing). The viewer's preconditions and ranges are
// the origin's to judge when the cache is not used; else the edge judges them
// (select.go), and asks for the whole object.
func (x *Exchange) request() stepID {
	if x.asked.messages == nil {
		x.asked.messages = new(messages)
	}
	rq := &x.asked.rq
	h := &rq.Header
	h.Reset()
	x.asked.forwarded = !x.keyed.cacheable || x.store.pass == cache.TooLarge
	f := &x.beh.forward
	f.AppendFields(h, x.rq, x.asked.forwarded)
	if f.Authorization(x.rq.Method, slices.Contains(x.beh.m.Cached, "OPTIONS")) {
		copyField(h, x.rq, "Authorization")
	}
	if c := x.rq.Header.Join("Cookie"); c != "" && f.Cookies() {
		if kept := string(forward.AppendCookies(nil, c, f.KeepCookie)); kept != "" {
			h.Add("Cookie", kept)
		}
	}
	if !x.rpc.wanted {
		x.acceptEncoding(h)
	}
	x.revalidate(h)
	if f.Wants("user-agent") && x.rq.Header.Has("User-Agent") {
		copyField(h, x.rq, "User-Agent")
	} else {
		h.Set("User-Agent", "Amazon CloudFront")
	}
	x.trace(h)
	viewer := x.viewer()
	for _, name := range f.Added {
		if v, ok := viewer.Value(name); ok {
			h.Set(name, v)
		}
	}
	x.offerSocket(h)
	viewer.OfferCertificate(h)
	rq.Method, rq.Scheme = x.rq.Method, x.rq.Scheme
	rq.Body, rq.ContentLength = nil, 0
	if x.rq.Body != nil && x.rq.ContentLength != 0 {
		rq.Body, rq.ContentLength = io.NopCloser(x.rq.Body), x.rq.ContentLength
	}
	if x.rpc.wanted {
		x.offerCall(rq)
	}
	x.asked.ctx = x.fetchContext()
	return stepFetch
}

func copyField(to *httpmsg.Header, rq *httpmsg.Request, name string) {
	if v, ok := rq.Header.Lookup(name); ok {
		to.Set(name, v)
	}
}

// acceptEncoding writes the normalised Accept-Encoding (row K6): what both
// viewer and policy accept, else identity. With both flags off it is a header
// as any other, except for legacy settings, which always normalise.
func (x *Exchange) acceptEncoding(h *httpmsg.Header) {
	switch {
	case x.beh.encodings != 0:
		if e := x.keyed.encodings; e != 0 {
			h.Set("Accept-Encoding", e.String())
		} else if !x.beh.forward.Legacy {
			h.Set("Accept-Encoding", "identity")
		}
	case x.beh.forward.Wants("accept-encoding"):
		copyField(h, x.rq, "Accept-Encoding")
	}
}

// revalidate asks whether an expired object still holds (row F12). CloudFront
// does not when cookies are forwarded, and not for errors.
func (x *Exchange) revalidate(h *httpmsg.Header) {
	if x.store.lease != nil {
		x.asked.conditional = x.addConditions(h)
	}
}

// addConditions asks for what has changed since the stored object, if it may.
func (x *Exchange) addConditions(h *httpmsg.Header) (added bool) {
	o := x.store.obj
	if o == nil || !x.beh.rfc && (x.beh.forward.Cookies() || o.Status >= 400) {
		return false
	}
	if tag := o.Head.Get("ETag"); tag != "" {
		h.Set("If-None-Match", tag)
		added = true
	}
	if last := o.Head.Get("Last-Modified"); last != "" {
		h.Set("If-Modified-Since", last)
		added = true
	}
	return added
}

// trace writes the fields that tell the origin of edge and viewer.
func (x *Exchange) trace(h *httpmsg.Header) {
	via := strings.TrimPrefix(x.rq.Proto.String(), "HTTP/") + x.dist.via[len("1.1"):]
	if v := x.rq.Header.Join("Via"); v != "" {
		via = v + ", " + via
	}
	h.Set("Via", via)
	if a := x.rq.Viewer.Addr.Addr(); a.IsValid() {
		chain := a.Unmap().String()
		if v := x.rq.Header.Join("X-Forwarded-For"); v != "" {
			chain = v + ", " + chain
		}
		h.Set("X-Forwarded-For", chain)
	}
	h.Set("X-Amz-Cf-Id", x.rec.ID)
}

// fetchContext is what ends the fetch: nobody's interest in it, or the viewer's
// departure when nobody else can be interested.
func (x *Exchange) fetchContext() context.Context {
	switch {
	case x.store.lease != nil && x.store.vigil != nil:
		return x.store.vigil
	case x.store.lease != nil: // of a background refresh
		return x.store.lease.Context()
	case x.ctx == nil:
		return context.Background()
	}
	return x.ctx
}

// outgoing is the request for one origin: its Host, path, custom headers. Path
// and query are as the viewer wrote them, or as a function left them.
func (x *Exchange) outgoing(o *model.Origin) *httpmsg.Request {
	rq := x.bare(o)
	rq.Path = o.Path + rq.Path
	x.propagate(&rq.Header)
	for _, c := range o.Headers {
		rq.Header.Set(c.Name, c.Value)
	}
	return rq
}

// bare is outgoing without the origin's path and custom headers.
func (x *Exchange) bare(o *model.Origin) *httpmsg.Request {
	from, rq := &x.asked.rq, &x.asked.out
	if x.asked.edited != nil {
		from = x.asked.edited
	}
	h := rq.Header
	*rq = *from
	h.Reset()
	rq.Header = h
	for _, f := range from.Header.Fields() {
		rq.Header.Add(f.Name, f.Value)
	}
	if x.asked.edited != nil {
		return rq
	}
	rq.Host = o.DomainName
	if !o.S3 && x.beh.forward.Wants("host") && x.rq.Host != "" { // HTTP/1.0 may have none
		rq.Host = x.rq.Host
	}
	if o.Made != nil && o.Made.HostHeader != "" {
		rq.Host = o.Made.HostHeader
	}
	rq.Path = x.rq.Path
	rq.Query = strings.TrimPrefix(x.beh.forward.Query(x.rq.Query), "?")
	return rq
}
