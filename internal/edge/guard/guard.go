// SPDX-License-Identifier: Apache-2.0

// Package guard finds answers that are one viewer's, so that nobody else is given
// them.
//
// The flow: Personal hears an API that says by what it decided who may have an
// answer (identity.go); Leak finds what CloudFront would store for everybody
// although something says that it is one viewer's (below); a behavior's Guard
// counts what was found, and says it once.
//
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
//
// What it does not do: it stores and drops nothing, and knows no lifetime but the
// one that it is given.
//
// Concurrency: a Guard may be used by many at once.
package guard

import (
	"slices"
	"sync/atomic"

	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/record"
)

// causes are the causes, in the order they are looked for.
var causes = [...]record.CacheReason{
	record.ReasonLeakSetCookie, record.ReasonLeakAuthorization, record.ReasonLeakCookie, record.ReasonLeakPrivate,
}

// Guard counts the findings of one behavior; the zero value is one that does as
// CloudFront does, and counts nowhere.
type Guard struct {
	safe   bool
	found  [len(causes)]*metrics.Counter
	warned [len(causes)]atomic.Bool
}

// New is the guard of a behavior of a distribution. safe tells whether such answers
// are kept out of the cache. r may be nil.
func New(safe bool, r *metrics.Registry, distribution string) *Guard {
	g := &Guard{safe: safe}
	if r != nil {
		for i, c := range causes {
			g.found[i] = r.Counter("forelane_edge_leak_guard_total", "Answers that could be one viewer's and that CloudFront stores for all.",
				metrics.Label{Name: "distribution", Value: distribution}, metrics.Label{Name: "cause", Value: c.String()})
		}
	}
	return g
}

// Safe tells whether such answers are kept out of the cache.
func (g *Guard) Safe() bool { return g.safe }

// Count counts a finding; first tells that it is the first one for its cause.
func (g *Guard) Count(why record.CacheReason) (first bool) {
	i := slices.Index(causes[:], why)
	if c := g.found[i]; c != nil {
		c.Inc()
	}
	return !g.warned[i].Swap(true)
}

// Fetched is an answer that may be stored: its fields, those that the origin was
// asked with, what is in its key, and its lifetime.
type Fetched struct {
	Answer, Asked *httpmsg.Header
	Key           *forward.Key
	Freshness     httpspec.Freshness
}

// Leak is what says that the answer is one viewer's, or ReasonNone. What the origin
// is asked about each time is given to a viewer by the origin; but for the stored
// Set-Cookie.
func (f *Fetched) Leak() record.CacheReason {
	why := f.cause()
	asks := f.Freshness.TTL <= 0 && f.Freshness.Revalidate <= 0
	if asks && why != record.ReasonLeakSetCookie {
		return record.ReasonNone
	}
	return why
}

func (f *Fetched) cause() record.CacheReason {
	cc := httpspec.ParseCacheControl(f.Answer.Join("Cache-Control"))
	switch {
	case f.Answer.Has("Set-Cookie") && !httpspec.ListHas(cc.NoCacheFields, "Set-Cookie"): // a stored answer would set cookies
		return record.ReasonLeakSetCookie
	case f.Asked.Has("Authorization") && !slices.Contains(f.Key.Headers, "authorization"):
		return record.ReasonLeakAuthorization
	case f.unkeyedCookies():
		return record.ReasonLeakCookie
	case f.Freshness.Reason == httpspec.ReasonOverridden && (cc.Private || cc.NoStore):
		return record.ReasonLeakPrivate
	}
	return record.ReasonNone
}

func (f *Fetched) unkeyedCookies() bool {
	sent := f.Asked.Join("Cookie")
	for name, _, rest, ok := httpspec.NextCookie(sent); ok; name, _, rest, ok = httpspec.NextCookie(rest) {
		if !f.Key.Cookies.Has(name) {
			return true
		}
	}
	return false
}

// Text is what an operator is told, once. where names the behavior and the path.
func (g *Guard) Text(why record.CacheReason, where string) string {
	done := "it is stored for everybody, as CloudFront does (leak guard: exact)"
	if g.safe {
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
	return where + " " + what + "; " + done + ". To mend it: " + mend
}
