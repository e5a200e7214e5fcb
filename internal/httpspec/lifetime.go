// SPDX-License-Identifier: Apache-2.0

package httpspec

import "time"

// This file is the arithmetic of RFC 9111 for a shared cache, where ttl.go has
// CloudFront's. They differ in these points:
//
//	                        RFC 9111 (here)             CloudFront (ttl.go)
//	Age, Date of the answer count as age (4.2.3)        its clock is not trusted
//	Authorization           public, s-maxage, must-     of the cache key, or not
//	                        revalidate or nothing (3.5) forwarded
//	status                  any with a lifetime; else   a list; errors for
//	                        those of 15.1 of RFC 9110   ErrorCachingMinTTL
//	no-store, no-cache,     always respected            respected under MinTTL 0
//	private
//	must-understand         in place of no-store        not known
//
// A policy bounds lifetimes in both: MinTTL raises, MaxTTL cuts, DefaultTTL
// stands where the origin says nothing and no heuristic is asked for.
//
// Example: "max-age=60", Age 20 and MaxTTL a year give TTL 40 s and Age 20 s.

// Answer is what decides how long an answer may be used.
type Answer struct {
	Status       int
	CacheControl CacheControl
	// Expires, Date, Age and LastModified are its fields, "" when absent.
	Expires, Date, Age, LastModified string
	// Authorized: the request carried Authorization.
	Authorized bool
	// Heuristic is the percentage of the time since LastModified for which an
	// answer without a lifetime is fresh (RFC 9111 4.2.2), at most a day.
	// 0: DefaultTTL of the policy.
	Heuristic int
	// Requested and Received are when the request was sent and the answer came.
	Requested, Received time.Time
}

// Lifetime tells what a shared cache may do with an answer by RFC 9111.
//
// Departure: s-maxage forbids to serve a stale answer unasked (5.2.2.10), but
// not within the windows of stale-while-revalidate and stale-if-error beside
// it: origins that send both mean both.
func Lifetime(p Policy, a Answer) Freshness {
	if p.Disabled() {
		return Freshness{Reason: ReasonDisabled}
	}
	p = p.normal()
	if why, ok := a.storable(); !ok {
		return Freshness{Reason: why}
	}
	cc := a.CacheControl
	f := Freshness{Store: true, Age: Age(a.Date, a.Age, a.Requested, a.Received, a.Received).Truncate(time.Second)}
	if cc.NoCache {
		f.IfErrorSet, f.Reason = true, ReasonNoCache
		return f
	}
	wish, given := explicit(cc, a.Expires, a.Date, a.Received)
	if given == ReasonDefault {
		wish, given = a.unsaid(p)
	}
	if given == ReasonDefault {
		f.TTL, f.Reason = wish, given
	} else {
		f.TTL, f.Reason = p.clamp(wish, given)
	}
	f.TTL -= f.Age
	f.Share = f.TTL > 0
	f.staleWindows(p, cc)
	f.IfErrorSet = f.IfErrorSet || cc.SMaxAge.Set
	return f
}

// storable is RFC 9111 3 without the method: may the answer be kept, and if
// not, why.
func (a *Answer) storable() (why Reason, ok bool) {
	cc := &a.CacheControl
	switch {
	case cc.MustUnderstand && !understood(a.Status):
		return ReasonNoStore, false
	case cc.NoStore && !cc.MustUnderstand:
		return ReasonNoStore, false
	case cc.Private:
		return ReasonPrivate, false
	case a.Authorized && !cc.Public && !cc.SMaxAge.Set && !cc.MustRevalidate:
		return ReasonAuthorized, false
	}
	switch a.Status {
	case 206, 304, 412, 416: // answers to the conditions and ranges of one request
		return ReasonErrorNot, false
	}
	said := cc.Public || cc.MaxAge.Set || cc.SMaxAge.Set || a.Expires != ""
	return ReasonErrorNot, a.Status >= 200 && (said || heuristic(a.Status))
}

// unsaid is the lifetime of an answer whose origin gives none.
func (a *Answer) unsaid(p Policy) (time.Duration, Reason) {
	if !a.CacheControl.Public && !heuristic(a.Status) {
		return 0, ReasonDefault
	}
	last, ok := ParseDate(trim(a.LastModified))
	if a.Heuristic <= 0 || !ok {
		return p.Default, ReasonDefault
	}
	now := a.Received
	if sent, ok := ParseDate(trim(a.Date)); ok {
		now = sent
	}
	wish := max(0, now.Sub(last)) / 100 * time.Duration(min(a.Heuristic, 100))
	return min(wish, 24*time.Hour), ReasonHeuristic
}

// heuristic are the statuses that may be stored without a lifetime (RFC 9110
// 15.1), without 206.
func heuristic(status int) bool {
	switch status {
	case 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501:
		return true
	}
	return false
}

// understood are the statuses whose rules of caching are kept here: those of
// RFC 9110 15 that are final and no answer to a condition or a range.
func understood(status int) bool {
	switch {
	case status == 206, status == 304, status == 306, status == 412, status == 416, status == 418:
		return false
	case status >= 200 && status <= 205, status >= 300 && status <= 308, status >= 400 && status <= 417:
		return true
	}
	return status == 421 || status == 422 || status == 426 || status >= 500 && status <= 505
}
