// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

var by = model.ContinuousDeployment{Weight: 1, Idle: 100 * time.Second, Max: 1000 * time.Second}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		name, cookies, rest string
		ok, staging         bool
	}{
		{"alone", "CloudFront-CD=staging.10.20", "", true, true},
		{"among others", "a=1; CloudFront-CD=primary.10.20; b", "a=1; b", true, false},
		{"none", "a=1; b=2", "a=1; b=2", false, false},
		{"a side that is none", "CloudFront-CD=both.10.20; a=1", "a=1", false, false},
		{"no numbers", "CloudFront-CD=staging.x.y", "", false, true},
		{"half", "CloudFront-CD=staging", "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rest, s, ok := Cut([]byte("before "), tt.cookies)
			if string(rest) != "before "+tt.rest || ok != tt.ok || s.Staging != tt.staging {
				t.Errorf("%q %+v %v", rest, s, ok)
			}
		})
	}
}

// TestE9Continue: who is away for too long, or here for too long, is chosen for
// anew; the cookie is written anew when a tenth of the idle time has passed.
func TestE9Continue(t *testing.T) {
	for _, tt := range []struct {
		name  string
		was   Session
		there bool
		want  string // Set-Cookie; empty: none is due
	}{
		{"a new viewer", Session{}, false, "CloudFront-CD=staging.5000.5000; Path=/; Max-Age=100; HttpOnly; SameSite=Lax; Secure"},
		{"just seen", Session{began: 4900, seen: 4991}, true, ""},
		{"seen a while ago", Session{began: 4900, seen: 4990}, true, "CloudFront-CD=primary.4900.5000; Path=/; Max-Age=100; HttpOnly; SameSite=Lax; Secure"},
		{"away for too long", Session{began: 4800, seen: 4900}, true, "CloudFront-CD=staging.5000.5000; Path=/; Max-Age=100; HttpOnly; SameSite=Lax; Secure"},
		{"here for too long", Session{began: 4000, seen: 4999}, true, "CloudFront-CD=staging.5000.5000; Path=/; Max-Age=100; HttpOnly; SameSite=Lax; Secure"},
		{"from the future", Session{began: 4900, seen: 5001}, true, "CloudFront-CD=staging.5000.5000; Path=/; Max-Age=100; HttpOnly; SameSite=Lax; Secure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, got := Continue(&by, tt.was, tt.there, time.Unix(5000, 0)), ""
			if s.Due() {
				got = string(s.AppendCookie(nil, true))
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestMarked(t *testing.T) {
	p := model.ContinuousDeployment{Header: "aws-cf-cd-next", Value: "yes"}
	var h httpmsg.Header
	if Marked(&p, &h) {
		t.Error("without the header")
	}
	h.Add("Aws-Cf-Cd-Next", "yes")
	if !Marked(&p, &h) {
		t.Error("not by the header")
	}
	p.Value = "YES"
	if Marked(&p, &h) {
		t.Error("by another value")
	}
}
