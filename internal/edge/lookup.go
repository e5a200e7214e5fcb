// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/record"
)

// lookup asks the cache.
//
// GET and HEAD share a key. A HEAD that finds nothing under it goes to the
// origin as a HEAD, and its head is kept under a key of its own.
func (x *Exchange) lookup() stepID {
	at, collapse := x.cacheTime()
	x.unvary()
	if x.rq.Method == "HEAD" && !x.keyed.head {
		if x.beh.vary {
			x.variant(x.edge.deps.Cache.Marker(x.keyed.key))
		}
		o, fresh := x.edge.deps.Cache.Peek(x.keyed.key, at)
		if x.store.hold(o); fresh {
			return x.hit(o)
		}
		if x.edge.deps.Cache.Below(x.keyed.key) {
			return stepLoad
		}
		x.markHead()
	}
	a := x.edge.deps.Cache.Open(x.keyed.key, at, collapse)
	if a.Status == cache.Varies {
		x.variant(a.Vary)
		a = x.edge.deps.Cache.Open(x.keyed.key, at, collapse)
	}
	if a.Status == cache.OnDisk {
		return stepLoad
	}
	return x.answered(a)
}

// load asks the cache's disk.
func (x *Exchange) load() stepID {
	c := x.edge.deps.Cache
	at, collapse := x.cacheTime()
	if x.rq.Method == "HEAD" && !x.keyed.head {
		o, fresh := c.PeekBelow(x.ctx, x.keyed.key, at)
		if x.store.hold(o); fresh {
			return x.hit(o)
		}
		x.markHead()
	}
	a := c.Load(x.ctx, x.keyed.key, at, collapse)
	if a.Status == cache.Varies {
		x.variant(a.Vary)
		if a = c.Open(x.keyed.key, at, collapse); a.Status == cache.OnDisk {
			a = c.Load(x.ctx, x.keyed.key, at, collapse)
		}
	}
	return x.answered(a)
}

// answered takes what the cache answered.
func (x *Exchange) answered(a cache.Answer) stepID {
	x.store.obj, x.store.lease, x.store.flight, x.store.pass = x.store.hold(a.Object), a.Lease, a.Flight, a.Reason
	x.rec.Cache.Key = a.Key
	switch a.Status {
	case cache.Hit:
		return x.hit(a.Object)
	case cache.Stale:
		if a.Lease != nil {
			x.refresh(a)
			x.store.lease = nil
		}
		next := x.hit(a.Object)
		x.rec.Cache.Status, x.rec.Cache.Reason = record.CacheStale, record.ReasonWhileRevalidate
		return next
	case cache.Wait:
		return stepWait
	case cache.Expired:
		x.rec.Cache.Reason = record.ReasonExpired
		switch {
		case x.store.unsure:
			x.rec.Cache.Reason = record.ReasonUnsure
		case a.Object.Alone:
			x.rec.Cache.Reason = record.ReasonMustRevalidate
		}
	case cache.Pass:
		x.rec.Cache.Reason = record.ReasonNotShared
	case cache.Miss:
		x.rec.Cache.Reason = record.ReasonAbsent
		if x.keyed.marker != "" {
			x.rec.Cache.Reason = record.ReasonVariant
		}
	}
	if a.Object == nil && x.fromPart() {
		return stepPage
	}
	x.rec.Cache.Status = record.CacheMiss
	x.watch()
	return stepRequest
}

// hit serves an object from the cache.
func (x *Exchange) hit(o *cache.Object) stepID {
	now := x.now()
	x.rec.Cache.Status, x.rec.Cache.Age, x.rec.Cache.TTL = record.CacheHit, o.CurrentAge(now), o.TTL
	if x.beh.rfc { // its TTL counts from when it came, its age from its birth
		x.rec.Cache.TTL += o.Age
	}
	x.serve(o)
	if o.Flags&flagGenerated != 0 { // the page carries the id of its request
		why := whyOrigin(o.Status)
		if o.Flags&flagFunction != 0 {
			why = whyLambda(o.Status)
		}
		x.fail(o.Status, why)
	}
	x.rec.Result.Type = record.Hit
	if o.Status >= 400 {
		x.rec.Result.Type, x.rec.Result.Detail = record.Error, record.DetailError
		x.rec.Cache.Reason = record.ReasonErrorCached
	}
	if o.Flags&flagOriginDown != 0 {
		x.rec.Cache.Status, x.rec.Cache.Reason = record.CacheStale, record.ReasonOriginDown
	}
	if o.Status < 400 && x.role == forViewer {
		return stepSelect
	}
	return stepPage
}

// serve makes an object the answer. Head and body are shared; a step that
// changes fields thaws the head first.
func (x *Exchange) serve(o *cache.Object) {
	x.store.obj = o
	x.rs.Status, x.rs.ContentLength = o.Status, o.Length
	x.rs.Header.Reset()
	x.rs.Fixed = [2]httpmsg.Head{o.Head}
	x.body = body{obj: o}
}

// wait follows the lease of another request, until its head is known.
func (x *Exchange) wait() stepID {
	out, o, r, err := x.store.flight.Await(x.ctx)
	x.store.hold(o)
	switch {
	case err != nil:
		x.store.flight.Leave()
		x.store.flight = nil
		return x.hungUp()
	case out == cache.Again:
		x.store.flight.Leave()
		x.store.flight = nil
		return stepLookup
	case out == cache.Alone:
		x.store.flight.Leave()
		x.store.flight = nil
		x.store.lease = x.edge.deps.Cache.Solo(x.keyed.key)
		x.rec.Cache.Status, x.rec.Cache.Reason = record.CacheMiss, record.ReasonNotShared
		x.watch()
		return stepRequest
	}
	next := x.hit(o)
	x.rec.Cache.Collapsed = true
	if x.rec.Cache.Reason == record.ReasonNone {
		x.rec.Cache.Reason = record.ReasonCollapsed
	}
	if r != nil {
		x.body = body{reader: r}
	}
	x.watch()
	return next
}

// refresh starts a second Exchange without a viewer that takes the lease over.
func (x *Exchange) refresh(a cache.Answer) {
	y := &Exchange{
		ctx: context.WithoutCancel(x.ctx), edge: x.edge, rq: x.rq.Clone(), role: forRefresh,
		dist: x.dist, beh: x.beh, target: x.target, keyed: x.keyed,
	}
	y.keyed.key = append([]byte(nil), x.keyed.key...)
	a.Object.Retain()
	y.store.obj, y.store.lease = y.store.hold(a.Object), a.Lease
	y.rec.ID, y.rec.Start = newID(), x.now()
	y.rec.Edge = x.rec.Edge
	y.describe()
	y.rec.Cache.Background, y.rec.Cache.Status, y.rec.Cache.Reason = true, record.CacheMiss, record.ReasonExpired
	y.spans.Within(&x.spans, "background refresh")
	x.edge.spawn(func() { y.run(stepRequest) })
}
