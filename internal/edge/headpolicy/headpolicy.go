// SPDX-License-Identifier: Apache-2.0

// Package headpolicy applies a response headers policy to the head of an answer, on
// the way out: what it does is never stored (row K13).
//
// Fields to remove go first, then CORS, security and custom fields are
// added; each says whether it replaces the origin's field of the name.
// (Developer Guide, "Understanding response headers policies".)
package headpolicy

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Apply changes h, the fields of the answer to rq, as p says. r is what
// Server-Timing tells of.
func Apply(p *model.ResponseHeadersPolicy, rq *httpmsg.Request, h *httpmsg.Header, r *record.Record) {
	for _, name := range p.Remove {
		h.Del(name)
		if strings.EqualFold(name, "Server") { // CloudFront then signs itself
			h.Add("Server", "CloudFront")
		}
	}
	if p.CORS != nil {
		applyCORS(p.CORS, rq, h)
	}
	for _, f := range p.Security {
		set(h, f.Name, f.Value, f.Override)
	}
	for _, f := range p.Custom {
		set(h, f.Name, f.Value, f.Override)
	}
	if p.ServerTiming != nil {
		forced := httpspec.ListHas(rq.Header.Join("Pragma"), "server-timing")
		if forced || rand.Float64()*100 < *p.ServerTiming {
			h.Add("Server-Timing", string(record.AppendServerTiming(nil, r)))
		}
	}
}

func set(h *httpmsg.Header, name, value string, override bool) {
	if override || !h.Has(name) {
		h.Set(name, value)
	}
}

// applyCORS answers requests that carry an Origin. Fields that belong to
// preflights are sent on preflights.
func applyCORS(c *model.PolicyCORS, rq *httpmsg.Request, h *httpmsg.Header) {
	origin, ok := rq.Header.Lookup("Origin")
	if !ok {
		return
	}
	allowed := corsOrigin(c, origin)
	if allowed == "" {
		return
	}
	set(h, "Access-Control-Allow-Origin", allowed, c.Override)
	if allowed != "*" && !httpspec.ListHas(h.Join("Vary"), "Origin") {
		h.Add("Vary", "Origin")
	}
	if c.AllowCredentials {
		set(h, "Access-Control-Allow-Credentials", "true", c.Override)
	}
	if rq.Method == "OPTIONS" && rq.Header.Has("Access-Control-Request-Method") {
		set(h, "Access-Control-Allow-Methods", corsMethods(c.AllowMethods), c.Override)
		if len(c.AllowHeaders) > 0 {
			set(h, "Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ", "), c.Override)
		}
		if c.MaxAge > 0 {
			set(h, "Access-Control-Max-Age", strconv.Itoa(c.MaxAge), c.Override)
		}
		return
	}
	if len(c.ExposeHeaders) > 0 {
		set(h, "Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ", "), c.Override)
	}
}

// corsOrigin is the value of Access-Control-Allow-Origin: * when all origins
// are allowed, else the viewer's origin when it is, else "".
func corsOrigin(c *model.PolicyCORS, origin string) string {
	for _, a := range c.AllowOrigins {
		if a == "*" {
			return "*"
		}
		if originMatches(a, origin) {
			return origin
		}
	}
	return ""
}

// originMatches compares an origin with an allowed one, which may lack the
// scheme and may begin its host with "*.".
func originMatches(allowed, origin string) bool {
	allowed, origin = strings.ToLower(allowed), strings.ToLower(origin)
	scheme, host, ok := strings.Cut(origin, "://")
	if s, h, given := strings.Cut(allowed, "://"); given {
		if ok && s != "*" && s != scheme {
			return false
		}
		allowed = h
	}
	if !ok {
		return allowed == origin
	}
	if rest, wild := strings.CutPrefix(allowed, "*."); wild {
		return strings.HasSuffix(host, "."+rest)
	}
	return allowed == host
}

func corsMethods(list []string) string {
	for _, m := range list {
		if m == "ALL" {
			return "GET, DELETE, HEAD, OPTIONS, PATCH, POST, PUT"
		}
	}
	return strings.Join(list, ", ")
}
