// SPDX-License-Identifier: Apache-2.0

package server

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/model"
)

// staged is a stack whose distribution E1 has the staging distribution E2, which
// sends all to the app.
func staged(t *testing.T) *model.Stack {
	st := stack(t)
	d := st.Distributions[0]
	d.Deployment = &model.ContinuousDeployment{ID: "P", Enabled: true, Staging: "E2", Header: "aws-cf-cd-next", Value: "yes"}
	s := *d
	s.LogicalID, s.ID, s.DomainName, s.Aliases, s.Staging, s.Deployment = "Next", "E2", "d2.cloudfront.net", nil, true, nil
	app := *d.Behaviors[0]
	app.PathPattern = "*"
	s.Behaviors = []*model.Behavior{&app}
	st.Distributions = append(st.Distributions, &s)
	return st
}

// TestE9APromotionHoldsUntilTheTemplateSpeaks over reloads.
func TestE9APromotionHoldsUntilTheTemplateSpeaks(t *testing.T) {
	origin := echoOrigin(t)
	srv, ca := start(t, staged(t), origin)
	c, scheme := client(t, srv, ca, "http")
	page := func() string {
		_, body := get(t, c, scheme+"://www.example.com/page.html")
		return body
	}
	if got := page(); got != "page" {
		t.Fatalf("before: %q", got)
	}
	if err := srv.Promote(t.Context(), "", "E2", "E1"); err == nil {
		t.Error("staging and primary were exchanged")
	}
	if err := srv.Promote(t.Context(), "", "E1", "E2"); err != nil {
		t.Fatal(err)
	}
	const promoted = "/page.html"
	if got := page(); !strings.HasSuffix(got, promoted) {
		t.Errorf("promoted: %q", got)
	}
	r := srv.Ready().Distributions[0]
	if r.Promoted == nil || r.Promoted.From != "Next" || r.Deployment == nil || r.Deployment.Enabled || !slices.Equal(r.Aliases, []string{"www.example.com"}) {
		t.Errorf("%+v", r)
	}
	apply := func(change func(st *model.Stack)) {
		t.Helper()
		st := staged(t)
		change(st)
		if err := srv.Apply(t.Context(), []*model.Stack{st}); err != nil {
			t.Fatal(err)
		}
		srv.Drop(invalidation.Invalidation{Distribution: "E1", Paths: []string{"/*"}})
	}
	apply(func(st *model.Stack) { // what a promotion leaves alone, and staging
		st.Distributions[0].Pos, st.Distributions[0].Deployment.Value = "elsewhere", "no"
		st.Distributions[1].Comment = "the one after"
	})
	if got := page(); !strings.HasSuffix(got, promoted) || srv.Ready().Distributions[0].Promoted == nil {
		t.Errorf("after a reload: %q", got)
	}
	apply(func(st *model.Stack) { st.Distributions[0].Comment = "changed" })
	if got := page(); got != "page" || srv.Ready().Distributions[0].Promoted != nil {
		t.Errorf("when the template has changed: %q", got)
	}
	apply(func(*model.Stack) {}) // back: the promotion stays over
	if got := page(); got != "page" {
		t.Errorf("back again: %q", got)
	}
	if err := srv.Promote(t.Context(), "", "E1", "E2"); err != nil {
		t.Fatal(err)
	}
	apply(func(st *model.Stack) { st.Distributions[0].Behaviors = st.Distributions[1].Behaviors })
	if got := page(); !strings.HasSuffix(got, promoted) || srv.Ready().Distributions[0].Promoted != nil {
		t.Errorf("when the template says the same: %q", got)
	}
	if err := srv.Demote(t.Context(), "", "E1"); err == nil {
		t.Error("a promotion that is over was undone")
	}
}

// TestE9AFailedPromotionChangesNothing, neither now nor at the next start.
func TestE9AFailedPromotionChangesNothing(t *testing.T) {
	st := staged(t)
	srv, ca := start(t, st, echoOrigin(t))
	st.Distributions[1].Behaviors[0].Functions = []model.FunctionAssociation{{ARN: "arn:none"}}
	if err := srv.Promote(t.Context(), "", "E1", "E2"); err == nil {
		t.Fatal("a configuration that cannot run was promoted")
	}
	c, scheme := client(t, srv, ca, "http")
	if _, body := get(t, c, scheme+"://www.example.com/page.html"); body != "page" || srv.Ready().Distributions[0].Promoted != nil {
		t.Errorf("%q", body)
	}
	b, err := os.ReadFile(srv.promoted.file)
	if err != nil || strings.TrimSpace(string(b)) != "null" && strings.TrimSpace(string(b)) != "[]" {
		t.Errorf("%s %v", b, err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/"+promotionsFile, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Data: dir, Functions: function.Options{Environ: os.Environ()}}); err == nil || !strings.Contains(err.Error(), promotionsFile) {
		t.Errorf("a damaged file: %v", err)
	}
}

// TestE9APromotionIsKnownAgain: what a log of a cluster says once more at a
// restart changes nothing, also when the promotion is over.
func TestE9APromotionIsKnownAgain(t *testing.T) {
	srv, _ := start(t, staged(t), echoOrigin(t))
	promotedNow := func() bool { return srv.Ready().Distributions[0].Promoted != nil }
	for range 2 {
		if err := srv.Promote(t.Context(), "7", "E1", "E2"); err != nil || !promotedNow() {
			t.Fatal(err)
		}
	}
	changed := staged(t)
	changed.Distributions[0].Comment = "changed"
	if err := srv.Apply(t.Context(), []*model.Stack{changed}); err != nil || promotedNow() {
		t.Fatal(err)
	}
	if err := srv.Promote(t.Context(), "7", "E1", "E2"); err != nil || promotedNow() {
		t.Errorf("it is back: %v", err)
	}
	if err := srv.Promote(t.Context(), "8", "E1", "E2"); err != nil || !promotedNow() {
		t.Errorf("another one: %v", err)
	}
	for range 2 {
		if err := srv.Demote(t.Context(), "9", "E1"); err != nil || promotedNow() {
			t.Errorf("undone: %v", err)
		}
	}
}
