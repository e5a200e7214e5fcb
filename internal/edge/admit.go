// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"io"
	"net/http"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// admit decides whether the answer is stored, for how long, and whether those
// who wait for it get it.
func (x *Exchange) admit() stepID {
	l := x.store.lease
	if l == nil {
		return stepPage
	}
	x.judge(x.rs.Status, &x.rs.Header, x.asked.rs)
	f := &x.asked.freshness
	x.rec.Cache.TTL, x.rec.Cache.TTLReason = f.TTL, f.Reason
	bodyless := x.rq.Method == "HEAD" || x.rs.Status == http.StatusNoContent
	part := x.role == forViewer && x.rq.Header.Has("Range") && !x.asked.forwarded
	switch {
	case x.asked.forwarded && x.rs.Status != 200:
		// The origin judged the viewer's preconditions and ranges: an answer
		// for this viewer, or a part for all. The marker that made us leave it to it stays.
		if x.keepPart() {
			break
		}
		x.rec.Cache.Store = record.StoreStatus
		l.Pass(x.now(), 0, cache.Unshared)
	case !f.Store && !f.Share, f.Store && f.TTL <= 0 && !x.revalidatable() && !x.maybeStale():
		x.rec.Cache.Store = record.StoreForbidden
		l.Pass(x.now(), cache.MarkTime(cache.Unshared), cache.Unshared)
	case x.rs.Status == http.StatusPartialContent:
		x.rec.Cache.Store = record.StoreStatus
		l.Pass(x.now(), 0, cache.Unshared)
	case !bodyless && x.tooLong(part):
		x.rec.Cache.Store = record.StoreTooLarge
		l.Pass(x.now(), cache.MarkTime(cache.TooLarge), cache.TooLarge)
		if part {
			return x.askForPart()
		}
		x.asked.forwarded = false // an origin that knows no ranges: they are cut out here
	default:
		x.rec.Cache.Store = record.Stored
		if !f.Store {
			x.rec.Cache.Store = record.StoreStatus
		}
		x.keep(bodyless)
	}
	return stepPage
}

// tooLong tells whether the body is not worth beginning to store: longer than
// any, or longer than memory keeps when the viewer wants but a part of it.
func (x *Exchange) tooLong(part bool) bool {
	limit := x.edge.deps.Cache.ObjectLimit()
	if part {
		limit = x.edge.deps.Cache.MemoryLimit()
	}
	return x.rs.ContentLength > limit
}

// revalidatable tells whether an answer that is stale at once is worth keeping:
// it has a validator to ask the origin with.
func (x *Exchange) revalidatable() bool {
	return x.rs.Header.Has("ETag") || x.rs.Header.Has("Last-Modified")
}

// judge finds the lifetime of an answer with status and fields h.
func (x *Exchange) judge(status int, h *httpmsg.Header, rs *httpmsg.Response) {
	x.judgeByRules(status, h, rs)
	if x.asked.peer != nil {
		x.judgePeer()
	}
	if rs != nil && x.personal(rs) {
		x.asked.freshness = httpspec.Freshness{Reason: httpspec.ReasonNoStore}
		x.rec.Cache.Reason = record.ReasonIdentity
	} else if rs != nil {
		x.guarded(h)
	}
}

func (x *Exchange) judgeByRules(status int, h *httpmsg.Header, rs *httpmsg.Response) {
	f := &x.asked.freshness
	if x.beh.rfc {
		x.judgeRFC(status, h, rs)
		return
	}
	cc := httpspec.ParseCacheControl(h.Join("Cache-Control"))
	if status >= 400 {
		*f = httpspec.ErrorTTL(status, x.dist.errorTTL(status), cc)
		return
	}
	*f = httpspec.TTL(x.beh.policy, cc, h.Get("Expires"), h.Get("Date"), x.now())
	if !cacheableStatus(status) {
		*f = httpspec.Freshness{Reason: httpspec.ReasonErrorNot}
	}
	if rs != nil && (x.beh.policy.Min == 0 && httpspec.ListHas(varyOf(rs), "*") || x.varyStar(rs)) {
		// Row F13. CloudFront keeps such an object and asks for it each time,
		// unconditionally; not keeping it looks the same from outside.
		*f = httpspec.Freshness{Reason: httpspec.ReasonNoStore}
		x.rec.Cache.Reason = record.ReasonVaryStar
	}
}

