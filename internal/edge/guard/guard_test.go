// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/metrics"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

func header(pairs ...string) *httpmsg.Header {
	h := new(httpmsg.Header)
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

var keyed = forward.Key{
	Headers: []string{"authorization"},
	Query:   forward.NewSelector(model.Selection{Mode: model.SelectList, Names: []string{"token"}}),
	Cookies: forward.NewSelector(model.Selection{Mode: model.SelectAll}),
}

func TestN3Leak(t *testing.T) {
	fresh := httpspec.Freshness{Store: true, TTL: time.Minute}
	overridden := httpspec.Freshness{Store: true, TTL: time.Minute, Reason: httpspec.ReasonOverridden}
	for _, tt := range []struct {
		name          string
		answer, asked *httpmsg.Header
		key           forward.Key
		freshness     httpspec.Freshness
		want          record.CacheReason
	}{
		{"nothing", header(), header(), forward.Key{}, fresh, record.ReasonNone},
		{"it sets a cookie", header("Set-Cookie", "a=1"), header(), forward.Key{}, fresh, record.ReasonLeakSetCookie},
		{"which is not stored", header("Set-Cookie", "a=1", "Cache-Control", `no-cache="Set-Cookie"`), header(), forward.Key{}, fresh, record.ReasonNone},
		{"Authorization", header(), header("Authorization", "x"), forward.Key{}, fresh, record.ReasonLeakAuthorization},
		{"Authorization in the key", header(), header("Authorization", "x"), keyed, fresh, record.ReasonNone},
		{"cookies", header(), header("Cookie", "a=1"), forward.Key{}, fresh, record.ReasonLeakCookie},
		{"cookies in the key", header(), header("Cookie", "a=1"), keyed, fresh, record.ReasonNone},
		{"private, overridden", header("Cache-Control", "private"), header(), forward.Key{}, overridden, record.ReasonLeakPrivate},
		{"no-cache, overridden", header("Cache-Control", "no-cache"), header(), forward.Key{}, overridden, record.ReasonNone},
		{"asked about each time", header(), header("Cookie", "a=1"), forward.Key{}, httpspec.Freshness{Store: true}, record.ReasonNone},
		{"asked about each time, but for Set-Cookie", header("Set-Cookie", "a=1"), header(), forward.Key{}, httpspec.Freshness{Store: true}, record.ReasonLeakSetCookie},
	} {
		f := Fetched{Answer: tt.answer, Asked: tt.asked, Key: &tt.key, Freshness: tt.freshness}
		if got := f.Leak(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestK9Personal(t *testing.T) {
	ofOrigin := func(name string) bool { return name == "X-Own" }
	for field, want := range map[string]bool{
		"": false, "header:Authorization": false, "header:Authorization, query:token": false, "header:X-Own": false,
		"header:X-Other": true, "query:other": true, "query:%zz": true, "header:Cookie": false, "*": true, "what": true,
	} {
		h := new(httpmsg.Header)
		if field != "" {
			h.Add("X-Edge-Identity", field)
		}
		if got := Personal(h, &keyed, ofOrigin); got != want {
			t.Errorf("%q: %v", field, got)
		}
	}
}

// TestFindingsAreToldOnce: each is counted, the first one of a cause is told.
func TestFindingsAreToldOnce(t *testing.T) {
	r := new(metrics.Registry)
	g := New(true, r, "E1")
	if !g.Count(record.ReasonLeakCookie) || g.Count(record.ReasonLeakCookie) || !g.Count(record.ReasonLeakPrivate) {
		t.Error("not the first one of each cause")
	}
	if text := string(r.AppendText(nil)); !strings.Contains(text, `forelane_edge_leak_guard_total{cause="leak-cookie",distribution="E1"} 2`) {
		t.Error(text)
	}
	for _, c := range causes {
		safe, exact := g.Text(c, "here"), New(false, nil, "").Text(c, "here")
		if !strings.HasPrefix(safe, "here ") || !strings.Contains(safe, "guard: safe") || !strings.Contains(exact, "guard: exact") {
			t.Errorf("%s / %s", safe, exact)
		}
	}
}
