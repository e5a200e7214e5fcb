// SPDX-License-Identifier: Apache-2.0

// Package websocket expands AWS::Serverless::WebSocketApi.
//
// The flow: properties are checked; the API, then for each route a route, an
// integration and a permission for its function (route.go), the custom domain
// (domain.go), the stage, and the authorizer of $connect with the permission
// it needs.
//
// What it does not do: it serves nothing. As AWS's transform does, it gives
// the generated resources none of the API's attributes (Condition,
// DeletionPolicy, …) but DependsOn. An expansion is a value of its own.
package websocket

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/shape"
	"github.com/forelane/forelane/internal/template/tree"
)

// Type is the resource type of a WebSocket API.
const Type = "AWS::Serverless::WebSocketApi"

// createdBy is the tag by which AWS knows what SAM made.
const createdBy = "websocketapi:createdBy"

// Kinds of authorization of $connect.
const (
	authNone   = "NONE"
	authIAM    = "AWS_IAM"
	authCustom = "CUSTOM"
)

func props() []base.Prop {
	text := func(name string) base.Prop { return base.Prop{Name: name, Check: base.IsString} }
	flag := func(name string) base.Prop { return base.Prop{Name: name, Check: base.IsBool} }
	section := func(name string) base.Prop { return base.Prop{Name: name, Check: base.IsMap} }
	return []base.Prop{
		text("ApiKeySelectionExpression"), section("AccessLogSettings"), section("Auth"), section("DefaultRouteSettings"),
		text("Description"), flag("DisableExecuteApiEndpoint"), section("Domain"), flag("DisableSchemaValidation"),
		flag("FailOnWarnings"), text("IpAddressType"), text("Name"), flag("PropagateTags"),
		{Name: "Routes", Check: base.IsMap, Required: true},
		section("RouteSettings"),
		{Name: "RouteSelectionExpression", Check: base.IsString, Required: true},
		{Name: "StageName", Check: base.OneOf(base.IsString, base.IsMap)},
		section("StageVariables"), section("Tags"),
	}
}

// api is one expansion.
type api struct {
	id     string
	props  *tree.Node
	auth   *tree.Node // nil: the API has no Auth
	domain *tree.Node // nil: it has no custom domain
	routes *tree.Node
	stage  *tree.Node // the name of the stage
	out    []base.Resource
}

// Expand makes the API Gateway resources of one WebSocket API.
func Expand(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	if err := base.CheckResource(id, res, props()); err != nil {
		return nil, err
	}
	a := &api{id: id, props: res.Get("Properties")}
	for _, s := range []struct {
		name string
		to   **tree.Node
	}{{"Auth", &a.auth}, {"Domain", &a.domain}, {"Routes", &a.routes}} {
		v, err := c.Resolve(base.Opt(a.props, s.name))
		if err != nil {
			return nil, base.Errorf(id, a.props.Get(s.name), "%s: %v", s.name, err)
		}
		*s.to = v
	}
	if a.stage = base.Opt(a.props, "StageName").Clone(); a.stage == nil {
		a.stage = tree.NewString("default") // $default is a route here, not a stage
	}
	if err := a.check(); err != nil {
		return nil, err
	}

	tags := tree.NewMap()
	own := base.Truthy(a.props.Get("Tags"))
	if own {
		tags = a.props.Get("Tags").Clone()
	}
	tags.Set(createdBy, tree.NewString("SAM"))
	a.main(res, tags)
	routes, err := a.addRoutes()
	if err != nil {
		return nil, err
	}
	if err := a.addDomain(); err != nil {
		return nil, err
	}
	a.addStage(routes)
	a.addAuthorizer()
	if own {
		base.PropagateTags(a.out, tags, a.props.Get("PropagateTags"))
	}
	return a.out, nil
}

func (a *api) fault(at *tree.Node, format string, args ...any) *tree.Error {
	return base.Errorf(a.id, at, format, args...)
}

func (a *api) add(id, typ string) base.Resource {
	r := base.NewResource(id, typ)
	a.out = append(a.out, r)
	return r
}

func (a *api) check() error {
	if !a.routes.IsMap() || a.routes.Len() == 0 {
		return a.fault(a.routes, "Routes must be a map with at least one route")
	}
	if s, ok := a.stage.Str(); ok && s == "$default" {
		err := a.fault(a.stage, "the stage of a WebSocket API cannot be called $default")
		err.Mend = "choose another StageName, or leave it out to get the stage default"
		return err
	}
	if s, ok := a.stage.Str(); ok && s != "" && !shape.IsID(s) {
		return a.fault(a.stage, "StageName %s becomes part of a logical id, so it must be made of letters and digits", s)
	}
	if ip := base.Opt(a.props, "IpAddressType"); ip != nil && !ip.IsIntrinsic() {
		if s, _ := ip.Str(); s != "ipv4" && s != "dualstack" {
			return a.fault(ip, "IpAddressType must be ipv4 or dualstack")
		}
	}
	if m := a.domain.Get("MutualTlsAuthentication"); base.Truthy(m) {
		return a.fault(m, "the domain of a WebSocket API cannot have MutualTlsAuthentication")
	}
	return a.checkAuth()
}

