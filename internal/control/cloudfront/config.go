// SPDX-License-Identifier: Apache-2.0

package cloudfront

import (
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// configOf writes a distribution as CloudFront's DistributionConfig.
func configOf(d *model.Distribution) *distributionConfig {
	c := &distributionConfig{
		CallerReference: d.LogicalID, Aliases: texts("CNAME", d.Aliases), DefaultRootObject: d.DefaultRootObject,
		Origins: list[origin]{}, OriginGroups: list[originGroup]{}, CacheBehaviors: list[behavior]{}, Errors: list[customError]{},
		Comment: d.Comment, PriceClass: or(d.PriceClass, "PriceClass_All"), Enabled: d.Enabled, WebACL: d.WebACL,
		HTTPVersion: or(d.HTTPVersion, "http2"), IPv6: true, Staging: d.Staging,
		Certificate: certificate{Default: len(d.Aliases) == 0, Minimum: or(d.MinimumProtocol, "TLSv1"), Source: "cloudfront"},
		Restrictions: geoRestriction{
			Type: "none", Quantity: len(d.Geo.Countries), Items: items("Location", d.Geo.Countries),
		},
	}
	if len(d.Geo.Countries) > 0 || d.Geo.Allow {
		c.Restrictions.Type = "blacklist"
		if d.Geo.Allow {
			c.Restrictions.Type = "whitelist"
		}
	}
	if d.Deployment != nil {
		c.Deployment = d.Deployment.ID
	}
	if d.TagHeader != "" {
		c.Tags = &tagConfig{d.TagHeader}
	}
	if l := d.Logging; l != nil {
		c.Logging = logging{true, l.IncludeCookies, l.Bucket, l.Prefix}
	}
	for _, o := range d.Origins {
		c.Origins.add("Origin", originOf(o))
	}
	for _, g := range d.OriginGroups {
		c.OriginGroups.add("OriginGroup", groupOf(g))
	}
	for _, b := range d.Behaviors[:len(d.Behaviors)-1] {
		c.CacheBehaviors.add("CacheBehavior", behaviorOf(b))
	}
	c.Default = behaviorOf(d.Default())
	c.Default.PathPattern = ""
	for i := range d.CustomErrors {
		c.Errors.add("CustomErrorResponse", errorOf(&d.CustomErrors[i]))
	}
	return c
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func originOf(o *model.Origin) origin {
	out := origin{
		ID: o.ID, DomainName: o.DomainName, Path: o.Path, Headers: list[originHeader]{},
		Attempts: o.Attempts, Timeout: int(o.Connect / time.Second), Shield: originShield{o.ShieldRegion != "", o.ShieldRegion},
	}
	for _, h := range o.Headers { // their values may be secret
		out.Headers.add("OriginCustomHeader", originHeader{h.Name, "********"})
	}
	if o.Access != nil {
		out.Access = o.Access.ID
	}
	switch {
	case o.S3:
		out.S3 = &s3Origin{}
		if o.OAI != "" {
			out.S3.Identity = "origin-access-identity/cloudfront/" + o.OAI
		}
	case o.VPCOrigin != "":
		out.VPC = &vpcOrigin{o.VPCOrigin, int(o.ReadTimeout / time.Second), int(o.KeepAlive / time.Second)}
	default:
		out.Custom = &customOrigin{
			HTTPPort: o.HTTPPort, HTTPSPort: o.HTTPSPort, Protocol: o.Protocol.String(), TLS: texts("SslProtocol", o.TLSVersions),
			ReadTimeout: int(o.ReadTimeout / time.Second), KeepAlive: int(o.KeepAlive / time.Second),
		}
	}
	return out
}

func groupOf(g *model.OriginGroup) originGroup {
	out := originGroup{ID: g.ID, Members: list[member]{}}
	for _, id := range g.Members {
		out.Members.add("OriginGroupMember", member{id})
	}
	for _, s := range g.StatusCodes {
		out.Statuses.add("StatusCode", s)
	}
	return out
}

func behaviorOf(b *model.Behavior) behavior {
	out := behavior{
		PathPattern: b.PathPattern, Target: b.Target, Signers: trusted{Enabled: b.TrustedSigners},
		KeyGroups: trusted{len(b.TrustedKeyGroups) > 0, len(b.TrustedKeyGroups), items("KeyGroup", b.TrustedKeyGroups)},
		Viewer:    b.Viewer.String(), Compress: b.Compress, FieldEncryption: b.FieldEncryption, RealtimeLog: b.RealtimeLog,
		Allowed:   allowed{len(b.Allowed), items("Method", b.Allowed), texts("Method", b.Cached)},
		Functions: list[function]{}, Lambdas: list[lambda]{}, GRPC: enabled{b.GRPC},
	}
	for _, f := range b.Functions {
		if f.Lambda {
			out.Lambdas.add("LambdaFunctionAssociation", lambda{f.ARN, f.Event.String(), f.IncludeBody})
		} else {
			out.Functions.add("FunctionAssociation", function{f.ARN, f.Event.String()})
		}
	}
	if b.OriginRequest != nil {
		out.RequestPolicy = b.OriginRequest.ID
	}
	if b.ResponseHeaders != nil {
		out.ResponsePolicy = b.ResponseHeaders.ID
	}
	if p := b.Cache; p.Legacy {
		out.Forwarded = forwardedOf(p)
		least, usual, most := int64(p.MinTTL/time.Second), int64(p.DefaultTTL/time.Second), int64(p.MaxTTL/time.Second)
		out.MinTTL, out.DefaultTTL, out.MaxTTL = &least, &usual, &most
		out.RequestPolicy = ""
	} else {
		out.CachePolicy = p.ID
	}
	return out
}

func forwardedOf(p *model.CachePolicy) *forwarded {
	f := &forwarded{Query: p.Queries.Mode != model.SelectNone, Cookies: "none"}
	switch p.Cookies.Mode {
	case model.SelectAll:
		f.Cookies = "all"
	case model.SelectList:
		f.Cookies = "whitelist"
		names := texts("Name", p.Cookies.Names)
		f.CookieNames = &names
	default:
	}
	f.Headers = texts("Name", p.Headers.Names)
	if p.Headers.Mode == model.SelectAll {
		f.Headers = texts("Name", []string{"*"})
	}
	if p.Queries.Mode == model.SelectList {
		f.Keys = texts("Name", p.Queries.Names)
	}
	return f
}

func errorOf(e *model.CustomError) customError {
	out := customError{Code: e.Code, Page: e.PagePath}
	if e.ResponseCode != 0 {
		out.Response = e.ResponseCode
	}
	if e.CachingMinTTL != nil {
		ttl := int64(*e.CachingMinTTL / time.Second)
		out.TTL = &ttl
	}
	return out
}

// summaryOf is a distribution in a list.
func summaryOf(d Distribution) summary {
	c := configOf(d.Distribution)
	return summary{
		ID: d.ID, ETag: etag(d), ARN: d.ARN, Status: "Deployed", LastModified: stampOf(d.Since), DomainName: d.DomainName,
		Aliases: c.Aliases, Origins: c.Origins, OriginGroups: c.OriginGroups, Default: c.Default, CacheBehaviors: c.CacheBehaviors,
		Errors: c.Errors, Comment: c.Comment, PriceClass: c.PriceClass, Enabled: c.Enabled, Certificate: c.Certificate,
		Restrictions: c.Restrictions, WebACL: c.WebACL, HTTPVersion: strings.ToUpper(c.HTTPVersion), IPv6: c.IPv6, Staging: c.Staging,
	}
}

func (a *api) describe(d Distribution) distributionAnswer {
	n := 0
	for _, v := range a.node.Invalidations().List(d.ID) {
		if v.Status == 0 {
			n++
		}
	}
	return distributionAnswer{
		ID: d.ID, ARN: d.ARN, Status: "Deployed", LastModified: stampOf(d.Since), InProgress: n, DomainName: d.DomainName,
		Config: configOf(d.Distribution),
	}
}
