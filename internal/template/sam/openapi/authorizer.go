// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// Authorizer is one authorizer of a REST API, read from Auth.Authorizers.
type Authorizer struct {
	Name     string
	Pos      tree.Pos // of the name
	IAM      bool
	Config   *tree.Node // nil for IAM
	Scopes   *tree.Node // never nil
	Function *tree.Node // FunctionArn, nil if there is none
	// NoPermission tells that API Gateway gets no permission to call Function.
	NoPermission bool

	payload string // TOKEN or REQUEST
}

// ReadAuthorizers reads Auth.Authorizers of the API id. A default authorizer
// AWS_IAM counts as one of them.
func ReadAuthorizers(id string, config, def *tree.Node) ([]Authorizer, error) {
	var out []Authorizer
	if s, _ := def.Str(); s == iamName {
		out = append(out, Authorizer{Name: iamName, Pos: def.Pos, IAM: true, Scopes: tree.NewList()})
	}
	if !base.Truthy(config) {
		return out, nil
	}
	if err := base.Expect(id, config, "Auth.Authorizers", base.IsMap); err != nil {
		return nil, err
	}
	for _, e := range pydict.Order(config) {
		a, err := readAuthorizer(id, e)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func readAuthorizer(id string, e tree.Entry) (Authorizer, error) {
	a := Authorizer{Name: e.Key, Pos: e.KeyPos, Config: e.Value, Function: base.Opt(e.Value, "FunctionArn")}
	where := "Auth.Authorizers." + e.Key
	if err := base.Expect(id, e.Value, where, base.IsMap); err != nil {
		return a, err
	}
	switch p := base.Opt(e.Value, "FunctionPayloadType"); {
	case p == nil:
		a.payload = "TOKEN"
	case p.IsString() && (p.Text == "TOKEN" || p.Text == "REQUEST"):
		a.payload = p.Text
	default:
		return a, base.Errorf(id, p, "%s.FunctionPayloadType must be TOKEN or REQUEST", where)
	}
	identity := e.Value.Get("Identity")
	if base.Truthy(e.Value.Get("FunctionPayloadType")) && a.payload == "REQUEST" {
		missing, err := missingSource(id, where, identity)
		if err != nil {
			return a, err
		}
		if missing {
			return a, base.Errorf(id, e.Value, "%s needs an Identity with Headers, QueryStrings, StageVariables or Context", where)
		}
	}
	if a.Scopes = base.Opt(e.Value, "AuthorizationScopes"); a.Scopes == nil {
		a.Scopes = tree.NewList()
	}
	if err := base.Expect(id, a.Scopes, where+".AuthorizationScopes", base.IsList); err != nil {
		return a, err
	}
	if d := base.Opt(e.Value, "DisableFunctionDefaultPermissions"); d != nil {
		if err := base.Expect(id, d, where+".DisableFunctionDefaultPermissions", base.IsBool); err != nil {
			return a, err
		}
		a.NoPermission = d.Bool
	}
	return a, nil
}

// missingSource tells whether an identity names nothing that a cached answer
// could be keyed by.
func missingSource(id, where string, identity *tree.Node) (bool, error) {
	if !base.Truthy(identity) {
		return true, nil
	}
	if err := base.Expect(id, identity, where+".Identity", base.IsMap); err != nil {
		return false, err
	}
	missing := true
	for _, k := range []string{"Headers", "QueryStrings", "StageVariables", "Context"} {
		missing = missing && !base.Truthy(identity.Get(k))
	}
	if ttl, ok := identity.Get("ReauthorizeEvery").Scalar(); ok {
		if f, err := strconv.ParseFloat(ttl, 64); err == nil {
			return int(f) > 0 && missing, nil
		}
	}
	return missing, nil
}

// definition is the security scheme.
func (a Authorizer) definition(s *Swagger) (*tree.Node, error) {
	if a.IAM {
		return base.Map("type", "apiKey", "name", "Authorization", "in", "header", authType, "awsSigv4"), nil
	}
	identity := a.Config.Get("Identity")
	if base.Truthy(identity) && !identity.IsMap() {
		return nil, base.Errorf(s.id, identity, "Auth.Authorizers.%s.Identity must be a map", a.Name)
	}
	pools := a.Config.Get("UserPoolArn")
	cognito := base.Truthy(pools)
	var header *tree.Node
	switch h := identity.Get("Header"); {
	case !cognito && a.payload == "REQUEST":
		header = tree.NewString("Unused")
	case base.Truthy(h):
		header = h.Clone()
	default:
		header = tree.NewString("Authorization")
	}
	kind := "custom"
	auth := tree.NewMap()
	if cognito {
		kind = "cognito_user_pools"
		if !pools.IsList() {
			pools = tree.NewList(pools)
		}
		pydict.Put(auth, "type", tree.NewString(kind))
		pydict.Put(auth, "providerARNs", pools.Clone())
	} else if err := a.lambda(s, auth); err != nil {
		return nil, err
	}
	if v := identity.Get("ValidationExpression"); base.Truthy(v) && (cognito || a.payload == "TOKEN") {
		pydict.Put(auth, "identityValidationExpression", v.Clone())
	}
	return base.Map("type", "apiKey", "name", header, "in", "header", authType, kind, authorizer, auth), nil
}

func (a Authorizer) lambda(s *Swagger, auth *tree.Node) error {
	fn := a.Function
	if fn == nil {
		fn = tree.NewNull()
	}
	pydict.Put(auth, "type", tree.NewString(strings.ToLower(a.payload)))
	pydict.Put(auth, "authorizerUri", base.Sub(
		"arn:"+s.partition+":apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations",
		base.Map("__FunctionArn__", fn.Clone())))
	identity := a.Config.Get("Identity")
	if ttl := identity.Get("ReauthorizeEvery"); !ttl.IsNull() {
		pydict.Put(auth, "authorizerResultTtlInSeconds", ttl.Clone())
	}
	if role := a.Config.Get("FunctionInvokeRole"); base.Truthy(role) && !(role.IsString() && role.Text == noneName) {
		pydict.Put(auth, "authorizerCredentials", role.Clone())
	}
	if a.payload != "REQUEST" {
		return nil
	}
	src, err := identitySource(s.id, "Auth.Authorizers."+a.Name+".Identity", identity)
	if err != nil {
		return err
	}
	if src.Text != "" {
		pydict.Put(auth, "identitySource", src)
	}
	return nil
}

// identitySource joins the sources of an identity for a REST API.
func identitySource(id, where string, identity *tree.Node) (*tree.Node, error) {
	var parts []string
	var from []tree.Pos
	for _, p := range []struct{ key, prefix string }{
		{"Headers", "method.request.header."},
		{"QueryStrings", "method.request.querystring."},
		{"StageVariables", "stageVariables."},
		{"Context", "context."},
	} {
		l := identity.Get(p.key)
		if !base.Truthy(l) {
			continue
		}
		if err := base.Expect(id, l, where+"."+p.key, base.ListOf(base.IsString)); err != nil {
			return nil, err
		}
		for _, it := range l.Items {
			parts = append(parts, p.prefix+it.Text)
			from = append(from, it.Pos)
		}
	}
	return pydict.Text(strings.Join(parts, ", "), from...), nil
}
