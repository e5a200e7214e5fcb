// SPDX-License-Identifier: Apache-2.0

package httpspec

import "time"

// This file decides how long an edge serves an answer without asking the
// origin. The table is the one of the CloudFront Developer Guide, "Manage how
// long content stays in the cache":
//
//	origin says                MinTTL = 0                 MinTTL > 0
//	s-maxage, else max-age     min(it, MaxTTL)            clamp(it, MinTTL, MaxTTL)
//	Expires (no max-age)       min(it, MaxTTL)            clamp(it, MinTTL, MaxTTL)
//	nothing                    DefaultTTL                 max(MinTTL, DefaultTTL)
//	no-cache no-store private  respected                  MinTTL, directives or not
//
// Example: MinTTL 0, DefaultTTL 1 day, MaxTTL 1 year and "max-age=60,
// s-maxage=600" give 600 s, with ReasonSMaxAge.

// Policy is the part of a cache policy that bounds lifetimes.
type Policy struct {
	Min, Default, Max time.Duration
}

// normal raises Default to Min and Max to Default, as the API does.
func (p Policy) normal() Policy {
	p.Default = max(p.Default, p.Min)
	p.Max = max(p.Max, p.Default)
	return p
}

// Disabled tells whether the policy forbids caching (all three are zero).
func (p Policy) Disabled() bool { return p.Min == 0 && p.Default == 0 && p.Max == 0 }

// Reason names the rule that set a lifetime.
type Reason uint8

// The reasons.
const (
	ReasonDefault     Reason = iota // no directive: DefaultTTL
	ReasonMaxAge                    // max-age as it is
	ReasonSMaxAge                   // s-maxage as it is
	ReasonExpires                   // Expires as it is
	ReasonRaised                    // raised to MinTTL
	ReasonCapped                    // cut to MaxTTL
	ReasonNoStore                   // no-store, MinTTL 0
	ReasonPrivate                   // private, MinTTL 0
	ReasonNoCache                   // no-cache, MinTTL 0: kept, asked about each time
	ReasonOverridden                // no-cache, no-store or private against MinTTL above 0
	ReasonDisabled                  // the policy forbids caching
	ReasonErrorTTL                  // an error, for ErrorCachingMinTTL
	ReasonErrorHeader               // an error, for as long as its fields say
	ReasonErrorNot                  // an error that is not cached
	ReasonHeuristic                 // a share of the time since Last-Modified
	ReasonAuthorized                // a request with Authorization, and no word that the answer is for all
)

var reasonNames = [...]string{
	"default-ttl", "max-age", "s-maxage", "expires", "raised-to-min-ttl", "cut-to-max-ttl", "no-store", "private",
	"no-cache", "min-ttl-overrides", "caching-disabled", "error-caching-min-ttl", "error-header", "error-not-cached",
	"heuristic", "authorized",
}

// String is a word for records.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "?"
}

// Freshness is what a cache may do with an answer.
type Freshness struct {
	// TTL is how long it is served without asking.
	TTL time.Duration
	// Revalidate is how long after that it is served once more at once while
	// it is being refreshed (stale-while-revalidate).
	Revalidate time.Duration
	// IfError is how long after TTL it stands in for a failing origin.
	// IfErrorSet tells that the origin asked for it: without the directive
	// CloudFront serves an expired object anyway, for want of better; with
	// stale-if-error=0 it does not.
	IfError    time.Duration
	IfErrorSet bool
	// Age is how old the answer was when it came; Lifetime has taken it off
	// TTL already, which may be negative for it.
	Age time.Duration
	// Store is false when the answer must not be kept at all.
	Store bool
	// Share is false when the answer is for the viewer who asked and not for
	// others who wait for the same key (request collapsing).
	Share  bool
	Reason Reason
}

