// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"testing"
	"time"
)

func TestLifetime(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	year := Policy{Max: 365 * 24 * time.Hour}
	for _, tt := range []struct {
		name   string
		policy Policy
		cc     string
		a      Answer
		ttl    time.Duration
		store  bool
		reason Reason
	}{
		{"max-age", year, "max-age=60", Answer{Status: 200}, time.Minute, true, ReasonMaxAge},
		{"age", year, "max-age=60", Answer{Status: 200, Age: "40"}, 20 * time.Second, true, ReasonMaxAge},
		{"older than its lifetime", year, "max-age=60", Answer{Status: 200, Age: "90"}, -30 * time.Second, true, ReasonMaxAge},
		{"capped, then aged", Policy{Max: time.Hour}, "max-age=99999", Answer{Status: 200, Age: "600"}, 50 * time.Minute, true, ReasonCapped},
		{"raised", Policy{Min: time.Hour, Max: time.Hour}, "max-age=1", Answer{Status: 200}, time.Hour, true, ReasonRaised},
		{"min does not override", Policy{Min: time.Hour, Max: time.Hour}, "no-store", Answer{Status: 200}, 0, false, ReasonNoStore},
		{"disabled", Policy{}, "max-age=60", Answer{Status: 200}, 0, false, ReasonDisabled},
		{"authorized", year, "max-age=60", Answer{Status: 200, Authorized: true}, 0, false, ReasonAuthorized},
		{"authorized, public", year, "max-age=60, public", Answer{Status: 200, Authorized: true}, time.Minute, true, ReasonMaxAge},
		{"partial", year, "max-age=60", Answer{Status: 206}, 0, false, ReasonErrorNot},
		{"unknown status", year, "max-age=60", Answer{Status: 599}, time.Minute, true, ReasonMaxAge},
		{"must-understand", year, "max-age=60, must-understand", Answer{Status: 599}, 0, false, ReasonNoStore},
		{"understood", year, "max-age=60, no-store, must-understand", Answer{Status: 404}, time.Minute, true, ReasonMaxAge},
		{"no word, a status that may", Policy{Default: time.Minute, Max: time.Hour}, "", Answer{Status: 404}, time.Minute, true, ReasonDefault},
		{"no word, one that may not", Policy{Default: time.Minute, Max: time.Hour}, "", Answer{Status: 500}, 0, false, ReasonErrorNot},
		{"heuristic", year, "", Answer{Status: 200, Heuristic: 10, LastModified: "Sun, 01 Mar 2026 11:50:00 GMT"}, time.Minute, true, ReasonHeuristic},
		{"heuristic of the future", year, "", Answer{Status: 200, Heuristic: 10, LastModified: "Sun, 01 Mar 2027 11:50:00 GMT"}, 0, true, ReasonHeuristic},
	} {
		tt.a.CacheControl, tt.a.Requested, tt.a.Received = ParseCacheControl(tt.cc), now, now
		f := Lifetime(tt.policy, tt.a)
		if f.TTL != tt.ttl || f.Store != tt.store || f.Reason != tt.reason || f.Share != (tt.ttl > 0) {
			t.Errorf("%s: %+v", tt.name, f)
		}
	}
}

func TestParseTargeted(t *testing.T) {
	for _, tt := range []struct {
		in     string
		ok     bool
		maxAge int // -1: not set
		flags  string
	}{
		{"max-age=60", true, 60, ""},
		{"max-age=60, must-revalidate", true, 60, "m"},
		{"max-age=60;a=1;b, no-store;c=\"x\"", true, 60, "s"},
		{"no-store=?1, private=?0", true, -1, "s"},
		{"a=(1 \"x\" tok);p=1, max-age=1", true, 1, ""},
		{"a=:aGk=:, b=1.25, c=tok/en, max-age=1", true, 1, ""},
		{"max-age=60, max-age=\"x\"", true, -1, ""},
		{"max-age=-1", true, -1, ""},
		{"max-age=99999999999", true, maxSeconds, ""},
		{"private=\"set-cookie\"", true, -1, "p"},
		{"", false, -1, ""},
		{"max-age=60,", false, -1, ""},
		{"max-age =60", false, -1, ""},
		{"max-age= 60", false, -1, ""},
		{"Max-Age=60", false, -1, ""},
		{"max-age=60 no-store", false, -1, ""},
		{"a=\"x", false, -1, ""},
		{"a=(1 2", false, -1, ""},
		{"a=1.", false, -1, ""},
		{"a=?2", false, -1, ""},
		{"a=1;", false, -1, ""},
	} {
		cc, ok := ParseTargeted(tt.in)
		flags, age := "", -1
		if cc.MustRevalidate {
			flags += "m"
		}
		if cc.NoStore {
			flags += "s"
		}
		if cc.Private {
			flags += "p"
		}
		if cc.MaxAge.Set {
			age = int(cc.MaxAge.Value / time.Second)
		}
		if ok != tt.ok || flags != tt.flags || age != tt.maxAge {
			t.Errorf("%q: %v %q %d", tt.in, ok, flags, age)
		}
	}
}

func FuzzTargeted(f *testing.F) {
	f.Add("max-age=60;a, no-cache=\"x\\\"\", b=(1 2);c=:aGk=:")
	f.Fuzz(func(t *testing.T, s string) {
		cc, ok := ParseTargeted(s)
		if !ok && cc != (CacheControl{}) {
			t.Errorf("%q is malformed and gives %+v", s, cc)
		}
		if cc.MaxAge.Value < 0 || cc.MaxAge.Value > maxSeconds*time.Second {
			t.Errorf("%q: max-age %v", s, cc.MaxAge.Value)
		}
	})
}

func FuzzNormalised(f *testing.F) {
	f.Add("Accept-Language", "en, DE ;q=0.5,,fr")
	f.Add("Foo", "a, \"b, c\"")
	f.Fuzz(func(t *testing.T, name, value string) {
		once := string(AppendNormalised(nil, name, value))
		if twice := string(AppendNormalised(nil, name, once)); twice != once {
			t.Errorf("%q: %q, then %q", value, once, twice)
		}
	})
}
