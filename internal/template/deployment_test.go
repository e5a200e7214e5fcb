// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

const rollout = `Resources:
  D:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Aliases: [www.example.com]
        CacheTagConfig: {HeaderName: X-Cache-Tag}
        ContinuousDeploymentPolicyId: !Ref P
        Origins: [{Id: web, DomainName: example.com, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: web, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
  S:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Staging: true
        Origins: [{Id: web, DomainName: next.example.com, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: web, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
  P:
    Type: AWS::CloudFront::ContinuousDeploymentPolicy
    Properties:
      ContinuousDeploymentPolicyConfig:
        Enabled: true
        StagingDistributionDnsNames: [!GetAtt S.DomainName]
        TrafficConfig:
          Type: SingleWeight
          SingleWeightConfig: {Weight: 0.1, SessionStickinessConfig: {IdleTTL: 300, MaximumTTL: 600}}
`

func TestE9ContinuousDeployment(t *testing.T) {
	weight := "SingleWeight\n          SingleWeightConfig: {Weight: 0.1, SessionStickinessConfig: {IdleTTL: 300, MaximumTTL: 600}}"
	header := "SingleHeader\n          SingleHeaderConfig: {Header: AWS-cf-cd-Next, Value: 'yes'}"
	for name, tc := range map[string]struct {
		text string
		want model.ContinuousDeployment
	}{
		"weight": {rollout, model.ContinuousDeployment{Enabled: true, Weight: 0.1, Idle: 5 * time.Minute, Max: 10 * time.Minute}},
		"header": {strings.Replace(rollout, weight, header, 1), model.ContinuousDeployment{Enabled: true, Header: "aws-cf-cd-next", Value: "yes"}},
		"off":    {strings.Replace(rollout, "Enabled: true\n        StagingD", "Enabled: false\n        StagingD", 1), model.ContinuousDeployment{Weight: 0.1, Idle: 5 * time.Minute, Max: 10 * time.Minute}},
	} {
		r, err := load(t, tc.text, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d, s := r[0].Stack.Distributions[0], r[0].Stack.Distributions[1]
		got := *d.Deployment
		if got.Staging != s.ID || got.ID == "" || !s.Staging || s.Deployment != nil || d.TagHeader != "x-cache-tag" {
			t.Errorf("%s: %+v", name, got)
		}
		if got.ID, got.Staging = "", ""; got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
		if err := r[0].Report.Strict(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, tc := range map[string]struct{ old, repl, want string }{
		"no such policy":     {"Id: !Ref P", "Id: other", `there is no continuous deployment policy "other"`},
		"staging is none":    {"        Staging: true\n", "", "is no staging distribution of this template"},
		"of staging itself":  {"Staging: true", "Staging: true\n        ContinuousDeploymentPolicyId: other", "a staging distribution has no continuous deployment policy"},
		"two staging":        {"[!GetAtt S.DomainName]", "[!GetAtt S.DomainName, a.example]", "has one staging distribution, not 2"},
		"weight":             {"Weight: 0.1", "Weight: 1.5", "1.5 is no part of the requests"},
		"idle":               {"IdleTTL: 300", "IdleTTL: 30", "a session cannot last 30s"},
		"idle above maximum": {"IdleTTL: 300", "IdleTTL: 900", "IdleTTL (15m0s) is above MaximumTTL (10m0s)"},
		"name of the header": {weight, "SingleHeader\n          SingleHeaderConfig: {Header: X-Next, Value: 'yes'}", `no header "x-next" for continuous deployment`},
		"kind without config": {
			"Type: SingleWeight\n", "Type: SingleHeader\n",
			"the policy does not say which requests staging answers",
		},
		"F20 tag header": {"HeaderName: X-Cache-Tag", "HeaderName: 'X Tag'", `"x tag" is no name of a header`},
	} {
		text := strings.Replace(rollout, tc.old, tc.repl, 1)
		if text == rollout {
			t.Fatalf("%s: nothing is replaced", name)
		}
		if _, err := load(t, text, Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
	r, err := load(t, strings.Replace(rollout, "Weight: 0.1", "Weight: 0.5", 1), Options{})
	if err != nil || !strings.Contains(r[0].Report.Summary(), "approximated") {
		t.Errorf("a weight above AWS's: %v", err)
	}
}
