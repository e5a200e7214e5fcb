// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// maxCacheTTL is the longest time that a stage keeps an answer.
const maxCacheTTL = time.Hour

// cacheSizes are the sizes of a stage's cache, in GB.
var cacheSizes = []string{"0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"}

// cacheSize reads the size of a stage's cache, in bytes; 0: it has none.
func cacheSize(v base.Value) int64 {
	size := v.Get("CacheClusterSize")
	gb := size.TextOr(cacheSizes[0])
	if !slices.Contains(cacheSizes, gb) {
		size.Fail("it is one of "+strings.Join(cacheSizes, ", "), "%q is no size of a stage's cache", gb)
		return 0
	}
	if !v.Get("CacheClusterEnabled").Bool() {
		return 0
	}
	n, err := strconv.ParseFloat(gb, 64)
	if err != nil {
		return 0
	}
	return int64(n * (1 << 30))
}

// caching reads what a stage, or a setting of one, says about keeping answers.
func caching(v base.Value) model.Caching {
	c := model.Caching{Enabled: boolPtr(v.Get("CachingEnabled"))}
	if t := v.Get("CacheTtlInSeconds"); t.Exists() {
		ttl := t.Seconds(0)
		if ttl < 0 || ttl > maxCacheTTL {
			t.Fail("give 0 to 3600", "%s is no time to keep an answer", ttl)
		}
		c.TTL = &ttl
	}
	return c
}

// cacheControl reads Metadata.Forelane of a stage: what API Gateway can be told
// about Cache-Control of requests, but not by a template. It holds for every
// method.
func cacheControl(r *base.Resource, s *model.Stage) {
	f := r.Meta.Get("Forelane")
	require, strategy := f.Get("RequireAuthorizationForCacheControl"), f.Get("UnauthorizedCacheControlHeaderStrategy")
	for _, v := range []base.Value{require, strategy} {
		if v.Exists() {
			r.Note(v, fidelity.Approximated, "AWS takes this from its API and console only: set it there as well")
		}
	}
	switch strategy.Text() {
	case "", "FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER":
	default:
		strategy.Fail("it is FAIL_WITH_403, SUCCEED_WITH_RESPONSE_HEADER or SUCCEED_WITHOUT_RESPONSE_HEADER", "%q is no strategy", strategy.Text())
	}
	s.Caching = s.Caching.Or(model.Caching{Authorize: boolPtr(require), Unauthorized: strategy.Text()})
}

func boolPtr(v base.Value) *bool {
	if !v.Exists() {
		return nil
	}
	b := v.Bool()
	return &b
}

// cacheRoute takes the settings of one method.
func cacheRoute(r *base.Resource, a *model.API, s *model.Stage, key string, c model.Caching, at base.Value) {
	if c == (model.Caching{}) || !concerns(r, a, key, at) {
		return
	}
	if s.RouteCaching == nil {
		s.RouteCaching = map[string]model.Caching{}
	}
	s.RouteCaching[key] = c.Or(s.RouteCaching[key])
}

// cacheKey reads the parameters of an integration that answers are told apart
// by. They are of the method's request, or of the integration's, which says
// where it takes them from.
func cacheKey(v base.Value) []string {
	var out []string
	for _, p := range v.List() {
		name := p.Text()
		if !strings.HasPrefix(name, "method.request.") && !strings.HasPrefix(name, "integration.request.") {
			p.Fail("write method.request.querystring.NAME, .header.NAME or .path.NAME", "%q is no parameter of a cache key", name)
		}
		out = append(out, name)
	}
	return out
}
