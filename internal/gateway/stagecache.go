// SPDX-License-Identifier: Apache-2.0

// Stage caches of REST APIs (row A16; Developer Guide, "Cache settings for REST
// APIs in API Gateway"). What an endpoint answered is kept, whatever its status
// and its Cache-Control, under
//
//	stage, release, namespace, verb, the key's parameters, whom it is for
//
// and nothing else: two paths that one resource has are one entry until the path
// parameter is in the key. Authorizers, API keys, limits and validation come
// before; mapping comes after, so $context is each request's own.
//
// Of all methods GET is cached; another one when it has a setting of its own.
//
// Whom it is for is where we leave API Gateway, which gives what one caller's
// endpoint said to the next one. Here a method with an authorizer, or one that
// requires an API key, has entries for each identity; so has every method for
// each Authorization that it is sent, for the endpoint may look at it itself; and
// what makes an answer that sets a cookie is not kept (decision 0012).
//
// Cache-Control: max-age=0 has an entry made anew, if the resource policy lets
// the caller do execute-api:InvalidateCache, or the method does not ask for it.

package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/gateway/stagecache"
	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/policy"
)

const defaultCacheTTL = 300 * time.Second

// ignoredWarning tells a viewer that its Cache-Control had no effect.
const ignoredWarning = "199 Cache-control headers were ignored because the caller was unauthorized."

// caching is how the answers of a method are kept.
type caching struct {
	store *stagecache.Stage
	verb  string
	ttl   time.Duration
	// scope are the words that every key of the method begins with.
	scope  []string
	key    []parameter // what tells requests apart; place "context" is a variable
	apiKey bool        // so does the API key

	authorize bool // who may make an entry anew
	strategy  string
}

// compileCaching is nil when nothing of the method is kept.
func (g *Gateway) compileCaching(st *stage, ms *model.Stage, mr *model.Route, r *route) *caching {
	own := ms.RouteCaching[r.key]
	set := own.Or(ms.Caching)
	in := mr.Integration
	if st.cache == nil || in == nil || in.Kind == model.Mock || in.Stream || set.Enabled == nil || !*set.Enabled {
		return nil
	}
	c := &caching{store: st.cache, verb: r.facts.Method, ttl: defaultCacheTTL, authorize: true, strategy: set.Unauthorized, apiKey: r.apiKey}
	switch {
	case c.verb == "ANY":
		c.verb = http.MethodGet
	case c.verb != http.MethodGet && (own.Enabled == nil || !*own.Enabled):
		return nil
	}
	if set.TTL != nil {
		c.ttl = *set.TTL
	}
	if c.ttl <= 0 {
		return nil
	}
	if set.Authorize != nil {
		c.authorize = *set.Authorize
	}
	namespace := in.CacheNamespace
	if namespace == "" {
		namespace = mr.ResourceID + " " + mr.Path
	}
	c.scope = []string{st.facts.Release.String(), namespace, in.Kind.String(), c.verb}
	if st.facts.Release == integration.Main {
		c.scope[0] = "" // a canary that comes or goes does not empty the stage's own
	}
	err := c.tellApart(in, r.identity)
	if err != nil {
		g.note("%s, stage %s, %s: its answers are not cached: %v", mr.Pos, ms.Name, r.key, err)
		return nil
	}
	return c
}

// tellApart reads the parameters of the key and the identity.
func (c *caching) tellApart(in *model.Integration, identity string) error {
	for _, name := range in.CacheKey {
		from := name
		if strings.HasPrefix(name, "integration.request.") {
			from = ""
			for _, m := range in.RequestParameters {
				if m.To == name {
					from = m.From
				}
			}
		}
		p, constant, err := keyParameter(from)
		if err != nil {
			return fmt.Errorf("key parameter %s: %w", name, err)
		}
		if !constant {
			c.key = append(c.key, p)
		}
	}
	for item := range strings.SplitSeq(identity, ",") {
		kind, name, _ := strings.Cut(strings.TrimSpace(item), ":")
		switch kind {
		case "":
		case "header":
			c.key = append(c.key, parameter{kind, name})
		case "query":
			name, err := url.QueryUnescape(name)
			if err != nil {
				return err
			}
			c.key = append(c.key, parameter{"querystring", name})
		default:
			return errors.New("its authorizer may decide by anything in the request, and no two callers are the same")
		}
	}
	return nil
}

