// SPDX-License-Identifier: Apache-2.0

package effect_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/effect"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
	"github.com/forelane/forelane/internal/template"
)

// load reads testdata/stack.yaml with texts of it replaced.
func load(t *testing.T, replace ...string) []*model.Stack {
	t.Helper()
	b, err := os.ReadFile("testdata/stack.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the template has no %q", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	results, err := template.Load(t.Context(), file, template.Options{StackName: "s"})
	if err != nil {
		t.Fatal(err)
	}
	return []*model.Stack{results[0].Stack}
}

// lines are areas as the text form has them, without the summary.
func lines(t *testing.T, areas []effect.Area) []string {
	t.Helper()
	var b strings.Builder
	if err := effect.Text(&b, areas); err != nil {
		t.Fatal(err)
	}
	out := strings.Split(strings.TrimSpace(b.String()), "\n")
	return out[:len(out)-1]
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replace []string
		want    []string
	}{
		{"the same", nil, nil},
		{"said otherwise", []string{"QueryStrings: [page, sort]", "QueryStrings: [sort, page]", "Name: items", "Name: other"}, nil},
		{"behaviors that do not overlap in another order", []string{"PathPattern: /api/*", "PathPattern: /TMP", "PathPattern: /video/*", "PathPattern: /api/*", "PathPattern: /TMP", "PathPattern: /video/*", "TargetOriginId: api # /api", "TargetOriginId: TMP", "TargetOriginId: site # /video", "TargetOriginId: api # /api", "TargetOriginId: TMP", "TargetOriginId: site # /video", "CachePolicyId: !Ref Items", "CachePolicyId: TMP", "CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6\n            TrustedKeyGroups: [k]", "CachePolicyId: !Ref Items", "CachePolicyId: TMP", "CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6\n            TrustedKeyGroups: [k]"}, nil},
		{"key", []string{"QueryStrings: [page, sort]", "QueryStrings: [page]"}, []string{
			"Site (www.example.com) /api/*: paths like /api/",
			"  key               headers none; cookies none; query strings page, sort -> headers none; cookies none; query strings page",
		}},
		{"ttl", []string{"DefaultTTL: 60", "DefaultTTL: 30"}, []string{
			"Site (www.example.com) /api/*: paths like /api/",
			"  ttl               min 0s, default 60s, max 600s -> min 0s, default 30s, max 600s",
		}},
		{"authorisation", []string{"TrustedKeyGroups: [k]", "Compress: false"}, []string{
			"Site (www.example.com) /video/*: paths like /video/",
			"  authorisation     signed by key group k -> none   OPENS",
		}},
		{"a behavior put in front opens a part", []string{"        CacheBehaviors:\n", "        CacheBehaviors:\n          - { PathPattern: '*.jpg', TargetOriginId: site, ViewerProtocolPolicy: https-only, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6 }\n"}, []string{
			"Site (www.example.com) *.jpg (was /api/*): paths like /api/.jpg",
			"  origin            Api by https-only, with X-Secret -> Bucket",
			"  key               headers none; cookies none; query strings page, sort -> headers none; cookies none; query strings none; encoding br, gzip",
			"  ttl               min 0s, default 60s, max 600s -> min 1s, default 86400s, max 31536000s",
			"Site (www.example.com) *.jpg (was /video/*): paths like /video/.jpg",
			"  authorisation     signed by key group k -> none   OPENS",
			"Site (www.example.com) *.jpg (was *): paths like /.jpg",
			"  protocol          redirect-to-https -> https-only",
			"  functions         viewer-request Rewrite -> none",
		}},
		{"other countries", []string{"Locations: [DE]", "Locations: [AT]"}, []string{
			"Site (www.example.com)",
			"  access            only DE -> only AT   OPENS",
		}},
		{"one country more is refused", []string{"RestrictionType: whitelist, Locations: [DE]", "RestrictionType: blacklist, Locations: [AT]"}, []string{
			"Site (www.example.com)",
			"  access            only DE -> all countries but AT   OPENS",
		}},
		{"origin", []string{"- Id: api\n", "- Id: api\n            OriginPath: /v2\n"}, []string{
			"Site (www.example.com) /api/*: paths like /api/",
			"  origin            Api by https-only, with X-Secret -> Api/v2 by https-only, with X-Secret",
		}},
		{"a secret is compared and not told", []string{"HeaderValue: old", "HeaderValue: new"}, []string{
			"Site (www.example.com) /api/*: paths like /api/",
			"  origin            Api by https-only, with X-Secret -> Api by https-only, with X-Secret (changed)",
		}},
		{"cleartext", []string{"https-only # /api", "allow-all"}, []string{
			"Site (www.example.com) /api/*: paths like /api/",
			"  protocol          https-only -> allow-all   OPENS",
		}},
		{"whole distribution", []string{"Aliases: [www.example.com]", "Aliases: [www.example.com, shop.example.com]", "Locations: [DE]", "Locations: [DE, AT]"}, []string{
			"Site (www.example.com)",
			"  host names        www.example.com -> shop.example.com, www.example.com",
			"  access            only DE -> only AT, DE   OPENS",
		}},
		{"an authorizer falls away", []string{"AuthorizationType: JWT, AuthorizerId: !Ref Tokens", "AuthorizationType: NONE"}, []string{
			"Api GET /api/me",
			"  authorisation     JWT t -> none   OPENS",
		}},
		{"a route comes and one goes", []string{"GET /api/items", "GET /api/things"}, []string{
			"Api GET /api/things",
			"  served            no -> yes",
			"  origin            - -> HTTP proxy https://example.com",
			"  authorisation     - -> none",
			"Api GET /api/items",
			"  served            yes -> no",
		}},
		{"a function URL opens", []string{"AuthType: AWS_IAM", "AuthType: NONE"}, []string{
			"Fn",
			"  authorisation     AWS_IAM -> NONE   OPENS",
		}},
		{"another audience", []string{"Audience: [a]", "Audience: [b]"}, []string{
			"Api",
			"  authorisation     authorizers t (JWT of https://issuer.example for a from $request.header.Authorization) -> authorizers t (JWT of https://issuer.example for b from $request.header.Authorization)",
		}},
		{"code of a function", []string{"return event.request", "return {statusCode: 404}"}, []string{
			"Site (www.example.com) *: paths like /",
			"  functions         viewer-request Rewrite -> viewer-request Rewrite (changed)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(t, effect.Compare(load(t), load(t, tt.replace...)))
			if !slices.Equal(got, tt.want) && len(got)+len(tt.want) > 0 {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestC14OpensWithoutCertificates: whoever asks for less lets more in.
func TestC14OpensWithoutCertificates(t *testing.T) {
	store := model.TrustStore{LogicalID: "Store", Bucket: "b", Key: "k"}
	required, optional := &model.ViewerMTLS{Store: store}, &model.ViewerMTLS{Mode: model.MTLSOptional, Store: store}
	expired, pass := &model.ViewerMTLS{Store: store, IgnoreExpiry: true}, &model.ViewerMTLS{Mode: model.MTLSPassthrough}
	for _, tt := range []struct {
		before, after *model.ViewerMTLS
		want          string
	}{
		{required, nil, "certificates of viewers required by trust store Store -> none   OPENS"},
		{required, optional, "certificates of viewers required by trust store Store -> certificates of viewers optional by trust store Store   OPENS"},
		{required, pass, "certificates of viewers required by trust store Store -> certificates of viewers passthrough   OPENS"},
		{required, expired, "certificates of viewers required by trust store Store -> certificates of viewers required by trust store Store, expired ones too   OPENS"},
		{nil, required, "none -> certificates of viewers required by trust store Store"},
		{required, required, ""},
	} {
		before, after := load(t), load(t)
		before[0].Distributions[0].MTLS, after[0].Distributions[0].MTLS = tt.before, tt.after
		got := strings.Join(lines(t, effect.Compare(before, after)), "\n")
		if tt.want == "" && got != "" || !strings.HasSuffix(got, tt.want) {
			t.Errorf("got\n%s\nwant %s", got, tt.want)
		}
	}
}

func TestComeAndGo(t *testing.T) {
	all := load(t)
	for _, tt := range []struct {
		name          string
		before, after []*model.Stack
		want          string
	}{{"come", nil, all, "served            no -> yes"}, {"go", all, nil, "served            yes -> no"}} {
		got := lines(t, effect.Compare(tt.before, tt.after))
		if n := strings.Count(strings.Join(got, "\n"), tt.want); n != 3 {
			t.Errorf("%s: %d of 3:\n%s", tt.name, n, strings.Join(got, "\n"))
		}
	}
}

func TestMarkdown(t *testing.T) {
	areas := []effect.Area{{Kind: "api", Resource: "A", After: "GET /a|b", Changes: []effect.Change{
		{Aspect: effect.Authorisation, Before: "JWT `x`\n| y", After: "none", Opens: true}, {Aspect: effect.Origin, After: "z"},
	}}}
	var b strings.Builder
	if err := effect.Markdown(&b, areas); err != nil {
		t.Fatal(err)
	}
	const want = "**1 areas change, 1 of them open to requests that were refused**\n\n| where | what | before | after |\n|---|---|---|---|\n" +
		"| `A GET /a\\|b` | **authorisation: opens** | `JWT 'x' \\| y` | `none` |\n|  | origin |  | `z` |\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestAreasAgainstPaths compares the areas of random distributions with what
// each path of three letters meets before and after: every path that changes
// lies in an area that tells so, and the path of every area changes.
func TestAreasAgainstPaths(t *testing.T) {
	all := []string{"/"}
	for from, n := 0, 0; n < 4; n++ {
		for end := len(all); from < end; from++ {
			for _, c := range "ab/" {
				all = append(all, all[from]+string(c))
			}
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	side := func() *model.Stack {
		d := &model.Distribution{LogicalID: "D", Origins: []*model.Origin{{ID: "o", DomainName: "o.example"}}}
		for range r.IntN(4) {
			p := "/"
			for range r.IntN(4) {
				p += string("ab/*?"[r.IntN(5)])
			}
			d.Behaviors = append(d.Behaviors, behavior(p, r.IntN(2)))
		}
		d.Behaviors = append(d.Behaviors, behavior("*", 0))
		return &model.Stack{Distributions: []*model.Distribution{d}}
	}
	for round := range 60 {
		before, after := side(), side()
		areas := effect.Compare([]*model.Stack{before}, []*model.Stack{after})
		told := map[string]bool{}
		for _, a := range areas {
			told[a.Before+" "+a.After] = true
			if o, n := meets(before, a.Path), meets(after, a.Path); o.Cache.MaxTTL == n.Cache.MaxTTL || o.PathPattern != a.Before || n.PathPattern != a.After {
				t.Fatalf("round %d: %+v", round, a)
			}
		}
		for _, p := range all {
			if o, n := meets(before, p), meets(after, p); o.Cache.MaxTTL != n.Cache.MaxTTL && !told[o.PathPattern+" "+n.PathPattern] {
				t.Fatalf("round %d: %s goes from %s to %s, which no area tells", round, p, o.PathPattern, n.PathPattern)
			}
		}
	}
}

func behavior(p string, kind int) *model.Behavior {
	return &model.Behavior{PathPattern: p, Target: "o", Cache: &model.CachePolicy{MaxTTL: time.Duration(kind+1) * time.Second}}
}

func meets(s *model.Stack, path string) *model.Behavior {
	for _, b := range s.Distributions[0].Behaviors {
		if p, err := pattern.CompilePath(b.PathPattern); err == nil && p.Match(path) {
			return b
		}
	}
	panic(fmt.Sprintf("nothing meets %s", path))
}
