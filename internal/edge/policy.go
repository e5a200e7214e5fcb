// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// A response headers policy is applied on the way out and never stored (row
// K13). Fields to remove go first, then CORS, security and custom fields are
// added; each says whether it replaces the origin's field of the name.
// (Developer Guide, "Understanding response headers policies".)

// applyPolicy applies the behavior's response headers policy.
func (x *Exchange) applyPolicy() {
	p := x.beh.policyOut
	if p == nil {
		return
	}
	x.rs.Thaw()
	for _, name := range p.Remove {
		x.rs.Header.Del(name)
		if strings.EqualFold(name, "Server") { // CloudFront then signs itself
			x.rs.Header.Add("Server", "CloudFront")
		}
	}
	if p.CORS != nil {
		x.applyCORS(p.CORS)
	}
	for _, f := range p.Security {
		x.policyField(f.Name, f.Value, f.Override)
	}
	for _, f := range p.Custom {
		x.policyField(f.Name, f.Value, f.Override)
	}
	if p.ServerTiming != nil {
		forced := httpspec.ListHas(x.rq.Header.Join("Pragma"), "server-timing")
		if forced || rand.Float64()*100 < *p.ServerTiming {
			x.rs.Header.Add("Server-Timing", string(record.AppendServerTiming(nil, &x.rec)))
		}
	}
}

func (x *Exchange) policyField(name, value string, override bool) {
	if override || !x.rs.Header.Has(name) {
		x.rs.Header.Set(name, value)
	}
}

// applyCORS answers requests that carry an Origin. Fields that belong to
// preflights are sent on preflights.
func (x *Exchange) applyCORS(c *model.PolicyCORS) {
	origin, ok := x.rq.Header.Lookup("Origin")
	if !ok {
		return
	}
	allowed := corsOrigin(c, origin)
	if allowed == "" {
		return
	}
	x.policyField("Access-Control-Allow-Origin", allowed, c.Override)
	if allowed != "*" && !httpspec.ListHas(x.rs.Header.Join("Vary"), "Origin") {
		x.rs.Header.Add("Vary", "Origin")
	}
	if c.AllowCredentials {
		x.policyField("Access-Control-Allow-Credentials", "true", c.Override)
	}
	if x.rq.Method == "OPTIONS" && x.rq.Header.Has("Access-Control-Request-Method") {
		x.policyField("Access-Control-Allow-Methods", corsMethods(c.AllowMethods), c.Override)
		if len(c.AllowHeaders) > 0 {
			x.policyField("Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ", "), c.Override)
		}
		if c.MaxAge > 0 {
			x.policyField("Access-Control-Max-Age", strconv.Itoa(c.MaxAge), c.Override)
		}
		return
	}
	if len(c.ExposeHeaders) > 0 {
		x.policyField("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ", "), c.Override)
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
