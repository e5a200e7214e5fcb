// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
)

func (b *builder) stages() {
	for _, r := range b.Of("AWS::ApiGateway::Stage") {
		if a := b.of(r, "RestApiId"); a != nil {
			addStage(a, restStage(r, a, r.Props, r.Props.Get("StageName").Text()), r.Props.Get("StageName"))
		}
	}
	for _, r := range b.Of("AWS::ApiGateway::Deployment") { // one that names a stage makes it
		name := r.Props.Get("StageName")
		if name.Text() == "" {
			continue
		}
		a := b.of(r, "RestApiId")
		if a == nil || slices.ContainsFunc(a.Stages, func(s *model.Stage) bool { return s.Name == name.Text() }) {
			continue // a second deployment of a stage replaces what it serves
		}
		addStage(a, restStage(r, a, r.Props.Get("StageDescription"), name.Text()), name)
	}
	for _, r := range b.Of("AWS::ApiGatewayV2::Stage") {
		if a := b.of(r, "ApiId"); a != nil {
			addStage(a, httpStage(r, a), r.Props.Get("StageName"))
		}
	}
}

// webACLs notes the web ACL of a stage where it is associated with one.
func (b *builder) webACLs() {
	for _, r := range b.Of("AWS::WAFv2::WebACLAssociation") {
		_, rest, _ := strings.Cut(r.Props.Get("ResourceArn").Text(), "apis/") // /restapis/ID/stages/NAME
		id, stage, _ := strings.Cut(rest, "/stages/")
		if a := b.apis[id]; a != nil {
			for _, s := range a.Stages {
				if s.Name == stage {
					s.WebACL = r.Props.Get("WebACLArn").Text()
				}
			}
		}
	}
}

func addStage(a *model.API, s *model.Stage, at base.Value) {
	if s.Name == "" || a.Kind == model.RESTAPI && !stageName(s.Name) {
		at.Fail("use letters, digits, - and _", "%q is no name of a stage", s.Name)
	}
	if slices.ContainsFunc(a.Stages, func(o *model.Stage) bool { return o.Name == s.Name }) {
		at.Fail("keep one of the two", "the API has a stage %q already", s.Name)
		return
	}
	a.Stages = append(a.Stages, s)
}

func stageName(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}

// restStage reads a Stage, or the StageDescription of a Deployment.
func restStage(r *base.Resource, a *model.API, v base.Value, name string) *model.Stage {
	s := &model.Stage{
		LogicalID: r.ID, Name: name, Description: v.Get("Description").Text(), Variables: v.Get("Variables").TextMap(),
		AccessFormat: v.Get("AccessLogSetting", "Format").Text(), AccessLogARN: v.Get("AccessLogSetting", "DestinationArn").Text(),
		CacheBytes: cacheSize(v), Caching: caching(v), Throttle: stageThrottle(r, v),
	}
	if r.Type == "AWS::ApiGateway::Stage" {
		s.Demand = base.Demand(r)
	}
	methodSettings(r, a, s, v.Get("MethodSettings"))
	cacheControl(r, s)
	return s
}

func httpStage(r *base.Resource, a *model.API) *model.Stage {
	p := r.Props
	s := &model.Stage{
		LogicalID: r.ID, Name: p.Get("StageName").Text(), Description: p.Get("Description").Text(),
		Variables: p.Get("StageVariables").TextMap(), AutoDeploy: p.Get("AutoDeploy").Bool(),
		AccessFormat: p.Get("AccessLogSettings", "Format").Text(), AccessLogARN: p.Get("AccessLogSettings", "DestinationArn").Text(),
	}
	s.Demand = base.Demand(r)
	routeSettings(r, a, s, p)
	return s
}
