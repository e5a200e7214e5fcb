// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

// scheme is a security scheme: what a route that names it asks for.
type scheme struct {
	authorization string // NONE when it is only an API key
	authorizer    string
	apiKey        bool
}

// scheme reads a security scheme and keeps its authorizer.
func (m *importer) scheme(name string, v base.Value) scheme {
	x := v.Get(ext + "authorizer")
	authType := strings.ToLower(v.Get(ext + "authtype").Text())
	if !x.Exists() {
		if authType == "awssigv4" {
			return scheme{authorization: "AWS_IAM"}
		}
		return scheme{authorization: "NONE", apiKey: v.Get("type").Text() == "apiKey"}
	}
	z := &model.Authorizer{
		LogicalID: name, ID: name, Name: name, Kind: strings.ToUpper(x.Get("type").Text()),
		Payload: x.Get("authorizerPayloadFormatVersion").TextOr("1.0"), Simple: x.Get("enableSimpleResponses").Bool(),
		Validation: x.Get("identityValidationExpression").Text(), Pools: x.Get("providerARNs").Texts(),
		TTL: ttl(x.Get("authorizerResultTtlInSeconds")), Issuer: x.Get("jwtConfiguration", "issuer").Text(),
		Audience: x.Get("jwtConfiguration", "audience").Texts(), IdentitySource: splitSources(x.Get("identitySource").Text()),
	}
	if list := x.Get("identitySource"); list.Node().IsList() {
		z.IdentitySource = list.Texts()
	}
	z.Function, _ = functionOf(x.Get("authorizerUri").Text())
	if z.Kind == "TOKEN" && len(z.IdentitySource) == 0 && v.Get("name").Text() != "" {
		z.IdentitySource = []string{"method.request.header." + v.Get("name").Text()}
	}
	m.api.Authorizers = append(m.api.Authorizers, z)
	if z.Kind == "JWT" || z.Kind == "COGNITO_USER_POOLS" {
		m.r.Note(x, fidelity.Approximated, "tokens are checked by the keys that the issuer publishes: it must be reached by https, or is given another address with --issuer")
	}
	switch z.Kind {
	case "JWT", "COGNITO_USER_POOLS":
		return scheme{authorization: z.Kind, authorizer: name}
	}
	return scheme{authorization: "CUSTOM", authorizer: name}
}

// authorize reads the operation's security, or the document's.
func (m *importer) authorize(rt *model.Route, v base.Value) {
	if t := v.Get(ext+"auth", "type").Text(); t != "" {
		rt.Authorization = strings.ToUpper(t)
	}
	list := v.Get("security")
	if !list.Exists() {
		list = m.root.Get("security")
	}
	for _, alternative := range list.List() {
		for _, p := range alternative.Pairs() {
			s, ok := m.security[p.Key]
			if !ok {
				if p.Key == "NONE" {
					continue
				}
				p.Value.Fail(base.Nearest(p.Key, m.root.Get("components", "securitySchemes").Node().Keys(), "declare it in securitySchemes"), "no security scheme is named %q", p.Key)
				continue
			}
			if s.apiKey {
				rt.APIKeyRequired = true
				if m.api.Kind == model.HTTPAPI {
					m.r.Note(p.Value, fidelity.Unsupported, rt.Key+" requires an API key, which HTTP APIs do not know: such requests are refused (fail closed)")
				}
			}
			if s.authorization != "NONE" {
				rt.Authorization, rt.AuthorizerID, rt.Scopes = s.authorization, s.authorizer, p.Value.Texts()
			}
		}
	}
	if rt.Authorization == "AWS_IAM" {
		m.r.Note(v, fidelity.Approximated, rt.Key+" wants a signature: who signs with the keys that --principals names is let through as policies allow; without it every request is refused with 403 (fail closed)")
	}
}
