// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// plans reads API keys, usage plans, and which keys a plan has.
func (b *builder) plans() {
	keys, plans := map[string]*model.APIKey{}, map[string]*model.UsagePlan{}
	for _, r := range b.Of("AWS::ApiGateway::ApiKey") {
		k := b.apiKey(r)
		keys[k.ID] = k
	}
	for _, r := range b.Of("AWS::ApiGateway::UsagePlan") {
		p := b.usagePlan(r)
		plans[p.ID] = p
	}
	for _, r := range b.Of("AWS::ApiGateway::UsagePlanKey") {
		plan, key := r.Props.Get("UsagePlanId"), r.Props.Get("KeyId")
		p, k := plans[plan.Text()], keys[key.Text()]
		switch {
		case p == nil:
			r.Note(plan, fidelity.Unsupported, "the usage plan is not of this stack")
		case k == nil:
			r.Note(key, fidelity.Unsupported, "the API key is not of this stack: it opens nothing here")
		default:
			b.subscribe(p, k, key)
		}
	}
}

func (b *builder) apiKey(r *base.Resource) *model.APIKey {
	v := r.Props.Get("Value")
	k := &model.APIKey{
		LogicalID: r.ID, ID: r.Ref, Name: r.Props.Get("Name").Text(), Pos: r.Where(),
		Enabled: r.Props.Get("Enabled").Bool(), Value: v.Text(),
	}
	if n := len(k.Value); n > 0 && (n < 20 || n > 128) {
		v.Fail("make it 20 to 128 characters long, or leave it out and get one", "a value of %d characters is no API key", n)
	}
	if k.Value != "" && slices.ContainsFunc(b.Stack.APIKeys, func(o *model.APIKey) bool { return o.Value == k.Value }) {
		v.Fail("give each key a value of its own", "another API key has this value")
	}
	if !k.Enabled {
		r.Note(r.Props, fidelity.Approximated, "the key is not enabled: requests with it are refused, as on AWS; set Enabled: true")
	}
	b.Stack.APIKeys = append(b.Stack.APIKeys, k)
	return k
}

func (b *builder) usagePlan(r *base.Resource) *model.UsagePlan {
	v := r.Props
	p := &model.UsagePlan{
		LogicalID: r.ID, ID: r.Ref, Name: v.Get("UsagePlanName").Text(), Pos: r.Where(),
		Throttle: throttle(r, v.Get("Throttle"), "RateLimit", "BurstLimit"), Quota: quota(v.Get("Quota")),
	}
	for _, s := range v.Get("ApiStages").List() {
		b.planStage(r, p, s)
	}
	b.Stack.UsagePlans = append(b.Stack.UsagePlans, p)
	return p
}

func (b *builder) planStage(r *base.Resource, p *model.UsagePlan, v base.Value) {
	a, name := b.apis[v.Get("ApiId").Text()], v.Get("Stage")
	switch {
	case a == nil || a.Kind != model.RESTAPI:
		r.Note(v.Get("ApiId"), fidelity.Unsupported, "the API is no REST API of this stack")
		return
	case !slices.ContainsFunc(a.Stages, func(s *model.Stage) bool { return s.Name == name.Text() }):
		name.Fail("name a stage that the template deploys", "%s has no stage %q", a.LogicalID, name.Text())
		return
	}
	s := model.PlanStage{API: a.ID, Stage: name.Text()}
	for _, m := range v.Get("Throttle").Pairs() {
		path, verb := "/", m.Key // "/pets/GET"; of the root "/GET" or "//GET"
		if i := strings.LastIndexByte(m.Key, '/'); i >= 0 {
			path, verb = settingPath(m.Key[:i]), m.Key[i+1:]
		}
		key := strings.ToUpper(verb) + " " + path
		if !slices.ContainsFunc(a.Routes, func(rt *model.Route) bool { return rt.Key == key }) {
			r.Note(m.Value, fidelity.Ignored, "the API has no "+key+": this limit concerns nothing")
			continue
		}
		if s.Routes == nil {
			s.Routes = map[string]model.Throttle{}
		}
		s.Routes[key] = throttle(r, m.Value, "RateLimit", "BurstLimit")
	}
	p.Stages = append(p.Stages, s)
}

// quota reads the quota of a plan; nil: it has none.
func quota(v base.Value) *model.Quota {
	if !v.Exists() {
		return nil
	}
	limit := v.Get("Limit")
	q := &model.Quota{Limit: int64(limit.Int(0)), Period: v.Get("Period").Text(), Offset: v.Get("Offset").Int(0)}
	if q.Limit < 0 || !limit.Exists() {
		v.Fail("give a number of requests", "a quota needs a Limit")
	}
	last, ok := map[string]int{"DAY": 0, "WEEK": 6, "MONTH": 27}[q.Period]
	switch {
	case !ok:
		v.Fail("add Period: DAY, WEEK or MONTH", "a quota needs a Period")
	case q.Offset < 0 || q.Offset > last:
		v.Get("Offset").Fail("it is the day that the period begins with", "an offset of %d is not within a %s, where it is 0 to %d", q.Offset, q.Period, last)
	}
	return q
}

// subscribe adds a key to a plan. A key has one plan for each stage.
func (b *builder) subscribe(p *model.UsagePlan, k *model.APIKey, at base.Value) {
	for _, other := range b.Stack.UsagePlans {
		if !slices.Contains(other.Keys, k.ID) {
			continue
		}
		for _, s := range p.Stages {
			if slices.ContainsFunc(other.Stages, func(o model.PlanStage) bool { return o.API == s.API && o.Stage == s.Stage }) {
				at.Fail("take the key out of one of the plans", "%s is in %s already, which has stage %s too", k.LogicalID, other.LogicalID, s.Stage)
				return
			}
		}
	}
	p.Keys = append(p.Keys, k.ID)
}
