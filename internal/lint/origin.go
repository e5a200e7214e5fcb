// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
	"github.com/forelane/forelane/internal/policy"
)

// What origins refuse, and what they let in that did not come by the edge.

// origin looks at one origin that a behavior leads to.
func (s *site) origin(t *target) {
	if !t.used {
		return
	}
	where := at{property: t.at}
	switch t.kind {
	case apiEndpoint:
		s.apiOrigin(t)
	case functionURL:
		s.urlOrigin(t)
	case bucketREST:
		s.bucketOrigin(t)
	}
	if t.kind.dynamic() && t.o.VPCOrigin == "" && t.o.Protocol != model.OriginHTTPSOnly {
		sev, words := Error, "is asked by http"
		if t.o.Protocol == model.OriginMatchViewer {
			sev, words = Warning, "is asked by http when the viewer came by http"
			if !s.inCleartext(t) {
				return
			}
		}
		s.add(CleartextOrigin, sev, where, Finding{
			What: fmt.Sprintf("origin %s %s; %s speaks https only", t.o.ID, words, t.kind), Mend: "OriginProtocolPolicy: https-only",
		})
	}
}

// inCleartext tells whether a behavior takes http requests for t.
func (s *site) inCleartext(t *target) bool {
	return slices.ContainsFunc(s.flows, func(f *flow) bool { return f.b.Viewer == model.AllowAll && slices.Contains(f.targets, t) })
}

func (s *site) apiOrigin(t *target) {
	a := t.api
	if a == nil {
		return
	}
	if a.DisableExecuteAPI {
		s.add(DisabledEndpoint, Error, at{property: t.at + ".DomainName"}, Finding{
			What: fmt.Sprintf("%s switches its execute-api address off (DisableExecuteApiEndpoint), which origin %s is", a.LogicalID, t.o.ID),
			Mend: "use a custom domain of the API as DomainName",
		})
		return
	}
	if a.ResourcePolicyJSON != "" || a.Endpoint == "PRIVATE" || len(t.o.Headers) > 0 {
		return
	}
	open, sev := "", Info
	for _, rt := range a.Routes {
		if _, guards := guardInputs(a, rt); !guards && rt.Method != "OPTIONS" {
			open, sev = rt.Key, s.keepsOut(t)
			break
		}
	}
	words := "every route has a guard of its own, but what the edge keeps out comes in there"
	if open != "" {
		words = open + " answers everybody there"
	}
	s.add(OpenOrigin, sev, at{property: t.at}, Finding{
		What: fmt.Sprintf("%s can be asked at %s, around the edge: %s", a.LogicalID, t.o.DomainName, words),
		Mend: mendOpen(a.Kind == model.RESTAPI),
	})
}

// keepsOut weighs a way around the edge: it matters more where the edge keeps
// somebody out.
func (s *site) keepsOut(t *target) Severity {
	signed := func(f *flow) bool { return f.signed() && slices.Contains(f.targets, t) }
	if s.d.WebACL != "" || len(s.d.Geo.Countries) > 0 || slices.ContainsFunc(s.flows, signed) {
		return Warning
	}
	return Info
}

func mendOpen(rest bool) string {
	const secret = "send a secret in OriginCustomHeaders that an authorizer or the function checks"
	if rest {
		return secret + ", or want an API key that only the edge sends (x-api-key)"
	}
	return secret + ", or DisableExecuteApiEndpoint with a custom domain that is not told"
}

func (s *site) urlOrigin(t *target) {
	if t.url == nil {
		return
	}
	signs := t.o.Access != nil && t.o.Access.Signing != "never"
	switch {
	case t.url.AuthType == "AWS_IAM" && !signs && !s.signedByFunction(t):
		s.add(UnsignedOrigin, s.unsigned(t), at{property: t.at}, Finding{
			What: fmt.Sprintf("the function URL of origin %s wants signed requests (AWS_IAM), and the origin has no access control that signs", t.o.ID),
			Mend: "add OriginAccessControlId with OriginAccessControlOriginType: lambda, SigningBehavior: always",
		})
	case t.url.AuthType == "NONE" && len(t.o.Headers) == 0:
		s.add(OpenOrigin, s.keepsOut(t), at{property: t.at}, Finding{
			What: fmt.Sprintf("the function URL of origin %s answers everybody at %s, around the edge", t.o.ID, t.o.DomainName),
			Mend: "AuthType: AWS_IAM with an origin access control (type lambda), or a secret in OriginCustomHeaders that the function checks",
		})
	}
}

// unsigned is how bad it is that the edge does not sign for t: where it hands
// Authorization on, viewers may sign themselves.
func (s *site) unsigned(t *target) Severity {
	if slices.ContainsFunc(s.flows, func(f *flow) bool {
		return slices.Contains(f.targets, t) && f.forwarded(input{header, "Authorization"})
	}) {
		return Warning
	}
	return Error
}

// signedByFunction tells whether a function of the edge may sign for t.
func (s *site) signedByFunction(t *target) bool {
	return slices.ContainsFunc(s.flows, func(f *flow) bool { return slices.Contains(f.targets, t) && f.atOrigin() })
}