// TTL is the arithmetic of the table for an answer that is no error.
// expires and date are its Expires and Date fields, "" when absent; now is
// when it came.
func TTL(p Policy, cc CacheControl, expires, date string, now time.Time) Freshness {
	if p.Disabled() {
		return Freshness{Reason: ReasonDisabled}
	}
	p = p.normal()
	f := Freshness{Store: true, Share: true}
	if cc.NoStore || cc.Private || cc.NoCache {
		if p.Min > 0 {
			f.TTL, f.Reason = p.Min, ReasonOverridden
			f.staleWindows(p, cc)
			f.Revalidate = 0 // the origin said: not without asking
			return f
		}
		return refusal(cc)
	}
	wish, given := explicit(cc, expires, date, now)
	if given == ReasonDefault {
		f.TTL, f.Reason = p.Default, ReasonDefault
	} else {
		f.TTL, f.Reason = p.clamp(wish, given)
	}
	f.Share = f.TTL > 0
	f.staleWindows(p, cc)
	return f
}

// refusal is for directives that CloudFront respects because MinTTL is 0.
// no-cache alone keeps the answer, so that it can be revalidated.
func refusal(cc CacheControl) Freshness {
	switch {
	case cc.NoStore:
		return Freshness{Reason: ReasonNoStore}
	case cc.Private:
		return Freshness{Reason: ReasonPrivate}
	}
	// Never served without asking, and MinTTL is 0: not even when the origin
	// cannot be reached.
	return Freshness{Store: true, IfErrorSet: true, Reason: ReasonNoCache}
}

// explicit is the lifetime that the origin asks for.
//
// Expires counts from Date (RFC 9111 4.2.1); without a readable Date, from
// now. An Expires that cannot be read is in the past (5.3).
func explicit(cc CacheControl, expires, date string, now time.Time) (time.Duration, Reason) {
	switch {
	case cc.SMaxAge.Set:
		return cc.SMaxAge.Value, ReasonSMaxAge
	case cc.MaxAge.Set:
		return cc.MaxAge.Value, ReasonMaxAge
	case expires == "":
		return 0, ReasonDefault
	}
	end, ok := ParseDate(trim(expires))
	if !ok {
		return 0, ReasonExpires
	}
	if sent, ok := ParseDate(trim(date)); ok {
		now = sent
	}
	return max(0, end.Sub(now)), ReasonExpires
}

func (p Policy) clamp(wish time.Duration, given Reason) (time.Duration, Reason) {
	switch {
	case wish < p.Min:
		return p.Min, ReasonRaised
	case wish > p.Max:
		return p.Max, ReasonCapped
	}
	return wish, given
}

// staleWindows fills in what may happen after the TTL. A window is cut to
// MaxTTL. must-revalidate and proxy-revalidate forbid both windows and the
// unasked one (RFC 9111 5.2.2.2). Departure: s-maxage does not imply
// proxy-revalidate here (5.2.2.10), because at CloudFront it goes together
// with stale-while-revalidate.
func (f *Freshness) staleWindows(p Policy, cc CacheControl) {
	f.IfErrorSet = cc.StaleIfError.Set
	if cc.MustRevalidate || cc.ProxyRevalidate {
		f.IfErrorSet = true
		return
	}
	f.Revalidate = min(cc.StaleWhileRevalidate.Value, p.Max)
	f.IfError = min(cc.StaleIfError.Value, p.Max)
}

// ErrorTTL is how long an error status is kept. minTTL is
// ErrorCachingMinTTL (10 s when the template does not say). 404, 414 and the
// 5xx of the guide always are; 400, 403, 405, 412 and 415 only when max-age
// or s-maxage says so; 416 and others never. The longer of minTTL and the
// directive wins.
func ErrorTTL(status int, minTTL time.Duration, cc CacheControl) Freshness {
	wish, given := explicit(cc, "", "", time.Time{})
	switch status {
	case 404, 414, 500, 501, 502, 503, 504:
	case 400, 403, 405, 412, 415:
		if given == ReasonDefault {
			return Freshness{Reason: ReasonErrorNot, Share: true}
		}
	default:
		return Freshness{Reason: ReasonErrorNot, Share: true}
	}
	f := Freshness{TTL: minTTL, Store: true, Share: true, Reason: ReasonErrorTTL}
	if given != ReasonDefault && wish > minTTL {
		f.TTL, f.Reason = wish, ReasonErrorHeader
	}
	return f
}