// cacheableStatus are the statuses below 400 that are stored: redirects are,
// and never followed (row F21).
func cacheableStatus(status int) bool {
	switch status {
	case 200, 203, 204, 206, 300, 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// keep hands the answer to the cache, and the body with it: from here on a
// goroutine of its own reads the origin, and the viewer reads as one of those
// who follow.
func (x *Exchange) keep(bodyless bool) {
	arrived := x.arrived()
	x.moveToVariant()
	o := &cache.Object{Status: x.rs.Status, Length: x.rs.ContentLength}
	o.Transient = !x.asked.freshness.Store
	x.date(o)
	h := x.storedFields()
	if x.asked.rs != nil && !bodyless {
		x.encode(o, &h)
	}
	x.setHead(o, &h)
	l := x.store.lease
	switch {
	case x.asked.rs == nil:
		o.Flags |= flagGenerated
		if x.lambdaFault() != nil {
			o.Flags |= flagFunction
		}
		o = cache.NewObject(*o, nil)
		l.Renew(o)
		return
	case bodyless:
		_ = x.body.src.Close()
		x.body = body{}
		l.Renew(o)
		return
	}
	src := x.body.src
	if arrived {
		x.keepWhole(o)
		return
	}
	fill, reader := l.Begin(o)
	x.body = body{reader: reader}
	x.edge.spawn(func() {
		_ = fill.Copy(src) // its readers get the error
		_ = src.Close()
	})
}

// setHead encodes the fields of an object, and notes what the edge has to add
// and which tags they name.
func (x *Exchange) setHead(o *cache.Object, h *httpmsg.Header) {
	o.Tags = x.dist.tags(h)
	o.Head = httpmsg.NewHead(h)
	o.Flags &^= flagNoDate
	if !h.Has("Date") {
		o.Flags |= flagNoDate
	}
}

// arrived tells whether all of the origin's body is there already, so that
// nobody would have to wait for it.
func (x *Exchange) arrived() bool {
	if x.rs.ContentLength == 0 && x.body.src == http.NoBody {
		return true
	}
	b, ok := x.body.src.(interface{ Buffered() int64 })
	return ok && x.rs.ContentLength > 0 && b.Buffered() == x.rs.ContentLength
}

// keepWhole hands over an answer that is complete, without a goroutine and
// without followers of a stream.
func (x *Exchange) keepWhole(o *cache.Object) {
	src := x.body.src
	defer src.Close()
	text := make([]byte, max(o.Length, 0))
	_, err := io.ReadFull(src, text)
	if o.Length < 0 { // it is compressed on the way
		text, err = io.ReadAll(src)
	}
	if err != nil {
		x.store.lease.Pass(x.now(), 0, cache.Unshared)
		x.body = body{src: broken{err}}
		return
	}
	x.store.lease.Renew(cache.NewObject(*o, text))
	x.rs.ContentLength = int64(len(text))
	x.body = body{text: text}
}

// broken is a body that cannot be read.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }
func (b broken) Close() error             { return nil }

// storedFields are the fields that are replayed: all but those that the origin
// excepts by no-cache="…" (row K4: Set-Cookie is stored otherwise).
func (x *Exchange) storedFields() httpmsg.Header {
	var h httpmsg.Header
	for f := range x.rs.Fields() {
		h.Add(f.Name, f.Value)
	}
	except := httpspec.ParseCacheControl(h.Join("Cache-Control")).NoCacheFields
	if except != "" {
		h.Filter(func(f httpmsg.Field) bool { return !httpspec.ListHas(except, f.Name) })
	}
	return h
}

// askForPart asks again, for the part that the viewer wants: the whole is too
// large to be kept, so there is no use in fetching it.
func (x *Exchange) askForPart() stepID {
	x.body.close()
	x.store.pass = cache.TooLarge
	x.store.obj = nil
	x.asked.reset()
	return stepRequest
}
