// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// throttle reads a rate and a burst under the names that they have there.
func throttle(r *base.Resource, v base.Value, rate, burst string) model.Throttle {
	var t model.Throttle
	if n := v.Get(rate); n.Exists() {
		f := n.Float(0)
		t.Rate = &f
	}
	t.Burst = v.Get(burst).IntPtr()
	if t.Set() && (t.Rate == nil || t.Burst == nil) {
		r.Note(v, fidelity.Approximated, "of "+rate+" and "+burst+" one is not said: it is the inherited one, or the account's")
	}
	return t
}

// stageThrottle reads the settings of a stage or a route of one.
func stageThrottle(r *base.Resource, v base.Value) model.Throttle {
	return throttle(r, v, "ThrottlingRateLimit", "ThrottlingBurstLimit")
}

// methodSettings reads the limits and the caching of a REST stage: those of /*
// and *, which every method inherits, and those of single methods.
func methodSettings(r *base.Resource, a *model.API, s *model.Stage, list base.Value) {
	for _, m := range list.List() {
		t, c, path, verb := stageThrottle(r, m), caching(m), m.Get("ResourcePath"), m.Get("HttpMethod")
		switch {
		case !t.Set() && c == model.Caching{}:
		case path.Text() == "/*" && verb.Text() == "*":
			s.Throttle, s.Caching = t.Or(s.Throttle), c.Or(s.Caching)
		case strings.HasSuffix(path.Text(), "*") || verb.Text() == "*":
			r.Note(m, fidelity.Unsupported, "settings are for /* with *, or for one method of one path: this one limits nothing and caches nothing")
		default:
			key := strings.ToUpper(verb.Text()) + " " + settingPath(path.Text())
			if t.Set() {
				limitRoute(r, a, s, key, t, m)
			}
			cacheRoute(r, a, s, key, c, m)
		}
	}
}

// settingPath is the resource path that a setting names: slashes after the
// first are written ~1 by those who follow the manual.
func settingPath(s string) string {
	return "/" + strings.TrimPrefix(strings.ReplaceAll(strings.TrimPrefix(s, "/"), "~1", "/"), "/")
}

// routeSettings reads the limits of an HTTP API's stage.
func routeSettings(r *base.Resource, a *model.API, s *model.Stage, v base.Value) {
	s.Throttle = stageThrottle(r, v.Get("DefaultRouteSettings"))
	for _, p := range v.Get("RouteSettings").Pairs() {
		if t := stageThrottle(r, p.Value); t.Set() {
			limitRoute(r, a, s, p.Key, t, p.Value)
		}
	}
}

// concerns tells whether the API has the route that settings are for.
func concerns(r *base.Resource, a *model.API, key string, at base.Value) bool {
	has := slices.ContainsFunc(a.Routes, func(rt *model.Route) bool { return rt.Key == key })
	if !has {
		r.Note(at, fidelity.Ignored, "the API has no "+key+": these settings concern nothing")
	}
	return has
}

func limitRoute(r *base.Resource, a *model.API, s *model.Stage, key string, t model.Throttle, at base.Value) {
	if !concerns(r, a, key, at) {
		return
	}
	if s.RouteThrottles == nil {
		s.RouteThrottles = map[string]model.Throttle{}
	}
	s.RouteThrottles[key] = t.Or(s.RouteThrottles[key])
}
