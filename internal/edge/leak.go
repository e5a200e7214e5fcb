// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"sync/atomic"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// The leak guard: answers that CloudFront would store for everybody although
// something says that they are one viewer's (row F5, K4, K9).
//
//	Set-Cookie             the answer sets a cookie, which would be replayed to all
//	Authorization          it was fetched with a token that the key lacks
//	Cookie                 it was fetched with cookies that the key lacks
//	private, no-store      the origin forbids what a MinTTL above 0 overrides
//
// A distribution that is `safe` serves such an answer and does not store it; one
// that is `exact` does as CloudFront does. Both count, and say so once for each
// behavior and cause. Where RFC 9111 decides (a policy's Caching), its own rules
// are kept and the guard looks away.

// leakCauses are the causes, in the order they are looked for.
var leakCauses = [...]record.CacheReason{
	record.ReasonLeakSetCookie, record.ReasonLeakAuthorization, record.ReasonLeakCookie, record.ReasonLeakPrivate,
}

// guard counts the findings of one behavior.
type guard struct {
	safe   bool
	found  [len(leakCauses)]*metrics.Counter
	warned [len(leakCauses)]atomic.Bool
}

func (e *Edge) newGuard(d *model.Distribution) *guard {
	g := &guard{safe: e.deps.Safe}
	if d.LeakGuard != model.GuardOfNode {
		g.safe = d.LeakGuard == model.GuardSafe
	}
	if e.deps.Metrics != nil {
		for i, c := range leakCauses {
			g.found[i] = e.deps.Metrics.Counter("forelane_edge_leak_guard_total", "Answers that could be one viewer's and that CloudFront stores for all.",
				metrics.Label{Name: "distribution", Value: d.ID}, metrics.Label{Name: "cause", Value: c.String()})
		}
	}
	return g
}

// guarded looks for a leak in an answer that may be stored, whose fields are h.
func (x *Exchange) guarded(h *httpmsg.Header) {
	f := &x.asked.freshness
	if x.beh.rfc || !f.Store {
		return
	}
	why := x.leak(h)
	// What the origin is asked about each time is given to a viewer by the
	// origin; but for the stored Set-Cookie.
	asks := f.TTL <= 0 && f.Revalidate <= 0
	if why == record.ReasonNone || asks && why != record.ReasonLeakSetCookie {
		return
	}
	g := x.beh.guard
	i := slices.Index(leakCauses[:], why)
	_, dry := x.w.(nobody) // an explanation leaves no trace
	if c := g.found[i]; c != nil && !dry {
		c.Inc()
	}
	if !dry && !g.warned[i].Swap(true) && x.edge.deps.Warn != nil {
		x.edge.deps.Warn(x.leakText(why))
	}
	if g.safe {
		*f = httpspec.Freshness{Reason: httpspec.ReasonNoStore}
		x.rec.Cache.Reason = why
	}
}

// leak is what says that the answer is one viewer's, or ReasonNone.
func (x *Exchange) leak(h *httpmsg.Header) record.CacheReason {
	asked := &x.asked.rq.Header
	switch {
	case x.replaysCookies(h):
		return record.ReasonLeakSetCookie
	case asked.Has("Authorization") && !slices.Contains(x.beh.inKey.Headers, "authorization"):
		return record.ReasonLeakAuthorization
	case x.unkeyedCookies(asked.Join("Cookie")):
		return record.ReasonLeakCookie
	case x.asked.freshness.Reason == httpspec.ReasonOverridden:
		if cc := httpspec.ParseCacheControl(h.Join("Cache-Control")); cc.Private || cc.NoStore {
			return record.ReasonLeakPrivate
		}
	}
	return record.ReasonNone
}

// replaysCookies tells whether a stored answer would set cookies: the field is
// taken off where no cookies are forwarded, and where no-cache="Set-Cookie" says so.
func (x *Exchange) replaysCookies(h *httpmsg.Header) bool {
	return h.Has("Set-Cookie") && !httpspec.ListHas(httpspec.ParseCacheControl(h.Join("Cache-Control")).NoCacheFields, "Set-Cookie")
}

func (x *Exchange) unkeyedCookies(sent string) bool {
	for name, _, rest, ok := httpspec.NextCookie(sent); ok; name, _, rest, ok = httpspec.NextCookie(rest) {
		if !x.beh.inKey.Cookies.Has(name) {
			return true
		}
	}
	return false
}

// leakText is what an operator is told, once.
func (x *Exchange) leakText(why record.CacheReason) string {
	done := "it is stored for everybody, as CloudFront does (leak guard: exact)"
	if x.beh.guard.safe {
		done = "it is not stored (leak guard: safe); CloudFront would store it for everybody"
	}
	var what, mend string
	switch why {
	case record.ReasonLeakSetCookie:
		what, mend = "sets a cookie, which every viewer would get from the cache", `send Cache-Control: no-cache="Set-Cookie", or do not forward cookies in this behavior`
	case record.ReasonLeakAuthorization:
		what, mend = "was made for an Authorization that the cache key lacks", "add Authorization to the cache policy, or use a policy that does not cache"
	case record.ReasonLeakCookie:
		what, mend = "was made for cookies that the cache key lacks", "add them to the cache policy, or forward fewer in the origin request policy"
	default:
		what, mend = "is private or not to be stored, which a MinTTL above 0 overrides", "set MinTTL to 0"
	}
	return "distribution " + x.dist.m.LogicalID + ", behavior " + x.beh.m.PathPattern + ": an answer (" + x.rq.Path + ") " + what + "; " + done + ". To mend it: " + mend
}
