// SPDX-License-Identifier: Apache-2.0

// Package edge builds the nouns of CloudFront from evaluated resources:
// distributions and what they name.
//
// The flow: policies, functions, key value stores and access controls are
// built first and kept in Scope.Shared by their Ref value; then each
// distribution, whose behaviors and origins find them by id. What CloudFront's own API refuses is
// an error at the property that is wrong.
//
// What it does not do: it checks no kinds of properties (package fidelity has)
// and resolves no host name. It runs in one goroutine.
package edge

import (
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

type builder struct{ *base.Scope }

// Build puts everything of CloudFront into s.Stack.
func Build(s *base.Scope) {
	b := &builder{s}
	for _, r := range s.Of("AWS::CloudFront::CachePolicy") {
		s.Shared.Cache[r.Ref] = b.cachePolicy(r)
	}
	for _, r := range s.Of("AWS::CloudFront::OriginRequestPolicy") {
		s.Shared.Request[r.Ref] = b.originRequestPolicy(r)
	}
	for _, r := range s.Of("AWS::CloudFront::ResponseHeadersPolicy") {
		s.Shared.Response[r.Ref] = b.responseHeadersPolicy(r)
	}
	for _, r := range s.Of("AWS::CloudFront::OriginAccessControl") {
		c := r.Props.Get("OriginAccessControlConfig")
		s.Shared.Access[r.Ref] = &model.OriginAccess{
			ID: r.Ref, Name: c.Get("Name").Text(),
			Type: c.Get("OriginAccessControlOriginType").Text(), Signing: c.Get("SigningBehavior").Text(),
		}
	}
	for _, r := range s.Of("AWS::CloudFront::CloudFrontOriginAccessIdentity") {
		s.Shared.OAI[r.Ref] = r.Att("S3CanonicalUserId")
	}
	b.keys()
	b.trustStores()
	for _, r := range s.Of("AWS::CloudFront::KeyValueStore") {
		k := b.keyValueStore(r)
		s.Stack.KeyValueStores = append(s.Stack.KeyValueStores, k)
		s.Shared.Stores[k.ARN] = k
	}
	for _, r := range s.Of("AWS::CloudFront::Function") {
		f := b.function(r)
		s.Stack.EdgeFunctions = append(s.Stack.EdgeFunctions, f)
		s.Shared.Edge[f.ARN] = f
	}
	for _, r := range s.Of("AWS::CloudFront::RealtimeLogConfig") {
		s.Shared.Realtime[r.Ref] = b.realtimeLog(r)
	}
	owner := map[string]string{} // of an alias
	for _, r := range s.Of("AWS::CloudFront::Distribution") {
		for _, v := range r.Props.Get("DistributionConfig", "Aliases").List() {
			name := strings.ToLower(v.Text())
			if o := owner[name]; o != "" && o != r.ID {
				v.Fail("keep it on one of the two", "the alternate domain name %s belongs to %s already", name, o)
			}
			owner[name] = r.ID
		}
		s.Stack.Distributions = append(s.Stack.Distributions, b.distribution(r))
	}
	b.deployments()
	b.deliveries()
}
