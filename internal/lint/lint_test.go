// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/lint"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// check lints testdata/clean.yaml with texts of it replaced.
func check(t *testing.T, replace ...string) []lint.Finding {
	t.Helper()
	b, err := os.ReadFile("testdata/clean.yaml")
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
	return lint.Check([]*model.Stack{results[0].Stack})
}

func of(all []lint.Finding, rule lint.Rule) []lint.Finding {
	var out []lint.Finding
	for _, f := range all {
		if f.Rule == rule {
			out = append(out, f)
		}
	}
	return out
}

func TestCleanHasNoFindings(t *testing.T) {
	for _, f := range check(t) {
		t.Errorf("%+v", f)
	}
}

const (
	itemQueries = "QueryStringBehavior: whitelist, QueryStrings: [page]"
	itemHeaders = "HeadersConfig: { HeaderBehavior: none }\n          Cook" // of the cache policy
	itemCookies = "CookiesConfig: { CookieBehavior: none }\n          Query"
	sentHeaders = "HeadersConfig: { HeaderBehavior: none }\n        Cook" // of the origin request policy
	sentCookies = "CookiesConfig: { CookieBehavior: none }\n        Query"
	sentQueries = "QueryStringBehavior: none"
	disabled    = "CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad # of /me"
	allButHost  = "OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac # of /me"
	optimized   = "CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6"
	firstIs     = "- PathPattern: /api/*"
	methods     = "AllowedMethods: [GET, HEAD] # of /call"
	seven       = "AllowedMethods: [GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE]"
	root        = "        CacheBehaviors:\n"
)

func keyHeaders(names string) []string {
	return []string{itemHeaders, "HeadersConfig: { HeaderBehavior: whitelist, Headers: [" + names + "] }\n          Cook"}
}

func sendHeaders(names string) []string {
	return []string{sentHeaders, "HeadersConfig: { HeaderBehavior: whitelist, Headers: [" + names + "] }\n        Cook"}
}

func errorPage(code, status int) []string {
	return []string{root, fmt.Sprintf("        CustomErrorResponses: [{ ErrorCode: %d, ResponseCode: %d, ResponsePagePath: /index.html }]\n", code, status) + root}
}

func extra(patternAndMore string) []string {
	return []string{firstIs, "- { PathPattern: " + patternAndMore + ", TargetOriginId: site, ViewerProtocolPolicy: https-only, " + optimized + " }\n          " + firstIs}
}

func numbers(n int, form string) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(form, i))
	}
	return strings.Join(out, ", ")
}

func both(a, b []string) []string { return append(append([]string{}, a...), b...) }

