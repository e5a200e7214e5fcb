// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"testing"
	"time"
)

const (
	s    = time.Second
	day  = 24 * time.Hour
	year = 365 * day
)

func TestF1F2F3F4F5TTL(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return FormatDate(now.Add(d)) }
	zero, floor := Policy{0, day, year}, Policy{60 * s, 300 * s, 3600 * s}
	tests := []struct {
		name, cc, expires, date string
		policy                  Policy
		want                    time.Duration
		store                   bool
		reason                  Reason
	}{
		{"F1 max-age", "max-age=60", "", "", zero, 60 * s, true, ReasonMaxAge},
		{"F1 max-age above max", "max-age=99999999", "", "", zero, year, true, ReasonCapped},
		{"F1 s-maxage wins", "max-age=60, s-maxage=600", "", "", zero, 600 * s, true, ReasonSMaxAge},
		{"F1 s-maxage 0 wins", "max-age=60, s-maxage=0", "", "", zero, 0, true, ReasonSMaxAge},
		{"F1 max-age 0", "max-age=0", "", "", zero, 0, true, ReasonMaxAge},
		{"F2 below min", "max-age=5", "", "", floor, 60 * s, true, ReasonRaised},
		{"F2 between", "max-age=600", "", "", floor, 600 * s, true, ReasonMaxAge},
		{"F2 above max", "s-maxage=7200", "", "", floor, 3600 * s, true, ReasonCapped},
		{"F3 nothing", "", "", "", zero, day, true, ReasonDefault},
		{"F3 public only", "public, immutable", "", "", zero, day, true, ReasonDefault},
		{"F3 min above default", "", "", "", Policy{600 * s, 300 * s, 3600 * s}, 600 * s, true, ReasonDefault},
		{"F3 default above max", "", "", "", Policy{0, 7200 * s, 3600 * s}, 7200 * s, true, ReasonDefault},
		{"F4 expires", "", at(90 * s), at(0), zero, 90 * s, true, ReasonExpires},
		{"F4 expires counts from date", "", at(90 * s), at(-30 * s), zero, 120 * s, true, ReasonExpires},
		{"F4 expires without date", "", at(90 * s), "", zero, 90 * s, true, ReasonExpires},
		{"F4 expires past, min 0", "", at(-90 * s), at(0), zero, 0, true, ReasonExpires},
		{"F4 expires past, min 60", "", at(-90 * s), at(0), floor, 60 * s, true, ReasonRaised},
		{"F4 expires above max", "", at(2 * time.Hour), at(0), floor, 3600 * s, true, ReasonCapped},
		{"F4 ignored beside max-age", "max-age=7", at(90 * s), at(0), zero, 7 * s, true, ReasonMaxAge},
		{"F4 unreadable is past", "", "0", at(0), zero, 0, true, ReasonExpires},
		{"F5 no-store", "no-store, max-age=60", "", "", zero, 0, false, ReasonNoStore},
		{"F5 private", "private, max-age=60", "", "", zero, 0, false, ReasonPrivate},
		{"F5 no-cache", "no-cache", "", "", zero, 0, true, ReasonNoCache},
		{"F5 no-cache beside max-age", "no-cache, max-age=60", "", "", zero, 0, true, ReasonNoCache},
		{"F5 min wins over no-store", "no-store", "", "", floor, 60 * s, true, ReasonOverridden},
		{"F5 min wins over private", "private, max-age=600", "", "", floor, 60 * s, true, ReasonOverridden},
		{"F5 min wins over no-cache", "no-cache", "", "", floor, 60 * s, true, ReasonOverridden},
		{"K4 qualified no-cache is none", `no-cache="Set-Cookie", max-age=60`, "", "", zero, 60 * s, true, ReasonMaxAge},
		{"K7 disabled", "max-age=60", "", "", Policy{}, 0, false, ReasonDisabled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := TTL(tt.policy, ParseCacheControl(tt.cc), tt.expires, tt.date, now)
			if f.TTL != tt.want || f.Store != tt.store || f.Reason != tt.reason {
				t.Errorf("got %v store %v %v, want %v %v %v", f.TTL, f.Store, f.Reason, tt.want, tt.store, tt.reason)
			}
		})
	}
}