func (a *api) checkAuth() error {
	if !base.Truthy(a.auth) {
		a.auth = nil
		return nil
	}
	if !a.routes.Has("$connect") {
		return a.fault(a.auth, "Auth guards the route $connect, but there is no such route")
	}
	typ, ok := a.auth.Get("AuthType").Str()
	if !ok || typ == "" {
		return a.fault(a.auth, "Auth needs an AuthType: %s, %s or %s", authIAM, authCustom, authNone)
	}
	switch strings.ToUpper(typ) {
	case authCustom:
		if !base.Truthy(a.auth.Get("AuthArn")) {
			return a.fault(a.auth, "Auth of AuthType %s needs the AuthArn of its function", typ)
		}
	case authIAM, authNone:
		if a.auth.Len() > 1 {
			return a.fault(a.auth, "Auth of AuthType %s can have no other property", typ)
		}
	default:
		return a.fault(a.auth.Get("AuthType"), "AuthType must be %s, %s or %s", authIAM, authCustom, authNone)
	}
	return nil
}

// authType is the authorization of $connect. AWS checks the type without
// regard to case but compares it with regard to it, so `custom` is NONE.
func (a *api) authType() string {
	switch t := base.Text(a.auth, "AuthType"); t {
	case authCustom, authIAM:
		return t
	}
	return authNone
}

func (a *api) main(res, tags *tree.Node) {
	r := a.add(a.id, "AWS::ApiGatewayV2::Api").Attr(base.DependsOn, res.Get(base.DependsOn).Clone())
	for _, n := range []string{
		"ApiKeySelectionExpression", "Description", "DisableExecuteApiEndpoint",
		"DisableSchemaValidation", "IpAddressType", "RouteSelectionExpression",
	} {
		r.Set(n, a.props.Get(n).Clone())
	}
	name := base.Opt(a.props, "Name").Clone()
	if name == nil {
		name = tree.NewString(a.id)
	}
	r.Set("Name", name).Set("ProtocolType", tree.NewString("WEBSOCKET")).Set("Tags", tags)
}

// addStage makes the stage. Route settings name routes, so a stage that has
// them waits for the routes.
func (a *api) addStage(routes []string) {
	id := a.id + "Stage" // an intrinsic name has no place in a logical id
	if s, ok := a.stage.Str(); ok {
		if id = a.id + s + "Stage"; s == "default" {
			id = a.id + "DefaultStage"
		}
	}
	r := a.add(id, "AWS::ApiGatewayV2::Stage").Set("ApiId", base.Ref(a.id)).Set("StageName", a.stage.Clone())
	for _, n := range []string{"StageVariables", "AccessLogSettings", "DefaultRouteSettings", "RouteSettings"} {
		r.Set(n, a.props.Get(n).Clone())
	}
	r.Set("Tags", base.Map(createdBy, "SAM")).Set("AutoDeploy", tree.NewBool(true))
	if base.Truthy(a.props.Get("RouteSettings")) {
		r.Attr(base.DependsOn, tree.NewStrings(routes...))
	}
}

func (a *api) authorizerID() string { return a.id + "ConnectAuthorizer" }

// addAuthorizer makes the authorizer of $connect if it is a function, and the
// permission to call it unless a role does so.
func (a *api) addAuthorizer() {
	if a.auth == nil || a.authType() != authCustom {
		return
	}
	r := a.add(a.authorizerID(), "AWS::ApiGatewayV2::Authorizer").Set("ApiId", base.Ref(a.id))
	arn := a.auth.Get("AuthArn")
	r.Set("AuthorizerCredentialsArn", a.auth.Get("InvokeRole").Clone())
	r.Set("AuthorizerType", tree.NewString("REQUEST"))
	r.Set("AuthorizerUri", invokeURI("AuthArn", arn))
	r.Set("IdentitySource", a.auth.Get("IdentitySource").Clone())
	name := a.auth.Get("Name").Clone()
	if !base.Truthy(name) {
		name = tree.NewString(r.ID)
	}
	r.Set("Name", name)
	if !base.Truthy(a.auth.Get("InvokeRole")) {
		a.permission(a.id+"AuthorizerPermission", arn, base.Sub(
			"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/authorizers/*",
			base.Map("__ApiId__", base.Ref(a.id))))
	}
}
