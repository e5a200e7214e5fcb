// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

func (b *builder) http(r *base.Resource) {
	p := r.Props
	if p.Get("ProtocolType").Text() == "WEBSOCKET" {
		b.Stack.Opaque = append(b.Stack.Opaque, &model.Opaque{LogicalID: r.ID, Type: r.Type, Ref: r.Ref, Pos: r.Where()})
		return
	}
	a := &model.API{
		LogicalID: r.ID, ID: r.Ref, Name: p.Get("Name").Text(), Kind: model.HTTPAPI, Pos: r.Where(),
		CORS: base.CORS(p.Get("CorsConfiguration")), DisableExecuteAPI: p.Get("DisableExecuteApiEndpoint").Bool(),
	}
	if c := p.Get("CorsConfiguration"); a.CORS != nil && a.CORS.AllowCredentials && slices.Contains(a.CORS.AllowOrigins, "*") {
		c.Get("AllowOrigins").Fail("name the origins", "AllowCredentials cannot be true with AllowOrigins *")
	}
	a.Demand = base.Demand(r)
	b.add(a)
	b.definition(r, a)
	body := p.Get("Body").Exists() || p.Get("BodyS3Location").Exists()
	if !body && (p.Get("ProtocolType").Text() == "" || a.Name == "") {
		p.Fail("add Name and ProtocolType: HTTP", "an API without a definition needs Name and ProtocolType")
	}
	b.quickCreate(r, a)
	if a.Name == "" {
		a.Name = r.ID
	}
}

// quickCreate makes the one route and the $default stage of an API with a Target.
func (b *builder) quickCreate(r *base.Resource, a *model.API) {
	target := r.Props.Get("Target").Text()
	if target == "" {
		return
	}
	i := &model.Integration{
		Kind: model.HTTPProxy, URI: target, Method: "ANY", Payload: "1.0", Timeout: httpTimeout,
		Credentials: r.Props.Get("CredentialsArn").Text(),
	}
	if f, ok := functionOf(target); ok && strings.HasPrefix(target, "arn:") {
		i.Kind, i.Function, i.Method, i.Payload = model.LambdaProxy, f, "POST", "2.0"
	}
	checkIntegration(r.Props, i, "HTTP_PROXY", "Target")
	key := r.Props.Get("RouteKey")
	rt := routeOf(key, key.TextOr("$default"))
	rt.Authorization, rt.Integration, rt.Pos = "NONE", i, r.Where()
	addRoute(a, rt, r.Props)
	a.Stages = append(a.Stages, &model.Stage{LogicalID: r.ID, Name: "$default", AutoDeploy: true})
}

// routeOf takes a route key apart.
func routeOf(at base.Value, key string) *model.Route {
	rt := &model.Route{Key: key}
	if key == "$default" {
		return rt
	}
	verb, path, ok := strings.Cut(key, " ")
	if !ok || !slices.Contains(verbs(), verb) {
		at.Fail(`write "GET /path", "ANY /{proxy+}" or $default`, "%q is no route key", key)
		return rt
	}
	checkPath(at, path)
	rt.Method, rt.Path = verb, path
	return rt
}

func (b *builder) route(r *base.Resource) {
	a := b.of(r, "ApiId")
	if a == nil {
		return
	}
	p := r.Props
	rt := routeOf(p.Get("RouteKey"), p.Get("RouteKey").Text())
	rt.Pos, rt.OperationName = r.Where(), p.Get("OperationName").Text()
	rt.Authorization, rt.AuthorizerID = p.Get("AuthorizationType").TextOr("NONE"), p.Get("AuthorizerId").Text()
	rt.Scopes = p.Get("AuthorizationScopes").Texts()
	target := p.Get("Target")
	if id := strings.TrimPrefix(target.Text(), "integrations/"); id != "" {
		rt.Integration = b.integrations[id]
		if rt.Integration == nil {
			if !strings.HasPrefix(target.Text(), "integrations/") {
				target.Fail("write !Sub integrations/${Integration}", "a target is written integrations/ID: %q", target.Text())
			}
			r.Note(target, fidelity.Unsupported, "the integration is not of this stack: the route answers an error")
		}
	} else {
		r.Note(r.Props, fidelity.Unsupported, "the route has no target: it answers an error")
	}
	b.checkAuthorizer(r, a, rt, p.Get("AuthorizerId"))
	addRoute(a, rt, p.Get("RouteKey"))
}

func (b *builder) httpAuthorizer(r *base.Resource) {
	a := b.of(r, "ApiId")
	if a == nil {
		return
	}
	p := r.Props
	x := &model.Authorizer{
		LogicalID: r.ID, ID: r.Ref, Name: p.Get("Name").Text(), Kind: p.Get("AuthorizerType").Text(),
		IdentitySource: p.Get("IdentitySource").Texts(), Payload: p.Get("AuthorizerPayloadFormatVersion").Text(),
		Simple: p.Get("EnableSimpleResponses").Bool(), TTL: ttl(p.Get("AuthorizerResultTtlInSeconds")),
		Issuer: p.Get("JwtConfiguration", "Issuer").Text(), Audience: p.Get("JwtConfiguration", "Audience").Texts(),
	}
	x.Function, _ = functionOf(p.Get("AuthorizerUri").Text())
	if x.Kind == "JWT" && x.Issuer == "" {
		p.Fail("add JwtConfiguration: {Issuer: https://…, Audience: [...]}", "a JWT authorizer needs an issuer")
	}
	a.Authorizers = append(a.Authorizers, x)
}
