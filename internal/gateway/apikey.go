// SPDX-License-Identifier: Apache-2.0

// API keys (row A15). A key opens the stages of its usage plans, and no others;
// a method that requires one refuses a request without it, after authorization
// ("Choose an API key source"): from the x-api-key field, or from what a Lambda
// authorizer returned as usageIdentifierKey.
//
// A key is found by a keyed hash, and its text is compared only where that
// agrees: how long a wrong key takes says nothing about the right ones. Records
// have its id, never the key.

package gateway

import (
	"errors"
	"fmt"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/throttle"
)

// longestKey is the longest value that an API key can have.
const longestKey = 128

// keyring finds API keys.
type keyring struct {
	limits *Limits
	scope  throttle.Key
	keys   map[throttle.Key]*apiKey
	byID   map[string]*apiKey
}

// apiKey is a compiled model.APIKey.
type apiKey struct {
	id, value string
	enabled   bool
}

// subscriber is an API key at one stage, with what its usage plan says.
type subscriber struct {
	key     *apiKey
	routes  map[string]*allowance // by route key
	plan    *allowance
	quota   throttle.Quota
	counter *throttle.Counter // nil: no quota
}

// compileKeys reads the API keys of a stack.
func (g *Gateway) compileKeys(s *model.Stack, d Deps) *keyring {
	ring := &keyring{limits: g.limits, scope: g.limits.Buckets.Scope("API keys"), keys: map[throttle.Key]*apiKey{}, byID: map[string]*apiKey{}}
	for _, m := range s.APIKeys {
		k := &apiKey{m.ID, m.Value, m.Enabled}
		if k.value == "" && d.KeyValue != nil {
			k.value = d.KeyValue(m)
		}
		if k.value == "" {
			g.note("%s %s: the API key has no value, so it opens nothing", m.Pos, m.LogicalID)
			continue
		}
		ring.keys[ring.hash(k.value)], ring.byID[k.id] = k, k
	}
	return ring
}

func (r *keyring) hash(value string) throttle.Key { return r.limits.Buckets.InString(r.scope, value) }

// find is the key with a value; nil: there is none.
func (r *keyring) find(value string) *apiKey {
	if len(value) > longestKey {
		return nil
	}
	if k := r.keys[r.hash(value)]; k != nil && k.value == value {
		return k
	}
	return nil
}

// subscribe gives the keys of usage plans their stages.
func (g *Gateway) subscribe(s *model.Stack, ring *keyring, apis map[string]*api) {
	for _, p := range s.UsagePlans {
		for _, id := range p.Keys {
			k := ring.byID[id]
			if k == nil || !k.enabled {
				continue
			}
			for _, ps := range p.Stages {
				if a := apis[ps.API]; a != nil && a.stages[ps.Stage] != nil {
					a.stages[ps.Stage].subscribers[k] = g.limits.subscriber(k, p, ps)
				}
			}
		}
	}
}

// subscriber is a key at a stage of a plan.
func (l *Limits) subscriber(k *apiKey, p *model.UsagePlan, ps model.PlanStage) *subscriber {
	s := &subscriber{key: k, routes: map[string]*allowance{}, plan: l.allowance(p.Throttle, "usage plan", p.ID, k.id)}
	for key, t := range ps.Routes {
		s.routes[key] = l.allowance(t, "usage plan", p.ID, k.id, ps.API, ps.Stage, key)
	}
	if q := p.Quota; q != nil {
		period, ok := map[string]throttle.Period{"DAY": throttle.Day, "WEEK": throttle.Week, "MONTH": throttle.Month}[q.Period]
		s.quota = throttle.Quota{Limit: q.Limit, Period: period, Offset: q.Offset}
		if !ok {
			s.quota.Limit = 0
		}
		s.counter = l.Quotas.Counter(fmt.Sprintf("%s/%s/%s+%d", p.ID, k.id, q.Period, q.Offset))
	}
	return s
}

// Why a key opens nothing, for the operator.
var (
	errNoKey        = errors.New("the request has no x-api-key")
	errKeys         = errors.New("the request has several x-api-key fields")
	errNoUsageKey   = errors.New("the API key comes from an authorizer, which gave no usageIdentifierKey")
	errUnknownKey   = errors.New("no API key has this value")
	errKeyElsewhere = errors.New("the API key is in no usage plan that has the stage")
	errKeyDisabled  = errors.New("the API key is not enabled")
)

// identifyKey finds the API key of a request to a method that requires one.
func (x *exchange) identifyKey() bool {
	if !x.route.apiKey {
		return true
	}
	value := x.usageKey
	if !x.api.keyFromAuth {
		switch given := x.call.Header["X-Api-Key"]; len(given) {
		case 0:
			return x.refuse(ReasonAPIKey, errNoKey)
		case 1:
			value = given[0]
		default:
			return x.refuse(ReasonAPIKey, errKeys)
		}
	} else if value == "" {
		return x.refuse(ReasonAPIKey, errNoUsageKey)
	}
	k := x.api.keys.find(value)
	s := x.stage.subscribers[k]
	switch {
	case k == nil:
		return x.refuse(ReasonAPIKey, errUnknownKey)
	case !k.enabled:
		return x.refuse(ReasonAPIKey, errKeyDisabled)
	case s == nil:
		return x.refuse(ReasonAPIKey, errKeyElsewhere)
	}
	x.subscriber = s
	x.call.APIKey, x.call.APIKeyID = k.value, k.id
	return true
}
