// SPDX-License-Identifier: Apache-2.0

package api

// Deployments and canaries of REST APIs (row A17).
//
// A deployment is a snapshot of the API at the moment when it is made. Of a
// template it is known in which order resources are made: a method that waits
// for a deployment (DependsOn) is not in it, and all others are. What an
// earlier version of the template had is not known.

import (
	"slices"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// canaries gives stages what their deployments serve, and their canaries.
func (b *builder) canaries() {
	deployments := map[string]*base.Resource{}
	for _, r := range b.Of("AWS::ApiGateway::Deployment") {
		deployments[r.Ref] = r
	}
	for _, r := range b.Of("AWS::ApiGateway::Stage") {
		a, s := b.stageOf(r, r.Props.Get("StageName").Text())
		if s == nil {
			continue
		}
		id := r.Props.Get("DeploymentId")
		if d := deployments[id.Text()]; d != nil {
			s.DeploymentID, s.Routes = id.Text(), b.snapshot(a, d)
		}
		v := r.Props.Get("CanarySetting")
		b.canary(r, a, s, v, deployments[v.Get("DeploymentId").Text()])
	}
	for _, r := range b.Of("AWS::ApiGateway::Deployment") {
		a, s := b.stageOf(r, r.Props.Get("StageName").Text())
		if s == nil {
			continue
		}
		if s.LogicalID == r.ID { // it makes the stage
			s.DeploymentID, s.Routes = r.Ref, b.snapshot(a, r)
			b.canary(r, a, s, r.Props.Get("StageDescription", "CanarySetting"), nil)
		}
		if v := r.Props.Get("DeploymentCanarySettings"); s.LogicalID != r.ID {
			b.canary(r, a, s, v, r)
		} else if v.Exists() {
			v.Fail("name a stage that another resource makes", "a deployment cannot be the canary of the stage that it makes")
		}
	}
}

// stageOf finds the stage of a resource's API by name.
func (b *builder) stageOf(r *base.Resource, name string) (*model.API, *model.Stage) {
	a := b.apis[r.Props.Get("RestApiId").Text()]
	if a == nil || name == "" {
		return nil, nil
	}
	for _, s := range a.Stages {
		if s.Name == name {
			return a, s
		}
	}
	return a, nil
}

// canary reads a canary's settings; d is what it serves, nil: what the stage does.
func (b *builder) canary(r *base.Resource, a *model.API, s *model.Stage, v base.Value, d *base.Resource) {
	if !v.Exists() {
		return
	}
	c := &model.Canary{Percent: v.Get("PercentTraffic").Float(0), Variables: v.Get("StageVariableOverrides").TextMap(), DeploymentID: s.DeploymentID, Routes: s.Routes, UseCache: v.Get("UseStageCache").Bool()}
	if c.Percent < 0 || c.Percent > 100 {
		v.Get("PercentTraffic").Fail("give 0 to 100", "a canary cannot get %g %% of the requests", c.Percent)
	}
	if d != nil {
		c.DeploymentID, c.Routes = d.Ref, b.snapshot(a, d)
	} else if id := v.Get("DeploymentId"); id.Exists() {
		r.Note(id, fidelity.Approximated, "the deployment is not of this stack: the canary serves what the stage serves, with its own variables")
	}
	s.Canary = c
}

// snapshot are the routes of an API that a deployment has; nil: all of them.
func (b *builder) snapshot(a *model.API, d *base.Resource) []*model.Route {
	later := map[string]bool{d.ID: true}
	for grew := true; grew; {
		grew = false
		for _, r := range b.Resources {
			if !later[r.ID] && slices.ContainsFunc(r.DependsOn, func(id string) bool { return later[id] }) {
				later[r.ID], grew = true, true
			}
		}
	}
	var gone []*model.Route
	for id, rt := range b.methods {
		if later[id] {
			gone = append(gone, rt)
		}
	}
	if gone == nil {
		return nil
	}
	out := []*model.Route{}
	for _, rt := range a.Routes {
		if !slices.Contains(gone, rt) {
			out = append(out, rt)
		}
	}
	return out
}