func (s *site) bucketOrigin(t *target) {
	signs := t.o.OAI != "" || t.o.Access != nil && t.o.Access.Signing != "never"
	if t.bucket == nil || signs {
		return
	}
	doc, err := policy.Parse(t.bucket.PolicyJSON)
	if err == nil && len(t.o.Headers) > 0 {
		return // the policy may look at what the edge sends
	}
	if t.bucket.BlockPublic || err != nil || !doc.Public() {
		s.add(UnsignedOrigin, Warning, at{property: t.at}, Finding{
			What: fmt.Sprintf("bucket %s is not public, and origin %s has no access control: every request gets 403, unless objects are public by their ACL", t.bucket.LogicalID, t.o.ID),
			Mend: "add OriginAccessControlId (type s3), and let cloudfront.amazonaws.com read in the bucket's policy",
		})
		return
	}
	s.add(OpenOrigin, Info, at{property: t.at}, Finding{
		What: fmt.Sprintf("bucket %s is public: it can be asked at %s, around the edge", t.bucket.LogicalID, t.o.DomainName),
		Mend: "add OriginAccessControlId (type s3), and let cloudfront.amazonaws.com alone read in the bucket's policy",
	})
}

// hosts finds Host sent where it is not known (row N6).
func (s *site) hosts(f *flow) {
	host := input{header, "Host"}
	if !f.forwarded(host) {
		return
	}
	for _, t := range f.targets {
		if t.kind != apiEndpoint && t.kind != functionURL && t.kind != bucketREST || f.atOrigin() {
			continue
		}
		where, mend := f.forwardAt(), "OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac (AllViewerExceptHostHeader)"
		if f.keyed(host) {
			where, mend = f.keyAt(), "take Host out of the key: the cache policy forwards what it names"
		}
		if t.kind == bucketREST {
			mend = "do not forward Host to a bucket"
		}
		s.add(HostForwarded, Error, at{property: where.property, policy: where.policy}, Finding{
			What: fmt.Sprintf("%s sends the viewer's Host to origin %s, %s, which knows itself by %s only and answers 403", f.name(), t.o.ID, t.kind, t.o.DomainName),
			Mend: mend,
		})
	}
}

// bodies finds requests with a body that would have to be signed (rows N23, O7).
func (s *site) bodies(f *flow) {
	if !slices.Contains(f.b.Allowed, "POST") || f.atOrigin() {
		return
	}
	for _, t := range f.targets {
		if t.o.Access == nil || t.o.Access.Type != "lambda" || t.o.Access.Signing == "never" {
			continue
		}
		s.add(UnsignedBody, Warning, at{property: f.at + ".AllowedMethods"}, Finding{
			What: fmt.Sprintf("%s takes POST and PUT for origin %s, whose requests the edge signs without their bodies: they get 403 unless the viewer sends x-amz-content-sha256", f.name(), t.o.ID),
			Mend: "let the viewer send x-amz-content-sha256 with the SHA-256 of the body, let a Lambda@Edge function do it, or use an HTTP API",
		})
	}
}

// stagePath finds API origins whose paths begin with no stage. A pattern with
// a star in front can match one: the viewer may put it there.
func (s *site) stagePath(f *flow) {
	for _, t := range f.targets {
		if t.kind != apiEndpoint || t.api == nil || len(t.api.Stages) == 0 || len(f.b.Functions) > 0 {
			continue
		}
		front := strings.TrimSuffix(t.o.Path, "/")
		anyPath := front == "" && strings.HasPrefix(f.pattern.String(), "*")
		asked := pattern.Glob(front + "/" + strings.TrimPrefix(f.pattern.String(), "/"))
		var names []string
		found := false
		for _, st := range t.api.Stages {
			names = append(names, st.Name)
			_, below := pattern.Overlap(asked, pattern.Glob("/"+st.Name+"/*"))
			_, whole := pattern.Overlap(asked, pattern.Glob("/"+st.Name))
			found = found || st.Name == "$default" || !anyPath && (below || whole)
		}
		if found {
			continue
		}
		sev, words := Warning, ""
		if anyPath {
			sev, words = Info, ", unless the viewer puts it there"
		}
		s.add(StagePath, sev, at{property: t.at + ".OriginPath", about: t.at}, Finding{
			What: fmt.Sprintf("%s asks %s for paths that begin with no stage (%s)%s: API Gateway answers 403", f.name(), t.api.LogicalID, strings.Join(names, ", "), words),
			Mend: "OriginPath: /" + names[0],
		})
	}
}

// compression finds Compress that compresses nothing (rows K6, F18).
func (s *site) compression(f *flow) {
	c := f.b.Cache
	if !f.b.Compress || !f.cacheable() || c.Gzip || c.Brotli || c.Legacy {
		return
	}
	s.add(CompressNothing, Info, at{property: f.at + ".Compress", about: "compress " + c.ID}, Finding{
		What: fmt.Sprintf("Compress is true, but %s has neither EnableAcceptEncodingGzip nor -Brotli: nothing is compressed", f.policy()),
		Mend: "set both to true in the cache policy",
	})
}
