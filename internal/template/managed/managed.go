// SPDX-License-Identifier: Apache-2.0

// Package managed knows the policies that CloudFront itself offers, by id:
// cache, origin request and response headers policies.
//
// A function returns a new policy each time, nil for an unknown id, so nobody
// can change another's. It does no I/O and keeps no state.
//
// Sources: Amazon CloudFront Developer Guide, "Use managed cache policies",
// "Use managed origin request policies", "Use managed response headers
// policies".
package managed

import (
	"time"

	"github.com/forelane/forelane/internal/model"
)

// The ids of the managed policies that the documentation of Forelane names.
const (
	CachingOptimized          = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	CachingDisabled           = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	AllViewerExceptHostHeader = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
	SecurityHeaders           = "67f7725c-6f97-4210-82d7-5512b31e9d03"
)

const year = 31_536_000

// CachePolicy returns a managed cache policy.
func CachePolicy(id string) *model.CachePolicy {
	switch id {
	case CachingOptimized:
		return ttl(id, "Managed-CachingOptimized", 1, 86_400, year).compressed()
	case "b2884449-e4de-46a7-ac36-70bc7f1ddd6d":
		return ttl(id, "Managed-CachingOptimizedForUncompressedObjects", 1, 86_400, year).done()
	case CachingDisabled:
		return ttl(id, "Managed-CachingDisabled", 0, 0, 0).done()
	case "08627262-05a9-4f76-9ded-b50ca2e3a84f":
		p := ttl(id, "Managed-Elemental-MediaPackage", 0, 86_400, year).headers("Origin").done()
		p.Queries = list("aws.manifestfilter", "end", "m", "start")
		p.Gzip = true
		return p
	case "2e54312d-136d-493c-8eb9-b001f22f67d2":
		return ttl(id, "Managed-Amplify", 2, 2, 600).headers("Authorization", "CloudFront-Viewer-Country", "Host").cookies().queries().compressed()
	case "83da9c7e-98b4-4e11-a168-04f0df8e2c65":
		return fromOrigin(id, "UseOriginCacheControlHeaders").compressed()
	case "4cc15a8a-d715-48a4-82b8-cc0b614638fe":
		return fromOrigin(id, "UseOriginCacheControlHeaders-QueryStrings").queries().compressed()
	case "4d1d2f1d-3a71-49ad-9e08-7ea5d843a556":
		return ttl(id, "Managed-Amplify-Default", 0, 0, year).headers("Accept", "Authorization", "CloudFront-Viewer-Country", "Host").cookies().queries().compressed()
	case "a6bad946-36c3-4c33-aa98-362c74a7fb13":
		return ttl(id, "Managed-Amplify-DefaultNoCookies", 0, 0, year).headers("Accept", "Authorization", "CloudFront-Viewer-Country", "Host").queries().compressed()
	case "1c6db51a-a33f-469a-8245-dae26771f530":
		return ttl(id, "Managed-Amplify-ImageOptimization", 0, 0, year).headers("Accept", "Authorization", "Host").queries().compressed()
	case "7e5fad67-ee98-4ad0-b05a-394999eefc1a":
		return ttl(id, "Managed-Amplify-StaticContent", 0, 0, year).headers("Authorization", "Host").compressed()
	}
	return nil
}

// cachePolicy is a cache policy being written.
type cachePolicy model.CachePolicy

func ttl(id, name string, least, usual, most int) *cachePolicy {
	return &cachePolicy{
		ID: id, Name: name, Managed: true,
		MinTTL: time.Duration(least) * time.Second, DefaultTTL: time.Duration(usual) * time.Second, MaxTTL: time.Duration(most) * time.Second,
	}
}

