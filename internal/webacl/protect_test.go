// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"net/netip"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

const digestOfABC = "O8FWj8GHuDZk3LxYtbWt2nf//qBKx2uJbq5Y+G0e2lY="

func hidden(p model.ACLProtection) *logger {
	return &logger{protect: []protection{{&p, account("arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b")}}}
}

// TestW8WhatIsProtectedIsNotShown: the parts of a request that the log shows.
func TestW8WhatIsProtectedIsNotShown(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    model.ACLProtection
		show func(l *logger) string
		want string
	}{
		{"an argument, however its name is written", model.ACLProtection{Field: model.ProtectArgument, Keys: []string{"token"}}, func(l *logger) string { return l.query("a=1&%74oken=x&TOKEN=y=z&token&tokens=2") }, "a=1&%74oken=REDACTED&TOKEN=REDACTED&token&tokens=2"},
		{"all arguments", model.ACLProtection{Field: model.ProtectArgument}, func(l *logger) string { return l.query("a=1&b=2") }, "a=REDACTED&b=REDACTED"},
		{"the query string", model.ACLProtection{Field: model.ProtectQuery, Hash: true}, func(l *logger) string { return l.query("abc") }, digestOfABC},
		{"a cookie", model.ACLProtection{Field: model.ProtectCookie, Keys: []string{"s"}, Hash: true}, func(l *logger) string { return l.header("cookie", "a=1; s=abc; t=s") }, "a=1; s=" + digestOfABC + "; t=s"},
		{"a cookie is in no other header", model.ACLProtection{Field: model.ProtectCookie}, func(l *logger) string { return l.header("X", "a=1") }, "a=1"},
		{"a header", model.ACLProtection{Keys: []string{"Authorization"}}, func(l *logger) string { return l.header("authorization", "x") }, "REDACTED"},
		{"another header", model.ACLProtection{Keys: []string{"Authorization"}}, func(l *logger) string { return l.header("accept", "x") }, "x"},
		{"the path", model.ACLProtection{Field: model.ProtectPath}, func(l *logger) string { return l.whole(model.ProtectPath, "/a") }, "REDACTED"},
		{"what was found in a header", model.ACLProtection{Keys: []string{"x"}}, func(l *logger) string { return l.matched(&inspect{kind: model.FieldHeader, name: "X"}, "t") }, "REDACTED"},
		{"what was found in some header", model.ACLProtection{Keys: []string{"x"}}, func(l *logger) string { return l.matched(&inspect{kind: model.FieldHeaders}, "t") }, "REDACTED"},
		{"what was found in an argument", model.ACLProtection{Field: model.ProtectArgument, Keys: []string{"x"}}, func(l *logger) string { return l.matched(&inspect{kind: model.FieldQuery}, "t") }, "REDACTED"},
		{"what was found in a body", model.ACLProtection{Field: model.ProtectBody}, func(l *logger) string { return l.matched(&inspect{kind: model.FieldJSON}, "t") }, "REDACTED"},
		{"what was found is excepted", model.ACLProtection{Field: model.ProtectBody, KeepMatch: true}, func(l *logger) string { return l.matched(&inspect{kind: model.FieldBody}, "t") }, "t"},
		{"the key of a rate", model.ACLProtection{Keys: []string{"X"}}, func(l *logger) string {
			return l.rated(&rateMatch{}, &ratePart{kind: model.RateByHeader, name: "x"}, "v")
		}, "REDACTED"},
		{"the key of a rate is excepted", model.ACLProtection{Keys: []string{"X"}, KeepRate: true}, func(l *logger) string {
			return l.rated(&rateMatch{}, &ratePart{kind: model.RateByHeader, name: "x"}, "v")
		}, "v"},
		{"a cookie of a rate", model.ACLProtection{Field: model.ProtectCookie, Keys: []string{"s"}}, func(l *logger) string {
			return l.rated(&rateMatch{}, &ratePart{kind: model.RateByCookie, name: "s"}, "v")
		}, "REDACTED"},
		{"a forwarded address", model.ACLProtection{Keys: []string{"X-Real-IP"}}, func(l *logger) string {
			return l.rated(&rateMatch{from: &forwardedIP{header: "x-real-ip"}}, &ratePart{kind: model.RateByForwardedIP}, "v")
		}, "REDACTED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.show(hidden(tt.p)); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// TestW8DetailsAreOfWhatMatched: a statement that found something in a branch
// that did not count leaves nothing in the log.
func TestW8DetailsAreOfWhatMatched(t *testing.T) {
	x := &exam{trace: &trace{}}
	find := fake(func() bool { x.trace.found(detail{text: "x"}); return true })
	no := fake(func() bool { return false })
	for _, tt := range []struct {
		name string
		s    statement
		want int
	}{
		{"alone", find, 1},
		{"beside what is not", or{and{find, no}, find}, 1},
		{"refused", not{find}, 0},
		{"both", and{find, find}, 2},
	} {
		x.trace.begin()
		tt.s.match(x)
		if got := len(x.trace.details); got != tt.want {
			t.Errorf("%s: %d details, want %d", tt.name, got, tt.want)
		}
	}
}

type fake func() bool

func (f fake) match(*exam) bool { return f() }

// BenchmarkLine is what a line costs the request that it is about.
func BenchmarkLine(b *testing.B) {
	acl := limited(1_000_000_000)
	acl.Logging = &model.ACLLogging{Redact: []model.ACLProtection{{Keys: []string{"authorization"}}}}
	for _, tt := range []struct {
		name string
		log  func(*model.WebACL) func([]byte)
	}{{"without", nil}, {"with", func(*model.WebACL) func([]byte) { return func([]byte) {} }}} {
		b.Run(tt.name, func(b *testing.B) {
			s, err := Compile([]*model.WebACL{acl}, Options{Log: tt.log})
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			}()
			rq := &httpmsg.Request{Method: "GET", Host: "shop.example.com", Path: "/a", Query: "b=1", Viewer: httpmsg.Viewer{Addr: netip.MustParseAddrPort("198.51.100.1:1")}}
			for _, n := range []string{"User-Agent", "Accept", "Accept-Language", "Cookie", "Authorization"} {
				rq.Header.Add(n, "some value of ordinary length; q=0.5")
			}
			q, v := Ask{Request: rq, Time: time.Now(), ID: "id"}, new(Verdict)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.ACL("arn:acl").Screen(q, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
