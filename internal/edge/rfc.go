// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// What differs under RFC9111 rules (model.CachingRules), where the other files
// do what CloudFront does:
//
//   - lifetime and age by RFC 9111 (httpspec.Lifetime), a valid
//     CDN-Cache-Control in place of Cache-Control and Expires (RFC 9213);
//   - errors as any answer: no ErrorCachingMinTTL but one that is written;
//   - Vary as a secondary key (vary.go), unless the policy says ignore;
//   - revalidation and collapsing also where cookies are forwarded;
//   - a 304 updates the fields that tell of the body, too;
//   - an unsafe method drops what is stored for its target (changed);
//   - interim answers of the origin go on (interim.go).

// judgeRFC finds the lifetime of an answer by RFC 9111. rs is nil for an error
// of the edge's own.
func (x *Exchange) judgeRFC(status int, h *httpmsg.Header, rs *httpmsg.Response) {
	f := &x.asked.freshness
	cc := httpspec.ParseCacheControl(h.Join("Cache-Control"))
	if c := x.dist.errors[status]; status >= 400 && (rs == nil || c != nil && c.CachingMinTTL != nil) {
		*f = httpspec.ErrorTTL(status, x.errorTTL(status), cc)
		if f.TTL <= 0 { // not stored, but those who wait need not ask, too
			f.Store = false
		}
		return
	}
	a := httpspec.Answer{
		Status: status, CacheControl: cc, Expires: h.Get("Expires"), Date: h.Get("Date"), Age: rs.Header.Get("Age"),
		LastModified: h.Get("Last-Modified"), Authorized: x.asked.rq.Header.Get("Authorization") != "",
		Heuristic: x.beh.m.Cache.Heuristic, Requested: x.asked.sent, Received: x.asked.received,
	}
	if t, ok := httpspec.ParseTargeted(h.Join("CDN-Cache-Control")); ok {
		a.CacheControl, a.Expires = t, ""
	}
	*f = httpspec.Lifetime(x.beh.policy, a)
	if x.varyStar(rs) || !x.beh.vary && httpspec.ListHas(varyOf(rs), "*") {
		*f = httpspec.Freshness{Reason: httpspec.ReasonNoStore, Age: f.Age}
		x.rec.Cache.Reason = record.ReasonVaryStar
	}
}

// errorTTL is how long an error stands without asking again.
func (x *Exchange) errorTTL(status int) time.Duration {
	if c := x.dist.errors[status]; x.beh.rfc && (c == nil || c.CachingMinTTL == nil) {
		return 0
	}
	return x.dist.errorTTL(status)
}

// maybeStale tells whether an answer that is stale at once may be served all
// the same.
func (x *Exchange) maybeStale() bool {
	f := &x.asked.freshness
	return x.beh.rfc && (f.Revalidate+f.TTL > 0 || f.IfError+f.TTL > 0)
}

// ofAnother tells a 304 that names a strong tag which the stored answer does
// not have: it is not about that (RFC 9111 4.3.4).
func (x *Exchange) ofAnother() bool {
	tag := httpspec.ParseETag(x.asked.rs.Header.Get("Etag"))
	return tag != "" && !tag.Weak() && !tag.WeakEqual(httpspec.ParseETag(x.store.obj.Head.Get("ETag")))
}

// askForWhole asks again, without a question about the stored answer.
func (x *Exchange) askForWhole() stepID {
	drain(x.asked.rs.Body)
	x.store.obj = nil
	x.asked.reset()
	return stepRequest
}

// changed drops what is stored for the target of an unsafe method that
// succeeded, and for Location and Content-Location of the same host (RFC 9111
// 4.4). An answer to POST that says it is what a GET of the same target would
// give is stored as that (RFC 9110 9.3.3).
func (x *Exchange) changed() {
	if !x.beh.cacheable {
		return
	}
	x.dropTarget(x.beh, x.rq.Path, x.rq.Query)
	for _, name := range [...]string{"Location", "Content-Location"} {
		path, query, ok := x.sameHost(x.rs.Header.Get(name))
		if !ok || path == x.rq.Path && query == x.rq.Query {
			if ok && name == "Content-Location" {
				x.storePost()
			}
			continue
		}
		for _, b := range x.dist.behaviors {
			if b.pattern.Match(path) {
				x.dropTarget(b, path, query)
				break
			}
		}
	}
}

// sameHost takes apart a reference to a target of the request's own host.
func (x *Exchange) sameHost(ref string) (path, query string, ok bool) {
	if ref == "" {
		return "", "", false
	}
	base, err := url.ParseRequestURI(x.rq.Target())
	if err != nil {
		return "", "", false
	}
	u, err := base.Parse(ref)
	if err != nil || u.Host != "" && !strings.EqualFold(u.Host, x.rq.Host) {
		return "", "", false
	}
	return u.EscapedPath(), u.RawQuery, true
}

// generations tells whether keys have parts that a target does not tell, so
// that what an unsafe method changes cannot be dropped key by key.
func (b *behavior) generations() bool {
	return b.rfc && (len(b.inKey.Headers) > 0 || !b.inKey.Cookies.None())
}

// appendGeneration goes on with the number of the target, whose key so far is
// k. The number is that of a marker (cache/vary.go) under k: when the marker
// is dropped or evicted, the next one has another number, and what is stored
// or on its way in under the old one cannot be found any more.
func (x *Exchange) appendGeneration(k []byte) []byte {
	m := x.edge.deps.Cache.Marker(k)
	if m == "" {
		m = x.edge.deps.Cache.Vary(k, []string{"generation"})
	}
	number, _, _ := strings.Cut(m, ":")
	return append(append(append(k, cache.KeySep), "generation="...), number...)
}

// dropTarget drops the objects of a target in one behavior: all keys of it, or
// the marker by which they are found.
func (x *Exchange) dropTarget(b *behavior, path, query string) {
	c := x.edge.deps.Cache
	y := &Exchange{edge: x.edge, dist: x.dist, beh: b, rq: &httpmsg.Request{Method: "GET", Path: path, Query: query}}
	y.keyed.origin = b.m.Target
	if b == x.beh {
		y.keyed.origin = x.keyed.origin
	}
	if b.generations() {
		c.Drop(y.appendTarget(nil))
		return
	}
	for e := httpspec.Encodings(0); e <= httpspec.Gzip|httpspec.Brotli; e++ {
		if e&^b.encodings != 0 {
			continue
		}
		y.keyed.encodings = e
		y.keyed.key = y.appendKey(y.keyed.key[:0])
		y.keyed.cut = len(y.keyed.key)
		c.Drop(y.keyed.key)
		c.Drop(y.partKey())
		y.markHead()
		c.Drop(y.keyed.key)
	}
}

// storePost takes a lease for the GET of the same target, so that admit stores
// the answer. Only one with a lifetime of its own is stored (RFC 9110 9.3.3).
func (x *Exchange) storePost() {
	h := &x.rs.Header
	cc := httpspec.ParseCacheControl(h.Join("Cache-Control"))
	if x.rq.Method != http.MethodPost || x.rs.Status != http.StatusOK || x.store.lease != nil || x.role != forViewer ||
		!cc.MaxAge.Set && !cc.SMaxAge.Set && !h.Has("Expires") {
		return
	}
	x.keyed.key = x.appendKey(x.keyed.key[:0])
	x.keyed.cut, x.keyed.primary, x.keyed.marker = len(x.keyed.key), len(x.keyed.key), ""
	x.asked.forwarded = true // preconditions were the origin's to judge
	x.store.lease = x.edge.deps.Cache.Solo(x.keyed.key)
	x.watch()
}
