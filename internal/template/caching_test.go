// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// cachingTemplate is a distribution whose cache policy has Metadata.Forelane.
func cachingTemplate(forelane string) string {
	return "Resources:\n" +
		"  P: {Type: AWS::CloudFront::CachePolicy, Metadata: {Forelane: " + forelane + "}, Properties: {CachePolicyConfig: {Name: p, MinTTL: 0, DefaultTTL: 0, MaxTTL: 60, " +
		"ParametersInCacheKeyAndForwardedToOrigin: {EnableAcceptEncodingGzip: false, HeadersConfig: {HeaderBehavior: none}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}}}}\n" +
		"  D: {Type: AWS::CloudFront::Distribution, Properties: {DistributionConfig: {Enabled: true, Origins: [{Id: o, DomainName: example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}], " +
		"DefaultCacheBehavior: {TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: !Ref P}}}}\n"
}

func TestCachingRules(t *testing.T) {
	for _, tt := range []struct {
		forelane string
		rules    model.CachingRules
		honours  bool
		percent  int
	}{
		{"{}", model.CloudFrontRules, false, 0},
		{"{Caching: CloudFront, Vary: honour}", model.CloudFrontRules, true, 0},
		{"{Caching: RFC9111}", model.RFC9111Rules, true, 0},
		{"{Caching: RFC9111, Vary: ignore, HeuristicPercent: 10}", model.RFC9111Rules, false, 10},
	} {
		rs, err := load(t, cachingTemplate(tt.forelane), Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.forelane, err)
			continue
		}
		p := rs[0].Stack.Distributions[0].Default().Cache
		if p.Rules != tt.rules || p.HonoursVary() != tt.honours || p.Heuristic != tt.percent {
			t.Errorf("%s: %v %v %d", tt.forelane, p.Rules, p.Vary, p.Heuristic)
		}
	}
	rs, err := load(t, cachingTemplate("{CacheStatusKey: true}"), Options{})
	if err != nil || !rs[0].Stack.Distributions[0].Default().Cache.ShowKey {
		t.Errorf("CacheStatusKey: %v", err)
	}
}

func TestCachingRulesRefused(t *testing.T) {
	for forelane, want := range map[string]string{
		"{Caching: rfc7234}": "is no name of caching rules",
		"{Vary: maybe}":      "is not what can be done about Vary",

		"{Caching: RFC9111, HeuristicPercent: 101}": "is no percentage",
		"{HeuristicPercent: 10}":                    "know no heuristic",
	} {
		if _, err := load(t, cachingTemplate(forelane), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", forelane, err)
		}
	}
}