// fromOrigin is what the two UseOriginCacheControlHeaders policies share.
func fromOrigin(id, name string) *cachePolicy {
	return ttl(id, name, 0, 0, year).headers("Host", "Origin", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override").cookies()
}

func list(names ...string) model.Selection {
	return model.Selection{Mode: model.SelectList, Names: names}
}

func (p *cachePolicy) headers(names ...string) *cachePolicy { p.Headers = list(names...); return p }
func (p *cachePolicy) cookies() *cachePolicy                { p.Cookies.Mode = model.SelectAll; return p }

func (p *cachePolicy) queries() *cachePolicy    { p.Queries.Mode = model.SelectAll; return p }
func (p *cachePolicy) done() *model.CachePolicy { return (*model.CachePolicy)(p) }

func (p *cachePolicy) compressed() *model.CachePolicy {
	p.Gzip, p.Brotli = true, true
	return p.done()
}

// OriginRequestPolicy returns a managed origin request policy.
func OriginRequestPolicy(id string) *model.OriginRequestPolicy {
	p := &model.OriginRequestPolicy{ID: id, Managed: true}
	all := model.Selection{Mode: model.SelectAll}
	switch id {
	case "216adef6-5c7f-47e4-b989-5492eafa07d3":
		p.Name, p.Headers.Mode, p.Cookies, p.Queries = "Managed-AllViewer", model.SelectAllViewer, all, all
	case "33f36d7e-f396-46d9-90e0-52428a34d9dc":
		p.Name, p.Cookies, p.Queries = "Managed-AllViewerAndCloudFrontHeaders-2022-06", all, all
		p.Headers = model.Selection{Mode: model.SelectAllViewerAndCloudFront, Names: cloudFrontHeaders()}
	case AllViewerExceptHostHeader:
		p.Name, p.Cookies, p.Queries = "Managed-AllViewerExceptHostHeader", all, all
		p.Headers = model.Selection{Mode: model.SelectAllExcept, Names: []string{"Host"}}
	case "59781a5b-3903-41f3-afcb-af62929ccde1":
		p.Name, p.Headers = "Managed-CORS-CustomOrigin", list("Origin")
	case "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf":
		p.Name, p.Headers = "Managed-CORS-S3Origin", list("Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method")
	case "775133bc-15f2-49f9-abea-afb2e0bf67d2":
		p.Name, p.Queries = "Managed-Elemental-MediaTailor-PersonalizedManifests", all
		p.Headers = list("Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method", "User-Agent", "X-Forwarded-For")
	case "bf0718e1-ba1e-49d1-88b1-f726733018ae":
		p.Name, p.Headers = "Managed-HostHeaderOnly", list("Host")
	case "acba4595-bd28-49b8-b9fe-13317c0390fa":
		p.Name, p.Headers = "Managed-UserAgentRefererHeaders", list("User-Agent", "Referer")
	default:
		return nil
	}
	return p
}

// cloudFrontHeaders are the headers of the policy of June 2022.
func cloudFrontHeaders() []string {
	return []string{
		"CloudFront-Forwarded-Proto", "CloudFront-Is-Android-Viewer", "CloudFront-Is-Desktop-Viewer", "CloudFront-Is-IOS-Viewer",
		"CloudFront-Is-Mobile-Viewer", "CloudFront-Is-SmartTV-Viewer", "CloudFront-Is-Tablet-Viewer", "CloudFront-Viewer-Address",
		"CloudFront-Viewer-ASN", "CloudFront-Viewer-City", "CloudFront-Viewer-Country", "CloudFront-Viewer-Country-Name",
		"CloudFront-Viewer-Country-Region", "CloudFront-Viewer-Country-Region-Name", "CloudFront-Viewer-Http-Version",
		"CloudFront-Viewer-Latitude", "CloudFront-Viewer-Longitude", "CloudFront-Viewer-Metro-Code", "CloudFront-Viewer-Postal-Code",
		"CloudFront-Viewer-Time-Zone", "CloudFront-Viewer-TLS",
	}
}

// ResponseHeadersPolicy returns a managed response headers policy.
func ResponseHeadersPolicy(id string) *model.ResponseHeadersPolicy {
	p := &model.ResponseHeadersPolicy{ID: id, Managed: true}
	switch id {
	case "60669652-455b-4ae9-85a4-c4c02393f86c":
		p.Name, p.CORS = "Managed-SimpleCORS", simpleCORS()
	case "5cc3b908-e619-4b99-88e5-2cf7f45965bd":
		p.Name, p.CORS = "Managed-CORS-With-Preflight", preflightCORS()
	case SecurityHeaders:
		p.Name, p.Security = "Managed-SecurityHeadersPolicy", security()
	case "e61eb60c-9c35-4d20-a928-2b84e02af89c":
		p.Name, p.CORS, p.Security = "Managed-CORS-and-SecurityHeadersPolicy", simpleCORS(), security()
	case "eaab4381-ed33-4a86-88ca-d9558dc6cd63":
		p.Name, p.CORS, p.Security = "Managed-CORS-with-preflight-and-SecurityHeadersPolicy", preflightCORS(), security()
	default:
		return nil
	}
	return p
}

func simpleCORS() *model.PolicyCORS { return &model.PolicyCORS{AllowOrigins: []string{"*"}} }

func preflightCORS() *model.PolicyCORS {
	return &model.PolicyCORS{
		AllowOrigins: []string{"*"}, ExposeHeaders: []string{"*"},
		AllowMethods: []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"},
	}
}

func security() []model.PolicyHeader {
	return []model.PolicyHeader{
		{Name: "Referrer-Policy", Value: "strict-origin-when-cross-origin"},
		{Name: "Strict-Transport-Security", Value: "max-age=31536000"},
		{Name: "X-Content-Type-Options", Value: "nosniff", Override: true},
		{Name: "X-Frame-Options", Value: "SAMEORIGIN"},
		{Name: "X-XSS-Protection", Value: "1; mode=block"},
	}
}

// Names lists the managed policies of a kind for a mend: its common ids with
// their names.
func Names() string {
	return "CachingOptimized is " + CachingOptimized + ", CachingDisabled is " + CachingDisabled
}
