// SPDX-License-Identifier: Apache-2.0

// Package edge builds the nouns of CloudFront from evaluated resources:
// distributions and what they name.
//
// The flow: policies, functions, key value stores and access controls are
// built first and kept by their Ref value; then each distribution, whose
// behaviors and origins find them by id. What CloudFront's own API refuses is
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

// builder holds what distributions refer to, by id or ARN.
type builder struct {
	*base.Scope
	cache    map[string]*model.CachePolicy
	request  map[string]*model.OriginRequestPolicy
	response map[string]*model.ResponseHeadersPolicy
	access   map[string]*model.OriginAccess
	oai      map[string]string // canonical user id by id
}

// Build puts everything of CloudFront into s.Stack.
func Build(s *base.Scope) {
	b := &builder{
		Scope: s, cache: map[string]*model.CachePolicy{}, request: map[string]*model.OriginRequestPolicy{},
		response: map[string]*model.ResponseHeadersPolicy{}, access: map[string]*model.OriginAccess{},
		oai: map[string]string{},
	}
	for _, r := range s.Of("AWS::CloudFront::CachePolicy") {
		b.cache[r.Ref] = b.cachePolicy(r)
	}
	for _, r := range s.Of("AWS::CloudFront::OriginRequestPolicy") {
		b.request[r.Ref] = b.originRequestPolicy(r)
	}
	for _, r := range s.Of("AWS::CloudFront::ResponseHeadersPolicy") {
		b.response[r.Ref] = b.responseHeadersPolicy(r)
	}
	for _, r := range s.Of("AWS::CloudFront::OriginAccessControl") {
		c := r.Props.Get("OriginAccessControlConfig")
		b.access[r.Ref] = &model.OriginAccess{
			ID: r.Ref, Name: c.Get("Name").Text(),
			Type: c.Get("OriginAccessControlOriginType").Text(), Signing: c.Get("SigningBehavior").Text(),
		}
	}
	for _, r := range s.Of("AWS::CloudFront::CloudFrontOriginAccessIdentity") {
		b.oai[r.Ref] = r.Att("S3CanonicalUserId")
	}
	for _, r := range s.Of("AWS::CloudFront::KeyValueStore") {
		s.Stack.KeyValueStores = append(s.Stack.KeyValueStores, b.keyValueStore(r))
	}
	for _, r := range s.Of("AWS::CloudFront::Function") {
		s.Stack.EdgeFunctions = append(s.Stack.EdgeFunctions, b.function(r))
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
}
