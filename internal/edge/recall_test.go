// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// TestAKeptHitDoesNotAllocate: also where the key has what must be hidden.
func TestAKeptHitDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget: what is counted then says nothing")
		return
	}
	w := newWorld(t)
	w.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute})
	w.behavior().Cache.Cookies = selection("session")
	w.behavior().Cache.Headers = selection("X-Tenant")
	w.behavior().Cache.Queries = selection("all")
	w.compile()
	w.edge.deps.Record = nil
	fields := []string{"Accept", "*/*", "Cookie", "session=1; theme=dark", "X-Tenant", "t"}
	w.do("/a?token=x", fields...)
	rq := request("/a?token=x", fields...)
	ctx := t.Context()
	n := testing.AllocsPerRun(500, func() {
		if w.edge.Begin(ctx, rq, nothing{}) != nil {
			t.Fatal("a hit left its connection")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a hit that is kept", n)
	}
}

func BenchmarkHitKept(b *testing.B) {
	w := newWorld(&testing.T{})
	w.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute})
	w.compile()
	w.edge.deps.Record = nil
	w.start(b.Context(), "/a")
	rq := request("/a", "Accept", "*/*", "User-Agent", "me")
	b.ReportAllocs()
	for b.Loop() {
		w.edge.Serve(b.Context(), rq, nothing{})
	}
}

func TestPlainKeys(t *testing.T) {
	w := newWorld(t)
	w.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute})
	w.compile()
	x := &Exchange{edge: w.edge}
	for name, tt := range map[string]struct{ key, want string }{
		"nothing to hide":   {"E1\n/a\norigin=o\naccept-encoding=br,gzip", "E1\n/a\norigin=o\naccept-encoding=br,gzip"},
		"a plain query":     {"E1\n/a?x=1&x=2&y\norigin=o", "E1\n/a?x=1&x=2&y\norigin=o"},
		"a secret query":    {"E1\n/a?x=1&ToKeN=abc\norigin=o", "E1\n/a?x=1&ToKeN=H\norigin=o"},
		"headers":           {"E1\n/a\norigin=o\naccept:x\nauthorization:abc\nx-api-key:abc\nhost:h:80", "E1\n/a\norigin=o\naccept:x\nauthorization:H\nx-api-key:H\nhost:h:80"},
		"cookies":           {"E1\n/a\norigin=o\ncookie:a=abc; b=abc", "E1\n/a\norigin=o\ncookie:a=H; b=H"},
		"no cookies":        {"E1\n/a\norigin=o\ncookie:", "E1\n/a\norigin=o\ncookie:"},
		"a variant":         {"E1\n/a\norigin=o\v7:accept-language,x-key,x-none\v=de\v=abc\v", "E1\n/a\norigin=o\v7:accept-language,x-key,x-none\v=de\v=H\v"},
		"a colon in a path": {"E1\n/a:b\norigin=o:p\nmethod=HEAD", "E1\n/a:b\norigin=o:p\nmethod=HEAD"},
	} {
		got := x.plainKey(tt.key)
		if strings.Contains(got, "abc") {
			t.Errorf("%s: %q", name, got)
		}
		digest := string(x.appendHidden(nil, "abc"))
		if got = strings.ReplaceAll(got, digest, "H"); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// FuzzPlainKey: whatever a key has in it, neither the values of cookies and
// hidden headers are in what is kept, nor does it panic.
func FuzzPlainKey(f *testing.F) {
	f.Add("/a", "x=1&token=2", "c=3")
	f.Add("", "&=&token", ";=;")
	f.Fuzz(func(t *testing.T, path, query, cookies string) {
		const secret = "s3cr3tv4lu3"
		clean := strings.NewReplacer("\n", "", "\v", "", "?", "", "&", "", ";", "", "=", "")
		key := "E1\n" + clean.Replace(path) + "?" + strings.NewReplacer("\n", "", "\v", "").Replace(query) + "&token=" + secret + "\norigin=o\nauthorization:" + secret +
			"\ncookie:" + clean.Replace(cookies) + "=" + secret
		w := &Edge{deps: Deps{Recent: record.NewRecent(record.RecentOptions{Keep: 1, Bytes: 1})}}
		if got := (&Exchange{edge: w}).plainKey(key); strings.Contains(got, secret) {
			t.Errorf("%q", got)
		}
	})
}

func TestReplay(t *testing.T) {
	rec := record.Record{
		Request: record.Request{Method: "GET", Scheme: "wss", Host: "a.example", Path: "/p", Query: "a=1&token=digest:1f"},
		Cache:   record.Cache{Status: record.CacheMiss},
	}
	rq, without, ok := Replay(&rec, "Accept: x\nCookie: digest:2\nX-A: digest:3\nX-A: digest:3\n")
	want := &explain.Request{Method: "GET", URL: "https://a.example/p?a=1&token=digest:1f", Headers: [][2]string{{"Accept", "x"}}}
	if !ok || !reflect.DeepEqual(rq, want) || strings.Join(without, ",") != "query token,Cookie,X-A" {
		t.Errorf("%+v without %q (%v)", rq, without, ok)
	}
	rec.Request.Path += record.Ellipsis
	if _, _, ok := Replay(&rec, ""); ok {
		t.Error("a request that was cut was made again")
	}
	hit := record.Record{Request: record.Request{Method: "GET", Scheme: "http", Host: "a.example", Path: "/p"}}
	hit.Cache = record.Cache{Status: record.CacheHit, Key: "E1\n/p\norigin=o\naccept-encoding=br\naccept-language:de\ncloudfront-viewer-country:DE\nhost:a\nx-a:digest:1"}
	rq, without, ok = Replay(&hit, "")
	if !ok || !reflect.DeepEqual(rq.Headers, [][2]string{{"Accept-Encoding", "br"}, {"accept-language", "de"}}) || len(without) != 1 {
		t.Errorf("%+v without %q (%v)", rq, without, ok)
	}
}

// TestEveryReasonIsExplained: an id of each cache reason has a sentence.
func TestEveryReasonIsExplained(t *testing.T) {
	for r := record.ReasonNone; r.String() != "?"; r++ {
		if why, _ := whyRecorded(&record.Cache{Status: record.CacheMiss, Reason: r}); why == "" || why == r.String() {
			t.Errorf("%s: %q", r, why)
		}
	}
}

// TestDebugTokenGoesNowhere: what a viewer sends in X-Forelane-Debug is in no
// record, and a function and an origin do not see it.
func TestDebugTokenGoesNowhere(t *testing.T) {
	for name, token := range map[string]string{"right": debugToken, "wrong": "wrong-" + debugToken, "empty": ""} {
		bubble(t, func(t *testing.T, w *world) {
			w.recent = record.NewRecent(record.RecentOptions{Keep: time.Minute, Bytes: 1})
			w.behavior().OriginRequest = &model.OriginRequestPolicy{Headers: selection("allViewer")}
			v := w.do("/a", "x-forelane-debug", token)
			if got := v.header.Has("X-Forelane-Cache"); got != (name == "right") {
				t.Errorf("%s: debug headers: %v", name, got)
			}
			for n := range w.lastCall().Header {
				if httpmsg.EqualFold(n, DebugHeader) {
					t.Errorf("%s: the origin saw it", name)
				}
			}
			r, headers, ok := w.recent.Find(v.header.Get("X-Amz-Cf-Id"), time.Now())
			if !ok || strings.Contains(strings.ToLower(headers), "debug") || token != "" && strings.Contains(string(record.AppendJSON(nil, r)), token) {
				t.Errorf("%s: kept: %v %q", name, ok, headers)
			}
		})
	}
}
