// SPDX-License-Identifier: Apache-2.0

package event

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

func httpProps() []base.Prop {
	return []base.Prop{
		{Name: "Path", Check: base.IsString},
		{Name: "Method", Check: base.IsString},
		{Name: "ApiId", Check: base.IsString},
		{Name: "Stage", Check: base.IsString},
		{Name: "Auth", Check: base.IsMap},
		{Name: "TimeoutInMillis", Check: base.IsInt},
		{Name: "RouteSettings", Check: base.IsMap},
		{Name: "PayloadFormatVersion", Check: base.IsString},
	}
}

// http adds a route to an HTTP API.
func (e *Call) http() ([]base.Resource, error) {
	path, method := e.get("Path"), e.get("Method")
	if !path.IsString() || !method.IsString() {
		return nil, e.errorf(e.props, "Path and Method must be strings")
	}
	id, ok := openapi.APIID(e.get("ApiId")).Str()
	res := e.C.Lookup(id)
	if !ok || !res.IsMap() {
		return nil, e.errorf(e.get("ApiId"), "ApiId must name an API of this template by !Ref")
	}
	props := res.Get("Properties")
	if props == nil {
		props = tree.NewMap()
		res.Set("Properties", props)
	}
	if !props.IsMap() {
		return nil, base.Errorf(id, props, "Properties must be a map")
	}
	r := route{Call: e, api: openapi.Link{ID: id, Props: props}, path: path, method: pydict.Text(strings.ToLower(method.Text), method.Pos)}
	var out []base.Resource
	p, err := r.httpPermission()
	if err != nil {
		return nil, err
	}
	if p != nil {
		out = append(out, *p)
	}
	return out, r.httpIntegrate()
}

// httpPermission is nil for a function that owns the default route, which
// covers all.
func (r route) httpPermission() (*base.Resource, error) {
	path := trimSlash(r.path.Text)
	method := strings.ToUpper(r.method.Text)
	if m := r.method.Text; m == "any" || m == openapi.AnyMethod {
		method = "*"
	}
	body := r.api.Props.Get("DefinitionBody")
	if path == openapi.DefaultPath {
		path = ""
	}
	if base.Truthy(body) {
		ed, err := openapi.NewHTTP(r.C, r.api.ID, body)
		if err != nil {
			return nil, err
		}
		owns, err := ed.CallsFunction(openapi.DefaultPath, openapi.AnyMethod, r.Target.ID)
		if err != nil {
			return nil, err
		}
		if owns && path != "" {
			return nil, nil
		}
	}
	path = openapi.HTTPPattern(path)
	resource := "${__ApiId__}/${__Stage__}"
	if r.method.Text == "any" && path == "/"+openapi.DefaultPath {
		resource += path
	} else {
		resource += "/" + method + path
	}
	arn := base.Sub("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"+resource,
		base.Map("__ApiId__", r.get("ApiId").Clone(), "__Stage__", "*"))
	p := r.permission(r.id(), "", apiPrincipal, arn)
	return &p, nil
}

var pathVariable = regexp.MustCompile(`\{(.*?)\}`)

func (r route) httpIntegrate() error {
	body := r.api.Props.Get("DefinitionBody")
	if body.IsNull() {
		return nil
	}
	ed, err := openapi.NewHTTP(r.C, r.api.ID, body)
	if err != nil {
		return err
	}
	if base.Truthy(r.api.Props.Get("__MANAGE_SWAGGER")) {
		has, err := ed.HasIntegration(r.path.Text, r.method.Text)
		if err != nil {
			return err
		}
		if has {
			return r.errorf(r.path, "the API %s has %s %s already", r.api.ID, strings.ToUpper(r.method.Text), r.path.Text)
		}
	}
	err = ed.AddLambda(openapi.Lambda{Path: r.path, Method: r.method, URI: r.uri("${AWS::Partition}", false), Condition: r.Target.Condition()})
	if err != nil {
		return err
	}
	if r.has("Auth") {
		if err := r.httpAuth(ed); err != nil {
			return err
		}
	}
	path, method := r.path.Text, r.method.Text
	if r.has("TimeoutInMillis") {
		if err := ed.SetTimeout(path, method, r.get("TimeoutInMillis")); err != nil {
			return err
		}
	}
	var names []string
	for _, m := range pathVariable.FindAllStringSubmatch(path, -1) {
		names = append(names, m[1])
	}
	if names != nil {
		if err := ed.AddPathParameters(path, method, names); err != nil {
			return err
		}
	}
	if r.has("PayloadFormatVersion") {
		if err := ed.SetIntegration(path, method, "payloadFormatVersion", r.get("PayloadFormatVersion")); err != nil {
			return err
		}
	}
	r.api.Props.Set("DefinitionBody", ed.Definition())
	return nil
}

// httpAuth gives the route its authorizer.
func (r route) httpAuth(ed *openapi.HTTP) error {
	auth, api := r.get("Auth"), r.api.Props.Get("Auth")
	if !auth.IsMap() {
		return r.errorf(auth, "Auth must be a map")
	}
	if api != nil && !api.IsMap() {
		return base.Errorf(r.api.ID, api, "Auth must be a map")
	}
	name := auth.Get("Authorizer")
	if !base.Truthy(name) {
		if name = api.Get("DefaultAuthorizer"); !base.Truthy(name) {
			return r.errorf(auth, "Auth needs an Authorizer, as the API %s has no DefaultAuthorizer", r.api.ID)
		}
		auth.Set("Authorizer", name.Clone())
	}
	iam := api.Get("EnableIamAuthorizer")
	iamOn := iam != nil && iam.Kind == tree.Bool && iam.Bool
	switch text, _ := name.Str(); {
	case text == "NONE":
		if !base.Truthy(api.Get("DefaultAuthorizer")) {
			return r.errorf(name, "Auth.Authorizer: NONE has a meaning only if the API sets Auth.DefaultAuthorizer")
		}
	case text == "AWS_IAM" && iamOn:
	default:
		if err := openapi.KnownAuthorizer(name, api.Get("Authorizers"), r.fail); err != nil {
			return err
		}
	}
	if s := auth.Get("AuthorizationScopes"); base.Truthy(s) && !s.IsList() {
		return r.errorf(s, "Auth.AuthorizationScopes must be a list")
	}
	return ed.MethodAuth(r.path.Text, r.method.Text, auth, r.api.Props)
}
