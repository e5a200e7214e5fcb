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

const apiPrincipal = "apigateway.amazonaws.com"

func restProps() []base.Prop {
	return []base.Prop{
		{Name: "Path", Check: base.IsString, Required: true},
		{Name: "Method", Check: base.IsString, Required: true},
		{Name: "RestApiId", Check: base.IsString, Required: true},
		{Name: "Stage", Check: base.IsString},
		{Name: "Auth", Check: base.IsMap},
		{Name: "RequestModel", Check: base.IsMap},
		{Name: "RequestParameters", Check: base.IsList},
		{Name: "TimeoutInMillis", Check: base.IsInt},
		{Name: "ResponseTransferMode", Check: base.IsString},
	}
}

// route is an Api or HttpApi event.
type route struct {
	*Call
	api          openapi.Link
	path, method *tree.Node
}

// rest adds a route to a REST API.
func (e *Call) rest() ([]base.Resource, error) {
	path, method := e.get("Path"), e.get("Method")
	if !path.IsString() || !method.IsString() {
		return nil, e.errorf(e.props, "Path and Method must be strings")
	}
	link, err := openapi.LinkREST(e.C, e.Function, e.Event, e.get("RestApiId"))
	if err != nil {
		return nil, err
	}
	r := route{Call: e, api: link, path: path, method: pydict.Text(strings.ToLower(method.Text), method.Pos)}
	out := []base.Resource{r.restPermission()}
	if base.Truthy(link.Props.Get("__MANAGE_SWAGGER")) || base.Truthy(link.Props.Get("MergeDefinitions")) {
		if err := r.integrate(); err != nil {
			return nil, err
		}
	}
	body, auth := link.Props.Get("DefinitionBody"), e.get("Auth")
	if !base.Truthy(body) || !base.Truthy(auth.Get("OverrideApiAuth")) {
		return out, nil
	}
	if !base.Truthy(auth.Get("Authorizer")) && !base.Truthy(auth.Get("ApiKeyRequired")) && !base.Truthy(auth.Get("ResourcePolicy")) {
		return nil, e.errorf(auth, "Auth.OverrideApiAuth needs Authorizer, ApiKeyRequired or ResourcePolicy beside it")
	}
	sw, err := openapi.NewREST(e.C, link.ID, body)
	if err != nil {
		return nil, err
	}
	if err := r.auth(sw); err != nil {
		return nil, err
	}
	link.Props.Set("DefinitionBody", sw.Definition())
	return out, nil
}

func trimSlash(path string) string {
	if len(path) > 1 {
		return strings.TrimSuffix(path, "/")
	}
	return path
}

func (r route) restPermission() base.Resource {
	method := strings.ToUpper(r.method.Text)
	if method == "ANY" {
		method = "*"
	}
	resource := "${__ApiId__}/${__Stage__}/" + method + openapi.RESTPattern(trimSlash(r.path.Text))
	vars := base.Map("__ApiId__", r.get("RestApiId").Clone(), "__Stage__", "*")
	return r.permission(r.id(), r.api.Stage.Text, apiPrincipal, r.arn("execute-api", resource, vars))
}

func (r route) auth(sw *openapi.Swagger) error {
	return sw.ApplyAuth(r.C, openapi.EventAuth{
		Owner: r.Function, Event: r.Event, API: r.api, Auth: r.get("Auth"), Path: r.path, Method: r.method,
	})
}

// uri is the integration's URI. Its text counts as the user's when it names
// the function, whose id the user gave, and not when it names an alias.
func (r route) uri(partition string, stream bool) *tree.Node {
	version, call := "2015-03-31", "invocations"
	if stream {
		version, call = "2021-11-15", "response-streaming-invocations"
	}
	ref, pos := "${"+r.Target.ID+".Arn}", r.Target.Res.Pos
	if r.Target.Alias {
		ref, pos = "${"+r.Target.ID+"}", tree.Pos{}
	}
	text := "arn:" + partition + ":apigateway:${AWS::Region}:lambda:path/" + version + "/functions/" + ref + "/" + call
	return base.Map("Fn::Sub", pydict.Text(text, pos))
}

// integrate writes the route into the API's definition.
func (r route) integrate() error {
	body := r.api.Props.Get("DefinitionBody")
	if body.IsNull() {
		return nil
	}
	merge := base.Truthy(r.api.Props.Get("MergeDefinitions"))
	def := body
	if merge {
		def = openapi.RESTSkeleton()
	}
	sw, err := openapi.NewREST(r.C, r.api.ID, def)
	if err != nil {
		return err
	}
	if has, err := sw.HasIntegration(r.path.Text, r.method.Text); err != nil {
		return err
	} else if has {
		return r.errorf(r.path, "the API %s has %s %s already", r.api.ID, strings.ToUpper(r.method.Text), r.path.Text)
	}
	apiAuth := r.api.Props.Get("Auth")
	if base.Truthy(apiAuth) && !apiAuth.IsMap() {
		return base.Errorf(r.api.ID, apiAuth, "Auth must be a map")
	}
	stream := base.Text(r.props, "ResponseTransferMode") == "RESPONSE_STREAM"
	err = sw.AddLambda(openapi.Lambda{
		Path: r.path, Method: r.method, URI: r.uri(r.C.Partition, stream),
		MethodAuth: r.get("Auth"), APIAuth: apiAuth, Condition: r.Target.Condition(), Stream: stream,
	})
	if err != nil {
		return err
	}
	if r.has("Auth") {
		if err := r.auth(sw); err != nil {
			return err
		}
	}
	if r.has("TimeoutInMillis") {
		if err := sw.SetTimeout(r.path.Text, r.method.Text, r.get("TimeoutInMillis")); err != nil {
			return err
		}
	}
	if err := r.model(sw); err != nil {
		return err
	}
	if err := r.parameters(sw); err != nil {
		return err
	}
	if merge {
		return r.merge(body, sw.Definition())
	}
	r.api.Props.Set("DefinitionBody", sw.Definition())
	return nil
}