func TestF7F8StaleWindows(t *testing.T) {
	zero := Policy{0, day, 3600 * s}
	for _, tt := range []struct {
		name, cc     string
		policy       Policy
		swr, sie     time.Duration
		sieSet, shar bool
	}{
		{"none", "max-age=1", zero, 0, 0, false, true},
		{"both", "max-age=1, stale-while-revalidate=30, stale-if-error=90", zero, 30 * s, 90 * s, true, true},
		{"sie 0 turns the built-in off", "max-age=1, stale-if-error=0", zero, 0, 0, true, true},
		{"cut to max", "max-age=1, stale-while-revalidate=99999999", zero, day, 0, false, true},
		{"must-revalidate forbids", "max-age=1, must-revalidate, stale-while-revalidate=30", zero, 0, 0, true, true},
		{"no-cache forbids", "no-cache, stale-while-revalidate=30", zero, 0, 0, true, false},
		{"F14 max-age 0 is not shared", "max-age=0", zero, 0, 0, false, false},
		{"F14 shared with a min", "max-age=0", Policy{s, s, s}, 0, 0, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := TTL(tt.policy, ParseCacheControl(tt.cc), "", "", time.Time{})
			if f.Revalidate != tt.swr || f.IfError != tt.sie || f.IfErrorSet != tt.sieSet || f.Share != tt.shar {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestF10ErrorTTL(t *testing.T) {
	for _, tt := range []struct {
		status int
		cc     string
		want   time.Duration
		store  bool
		reason Reason
	}{
		{404, "", 10 * s, true, ReasonErrorTTL},
		{503, "max-age=5", 10 * s, true, ReasonErrorTTL},
		{503, "no-store", 10 * s, true, ReasonErrorTTL},
		{500, "max-age=50", 50 * s, true, ReasonErrorHeader},
		{403, "", 0, false, ReasonErrorNot},
		{403, "s-maxage=0", 10 * s, true, ReasonErrorTTL},
		{415, "max-age=60", 60 * s, true, ReasonErrorHeader},
		{416, "max-age=60", 0, false, ReasonErrorNot},
		{418, "max-age=60", 0, false, ReasonErrorNot},
	} {
		f := ErrorTTL(tt.status, 10*s, ParseCacheControl(tt.cc))
		if f.TTL != tt.want || f.Store != tt.store || f.Reason != tt.reason {
			t.Errorf("%d %q: %+v", tt.status, tt.cc, f)
		}
	}
}

func TestParseCacheControl(t *testing.T) {
	set := func(d time.Duration) Seconds { return Seconds{d, true} }
	for _, tt := range []struct {
		in   string
		want CacheControl
	}{
		{"", CacheControl{}},
		{"max-age=60", CacheControl{MaxAge: set(60 * s)}},
		{` ,MAX-AGE="60" ,, s-maxage=1`, CacheControl{MaxAge: set(60 * s), SMaxAge: set(s)}},
		{"max-age=1, max-age=2", CacheControl{MaxAge: set(s)}},
		{"max-age=-1", CacheControl{MaxAge: set(0)}},
		{"max-age=1.5", CacheControl{MaxAge: set(0)}},
		{"max-age", CacheControl{MaxAge: set(0)}},
		{"max-age=99999999999999999999999", CacheControl{MaxAge: set(maxSeconds * s)}},
		{"max-age=2147483649", CacheControl{MaxAge: set(maxSeconds * s)}},
		{`no-cache="Set-Cookie, X-A", private="b"`, CacheControl{NoCacheFields: "Set-Cookie, X-A", Private: true, PrivateFields: "b"}},
		{`no-cache="a", no-cache`, CacheControl{NoCache: true, NoCacheFields: "a"}},
		{`no-cache="a", no-cache="b"`, CacheControl{NoCacheFields: "a,b"}},
		{`x="no-store, max-age=1", foo=bar, public`, CacheControl{Public: true}},
		{"no-store,must-revalidate,proxy-revalidate,immutable", CacheControl{NoStore: true, MustRevalidate: true, ProxyRevalidate: true, Immutable: true}},
		{"stale-while-revalidate=5,stale-if-error=0", CacheControl{StaleWhileRevalidate: set(5 * s), StaleIfError: set(0)}},
		{`x="unterminated, no-store`, CacheControl{}},
	} {
		if got := ParseCacheControl(tt.in); got != tt.want {
			t.Errorf("%q\n got %+v\nwant %+v", tt.in, got, tt.want)
		}
	}
}

func TestCommonCasesDoNotAllocate(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	date := FormatDate(now)
	buf, spans := make([]byte, 0, 64), make([]Span, 0, 1)
	for name, f := range map[string]func(){
		"cache-control": func() { _ = ParseCacheControl("public, max-age=60, stale-while-revalidate=30") },
		"ttl":           func() { _ = TTL(Policy{0, day, year}, CacheControl{}, date, date, now) },
		"parse date":    func() { _, _ = ParseDate(date) },
		"append date":   func() { _ = AppendDate(buf, now) },
		"range":         func() { _, _ = ParseRange("bytes=1-5", 10, spans) },
		"evaluate":      func() { _ = Evaluate("GET", Conditions{IfNoneMatch: `"a", "b"`}, Validators{ETag: `"b"`}) },
		"encodings":     func() { _ = AcceptedEncodings("gzip, deflate, br;q=0.5") },
	} {
		if n := testing.AllocsPerRun(50, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