// TestRules has, for each rule, a template that triggers it and one that comes
// near and does not.
func TestRules(t *testing.T) {
	mineKey := []string{disabled, "CachePolicyId: !Ref ItemKey"} // /me/* becomes cacheable
	for _, tt := range []struct {
		rule     lint.Rule
		name     string
		bad      []string
		severity lint.Severity
		where    string // suffix of the property
		what     string
		path     string
		good     []string
	}{
		{lint.DistributionQuota, "C3", []string{"[www.example.com]", "[" + numbers(101, "n%d.example.com") + "]"}, lint.Warning, "Config.Aliases", "101 alternate domain names; AWS allows 100", "", []string{"[www.example.com]", "[" + numbers(100, "n%d.example.com") + "]"}},
		{lint.PolicyQuota, "K5 names", []string{"[page]", "[" + numbers(11, "q%d") + "]"}, lint.Warning, "CacheBehaviors[0].CachePolicyId", "11 query strings in one policy; AWS allows 10", "", []string{"[page]", "[" + numbers(10, "q%d") + "]"}},
		{lint.PolicyNames, "K5 length", []string{"[page]", "[" + strings.Repeat("p", 1025) + "]"}, lint.Error, "CacheBehaviors[0].CachePolicyId", "1025 characters together", "", []string{"[page]", "[" + strings.Repeat("p", 1024) + "]"}},
		{lint.OriginHeaders, "O5 number", []string{"HeaderName: X-Secret, HeaderValue: s }", "HeaderName: X-Secret, HeaderValue: s }, " + numbers(10, "{ HeaderName: X-%d, HeaderValue: v }")}, lint.Warning, "Origins[1].OriginCustomHeaders", "11 custom headers", "", []string{"HeaderValue: s", "HeaderValue: " + strings.Repeat("s", 1783)}},
		{lint.OriginHeaders, "O5 value", []string{"HeaderValue: s", "HeaderValue: " + strings.Repeat("s", 1784)}, lint.Warning, "Origins[1].OriginCustomHeaders", "1784 characters", "", []string{"HeaderName: X-Secret", "HeaderName: " + strings.Repeat("s", 256)}},
		{lint.WildcardName, "N24", []string{"[page]", "['utm_*']"}, lint.Warning, "CacheBehaviors[0].CachePolicyId", `"utm_*" among the query strings is taken literally`, "", []string{"[page]", "[utm_]"}},

		{lint.UnreachableBehavior, "C1 by one", []string{"PathPattern: /me/*", "PathPattern: /api/v?/*"}, lint.Warning, "CacheBehaviors[1].PathPattern", "no request comes to /api/v?/*: /api/* matches all", "/api/vx/", []string{"PathPattern: /me/*", "PathPattern: /ap?/v1/*"}},
		{lint.UnreachableBehavior, "C1 by several", both(extra("/files/?"), both(extra("/files/"), []string{"PathPattern: /call/*", "PathPattern: /files/*", "PathPattern: /me/*", "PathPattern: /files/??*"})), lint.Warning, "CacheBehaviors[4].PathPattern", "/files/?, /files/, /files/??* together match all", "/files/", both(extra("/files/?"), []string{"PathPattern: /call/*", "PathPattern: /files/*", "PathPattern: /me/*", "PathPattern: /files/??*"})},
		{lint.UnreachableBehavior, "the default", []string{"PathPattern: /call/*", "PathPattern: '*'"}, lint.Info, ".DefaultCacheBehavior", "no request comes to the default behavior: * matches all", "/", []string{"PathPattern: /call/*", "PathPattern: '*??'"}},
		{lint.SignedBehindUnsigned, "X9", both(extra("'*.jpg'"), []string{"PathPattern: /call/*", "PathPattern: /video/*\n            TrustedKeyGroups: [k]"}), lint.Error, "CacheBehaviors[0].PathPattern", "*.jpg needs no signature and stands before /video/*, which does", "/video/.jpg", both(extra("'*.jpg', TrustedKeyGroups: [k]"), []string{"PathPattern: /call/*", "PathPattern: /video/*\n            TrustedKeyGroups: [k]"})},
		{lint.SignedBehindUnsigned, "X9 an exception", both(extra("/video/free/*"), []string{"PathPattern: /call/*", "PathPattern: /video/*\n            TrustedKeyGroups: [k]"}), lint.Info, "CacheBehaviors[0].PathPattern", "a part of it, perhaps meant", "/video/free/", both(extra("/videos/*"), []string{"PathPattern: /call/*", "PathPattern: /video/*\n            TrustedKeyGroups: [k]"})},
		{lint.SignedBehindUnsigned, "X9 an earlier one is signed", both(both(extra("'/video/a*.jpg', TrustedKeyGroups: [k]"), extra("'*.jpg'")), []string{"PathPattern: /call/*", "PathPattern: /video/*\n            TrustedKeyGroups: [k]"}), lint.Error, "CacheBehaviors[1].PathPattern", "stands before /video/*", "/video/.jpg", both(both(extra("'/video/*.jpg', TrustedKeyGroups: [k]"), extra("'*.jpg'")), []string{"PathPattern: /call/*", "PathPattern: /video/*\n            TrustedKeyGroups: [k]"})},
		{lint.FallbackCoversAPI, "N7", errorPage(403, 200), lint.Warning, "CustomErrorResponses[0]", "403 of /api/*, /me/*, /call/* becomes /index.html with status 200", "", errorPage(500, 200)},
		{lint.FallbackCoversAPI, "N7 status kept", errorPage(404, 404), lint.Info, "CustomErrorResponses[0]", "with status 404", "", errorPage(414, 404)},

		{lint.UnkeyedHeader, "X5", sendHeaders("Accept-Language"), lint.Warning, "CacheBehaviors[0].OriginRequestPolicyId", "Accept-Language is forwarded and not in the key of cache policy items", "", both(sendHeaders("Accept-Language"), keyHeaders("accept-language"))},
		{lint.UnkeyedHeader, "X5 for logs", sendHeaders("User-Agent, Referer"), lint.Info, "CacheBehaviors[0].OriginRequestPolicyId", "User-Agent, Referer are forwarded", "", sendHeaders("Access-Control-Request-Method")},
		{lint.UnkeyedHeader, "X5 all", []string{"OriginRequestPolicyId: !Ref ItemRequest", "OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac"}, lint.Warning, "CacheBehaviors[0].OriginRequestPolicyId", "all headers are forwarded and not all of them are in the key", "", []string{optimized, optimized + "\n          OriginRequestPolicyId: !Ref ItemRequest"}},
		{lint.UnkeyedCookie, "X5", []string{sentCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [sid] }\n        Query"}, lint.Error, "CacheBehaviors[0].OriginRequestPolicyId", "sid is forwarded and not in the key", "", []string{sentCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [sid] }\n        Query", itemCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [sid] }\n          Query"}},
		{lint.UnkeyedCookie, "X5 where the origin opts in", []string{sentCookies, "CookiesConfig: { CookieBehavior: all }\n        Query", "DefaultTTL: 60", "DefaultTTL: 0"}, lint.Warning, "CacheBehaviors[0].OriginRequestPolicyId", "all cookies are forwarded", "", []string{sentCookies, "CookiesConfig: { CookieBehavior: all }\n        Query", itemCookies, "CookiesConfig: { CookieBehavior: all }\n          Query"}},
		{lint.UnkeyedQuery, "X5", []string{sentQueries, "QueryStringBehavior: whitelist, QueryStrings: [page, sort]"}, lint.Warning, "CacheBehaviors[0].OriginRequestPolicyId", "sort is forwarded and not in the key", "", []string{sentQueries, "QueryStringBehavior: whitelist, QueryStrings: [page]"}},
		{lint.UnkeyedQuery, "X5 all", []string{sentQueries, "QueryStringBehavior: all"}, lint.Warning, "CacheBehaviors[0].OriginRequestPolicyId", "all query strings are forwarded", "", []string{sentQueries, "QueryStringBehavior: all", itemQueries, "QueryStringBehavior: all"}},
		{lint.VolatileKey, "X5", keyHeaders("User-Agent, X-Tenant"), lint.Warning, "CacheBehaviors[0].CachePolicyId", "the key of cache policy items has User-Agent, which differ", "", keyHeaders("X-Tenant")},
		{lint.VolatileKey, "X5 a token", keyHeaders("Authorization"), lint.Info, "CacheBehaviors[0].CachePolicyId", "each token has an own copy", "", keyHeaders("Accept")},
		{lint.TrackingKey, "N24", []string{"[page]", "[page, utm_source, GCLID]"}, lint.Warning, "CacheBehaviors[0].CachePolicyId", "the key of cache policy items has utm_source, GCLID", "", []string{"[page]", "[utmost]"}},
		{lint.TrackingKey, "N24 all", []string{itemQueries, "QueryStringBehavior: all"}, lint.Info, "CacheBehaviors[0].CachePolicyId", "every query string is in the key", "", []string{itemQueries, "QueryStringBehavior: allExcept, QueryStrings: [utm_source, fbclid]"}},
		{lint.CookieKey, "X5", []string{itemCookies, "CookiesConfig: { CookieBehavior: all }\n          Query"}, lint.Warning, "CacheBehaviors[0].CachePolicyId", "all cookies are in the key", "", []string{itemCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [lang] }\n          Query"}},
		{lint.CookieKey, "X5 analytics", []string{itemCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [_ga_X1] }\n          Query"}, lint.Warning, "CacheBehaviors[0].CachePolicyId", "items has _ga_X1, which differ from viewer", "", []string{itemCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [galaxy] }\n          Query"}},

		{lint.UnkeyedIdentity, "N3", mineKey, lint.Error, "CacheBehaviors[1].OriginRequestPolicyId", "the route ANY /me/{proxy+} is guarded by header Authorization, which is not in the key", "/me/", both(mineKey, keyHeaders("Authorization"))},
		{lint.UnkeyedIdentity, "N3 without a known guard", []string{"OriginRequestPolicyId: !Ref ItemRequest", "OriginRequestPolicyId: 216adef6-5c7f-47e4-b989-5492eafa07d3"}, lint.Error, "CacheBehaviors[0].OriginRequestPolicyId", "/api/* forwards Authorization and does not have it in the key", "", []string{"OriginRequestPolicyId: !Ref ItemRequest", "OriginRequestPolicyId: 59781a5b-3903-41f3-afcb-af62929ccde1"}},
		{lint.IdentityNotForwarded, "N4 K9", []string{allButHost, ""}, lint.Warning, "CacheBehaviors[1]", "which /me/* does not forward: GET requests are refused", "/me/", []string{"[{ HeaderName: X-Secret", "[{ HeaderName: authorization", allButHost, ""}},
		{lint.UnkeyedIdentity, "N3 O4 legacy forwards other headers", []string{"$request.header.Authorization", "$request.header.X-Token", disabled, "ForwardedValues: { QueryString: false }", allButHost, ""}, lint.Error, "CacheBehaviors[1].ForwardedValues", "guarded by header X-Token, which is not in the key", "/me/", []string{"$request.header.Authorization", "$request.header.Accept-Language", disabled, "ForwardedValues: { QueryString: false }", allButHost, ""}},
		{lint.MinTTLAuthorizer, "N3 F5", both(mineKey, []string{"MinTTL: 0", "MinTTL: 5"}), lint.Error, "CacheBehaviors[1].CachePolicyId", "cache policy items has a MinTTL of 5s and leads to the route ANY /me/{proxy+}", "/me/", []string{"MinTTL: 0", "MinTTL: 5"}},
		{lint.MinTTLAuthorizer, "N3 F5 keyed", both(both(mineKey, keyHeaders("Authorization")), []string{"MinTTL: 0", "MinTTL: 5"}), lint.Warning, "CacheBehaviors[1].CachePolicyId", "private or no-store", "/me/", both(mineKey, keyHeaders("Authorization"))},
		{lint.MinTTLAuthorizer, "N3 F5 not forwarded", both(both(mineKey, []string{"MinTTL: 0", "MinTTL: 5"}), []string{allButHost, ""}), lint.Warning, "CacheBehaviors[1].CachePolicyId", "private or no-store", "/me/", []string{"[{ HeaderName: X-Secret", "[{ HeaderName: Authorization", mineKey[0], mineKey[1], "MinTTL: 0", "MinTTL: 5"}},
		{lint.SetCookieReplayed, "K4", []string{itemCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [lang] }\n          Query"}, lint.Warning, "CacheBehaviors[0].CachePolicyId", "/api/* forwards cookies and caches by default", "", []string{itemCookies, "CookiesConfig: { CookieBehavior: whitelist, Cookies: [lang] }\n          Query", "DefaultTTL: 60", "DefaultTTL: 0"}},
		{lint.CleartextIdentity, "C5", []string{"https-only # of /me", "allow-all"}, lint.Warning, "CacheBehaviors[1].ViewerProtocolPolicy", "/me/* leads to the route ANY /me/{proxy+}", "", []string{"https-only # of /me", "redirect-to-https"}},
		{lint.CleartextIdentity, "C5 signed", []string{"ViewerProtocolPolicy: https-only", "TrustedKeyGroups: [k]\n            ViewerProtocolPolicy: allow-all"}, lint.Warning, "CacheBehaviors[0].ViewerProtocolPolicy", "/api/* wants signed URLs", "", []string{"ViewerProtocolPolicy: https-only", "ViewerProtocolPolicy: allow-all"}},

		{lint.HostForwarded, "N6", []string{allButHost, "OriginRequestPolicyId: 216adef6-5c7f-47e4-b989-5492eafa07d3"}, lint.Error, "CacheBehaviors[1].OriginRequestPolicyId", "/me/* sends the viewer's Host to origin api, API Gateway", "", []string{allButHost, "OriginRequestPolicyId: acba4595-bd28-49b8-b9fe-13317c0390fa"}},
		{lint.HostForwarded, "N6 in the key", keyHeaders("Host"), lint.Error, "CacheBehaviors[0].CachePolicyId", "/api/* sends the viewer's Host", "", keyHeaders("X-Host")},
		{lint.UnsignedBody, "N23", []string{methods, seven}, lint.Warning, "CacheBehaviors[2].AllowedMethods", "/call/* takes POST and PUT for origin url", "", []string{methods, "AllowedMethods: [GET, HEAD, OPTIONS]"}},
		{lint.UnsignedOrigin, "O7 function URL", []string{"            OriginAccessControlId: !Ref Sign\n", ""}, lint.Error, "Origins[2]", "wants signed requests (AWS_IAM)", "", []string{"            OriginAccessControlId: !Ref Sign\n", "", "AuthType: AWS_IAM", "AuthType: NONE"}},
		{lint.UnsignedOrigin, "L9 viewers may sign", []string{"            OriginAccessControlId: !Ref Sign\n", "", methods, "AllowedMethods: [GET, HEAD]\n            OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac"}, lint.Warning, "Origins[2]", "wants signed requests (AWS_IAM)", "", []string{"            OriginAccessControlId: !Ref Sign\n", "", "AuthType: AWS_IAM", "AuthType: NONE"}},
		{lint.UnsignedOrigin, "O7 bucket", []string{"OriginAccessControlId: !Ref Access, ", ""}, lint.Warning, "Origins[0]", "bucket Site is not public", "", []string{"OriginAccessControlId: !Ref Access, ", "", "{ Service: cloudfront.amazonaws.com }", "'*'", "Site: { Type: AWS::S3::Bucket }", "Site: { Type: AWS::S3::Bucket, Properties: { PublicAccessBlockConfiguration: { BlockPublicPolicy: false, RestrictPublicBuckets: false, BlockPublicAcls: false, IgnorePublicAcls: false } } }"}},
		{lint.OpenOrigin, "an API", []string{"            OriginCustomHeaders: [{ HeaderName: X-Secret, HeaderValue: s }]\n", ""}, lint.Info, "Origins[1]", "GET /api/items answers everybody there", "", nil},
		{lint.OpenOrigin, "an API behind a wall", []string{"            OriginCustomHeaders: [{ HeaderName: X-Secret, HeaderValue: s }]\n", "", root, "        Restrictions: { GeoRestriction: { RestrictionType: whitelist, Locations: [DE] } }\n" + root}, lint.Warning, "Origins[1]", "around the edge", "", []string{root, "        Restrictions: { GeoRestriction: { RestrictionType: whitelist, Locations: [DE] } }\n" + root}},
		{lint.OpenOrigin, "a function URL", []string{"            OriginAccessControlId: !Ref Sign\n", "", "AuthType: AWS_IAM", "AuthType: NONE"}, lint.Info, "Origins[2]", "the function URL of origin url answers everybody", "", []string{"            OriginAccessControlId: !Ref Sign\n", "            OriginCustomHeaders: [{ HeaderName: X-Secret, HeaderValue: s }]\n", "AuthType: AWS_IAM", "AuthType: NONE"}},
		{lint.DisabledEndpoint, "A22", []string{"ProtocolType: HTTP", "ProtocolType: HTTP, DisableExecuteApiEndpoint: true"}, lint.Error, "Origins[1].DomainName", "Api switches its execute-api address off", "", nil},
		{lint.CleartextOrigin, "O2", []string{"CustomOriginConfig: { OriginProtocolPolicy: https-only }", "CustomOriginConfig: { OriginProtocolPolicy: http-only }"}, lint.Error, "Origins[1]", "API Gateway speaks https only", "", []string{"CustomOriginConfig: { OriginProtocolPolicy: https-only }", "CustomOriginConfig: { OriginProtocolPolicy: match-viewer }"}},
		{lint.StagePath, "A1", []string{"StageName: $default", "StageName: prod"}, lint.Warning, "Origins[1].OriginPath", "/api/* asks Api for paths that begin with no stage (prod)", "", []string{"StageName: $default", "StageName: prod", "- Id: api\n", "- Id: api\n            OriginPath: /prod\n"}},
		{lint.CompressNothing, "F18", []string{"EnableAcceptEncodingGzip: true", "EnableAcceptEncodingGzip: false", "EnableAcceptEncodingBrotli: true", "EnableAcceptEncodingBrotli: false"}, lint.Info, "CacheBehaviors[0].Compress", "nothing is compressed", "", []string{"EnableAcceptEncodingGzip: true", "EnableAcceptEncodingGzip: false"}},
	} {
		t.Run(string(tt.rule)+" "+tt.name, func(t *testing.T) {
			found := of(check(t, tt.bad...), tt.rule)
			if len(found) == 0 {
				t.Fatal("nothing found")
			}
			f := found[0]
			if f.Severity != tt.severity || !strings.HasSuffix(f.Property, tt.where) || !strings.Contains(f.What, tt.what) || f.Path != tt.path {
				t.Errorf("%s %s %q\n%s", f.Severity, f.Property, f.Path, f.What)
			}
			if f.Mend == "" || f.Resource != "D" || !strings.Contains(f.Pos, "template.yaml:") {
				t.Errorf("incomplete: %+v", f)
			}
			for _, f := range of(check(t, tt.good...), tt.rule) {
				t.Errorf("found where nothing is: %+v", f)
			}
		})
	}
}

// TestAliasTwice has two stacks, as an assembly of the CDK does.
func TestAliasTwice(t *testing.T) {
	stack := func(name string, aliases ...string) *model.Stack {
		b := &model.Behavior{PathPattern: "*", Target: "o", Cache: &model.CachePolicy{}, Viewer: model.HTTPSOnly}
		return &model.Stack{Name: name, Distributions: []*model.Distribution{{
			LogicalID: "D", Pos: "t:1:1", Aliases: aliases, Origins: []*model.Origin{{ID: "o", DomainName: "example.com"}}, Behaviors: []*model.Behavior{b},
		}}}
	}
	got := lint.Check([]*model.Stack{stack("a", "x.example", "y.example"), stack("b", "Y.example")})
	if len(got) != 1 || got[0].Rule != lint.AliasTwice || got[0].Stack != "b" || !strings.Contains(got[0].What, "belongs to D of stack a") {
		t.Errorf("%+v", got)
	}
	if got := lint.Check([]*model.Stack{stack("a", "x.example"), stack("b", "*.example")}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestEveryRuleIsTried compares the table with the list of rules.
func TestEveryRuleIsTried(t *testing.T) {
	b, err := os.ReadFile("lint_test.go")
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadFile("rule.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range lint.Rules() {
		_, after, _ := strings.Cut(string(names), "\n\t")
		for line := range strings.Lines(after) {
			name, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
			if ok && strings.HasSuffix(rest, `= "`+string(d.Rule)+`"`) && !strings.Contains(string(b), "lint."+name+",") && d.Rule != lint.AliasTwice {
				t.Errorf("%s is not tried", d.Rule)
			}
		}
		if !lint.Known(string(d.Rule)) || d.What == "" || d.Why == "" {
			t.Errorf("%+v", d)
		}
	}
	if lint.Known("no-such-rule") {
		t.Error("there is a rule that is none")
	}
}

// TestReach asks which behaviors lead to a guarded route, and by which path.
func TestReach(t *testing.T) {
	open := func(key, path string) *model.Route {
		return &model.Route{Key: key, Method: strings.Fields(key)[0], Path: path}
	}
	guarded := func(key, path string) *model.Route {
		r := open(key, path)
		r.Authorization = "JWT"
		return r
	}
	all := guarded("ANY /{proxy+}", "/{proxy+}")
	for _, tt := range []struct {
		name       string
		stage      string
		originPath string
		routes     []*model.Route
		patterns   []string // the default behavior comes after
		want       []string // pattern and path of those that lead there
	}{
		{"the pattern's own route is open", "$default", "", []*model.Route{open("GET /search", "/search"), guarded("GET /me", "/me")}, []string{"/search"}, []string{"* /me"}},
		{"an earlier behavior takes it", "$default", "", []*model.Route{guarded("GET /me", "/me")}, []string{"/m*", "/me"}, []string{"/m* /me"}},
		{"the stage is in OriginPath", "prod", "/prod", []*model.Route{guarded("GET /api/{id}", "/api/{id}")}, []string{"/api/*"}, []string{"/api/* /api/"}},
		{"the viewer writes the stage", "prod", "", []*model.Route{guarded("GET /api/{id}", "/api/{id}")}, []string{"/api/*", "/prod/api/*"}, []string{"/prod/api/* /prod/api/"}},
		{"OriginPath is more than the stage", "prod", "/prod/v2", []*model.Route{guarded("GET /v1/a", "/v1/a"), guarded("GET /v2/b", "/v2/b")}, []string{"/a", "/b"}, []string{"/b /b"}},
		{"a more exact route is open", "$default", "", []*model.Route{all, open("GET /open/{x+}", "/open/{x+}")}, []string{"/open/*", "/openness"}, []string{"/openness /openness", "* /"}},
		{"one method of a path is open", "$default", "", []*model.Route{guarded("ANY /a", "/a"), open("GET /a", "/a")}, []string{"/a"}, nil},
		{"POST is not cached", "$default", "", []*model.Route{guarded("POST /a", "/a")}, []string{"/a"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &model.API{LogicalID: "A", ID: "abcdefghij", Stages: []*model.Stage{{Name: tt.stage}}, Routes: tt.routes}
			d := &model.Distribution{LogicalID: "D", Origins: []*model.Origin{{ID: "o", DomainName: "abcdefghij.execute-api.eu-west-1.amazonaws.com", Path: tt.originPath, Protocol: model.OriginHTTPSOnly}}}
			for _, p := range append(tt.patterns, "*") {
				d.Behaviors = append(d.Behaviors, &model.Behavior{PathPattern: p, Target: "o", Cache: &model.CachePolicy{}, Viewer: model.HTTPSOnly})
			}
			var got []string
			for _, f := range of(lint.Check([]*model.Stack{{Distributions: []*model.Distribution{d}, APIs: []*model.API{a}}}), lint.IdentityNotForwarded) {
				i, name := 0, ""
				if _, err := fmt.Sscanf(f.Property, "DistributionConfig.CacheBehaviors[%d]", &i); err == nil {
					name = tt.patterns[i]
				} else {
					name = "*"
				}
				got = append(got, name+" "+f.Path)
			}
			if strings.Join(got, "; ") != strings.Join(tt.want, "; ") {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestCustomDomain has the API behind a mapping.
func TestCustomDomain(t *testing.T) {
	a := &model.API{LogicalID: "A", ID: "abcdefghij", Stages: []*model.Stage{{Name: "prod"}, {Name: "dev"}}, Routes: []*model.Route{{Key: "GET /me", Method: "GET", Path: "/me", APIKeyRequired: true}}}
	domain := &model.Domain{Name: "api.example.com", Mappings: []model.DomainMapping{{Path: "v1", APIID: "abcdefghij", Stage: "prod"}}}
	d := &model.Distribution{LogicalID: "D", Origins: []*model.Origin{{ID: "o", DomainName: "api.example.com", Protocol: model.OriginHTTPSOnly}}}
	d.Behaviors = []*model.Behavior{{PathPattern: "*", Target: "o", Cache: &model.CachePolicy{}, Viewer: model.HTTPSOnly}}
	got := lint.Check([]*model.Stack{{Distributions: []*model.Distribution{d}, APIs: []*model.API{a}, Domains: []*model.Domain{domain}}})
	if len(got) != 1 || got[0].Rule != lint.IdentityNotForwarded || got[0].Path != "/v1/me" || !strings.Contains(got[0].What, "header x-api-key") {
		t.Errorf("%+v", got)
	}
	d.Origins[0].Headers = []model.HeaderField{{Name: "X-Api-Key", Value: "k"}}
	if got := lint.Check([]*model.Stack{{Distributions: []*model.Distribution{d}, APIs: []*model.API{a}, Domains: []*model.Domain{domain}}}); len(got) != 0 {
		t.Errorf("the edge sends the key: %+v", got)
	}
}

// TestBig has many behaviors before many routes.
func TestBig(t *testing.T) {
	a := &model.API{LogicalID: "A", ID: "abcdefghij", Stages: []*model.Stage{{Name: "$default"}}}
	for i := range 99 {
		a.Routes = append(a.Routes, &model.Route{Key: fmt.Sprint("GET ", i), Method: "GET", Path: fmt.Sprintf("/r%d/{id}/x", i), Authorization: "JWT"})
	}
	a.Routes = append(a.Routes, &model.Route{Key: "ANY", Method: "ANY", Path: "/{proxy+}", Authorization: "JWT"})
	d := &model.Distribution{LogicalID: "D", Origins: []*model.Origin{{ID: "o", DomainName: "abcdefghij.execute-api.us-east-1.amazonaws.com", Protocol: model.OriginHTTPSOnly}}}
	policy := &model.CachePolicy{ID: "p", MaxTTL: 1, DefaultTTL: 1}
	for i := range 30 {
		p := fmt.Sprintf("/r%d/*", i)
		if i%3 == 0 {
			p = fmt.Sprintf("*/%d.j?", i)
		}
		d.Behaviors = append(d.Behaviors, &model.Behavior{PathPattern: p, Target: "o", Cache: policy, Viewer: model.HTTPSOnly})
	}
	d.Behaviors = append(d.Behaviors, &model.Behavior{PathPattern: "*", Target: "o", Cache: policy, Viewer: model.HTTPSOnly})
	got := of(lint.Check([]*model.Stack{{Distributions: []*model.Distribution{d}, APIs: []*model.API{a}}}), lint.IdentityNotForwarded)
	if len(got) != 31 {
		t.Errorf("%d behaviors lead to guarded routes, want all 31", len(got))
	}
}
