// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// awsWeight is the largest part of the requests that AWS sends to staging.
const awsWeight = 0.15

// deployments ties primary distributions to their staging distributions (row
// E9). They name the policy, and that names staging by its domain name.
func (b *builder) deployments() {
	policies := map[string]*base.Resource{}
	for _, r := range b.Of("AWS::CloudFront::ContinuousDeploymentPolicy") {
		policies[r.Ref] = r
	}
	primary := map[string]string{} // of a staging distribution: who has it
	for _, r := range b.Of("AWS::CloudFront::Distribution") {
		v := r.Props.Get("DistributionConfig", "ContinuousDeploymentPolicyId")
		d := b.built(r.Ref)
		if v.Text() == "" || d == nil {
			continue
		}
		p := policies[v.Text()]
		switch {
		case d.Staging:
			v.Fail("name the policy at the primary distribution", "a staging distribution has no continuous deployment policy")
			continue
		case p == nil:
			v.Fail("!Ref an AWS::CloudFront::ContinuousDeploymentPolicy of this template", "there is no continuous deployment policy %q", v.Text())
			continue
		}
		d.Deployment = b.deployment(r, p)
		if other := primary[d.Deployment.Staging]; other != "" {
			v.Fail("make a staging distribution for each", "the staging distribution is that of %s already", other)
		}
		primary[d.Deployment.Staging] = r.ID
	}
}

func (b *builder) built(id string) *model.Distribution {
	for _, d := range b.Stack.Distributions {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func (b *builder) deployment(of, r *base.Resource) *model.ContinuousDeployment {
	c := r.Props.Get("ContinuousDeploymentPolicyConfig")
	p := &model.ContinuousDeployment{ID: r.Ref, Enabled: c.Get("Enabled").Bool()}
	names := c.Get("StagingDistributionDnsNames")
	if list := names.Texts(); len(list) != 1 {
		names.Fail("name one: !GetAtt Staging.DomainName", "a continuous deployment policy has one staging distribution, not %d", len(list))
	} else {
		for _, d := range b.Stack.Distributions {
			if strings.EqualFold(d.DomainName, list[0]) && d.Staging {
				p.Staging = d.ID
			}
		}
		if p.Staging == "" {
			names.Fail("add Staging: true to it, and name it by !GetAtt Staging.DomainName", "%s is no staging distribution of this template", list[0])
		}
	}
	traffic := c.Get("TrafficConfig")
	kind, weight, header := c.Get("Type").TextOr(traffic.Get("Type").Text()), traffic.Get("SingleWeightConfig"), traffic.Get("SingleHeaderConfig")
	if c.Get("SingleWeightPolicyConfig").Exists() || c.Get("SingleHeaderPolicyConfig").Exists() {
		weight, header = c.Get("SingleWeightPolicyConfig"), c.Get("SingleHeaderPolicyConfig")
	}
	switch {
	case kind == "SingleHeader" && header.Exists():
		p.Header, p.Value = strings.ToLower(header.Get("Header").Text()), header.Get("Value").Text()
		if !strings.HasPrefix(p.Header, "aws-cf-cd-") || len(p.Header) > 256 {
			header.Get("Header").Fail("call it aws-cf-cd-…, at most 256 characters", "CloudFront takes no header %q for continuous deployment", p.Header)
		}
		if p.Value == "" || len(p.Value) > 1783 {
			header.Get("Value").Fail("give 1 to 1783 characters", "the header needs a value")
		}
	case kind == "SingleWeight" && weight.Exists():
		weigh(of, p, weight)
	default:
		traffic.Fail("give SingleWeightConfig with Type: SingleWeight, or SingleHeaderConfig with Type: SingleHeader", "the policy does not say which requests staging answers")
	}
	return p
}

func weigh(of *base.Resource, p *model.ContinuousDeployment, v base.Value) {
	p.Weight = v.Get("Weight").Float(0)
	switch {
	case p.Weight < 0 || p.Weight > 1:
		v.Get("Weight").Fail("give 0 to 1 (AWS takes up to 0.15)", "%v is no part of the requests", p.Weight)
	case p.Weight > awsWeight:
		of.Note(of.Props.Get("DistributionConfig", "ContinuousDeploymentPolicyId"), fidelity.Approximated, "AWS refuses weights above 0.15")
	}
	s := v.Get("SessionStickinessConfig")
	if !s.Exists() {
		return
	}
	p.Idle, p.Max = s.Get("IdleTTL").Seconds(0), s.Get("MaximumTTL").Seconds(0)
	for _, name := range []string{"IdleTTL", "MaximumTTL"} {
		if t := s.Get(name).Seconds(0); t < 300*time.Second || t > 3600*time.Second {
			s.Get(name).Fail("give 300 to 3600 seconds", "a session cannot last %s", seconds(t))
		}
	}
	if p.Idle > p.Max {
		s.Get("IdleTTL").Fail("raise MaximumTTL or lower IdleTTL", "IdleTTL (%s) is above MaximumTTL (%s)", seconds(p.Idle), seconds(p.Max))
	}
}

// cacheTags reads CacheTagConfig (row F20).
func cacheTags(d *model.Distribution, v base.Value) {
	if !v.Exists() {
		return
	}
	d.TagHeader = strings.ToLower(v.Get("HeaderName").Text())
	if d.TagHeader == "" || strings.ContainsFunc(d.TagHeader, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	}) {
		v.Get("HeaderName").Fail("name a response header, such as x-amz-meta-cache-tag", "%q is no name of a header", d.TagHeader)
	}
}
