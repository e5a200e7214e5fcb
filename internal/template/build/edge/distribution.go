// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

func (b *builder) distribution(r *base.Resource) *model.Distribution {
	c := r.Props.Get("DistributionConfig")
	d := &model.Distribution{
		LogicalID: r.ID, ID: r.Ref, DomainName: r.Att("DomainName"), Pos: r.Where(),
		ARN:     "arn:aws:cloudfront::" + b.Stack.AccountID + ":distribution/" + r.Ref,
		Aliases: append(c.Get("Aliases").Texts(), c.Get("CNAMEs").Texts()...),
		Enabled: c.Get("Enabled").Bool(), Comment: c.Get("Comment").Text(),
		HTTPVersion: strings.ToLower(c.Get("HttpVersion").TextOr("http2")),
		PriceClass:  c.Get("PriceClass").Text(), Staging: c.Get("Staging").Bool(), WebACL: c.Get("WebACLId").Text(),
		MinimumProtocol: c.Get("ViewerCertificate", "MinimumProtocolVersion").Text(),
	}
	if acl := c.Get("WebACLId"); d.WebACL != "" && b.Shared.WebACLs[d.WebACL] == nil {
		r.Note(acl, fidelity.Unsupported, "the web ACL is in no template: no request is blocked")
	}
	leakGuard(r, d)
	b.rootObject(d, c.Get("DefaultRootObject"))
	aliases(c.Get("Aliases"))
	cacheTags(d, c.Get("CacheTagConfig"))
	b.origins(r, d, c)
	b.signatures(r, d)
	b.groups(d, c.Get("OriginGroups", "Items"))
	b.behaviors(r, d, c)
	b.viewerMTLS(r, d, c)
	for _, v := range c.Get("CustomErrorResponses").List() {
		d.CustomErrors = append(d.CustomErrors, b.customError(d, v))
	}
	if geo := c.Get("Restrictions", "GeoRestriction"); geo.Get("RestrictionType").Text() != "none" {
		d.Geo = model.GeoRestriction{Allow: geo.Get("RestrictionType").Text() == "whitelist", Countries: geo.Get("Locations").Texts()}
	}
	d.Logging = b.standardLog(r, c.Get("Logging"))
	return d
}

// leakGuard reads Metadata.Forelane.LeakGuard, which AWS ignores.
func leakGuard(r *base.Resource, d *model.Distribution) {
	switch v := r.Meta.Get("Forelane", "LeakGuard"); v.Text() {
	case "":
	case "exact":
		d.LeakGuard = model.GuardExact
	case "safe":
		d.LeakGuard = model.GuardSafe
		r.Note(v, fidelity.Approximated, "answers that could be one viewer's are not stored; CloudFront stores them")
	default:
		v.Fail("say exact or safe", "%q is nothing that the leak guard can do", v.Text())
	}
}

func (b *builder) rootObject(d *model.Distribution, v base.Value) {
	d.DefaultRootObject = v.Text()
	switch {
	case strings.HasPrefix(d.DefaultRootObject, "/"):
		v.Fail("write the name without the leading slash", "CloudFront does not find a default root object that begins with a slash")
	case len(d.DefaultRootObject) > 255:
		v.Fail("use a shorter name", "a default root object has at most 255 characters")
	}
}

// aliases refuses names that are no host names.
func aliases(list base.Value) {
	for _, v := range list.List() {
		name := v.Text()
		rest := strings.TrimPrefix(name, "*.")
		if name == "" || strings.ContainsAny(rest, "*/: ") || !strings.Contains(rest, ".") {
			v.Fail("write www.example.com or *.example.com", "%q is no alternate domain name", name)
		}
	}
	unique(list, true)
}

// errorCodes are the statuses that may have a custom error response; it may
// answer with one of them or with 200.
func errorCodes() []int { return []int{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504} }

func (b *builder) customError(d *model.Distribution, v base.Value) model.CustomError {
	e := model.CustomError{Code: v.Get("ErrorCode").Int(0), ResponseCode: v.Get("ResponseCode").Int(0), PagePath: v.Get("ResponsePagePath").Text()}
	if t := v.Get("ErrorCachingMinTTL"); t.Exists() {
		ttl := t.Seconds(10 * time.Second)
		e.CachingMinTTL = &ttl
	}
	if !slices.Contains(errorCodes(), e.Code) {
		v.Get("ErrorCode").Fail("it is one of 400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504", "CloudFront has no custom error response for %d", e.Code)
	}
	if slices.ContainsFunc(d.CustomErrors, func(o model.CustomError) bool { return o.Code == e.Code }) {
		v.Get("ErrorCode").Fail("keep one of the two", "%d has two custom error responses", e.Code)
	}
	if e.ResponseCode == 0 && e.PagePath != "" {
		v.Fail("add ResponseCode, for example 200", "ResponsePagePath needs a ResponseCode")
	}
	if e.PagePath == "" {
		e.ResponseCode = 0 // a code without a page changes nothing
	}
	if e.ResponseCode != 0 && e.ResponseCode != 200 && !slices.Contains(errorCodes(), e.ResponseCode) {
		v.Get("ResponseCode").Fail("it is 200, 400, 403, 404, 405, 414, 416 or 500 to 504", "CloudFront cannot answer with %d here", e.ResponseCode)
	}
	if e.PagePath != "" && !strings.HasPrefix(e.PagePath, "/") {
		v.Get("ResponsePagePath").Fail("write /"+e.PagePath, "the path of an error page begins with a slash")
	}
	return e
}

// failoverCodes are the statuses on which a group can ask its second origin.
func failoverCodes() []int { return []int{400, 403, 404, 416, 429, 500, 502, 503, 504} }

func (b *builder) groups(d *model.Distribution, list base.Value) {
	for _, v := range list.List() {
		g := &model.OriginGroup{ID: v.Get("Id").Text()}
		members := v.Get("Members", "Items")
		for _, m := range members.List() {
			id := m.Get("OriginId").Text()
			if d.Origin(id) == nil {
				m.Get("OriginId").Fail(base.Nearest(id, originIDs(d), "declare it under Origins"), "the distribution has no origin %q", id)
			}
			g.Members = append(g.Members, id)
		}
		if len(g.Members) != 2 {
			members.Fail("give a primary and a secondary", "an origin group has exactly two members, not %d", len(g.Members))
		} else if g.Members[0] == g.Members[1] {
			members.Fail("name another origin", "an origin group cannot have the same origin twice")
		}
		for _, c := range v.Get("FailoverCriteria", "StatusCodes", "Items").List() {
			code := c.Int(0)
			if !slices.Contains(failoverCodes(), code) {
				c.Fail("it is one of 400, 403, 404, 416, 429, 500, 502, 503, 504", "CloudFront does not fail over on %d", code)
			}
			g.StatusCodes = append(g.StatusCodes, code)
		}
		if d.Origin(g.ID) != nil || d.Group(g.ID) != nil {
			v.Get("Id").Fail("rename one of the two", "the id %q is used twice", g.ID)
		}
		d.OriginGroups = append(d.OriginGroups, g)
	}
}

func originIDs(d *model.Distribution) []string {
	var ids []string
	for _, o := range d.Origins {
		ids = append(ids, o.ID)
	}
	for _, g := range d.OriginGroups {
		ids = append(ids, g.ID)
	}
	return ids
}