// merge puts the route of made over that of the user's definition.
func (r route) merge(body, made *tree.Node) error {
	paths := body.Get("paths")
	switch {
	case !body.IsMap():
		return base.Errorf(r.api.ID, body, "DefinitionBody must be a map")
	case !base.Truthy(paths):
		return nil // AWS merges into paths that are there, and loses the route otherwise
	case !paths.IsMap():
		return base.Errorf(r.api.ID, paths, "DefinitionBody.paths must be a map")
	}
	item := paths.Get(r.path.Text)
	if !item.IsNull() && !item.IsMap() {
		return base.Errorf(r.api.ID, item, "DefinitionBody: the value of path %s must be a map", r.path.Text)
	}
	def := item.Get(r.method.Text)
	if base.Truthy(def) && !def.IsMap() {
		return base.Errorf(r.api.ID, def, "DefinitionBody: method %s of path %s must be a map", r.method.Text, r.path.Text)
	}
	out := pydict.KeepOrder(tree.NewMap())
	name, _ := openapi.NormalMethod(r.method.Text, tree.Pos{})
	for _, src := range []*tree.Node{def, made.Get("paths").Get(r.path.Text).Get(name)} {
		for _, e := range pydict.Order(src) {
			pydict.Set(out, e.Key, e.KeyPos, e.Value)
		}
	}
	if item.IsNull() {
		if item != nil {
			return base.Errorf(r.api.ID, item, "DefinitionBody: path %s has no value", r.path.Text)
		}
		item = pydict.KeepOrder(tree.NewMap())
		pydict.Set(paths, r.path.Text, r.path.Pos, item)
	}
	pydict.Set(item, r.method.Text, r.method.Pos, out)
	return nil
}

// model writes RequestModel.
func (r route) model(sw *openapi.Swagger) error {
	rm := r.get("RequestModel")
	if !base.Truthy(rm) {
		return nil
	}
	if !rm.IsMap() {
		return r.errorf(rm, "RequestModel must be a map")
	}
	name := rm.Get("Model")
	if !base.Truthy(name) {
		return nil
	}
	models := r.api.Props.Get("Models")
	switch {
	case !base.Truthy(models):
		return r.errorf(rm, "RequestModel: the API %s defines no Models", r.api.ID)
	case !models.IsMap():
		return r.errorf(rm, "RequestModel: Models of the API %s must be a map", r.api.ID)
	case !name.IsString():
		return r.errorf(name, "RequestModel.Model must be a string")
	case !base.Truthy(models.Get(name.Text)):
		return r.errorf(name, "RequestModel: the API %s has no model %s", r.api.ID, name.Text)
	}
	if err := sw.SetModel(r.path.Text, r.method.Text, name, rm.Get("Required")); err != nil {
		return err
	}
	body, params := rm.Get("ValidateBody"), rm.Get("ValidateParameters")
	if body.IsNull() && params.IsNull() {
		return nil
	}
	for _, v := range []*tree.Node{body, params} {
		if !v.IsNull() && v.Kind != tree.Bool {
			return r.errorf(v, "RequestModel.ValidateBody and ValidateParameters must be true or false")
		}
	}
	return sw.SetValidator(r.path.Text, r.method.Text, base.Truthy(body), base.Truthy(params))
}

var requestParameter = regexp.MustCompile(`^method\.request\.(querystring|path|header)\.`)

// parameters writes RequestParameters.
func (r route) parameters(sw *openapi.Swagger) error {
	l := r.get("RequestParameters")
	if !base.Truthy(l) {
		return nil
	}
	if !l.IsList() {
		return r.errorf(l, "RequestParameters must be a list")
	}
	var ps []openapi.Parameter
	for _, it := range l.Items {
		p := openapi.Parameter{Name: it}
		if es := pydict.Order(it); it.IsMap() && len(es) > 0 {
			p.Name = pydict.Text(es[0].Key, es[0].KeyPos)
			p.Required, p.Cache = es[0].Value.Get("Required"), es[0].Value.Get("Caching")
			if !es[0].Value.IsMap() {
				return r.errorf(it, "the value of a RequestParameter is a map of Required and Caching")
			}
			for _, k := range es[0].Value.Keys() {
				if k != "Required" && k != "Caching" {
					return r.errorf(it, "the value of a RequestParameter is a map of Required and Caching, not %s", k)
				}
			}
		}
		if !p.Name.IsString() || !requestParameter.MatchString(p.Name.Text) {
			return r.errorf(it, "a RequestParameter is named method.request.header.NAME, or querystring or path instead of header")
		}
		ps = append(ps, p)
	}
	return sw.AddParameters(r.path.Text, r.method.Text, ps)
}