// keyParameter reads where a parameter of a key comes from; constant: it is the
// same for all requests of a stage.
func keyParameter(from string) (p parameter, constant bool, err error) {
	if strings.HasPrefix(from, "'") || strings.HasPrefix(from, "stageVariables.") {
		return p, true, nil
	}
	if name, ok := strings.CutPrefix(from, "context."); ok {
		return parameter{"context", name}, false, nil
	}
	place, name, ok := strings.Cut(strings.TrimPrefix(from, "method.request."), ".")
	place = strings.TrimPrefix(place, "multivalue")
	if ok && name != "" && strings.HasPrefix(from, "method.request.") && (place == "header" || place == "querystring" || place == "path") {
		return parameter{place, name}, false, nil
	}
	return p, false, fmt.Errorf("%q cannot be in a key", from)
}

// recall answers from the stage's cache, or has the answer kept there.
func (x *exchange) recall() bool {
	c := x.route.caching
	if c == nil || c.verb != x.call.Method {
		return true
	}
	now, anew := time.Now(), asksAnew(x.call.Header)
	if anew && !x.mayInvalidate(c) {
		if c.strategy == "FAIL_WITH_403" {
			return x.refuse(ReasonCacheControl, errors.New("Cache-Control: max-age=0 is for who may do "+actInvalidate))
		}
		anew, x.ignored = false, c.strategy != "SUCCEED_WITHOUT_RESPONSE_HEADER"
	}
	key := c.digest(x)
	if anew {
		c.store.Passed()
	} else if x.call.Kept = c.store.Find(key, now); x.call.Kept != nil {
		x.cached = CacheHit
		return true
	}
	x.cached = CacheMiss
	x.call.Keep = func(k *integration.Kept) { c.store.Put(key, k, time.Now().Add(c.ttl)) }
	return true
}

// asksAnew tells whether a request has Cache-Control: max-age=0.
func asksAnew(h http.Header) bool {
	for _, v := range h["Cache-Control"] {
		for d := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(d), "max-age=0") {
				return true
			}
		}
	}
	return false
}

// mayInvalidate tells whether the caller may have an entry made anew. What a
// policy denies is denied, whether the method asks for it or not.
func (x *exchange) mayInvalidate(c *caching) bool {
	d := policy.Implicit
	if x.api.policy != nil {
		d, _ = x.api.policy.decide(x, actInvalidate)
	}
	return d == policy.Allow || !c.authorize && d != policy.Deny
}

// digest is the key of a request. Every text stands behind its length, every
// list behind the number of its texts: no two requests that differ have one key.
func (c *caching) digest(x *exchange) stagecache.Key {
	h := sha256.New()
	writeTexts(h, c.scope)
	for _, p := range c.key {
		values := x.values(p)
		if p.place == "context" {
			v, _ := x.call.ContextVar(p.name)
			values = []string{v}
		}
		writeTexts(h, []string{p.place, p.name})
		writeTexts(h, values)
	}
	writeTexts(h, x.call.Header["Authorization"])
	if c.apiKey {
		writeTexts(h, []string{"API key", x.call.APIKeyID})
	}
	return stagecache.Key(h.Sum(nil))
}

func writeTexts(h hash.Hash, texts []string) {
	var n [8]byte
	count := func(i int) {
		binary.BigEndian.PutUint64(n[:], uint64(i)) //nolint:gosec // a length
		h.Write(n[:])
	}
	count(len(texts))
	for _, t := range texts {
		count(len(t))
		h.Write([]byte(t))
	}
}

// FlushCache drops what the cache of a stage keeps. The API is named by its id
// or logical id; false: there is no such stage with a cache.
func (g *Gateway) FlushCache(api, name string) bool {
	for _, a := range g.hosts {
		if a.facts.ID != api && a.logicalID != api {
			continue
		}
		if st := a.stages[name]; st != nil && st.cache != nil {
			st.cache.Flush()
			return true
		}
	}
	return false
}
