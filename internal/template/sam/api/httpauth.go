// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/tree"
)

// httpAuthorizer is one authorizer of an HTTP API: IAM, a JWT issuer or a
// function.
type httpAuthorizer struct {
	name   string
	pos    tree.Pos
	config *tree.Node // nil for IAM
	jwt    bool
}

// httpAuthorizers reads Auth.Authorizers.
func (u *unit) httpAuthorizers() ([]httpAuthorizer, error) {
	auth := u.get("Auth")
	var out []httpAuthorizer
	if e := auth.Get("EnableIamAuthorizer"); e != nil && e.Kind == tree.Bool && e.Bool {
		out = append(out, httpAuthorizer{name: "AWS_IAM"})
	}
	all := auth.Get("Authorizers")
	if !base.Truthy(all) {
		return out, nil
	}
	if !all.IsMap() {
		return nil, u.errorf(all, "Auth.Authorizers must be a map")
	}
	for _, e := range all.Entries {
		a := httpAuthorizer{name: e.Key, pos: e.KeyPos, config: e.Value}
		if err := u.checkAuthorizer(&a); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (u *unit) checkAuthorizer(a *httpAuthorizer) error {
	where := "Auth.Authorizers." + a.name
	cfg := a.config
	if !cfg.IsMap() {
		return u.errorf(cfg, "%s must be a map", where)
	}
	if cfg.Has("OpenIdConnectUrl") {
		return u.errorf(cfg.Get("OpenIdConnectUrl"), "%s.OpenIdConnectUrl is not supported any more: write JwtConfiguration", where)
	}
	jwt := cfg.Get("JwtConfiguration")
	if base.Truthy(jwt) && !jwt.IsMap() {
		return u.errorf(jwt, "%s.JwtConfiguration must be a map", where)
	}
	a.jwt = base.Truthy(jwt)
	if s := base.Opt(cfg, "AuthorizationScopes"); s != nil && !s.IsList() {
		return u.errorf(s, "%s.AuthorizationScopes must be a list", where)
	}
	ofJWT := []string{"AuthorizationScopes", "JwtConfiguration", "IdentitySource"}
	ofFunction := []string{
		"FunctionArn", "FunctionInvokeRole", "Identity", "AuthorizerPayloadFormatVersion", "EnableSimpleResponses",
		"EnableFunctionDefaultPermissions",
	}
	wrong, must, kind := ofJWT, []string{"FunctionArn", "AuthorizerPayloadFormatVersion"}, "a Lambda authorizer"
	if a.jwt {
		wrong, must, kind = ofFunction, []string{"IdentitySource"}, "a JWT authorizer"
	}
	for _, k := range wrong {
		if k != "JwtConfiguration" && base.Opt(cfg, k) != nil {
			return u.errorf(cfg.Get(k), "%s: %s has no property %s", where, kind, k)
		}
	}
	for _, k := range must {
		if !base.Truthy(cfg.Get(k)) {
			return u.errorf(cfg, "%s: %s needs %s", where, kind, k)
		}
	}
	if p := base.Opt(cfg, "EnableFunctionDefaultPermissions"); p != nil && p.Kind != tree.Bool {
		return u.errorf(p, "%s.EnableFunctionDefaultPermissions must be a boolean", where)
	}
	return nil
}

// scheme is the security scheme of the definition.
func (u *unit) scheme(a httpAuthorizer) (*tree.Node, error) {
	const key = "x-amazon-apigateway-authorizer"
	switch {
	case a.config == nil:
		return base.Map("type", "apiKey", "name", "Authorization", "in", "header", "x-amazon-apigateway-authtype", "awsSigv4"), nil
	case a.jwt:
		jwt := tree.NewMap()
		for _, e := range a.config.Get("JwtConfiguration").Entries {
			jwt.Set(strings.ToLower(e.Key), e.Value.Clone())
		}
		return base.Map("type", "oauth2", key, base.Map("jwtConfiguration", jwt,
			"identitySource", a.config.Get("IdentitySource").Clone(), "type", "jwt")), nil
	}
	uri := base.Sub("arn:"+u.c.Partition+":apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${__FunctionArn__}/invocations",
		base.Map("__FunctionArn__", a.config.Get("FunctionArn").Clone()))
	auth := base.Map("type", "request", "authorizerUri", uri)
	if r := a.config.Get("FunctionInvokeRole"); base.Truthy(r) && !(r.IsString() && r.Text == "NONE") {
		auth.Set("authorizerCredentials", r.Clone())
	}
	if id := a.config.Get("Identity"); base.Truthy(id) {
		if !id.IsMap() {
			return nil, u.errorf(id, "Auth.Authorizers.%s.Identity must be a map", a.name)
		}
		auth.With("authorizerResultTtlInSeconds", base.Opt(id, "ReauthorizeEvery").Clone())
		src, err := u.sources(a.name, id)
		if err != nil {
			return nil, err
		}
		auth.Set("identitySource", src)
	}
	auth.Set("authorizerPayloadFormatVersion", a.config.Get("AuthorizerPayloadFormatVersion").Clone())
	if s := a.config.Get("EnableSimpleResponses"); base.Truthy(s) {
		auth.Set("enableSimpleResponses", s.Clone())
	}
	return base.Map("type", "apiKey", "name", "Unused", "in", "header", key, auth), nil
}

// sources lists the identity sources of a Lambda authorizer.
func (u *unit) sources(name string, identity *tree.Node) (*tree.Node, error) {
	out := tree.NewList()
	for _, p := range []struct{ key, prefix string }{
		{"Headers", "$request.header."},
		{"QueryStrings", "$request.querystring."},
		{"StageVariables", "$stageVariables."},
		{"Context", "$context."},
	} {
		l := identity.Get(p.key)
		if !base.Truthy(l) {
			continue
		}
		if base.ListOf(base.IsString)(l) != "" {
			return nil, u.errorf(l, "Auth.Authorizers.%s.Identity.%s must be a list of strings", name, p.key)
		}
		for _, it := range l.Items {
			out.Add(base.Str(p.prefix + it.Text))
		}
	}
	return out, nil
}

// httpAuth writes authorizers and the default one.
func (u *unit) httpAuth() error {
	auth := u.get("Auth")
	if !base.Truthy(auth) {
		return nil
	}
	if !auth.IsMap() {
		return u.errorf(auth, "Auth must be a map")
	}
	names := []string{"Authorizers", "DefaultAuthorizer", "EnableIamAuthorizer"}
	for _, e := range auth.Entries {
		if !known(names, e.Key) {
			return u.errorf(e.Value, "Auth has no property %s", e.Key)
		}
	}
	return u.editHTTP("Auth", func(ed *openapi.HTTP) error {
		as, err := u.httpAuthorizers()
		if err != nil {
			return err
		}
		def := auth.Get("DefaultAuthorizer")
		var scopes *tree.Node
		found := false
		for _, a := range as {
			s, err := u.scheme(a)
			if err != nil {
				return err
			}
			ed.AddScheme(a.name, a.pos, s)
			if text, _ := def.Str(); text == a.name {
				found = true
				scopes = base.Opt(a.config, "AuthorizationScopes")
			}
		}
		if !base.Truthy(def) || base.IsNoValue(def) {
			return nil
		}
		if !def.IsString() {
			return u.errorf(def, "Auth.DefaultAuthorizer must be a string")
		}
		if !found {
			return u.errorf(def, "Auth.DefaultAuthorizer: there is no authorizer %s", def.Text)
		}
		for _, p := range ed.Paths() {
			if err := ed.DefaultAuthorizer(p.Key, def, scopes); err != nil {
				return err
			}
		}
		return nil
	})
}

// httpPermissions lets API Gateway call the functions of authorizers that ask
// for it.
func (u *unit) httpPermissions() error {
	if !u.has("Auth") {
		return nil
	}
	as, err := u.httpAuthorizers()
	if err != nil {
		return err
	}
	for _, a := range as {
		if fn := a.config.Get("FunctionArn"); base.Truthy(fn) && base.Truthy(a.config.Get("EnableFunctionDefaultPermissions")) {
			u.permit(u.id+a.name+"AuthorizerPermission", fn, "${AWS::Partition}")
		}
	}
	return nil
}
