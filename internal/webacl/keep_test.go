// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"net/netip"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

func limited(limit int64) *model.WebACL {
	return &model.WebACL{
		ARN: "arn:acl", Name: "acl", BodyLimit: 16 << 10, Default: model.ACLAction{Kind: model.ACLAllow},
		Rules: []*model.ACLRule{
			{Name: "sql", Priority: 1, Statement: &model.ManagedMatch{Vendor: "AWS", Name: "AWSManagedRulesSQLiRuleSet"}},
			{
				Name: "rate", Priority: 2, Action: &model.ACLAction{Kind: model.ACLBlock},
				Statement: &model.RateMatch{Limit: limit, Window: time.Minute, Keys: []model.ACLRateKey{{Kind: model.RateByIP}}, ScopeDown: &model.NotMatch{
					Of: &model.IPMatch{Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
				}},
			},
		},
	}
}

func revision(t *testing.T, before *Set, acls ...*model.WebACL) *Set {
	t.Helper()
	s, err := Compile(acls, Options{Before: before})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask screens n requests and returns the last verdict.
func ask(t *testing.T, s *Set, n int) Verdict {
	t.Helper()
	rq := &httpmsg.Request{Method: "GET", Host: "a", Path: "/", Viewer: httpmsg.Viewer{Addr: netip.MustParseAddrPort("198.51.100.1:1")}}
	var v Verdict
	for range n {
		if err := s.ACL("arn:acl").Screen(Ask{Request: rq, Time: time.Unix(1_700_000_000, 0)}, &v); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// TestW6ARevisionKeepsCounts: a reload does not let a limited viewer begin
// again, but a rule that has changed does.
func TestW6ARevisionKeepsCounts(t *testing.T) {
	first := revision(t, nil, limited(10))
	if v := ask(t, first, 10); !v.Passes() {
		t.Fatalf("the tenth request is blocked by %s", v.Rule)
	}
	second := revision(t, first, limited(10))
	if second.rules != first.rules {
		t.Error("the memory of verdicts began anew")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if v := ask(t, second, 1); v.Rule != "rate" {
		t.Errorf("%s decided about the eleventh request", v.Rule)
	}
	third := revision(t, second, limited(11))
	if v := ask(t, third, 11); !v.Passes() {
		t.Errorf("a new limit counts what came before: %s", v.Rule)
	}
	other := limited(11)
	other.Rules = other.Rules[1:]
	fourth := revision(t, third, other)
	if fourth.rules != nil {
		t.Error("an engine without a group")
	}
	if v := ask(t, fourth, 1); v.Rule != "rate" {
		t.Errorf("%s decided about the twelfth request", v.Rule)
	}
	for _, s := range []*Set{second, third, fourth} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
