// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"net/http"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// An answer to HEAD tells of what is stored for GET (RFC 9111 4.3.5), under
// rules of RFC9111. A HEAD goes to the origin when nothing fresh is stored for
// GET. If validators and length that it says are those of the stored answer,
// that is fresh again, with the fields of the answer; else it must not stand
// in any more without a question. Example: stored are "v1" and 5 bytes, stale
// for a minute. "ETag: "v1", Cache-Control: max-age=60" makes it good for a
// minute; "ETag: "v2"" ends its stale-while-revalidate.

// tellsOfGet lets the origin's answer to HEAD change what is stored for GET.
func (x *Exchange) tellsOfGet() {
	if !x.keyed.head || x.asked.conditional || x.rs.Status != http.StatusOK {
		return
	}
	y := x.asGet()
	l := x.edge.deps.Cache.Solo(y.keyed.key) // before the look, so that an invalidation between is seen
	defer l.Abandon()
	old, _ := x.edge.deps.Cache.Peek(y.keyed.key, x.now())
	x.store.hold(old)
	if old == nil || old.Status != http.StatusOK {
		return
	}
	o := x.store.hold(old.Refreshed())
	if !sameAnswer(old, x.asked.rs) {
		o.TTL, o.Stale = min(o.TTL, x.now().Sub(o.Born)), 0
		l.Renew(o)
		return
	}
	h := x.merge(o)
	x.judge(o.Status, &h, x.asked.rs)
	if f := &x.asked.freshness; f.Store && f.TTL > 0 {
		x.date(o)
		l.Renew(o)
	}
}

// asGet is an Exchange for GET of the same target, with the key of what is
// stored for this request.
func (x *Exchange) asGet() *Exchange {
	rq := *x.rq
	rq.Method = http.MethodGet
	y := &Exchange{edge: x.edge, dist: x.dist, beh: x.beh, rq: &rq, keyed: x.keyed}
	y.keyed.key = append([]byte(nil), x.keyed.key[:x.keyed.cut]...)
	y.keyed.primary, y.keyed.marker, y.keyed.head = y.keyed.cut, "", false
	if x.beh.vary {
		y.variant(x.edge.deps.Cache.Marker(y.keyed.key))
	}
	return y
}

// sameAnswer tells whether an answer to HEAD is of a stored one: what both say
// of validators and length agrees.
func sameAnswer(o *cache.Object, rs *httpmsg.Response) bool {
	stored := o.Head
	if tag := rs.Header.Get("ETag"); tag != "" && stored.Has("ETag") {
		if !httpspec.ParseETag(tag).WeakEqual(httpspec.ParseETag(stored.Get("ETag"))) {
			return false
		}
	}
	if last := rs.Header.Get("Last-Modified"); last != "" && stored.Has("Last-Modified") && last != stored.Get("Last-Modified") {
		return false
	}
	return rs.ContentLength < 0 || stored.Has("Content-Encoding") || rs.ContentLength == o.Length
}
