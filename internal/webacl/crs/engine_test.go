// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"fmt"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
)

func everything() []Family {
	return []Family{Methods, Scanners, Protocol, Smuggling, Multipart, LFI, RFI, RCE, PHP, Generic, XSS, SQLi, Fixation, Java}
}

func open(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := New(everything(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func get(target string, fields ...string) *httpmsg.Request {
	rq := &httpmsg.Request{Method: "GET", Host: "shop.example.com", Path: target}
	for i, c := range target {
		if c == '?' {
			rq.Path, rq.Query = target[:i], target[i+1:]
			break
		}
	}
	rq.Header.Add("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	rq.Header.Add("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	rq.Header.Add("Accept-Language", "en-US,en;q=0.5")
	rq.Header.Add("Accept-Encoding", "gzip, deflate, br, zstd")
	rq.Header.Add("Cookie", "session=0f8e1c2d3b4a; theme=dark")
	for i := 0; i+1 < len(fields); i += 2 {
		rq.Header.Add(fields[i], fields[i+1])
	}
	return rq
}

func post(kind string) *httpmsg.Request {
	rq := get("/", "Content-Type", kind)
	rq.Method = "POST"
	return rq
}

func TestPartition(t *testing.T) {
	all, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	want := map[Family]bool{}
	for _, f := range everything() {
		want[f] = true
	}
	set := settings(all)
	local, rest := part(all, want, set)
	t.Logf("%d rules, %d local, %d rest", len(all), len(local), len(rest))
	if len(local) < 130 || len(rest) > 40 || set["allowed_methods"] != "GET HEAD POST OPTIONS" {
		t.Errorf("%d local, %d rest, methods %q", len(local), len(rest), set["allowed_methods"])
	}
	for _, r := range local {
		if r.points == 0 {
			t.Errorf("%d has no points", r.id)
		}
	}
}

func TestScreen(t *testing.T) {
	e := open(t, Options{})
	for _, tt := range []struct {
		name string
		rq   *httpmsg.Request
		body string
		rule int
		at   Place
	}{
		{"clean", get("/products?id=42"), "", 0, 0},
		{"sql", get("/products?id=42%27%20or%201=1--"), "", 942100, InQuery},
		{"traversal", get("/a/../../etc/passwd"), "", 930110, InPath},
		{"scanner", get("/", "User-Agent", "nikto"), "", 913100, InHeader},
		{"invalid JSON", post("application/json"), `{"a":"1' or '1'='1", oops`, 942100, InBody},
		{"JSON", post("application/json"), `{"a":["1' or '1'='1"]}`, 942100, InBody},
		{"XML", post("text/xml"), "<a><b>1' or '1'='1</b></a>", 942100, InBody},
		{"text", post("text/plain"), "q=1' or '1'='1", 942100, InBody},
		{"script in a cookie", get("/", "Cookie", "a=<script>alert(1)</script>"), "", 941100, InCookie},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a, b Result
			for _, out := range []*Result{&a, &b} { // new, and remembered
				if err := e.Screen(tt.rq, []byte(tt.body), out); err != nil {
					t.Fatal(err)
				}
			}
			if fmt.Sprint(a.Hits) != fmt.Sprint(b.Hits) {
				t.Errorf("first %v, then %v", a.Hits, b.Hits)
			}
			found := false
			for _, h := range a.Hits {
				found = found || h.Rule == tt.rule && h.Place == tt.at
			}
			if found != (tt.rule != 0) || tt.rule == 0 && len(a.Hits) > 0 {
				t.Errorf("hits %v, want rule %d in %v", a.Hits, tt.rule, tt.at)
			}
		})
	}
}
