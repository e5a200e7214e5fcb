// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

func (b *builder) rest(r *base.Resource) {
	p := r.Props
	a := &model.API{
		LogicalID: r.ID, ID: r.Ref, Name: p.Get("Name").Text(), Kind: model.RESTAPI, Pos: r.Where(),
		Endpoint: "EDGE", BinaryMediaTypes: mediaTypes(p.Get("BinaryMediaTypes").Texts()), MinCompression: p.Get("MinimumCompressionSize").IntPtr(),
		DisableExecuteAPI: p.Get("DisableExecuteApiEndpoint").Bool(), APIKeyFromAuth: p.Get("ApiKeySourceType").Text() == "AUTHORIZER",
		ResourcePolicyJSON: p.Get("Policy").JSON(),
	}
	if types := p.Get("EndpointConfiguration", "Types").Texts(); len(types) > 0 {
		a.Endpoint = types[0]
	} else if t := p.Get("Parameters", "endpointConfigurationTypes").Text(); t != "" {
		a.Endpoint, _, _ = strings.Cut(t, ",")
	}
	a.EndpointIDs = p.Get("EndpointConfiguration", "VpcEndpointIds").Texts()
	a.Demand = base.Demand(r)
	if root := r.Att("RootResourceId"); root != "" {
		b.roots[a.ID] = root
		b.paths[root] = "/"
	}
	b.add(a)
	b.definition(r, a)
	if a.Name == "" {
		a.Name = r.ID
	}
}

// mediaTypes writes the slash into types in which ~1 stands for it, as
// CloudFormation wants it.
func mediaTypes(types []string) []string {
	for i := range types {
		types[i] = strings.ReplaceAll(types[i], "~1", "/")
	}
	return types
}

// resourceTree gives every AWS::ApiGateway::Resource its path. A parent may
// stand after its child in the list, so it goes round until nothing is new.
func (b *builder) resourceTree() {
	rest := b.Of("AWS::ApiGateway::Resource")
	taken := map[string]bool{}
	for len(rest) > 0 {
		var later []*base.Resource
		for _, r := range rest {
			parent, ok := b.paths[r.Props.Get("ParentId").Text()]
			if !ok {
				later = append(later, r)
				continue
			}
			part := r.Props.Get("PathPart")
			path := strings.TrimSuffix(parent, "/") + "/" + part.Text()
			if strings.Contains(part.Text(), "/") {
				part.Fail("make a resource for each segment", "a path part is one segment: %q", part.Text())
			}
			checkPath(part, path)
			if key := r.Props.Get("RestApiId").Text() + " " + path; taken[key] {
				part.Fail("keep one of the two", "the API has a resource %s already", path)
			} else {
				taken[key] = true
			}
			b.paths[r.Ref] = path
		}
		if len(later) == len(rest) {
			break
		}
		rest = later
	}
	for _, r := range rest {
		r.Note(r.Props.Get("ParentId"), fidelity.Unsupported, "the parent is not of this stack: the resource is left out")
	}
}

func (b *builder) method(r *base.Resource) {
	p := r.Props
	a := b.of(r, "RestApiId")
	if a == nil {
		return
	}
	path, ok := b.paths[p.Get("ResourceId").Text()]
	if !ok {
		r.Note(p.Get("ResourceId"), fidelity.Unsupported, "the resource is not of this stack: the method is left out")
		return
	}
	verb := strings.ToUpper(p.Get("HttpMethod").Text())
	if !slices.Contains(verbs(), verb) {
		p.Get("HttpMethod").Fail("it is one of "+strings.Join(verbs(), ", "), "%q is no method", verb)
	}
	rt := &model.Route{
		Key: verb + " " + path, Method: verb, Path: path, Pos: r.Where(), ResourceID: p.Get("ResourceId").Text(),
		OperationName: p.Get("OperationName").Text(), APIKeyRequired: p.Get("ApiKeyRequired").Bool(),
		Authorization: p.Get("AuthorizationType").TextOr("NONE"), AuthorizerID: p.Get("AuthorizerId").Text(),
		Scopes: p.Get("AuthorizationScopes").Texts(), RequestParameters: boolMap(p.Get("RequestParameters")),
	}
	if i := p.Get("Integration"); i.Exists() {
		rt.Integration = restIntegration(i)
		if rt.Integration.Kind == model.AWSService {
			r.Note(i.Get("Type"), fidelity.Approximated, serviceWords)
		}
	}
	for _, m := range p.Get("MethodResponses").List() {
		rt.Responses = append(rt.Responses, model.MethodResponse{Status: m.Get("StatusCode").Text(), Headers: boolMap(m.Get("ResponseParameters"))})
	}
	b.checkAuthorizer(r, a, rt, p.Get("AuthorizerId"))
	b.validation(r, a, rt)
	b.methods[r.ID] = rt
	addRoute(a, rt, p.Get("HttpMethod"))
}

// checkAuthorizer compares a route's authorization with its authorizer.
func (b *builder) checkAuthorizer(r *base.Resource, a *model.API, rt *model.Route, v base.Value) {
	needs := rt.Authorization == "CUSTOM" || rt.Authorization == "COGNITO_USER_POOLS" || rt.Authorization == "JWT"
	switch {
	case needs && rt.AuthorizerID == "":
		r.Props.Get("AuthorizationType").Fail("add AuthorizerId", "authorization %s needs an authorizer", rt.Authorization)
	case needs && !slices.ContainsFunc(a.Authorizers, func(x *model.Authorizer) bool { return x.ID == rt.AuthorizerID }):
		r.Note(v, fidelity.Unsupported, "the authorizer is not of this stack: requests are refused (fail closed)")
	}
}

func (b *builder) restAuthorizer(r *base.Resource) {
	a := b.of(r, "RestApiId")
	if a == nil {
		return
	}
	p := r.Props
	x := &model.Authorizer{
		LogicalID: r.ID, ID: r.Ref, Name: p.Get("Name").Text(), Kind: p.Get("Type").Text(), Payload: "1.0",
		IdentitySource: splitSources(p.Get("IdentitySource").Text()), Validation: p.Get("IdentityValidationExpression").Text(),
		Pools: p.Get("ProviderARNs").Texts(), TTL: ttl(p.Get("AuthorizerResultTtlInSeconds")),
	}
	x.Function, _ = functionOf(p.Get("AuthorizerUri").Text())
	switch x.Kind {
	case "COGNITO_USER_POOLS":
		x.Function = ""
		if len(x.Pools) == 0 {
			p.Fail("add ProviderARNs with the ARN of a user pool", "a Cognito authorizer needs user pools")
		}
	default:
		if x.Function == "" {
			p.Fail("add AuthorizerUri", "an authorizer of type %s needs a function", x.Kind)
		}
	}
	a.Authorizers = append(a.Authorizers, x)
}

func ttl(v base.Value) *time.Duration {
	if !v.Exists() {
		return nil
	}
	d := v.Seconds(0)
	if d < 0 || d > time.Hour {
		v.Fail("give 0 to 3600 seconds", "results cannot be kept for %s", d)
	}
	return &d
}

func splitSources(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func (b *builder) gatewayResponse(r *base.Resource) {
	if a := b.of(r, "RestApiId"); a != nil {
		p := r.Props
		checkResponseType(p.Get("ResponseType"), p.Get("ResponseType").Text())
		a.GatewayResponses = append(a.GatewayResponses, model.GatewayResponse{
			Type: p.Get("ResponseType").Text(), Status: p.Get("StatusCode").Text(),
			Parameters: stringMap(p.Get("ResponseParameters")), Templates: p.Get("ResponseTemplates").TextMap(),
		})
	}
}
