// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/edge/account"
	"github.com/forelane/forelane/internal/edge/plain"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/record"
)

// lookup says what the cache would answer, and goes where that leads.
func (d *dry) lookup() stepID {
	x := d.x
	a := d.inspect()
	x.store.obj = x.store.hold(a.Object)
	x.rec.Cache.Status = record.CacheMiss
	d.out.Key = withFrom(account.Key(string(x.keyed.key)), d.out.Key)
	to := &explain.Cache{Status: a.Status.String()}
	d.out.Cache = to
	now := time.Now()
	if o := a.Object; o != nil {
		to.Age, to.TTL = o.CurrentAge(now), o.TTL+o.Age
		h := o.Head.Header()
		d.stored(o, &h)
	}
	switch a.Status {
	case cache.Hit:
		to.Why = "an answer is stored and fresh"
		if d.anew {
			break
		}
		return x.hit(a.Object)
	case cache.Stale:
		to.Why = fmt.Sprintf("it expired %s ago, and stale-while-revalidate lets it be served while it is refreshed", explain.Seconds(a.Object.Expired(now).Truncate(time.Second)))
		if d.anew {
			break
		}
		next := x.hit(a.Object)
		x.rec.Cache.Status, x.rec.Cache.Reason = record.CacheStale, record.ReasonWhileRevalidate
		return next
	case cache.Expired:
		d.expired(to, a.Object, now)
	case cache.Wait:
		to.Why = "another request for this key is on its way to the origin: this one would wait for its answer"
	case cache.Pass:
		d.passed(to, a.Reason)
	default:
		d.absent(to)
	}
	return stepRequest
}

// response makes the origin's answer that of the request, or what stands in for
// it (rows F8, F9).
func (d *dry) response() stepID {
	x := d.x
	status := x.asked.status
	if x.asked.rs != nil {
		status = x.asked.rs.Status
	}
	o := x.store.obj
	if o == nil || !x.keyed.cacheable || !x.mayStandIn(o, status) {
		return x.edge.steps[stepResponse].run(x)
	}
	if x.asked.rs != nil {
		drain(x.asked.rs.Body)
	}
	reason, rule, why := record.ReasonOriginDown, "F9", "for want of better, for ErrorCachingMinTTL"
	if o.StaleIfError > 0 {
		reason, rule, why = record.ReasonIfError, "F8", "stale-if-error allows it"
	}
	next := x.hit(o)
	x.rec.Cache.Status, x.rec.Cache.Reason, x.rec.Result.Detail = record.CacheStale, reason, record.DetailNone
	d.line(rule, "the origin failed: the expired answer stands in, %s", why)
	return next
}

// inspect looks the key up as lookup does, with variants and a HEAD's own key.
func (d *dry) inspect() cache.Answer {
	x := d.x
	c := x.edge.deps.Cache
	at, collapse := x.cacheTime()
	one := func() cache.Answer {
		a := c.Inspect(x.ctx, x.keyed.key, at, collapse)
		if a.Status == cache.Varies {
			x.variant(a.Vary)
			a = c.Inspect(x.ctx, x.keyed.key, at, collapse)
		}
		return a
	}
	a := one()
	if x.rq.Method != "HEAD" || a.Status == cache.Hit {
		return a
	}
	a.Object.Release()
	x.unvary()
	x.markHead()
	return one()
}

// withFrom is parts, with what is known better of where they came from.
func withFrom(parts, known []explain.Part) []explain.Part {
	for i := range parts {
		for _, k := range known {
			if k.Name == parts[i].Name {
				parts[i].From = k.From
			}
		}
	}
	return parts
}

func (d *dry) expired(to *explain.Cache, o *cache.Object, now time.Time) {
	ago := explain.Seconds(o.Expired(now).Truncate(time.Second))
	if d.x.store.unsure {
		to.Why = "an answer is stored, but this node may have missed an invalidation: the origin is asked whether it holds"
		d.wish("the node could reach the others of its cluster")
		return
	}
	if o.Alone {
		to.Why, _ = account.Why(record.ReasonMustRevalidate, false)
		d.wishOf(record.ReasonMustRevalidate)
		return
	}
	to.Why = "its time was over " + ago + " ago: the origin is asked"
	d.wish("it had been asked for " + ago + " earlier, or stored for longer: max-age or s-maxage of the origin, MinTTL or DefaultTTL of the policy")
	d.wish("the origin allowed stale-while-revalidate of more than " + ago)
}

func (d *dry) passed(to *explain.Cache, why cache.PassReason) {
	switch why {
	case cache.TooLarge:
		to.Why = "the last answer was too large to be stored"
		d.wish("the node had a larger --cache-memory or a --cache-disk")
	case cache.NoCapacity:
		to.Why = "the last answer was not stored for want of memory"
		d.wish("the node had a larger --cache-memory")
	default:
		to.Why = "the last answer was not to be stored, and requests for the key do not wait for each other for a while"
		d.wish("the origin's answer could be stored: see lifetime with --fetch")
	}
}

// absent says that nothing is stored, and what is for other keys of the path.
func (d *dry) absent(to *explain.Cache) {
	x := d.x
	to.Why = "nothing is stored under this key"
	if ask, now := x.edge.deps.Invalidated, time.Now(); ask != nil {
		dist, target := cache.SplitKey(string(x.keyed.key))
		if path, at, ok := ask(dist, target, now); ok {
			to.Why += account.ByInvalidation(path, now.Sub(at))
			d.wish(account.WishInvalidation)
		}
	}
	mine := d.out.Key
	const most, looked = 3, 1000
	n := 0
	x.edge.deps.Cache.KeysOf(x.dist.m.ID, x.rq.Path, func(key string) bool {
		if diff := explain.Diff(mine, account.Key(key)); len(diff) > 0 && len(diff) <= 4 {
			for i := range diff { // what is stored there is of others
				if v := &diff[i].B; *v != "" && !plain.Part(diff[i].Name) {
					*v = string(x.hider().Append(nil, *v))
				}
			}
			to.Near = append(to.Near, explain.Near{Key: string(x.hider().AppendKey(nil, key)), Differs: diff})
		}
		n++
		return len(to.Near) < most && n < looked
	})
	d.wish(account.WishFill)
	for _, near := range to.Near {
		var names []string
		for _, f := range near.Differs {
			names = append(names, f.Name)
		}
		d.wish(strings.Join(names, " and ") + " had the value of a stored answer, or were not in the key")
	}
}
