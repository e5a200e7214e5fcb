// SPDX-License-Identifier: Apache-2.0

package managed

import (
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
)

func TestK10ManagedCachePolicies(t *testing.T) {
	tests := []struct {
		id, name          string
		least, usual, max int
		headers, queries  int // number of names; -1: all
		cookies           model.SelectMode
		gzip, brotli      bool
	}{
		{CachingOptimized, "Managed-CachingOptimized", 1, 86400, year, 0, 0, model.SelectNone, true, true},
		{"b2884449-e4de-46a7-ac36-70bc7f1ddd6d", "Managed-CachingOptimizedForUncompressedObjects", 1, 86400, year, 0, 0, model.SelectNone, false, false},
		{CachingDisabled, "Managed-CachingDisabled", 0, 0, 0, 0, 0, model.SelectNone, false, false},
		{"2e54312d-136d-493c-8eb9-b001f22f67d2", "Managed-Amplify", 2, 2, 600, 3, -1, model.SelectAll, true, true},
		{"08627262-05a9-4f76-9ded-b50ca2e3a84f", "Managed-Elemental-MediaPackage", 0, 86400, year, 1, 4, model.SelectNone, true, false},
		{"83da9c7e-98b4-4e11-a168-04f0df8e2c65", "UseOriginCacheControlHeaders", 0, 0, year, 5, 0, model.SelectAll, true, true},
		{"4cc15a8a-d715-48a4-82b8-cc0b614638fe", "UseOriginCacheControlHeaders-QueryStrings", 0, 0, year, 5, -1, model.SelectAll, true, true},
	}
	for _, tt := range tests {
		p := CachePolicy(tt.id)
		if p == nil {
			t.Errorf("%s: unknown", tt.id)
			continue
		}
		queries := len(p.Queries.Names)
		if p.Queries.Mode == model.SelectAll {
			queries = -1
		}
		sec := func(i int) time.Duration { return time.Duration(i) * time.Second }
		if p.Name != tt.name || p.MinTTL != sec(tt.least) || p.DefaultTTL != sec(tt.usual) || p.MaxTTL != sec(tt.max) ||
			len(p.Headers.Names) != tt.headers || queries != tt.queries || p.Cookies.Mode != tt.cookies || p.Gzip != tt.gzip || p.Brotli != tt.brotli {
			t.Errorf("%s: %+v", tt.name, p)
		}
	}
	if CachePolicy("nothing") != nil {
		t.Error("an unknown id has a policy")
	}
}

func TestK11ManagedOriginRequestPolicies(t *testing.T) {
	tests := []struct {
		id, name string
		headers  model.SelectMode
		names    int
		all      bool // cookies
		queries  bool
	}{
		{"216adef6-5c7f-47e4-b989-5492eafa07d3", "Managed-AllViewer", model.SelectAllViewer, 0, true, true},
		{"33f36d7e-f396-46d9-90e0-52428a34d9dc", "Managed-AllViewerAndCloudFrontHeaders-2022-06", model.SelectAllViewerAndCloudFront, 21, true, true},
		{AllViewerExceptHostHeader, "Managed-AllViewerExceptHostHeader", model.SelectAllExcept, 1, true, true},
		{"59781a5b-3903-41f3-afcb-af62929ccde1", "Managed-CORS-CustomOrigin", model.SelectList, 1, false, false},
		{"88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", "Managed-CORS-S3Origin", model.SelectList, 3, false, false},
		{"775133bc-15f2-49f9-abea-afb2e0bf67d2", "Managed-Elemental-MediaTailor-PersonalizedManifests", model.SelectList, 5, false, true},
		{"acba4595-bd28-49b8-b9fe-13317c0390fa", "Managed-UserAgentRefererHeaders", model.SelectList, 2, false, false},
	}
	for _, tt := range tests {
		p := OriginRequestPolicy(tt.id)
		if p == nil || p.Name != tt.name || p.Headers.Mode != tt.headers || len(p.Headers.Names) != tt.names ||
			(p.Cookies.Mode == model.SelectAll) != tt.all || (p.Queries.Mode == model.SelectAll) != tt.queries {
			t.Errorf("%s: %+v", tt.name, p)
		}
	}
}

func TestK12ManagedResponseHeadersPolicies(t *testing.T) {
	tests := []struct {
		id             string
		cors, security bool
		methods        int
	}{
		{"60669652-455b-4ae9-85a4-c4c02393f86c", true, false, 0},
		{"5cc3b908-e619-4b99-88e5-2cf7f45965bd", true, false, 7},
		{SecurityHeaders, false, true, 0},
		{"e61eb60c-9c35-4d20-a928-2b84e02af89c", true, true, 0},
		{"eaab4381-ed33-4a86-88ca-d9558dc6cd63", true, true, 7},
	}
	for _, tt := range tests {
		p := ResponseHeadersPolicy(tt.id)
		if p == nil || (p.CORS != nil) != tt.cors || (len(p.Security) == 5) != tt.security || tt.cors && len(p.CORS.AllowMethods) != tt.methods {
			t.Errorf("%s: %+v", tt.id, p)
		}
	}
}
