// SPDX-License-Identifier: Apache-2.0

package api

import (
	"regexp"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// domains reads custom domains and what they are mapped to (row A22). The
// resources of both generations may name each other's.
func (b *builder) domains() {
	for _, r := range b.Of("AWS::ApiGateway::DomainName") {
		b.domain(r, r.Att("RegionalDomainName"), r.Att("DistributionDomainName"))
	}
	for _, r := range b.Of("AWS::ApiGatewayV2::DomainName") {
		b.domain(r, r.Att("RegionalDomainName"))
	}
	for _, r := range b.Of("AWS::ApiGateway::BasePathMapping") {
		path := r.Props.Get("BasePath")
		key := path.Text()
		if key == "(none)" {
			key = ""
		}
		b.mapping(r, "RestApiId", key, path)
	}
	for _, r := range b.Of("AWS::ApiGatewayV2::ApiMapping") {
		b.mapping(r, "ApiId", r.Props.Get("ApiMappingKey").Text(), r.Props.Get("ApiMappingKey"))
	}
}

func (b *builder) domain(r *base.Resource, targets ...string) {
	name := r.Props.Get("DomainName")
	d := &model.Domain{
		LogicalID: r.ID, Name: strings.ToLower(name.Text()), Pos: r.Where(), Targets: targets,
		ClientCertificates: r.Props.Get("MutualTlsAuthentication", "TruststoreUri").Text() != "",
		RulesOnly:          r.Props.Get("RoutingMode").Text() == "ROUTING_RULE_ONLY",
	}
	d.Trust = trust(r.Props.Get("MutualTlsAuthentication", "TruststoreUri"))
	if other := b.domainNamed(d.Name); other != nil {
		name.Fail("keep one of the two", "%s is a custom domain already (%s)", d.Name, other.LogicalID)
		return
	}
	b.Stack.Domains = append(b.Stack.Domains, d)
}

// trust is where the authorities of a domain's viewers are: s3://bucket/key.
func trust(v base.Value) model.TrustStore {
	if v.Text() == "" {
		return model.TrustStore{}
	}
	at, ok := strings.CutPrefix(v.Text(), "s3://")
	bucket, key, found := strings.Cut(at, "/")
	if !ok || !found || bucket == "" || key == "" {
		v.Fail("write s3://bucket/key", "%q is no object of a bucket", v.Text())
	}
	return model.TrustStore{ID: v.Text(), Bucket: bucket, Key: key}
}

func (b *builder) domainNamed(name string) *model.Domain {
	for _, d := range b.Stack.Domains {
		if d.Name == strings.ToLower(name) {
			return d
		}
	}
	return nil
}

var mappingKey = regexp.MustCompile(`^[A-Za-z0-9$_.+!*'()-]+(/[A-Za-z0-9$_.+!*'()-]+)*$`)

// mapping reads a mapping of either generation.
func (b *builder) mapping(r *base.Resource, api, key string, at base.Value) {
	a := b.of(r, api)
	if a == nil {
		return
	}
	name, stage := r.Props.Get("DomainName"), r.Props.Get("Stage")
	d := b.domainNamed(name.Text())
	if d == nil {
		r.Note(name, fidelity.Approximated, "the domain is not of this stack; it is answered here under its name")
		d = &model.Domain{Name: strings.ToLower(name.Text()), Pos: r.Where()}
		b.Stack.Domains = append(b.Stack.Domains, d)
	}
	switch {
	case key != "" && !mappingKey.MatchString(key):
		at.Fail("write it as orders/v1", "%q is no path that an API can be mapped to", key)
	case slices.ContainsFunc(d.Mappings, func(m model.DomainMapping) bool { return m.Path == key }):
		r.Props.Fail("keep one of the two", "%s has a mapping for %q already", d.Name, key)
	case stage.Text() == "" && a.Kind == model.HTTPAPI:
		r.Props.Fail("add Stage", "a mapping to an HTTP API names its stage")
	case stage.Text() != "" && !slices.ContainsFunc(a.Stages, func(s *model.Stage) bool { return s.Name == stage.Text() }):
		r.Note(stage, fidelity.Unsupported, "the API of this stack has no such stage: requests are answered with 403")
	}
	d.Mappings = append(d.Mappings, model.DomainMapping{Path: key, APIID: a.ID, Stage: stage.Text(), Pos: r.Where()})
}
