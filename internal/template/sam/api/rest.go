// SPDX-License-Identifier: Apache-2.0

// Package api expands AWS::Serverless::Api (a REST API) and
// AWS::Serverless::HttpApi.
//
// The flow for both: the definition, into which events have written their
// routes by then, is opened with package openapi and gets CORS, authorizers,
// tags and the like from the properties; then the API, its deployment and
// stage, permissions for authorizers, custom domain with records, usage plan
// and API key are written.
//
// The logical id of a REST API's deployment carries the SHA-1 of the text of
// its definition as package pydict prints it, so that a changed API is
// deployed anew.
//
// What it does not do: it expands no event, and no WebSocket API. A Context
// belongs to one goroutine.
package api

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// unit is one API on its way.
type unit struct {
	c     *base.Context
	id    string
	res   *tree.Node
	props *tree.Node // never nil
	body  *tree.Node // DefinitionBody, nil if there is none
	out   []base.Resource
}

func newUnit(c *base.Context, id string, res *tree.Node) *unit {
	u := &unit{c: c, id: id, res: res, props: res.Get("Properties")}
	if u.props == nil {
		u.props = tree.NewMap()
	}
	if b := u.props.Get("DefinitionBody"); base.Truthy(b) {
		u.body = b
	}
	return u
}

func (u *unit) errorf(at *tree.Node, format string, args ...any) error {
	if at == nil || at.Pos == (tree.Pos{}) {
		at = u.res
	}
	return base.Errorf(u.id, at, format, args...)
}

func (u *unit) get(name string) *tree.Node { return base.Opt(u.props, name) }
func (u *unit) has(name string) bool       { return base.Truthy(u.props.Get(name)) }

func (u *unit) new(id, typ string) base.Resource { return base.NewResource(id, typ).PassThrough(u.res) }

// inline refuses a property that needs an inline definition where there is none.
func (u *unit) inline(prop string) error {
	if u.body == nil {
		err := base.Errorf(u.id, u.props.Get(prop), "%s works with an inline definition only", prop)
		err.Mend = "write the definition under DefinitionBody"
		return err
	}
	return nil
}

func restProperties() []base.Prop {
	var props []base.Prop
	add := func(check base.Check, plain bool, names ...string) {
		for _, n := range names {
			props = append(props, base.Prop{Name: n, Check: check, Plain: plain})
		}
	}
	stringOrMap := base.OneOf(base.IsString, base.IsMap)
	props = append(props, base.Prop{Name: "StageName", Check: stringOrMap, Required: true})
	add(stringOrMap, false, "Name", "DefinitionUri", "EndpointConfiguration", "Cors", "Policy")
	add(base.IsMap, false, "Tags", "DefinitionBody", "Variables", "Auth", "GatewayResponses", "AccessLogSetting",
		"CanarySetting", "Models", "Domain")
	add(base.IsBool, false, "__MANAGE_SWAGGER", "PropagateTags", "CacheClusterEnabled", "TracingEnabled", "FailOnWarnings",
		"DisableExecuteApiEndpoint")
	add(base.IsBool, true, "MergeDefinitions", "AlwaysDeploy")
	add(base.IsString, false, "CacheClusterSize", "OpenApiVersion", "Description", "Mode", "ApiKeySourceType",
		"SecurityPolicy", "EndpointAccessMode")
	add(base.IsList, false, "MethodSettings", "BinaryMediaTypes")
	add(base.IsInt, false, "MinimumCompressionSize")
	return props
}

// ExpandREST makes the resources of the REST API id.
func ExpandREST(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	if err := base.CheckResource(id, res, restProperties()); err != nil {
		return nil, err
	}
	u := newUnit(c, id, res)
	for _, p := range []string{"BinaryMediaTypes", "Domain", "Auth"} {
		r, err := c.ResolveIn(u.props.Get(p))
		if err != nil {
			return nil, err
		}
		if r != nil {
			u.props.Set(p, r)
		}
	}
	for _, step := range []func() error{u.rest, u.restDomain} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	stage := u.deploy()
	if err := u.authorizerPermissions(); err != nil {
		return nil, err
	}
	if err := u.usagePlan(stage); err != nil {
		return nil, err
	}
	base.PropagateTags(u.out, u.get("Tags"), u.get("PropagateTags"))
	return u.out, nil
}

var restVersion = regexp.MustCompile(`^[2-3](\.\d)(\.\d)?$`)

// rest writes the AWS::ApiGateway::RestApi.
func (u *unit) rest() error {
	if u.has("DefinitionUri") && u.body != nil {
		return u.errorf(u.get("DefinitionUri"), "DefinitionUri and DefinitionBody exclude each other")
	}
	if u.has("DefinitionUri") && u.has("MergeDefinitions") {
		return u.errorf(u.get("MergeDefinitions"), "MergeDefinitions needs DefinitionBody")
	}
	if v := u.get("OpenApiVersion"); base.Truthy(v) {
		if s, ok := v.Scalar(); !ok || !restVersion.MatchString(s) {
			return u.errorf(v, "OpenApiVersion must be of the form 3.0.1")
		}
	}
	api := base.NewResource(u.id, "AWS::ApiGateway::RestApi").Inherit(u.res)
	u.out = append(u.out, api)
	api.Set("BinaryMediaTypes", u.get("BinaryMediaTypes").Clone()).Set("MinimumCompressionSize", u.get("MinimumCompressionSize").Clone())
	if err := u.endpoint(api); err != nil {
		return err
	}
	for _, step := range []func() error{u.loadLocal, u.restCORS, u.restAuth, u.gatewayResponses, u.mediaTypes, u.models} {
		if err := step(); err != nil {
			return err
		}
	}
	if u.has("FailOnWarnings") {
		api.Set("FailOnWarnings", u.get("FailOnWarnings").Clone())
	}
	if v := u.get("DisableExecuteApiEndpoint"); v != nil {
		if err := u.inline("DisableExecuteApiEndpoint"); err != nil {
			return err
		}
		err := u.edit(func(sw *openapi.Swagger) error { return sw.DisableEndpoint(v) })
		if err != nil {
			return err
		}
	}
	switch {
	case u.body != nil:
		if err := openapi.Normalize(u.c, u.id, u.body, u.get("OpenApiVersion")); err != nil {
			return err
		}
		api.Set("Body", u.body)
	case u.has("DefinitionUri"):
		l, err := u.c.Location(u.id, u.get("DefinitionUri"), "DefinitionUri")
		if err != nil {
			return err
		}
		if l.Local != nil {
			return u.errorf(l.Local, "DefinitionUri: the file %s is not available", l.Local.Text)
		}
		api.Set("BodyS3Location", l.Body())
	}
	for _, p := range []string{"Name", "Description", "Mode", "ApiKeySourceType", "Policy", "SecurityPolicy", "EndpointAccessMode"} {
		if u.has(p) {
			api.Set(p, u.get(p).Clone())
		}
	}
	return nil
}

// loadLocal reads a DefinitionUri that is a file of this machine.
func (u *unit) loadLocal() error {
	uri := u.get("DefinitionUri")
	if !uri.IsString() || u.body != nil || u.c.ReadFile == nil {
		return nil
	}
	l, err := u.c.Location(u.id, uri, "DefinitionUri")
	if err != nil || l.Local == nil {
		return err
	}
	def, err := u.c.ReadFile(l.Local.Text)
	if err != nil {
		return u.errorf(uri, "DefinitionUri: %v", err)
	}
	u.body = def
	u.props.Delete("DefinitionUri")
	return nil
}

// endpoint writes the endpoint type.
func (u *unit) endpoint(api base.Resource) error {
	v := u.get("EndpointConfiguration")
	if !base.Truthy(v) {
		if u.c.EdgeEndpoints() {
			return nil
		}
		v = base.Str("REGIONAL")
	}
	typ := v.Get("Type")
	if !base.Truthy(typ) {
		api.Set("EndpointConfiguration", base.Map("Types", tree.NewList(v.Clone())))
		api.Set("Parameters", base.Map("endpointConfigurationTypes", v.Clone()))
		return nil
	}
	cfg := base.Map("Types", tree.NewList(typ.Clone()))
	api.Set("Parameters", base.Map("endpointConfigurationTypes", typ.Clone()))
	api.Set("EndpointConfiguration", cfg)
	old, ids := v.Get("VPCEndpointIds"), v.Get("VpcEndpointIds")
	if old != nil && ids != nil {
		return u.errorf(old, "EndpointConfiguration: VPCEndpointIds and VpcEndpointIds are the same; give one")
	}
	if old != nil {
		ids = old
	}
	cfg.With("VpcEndpointIds", ids.Clone()).With("IpAddressType", v.Get("IpAddressType").Clone())
	return nil
}

// edit opens the definition, changes it and keeps the result.
func (u *unit) edit(f func(*openapi.Swagger) error) error {
	sw, err := openapi.NewREST(u.c, u.id, u.body)
	if err != nil {
		return err
	}
	if err := f(sw); err != nil {
		return err
	}
	u.body = sw.Definition()
	return nil
}

// restCORS writes an OPTIONS method for every path.
func (u *unit) restCORS() error {
	v := u.get("Cors")
	if !base.Truthy(v) {
		return nil
	}
	if err := u.inline("Cors"); err != nil {
		return err
	}
	cors := openapi.CORS{Origins: v}
	if v.IsMap() && !v.IsIntrinsic() {
		cors.Origins = base.Str("'*'")
		for _, e := range v.Entries {
			switch e.Key {
			case "AllowMethods":
				cors.Methods = e.Value
			case "AllowHeaders":
				cors.Headers = e.Value
			case "AllowOrigin":
				cors.Origins = e.Value
			case "MaxAge":
				cors.MaxAge = e.Value
			case "AllowCredentials":
				cors.Credentials = e.Value.Kind == tree.Bool && e.Value.Bool
			default:
				return u.errorf(e.Value, "Cors has no property %s", e.Key)
			}
		}
	}
	if s, _ := cors.Origins.Str(); cors.Credentials && s == "'*'" {
		return u.errorf(v, "Cors: AllowCredentials needs an AllowOrigin other than '*'")
	}
	return u.edit(func(sw *openapi.Swagger) error {
		done := map[string]bool{}
		for _, p := range sw.Paths() {
			name := p.Key
			if name != "/" {
				name = strings.TrimRight(name, "/")
			}
			if done[name] {
				continue
			}
			done[name] = true
			if err := sw.AddCORS(p.Key, cors); err != nil {
				return err
			}
		}
		return nil
	})
}

func (u *unit) gatewayResponses() error {
	v := u.get("GatewayResponses")
	if !base.Truthy(v) {
		return nil
	}
	if err := u.inline("GatewayResponses"); err != nil {
		return err
	}
	for _, e := range v.Entries {
		if err := u.checkResponse(e); err != nil {
			return err
		}
	}
	return u.edit(func(sw *openapi.Swagger) error {
		for _, e := range pydict.Order(v) {
			if err := sw.SetGatewayResponse(e); err != nil {
				return err
			}
		}
		return nil
	})
}

var statusCode = regexp.MustCompile(`^[0-9]{1,3}$`)

func (u *unit) checkResponse(e tree.Entry) error {
	if !e.Value.IsMap() || e.Value.IsIntrinsic() {
		return u.errorf(e.Value, "GatewayResponses.%s must be a map", e.Key)
	}
	for _, p := range e.Value.Entries {
		switch p.Key {
		case "ResponseParameters":
			if base.Truthy(p.Value) && !p.Value.IsMap() {
				return u.errorf(p.Value, "GatewayResponses.%s.ResponseParameters must be a map", e.Key)
			}
			for _, k := range p.Value.Keys() {
				if k != "Headers" && k != "Paths" && k != "QueryStrings" {
					return u.errorf(p.Value, "GatewayResponses.%s.ResponseParameters has no property %s", e.Key, k)
				}
			}
		case "ResponseTemplates":
		case "StatusCode":
			if s, ok := p.Value.Scalar(); base.Truthy(p.Value) && (!ok || !statusCode.MatchString(s)) {
				return u.errorf(p.Value, "GatewayResponses.%s.StatusCode must be a number", e.Key)
			}
		default:
			return u.errorf(p.Value, "GatewayResponses.%s has no property %s", e.Key, p.Key)
		}
	}
	return nil
}

func (u *unit) mediaTypes() error {
	if !u.has("BinaryMediaTypes") || u.body == nil {
		return nil
	}
	return u.edit(func(sw *openapi.Swagger) error {
		sw.SetMediaTypes(u.get("BinaryMediaTypes"))
		return nil
	})
}

func (u *unit) models() error {
	v := u.get("Models")
	if !base.Truthy(v) {
		return nil
	}
	if err := u.inline("Models"); err != nil {
		return err
	}
	for _, e := range v.Entries {
		if !e.Value.IsMap() {
			return u.errorf(e.Value, "Models.%s must be a map", e.Key)
		}
	}
	if err := u.edit(func(sw *openapi.Swagger) error { return sw.AddModels(v) }); err != nil {
		return err
	}
	return openapi.Normalize(u.c, u.id, u.body, u.get("OpenApiVersion"))
}

// deploy writes deployment and stage, and returns the stage.
func (u *unit) deploy() base.Resource {
	version := u.get("OpenApiVersion")
	d := u.new(u.id+"Deployment", "AWS::ApiGateway::Deployment").Set("RestApiId", base.Ref(u.id))
	if !base.Truthy(version) {
		d.Set("StageName", base.Str("Stage"))
	}
	name, _ := u.get("StageName").Str()
	stage := u.new(stageID(u.id, name), "AWS::ApiGateway::Stage").
		Set("RestApiId", base.Ref(u.id)).
		Set("StageName", u.get("StageName").Clone())
	for _, p := range []string{
		"CacheClusterEnabled", "CacheClusterSize", "Variables", "MethodSettings", "AccessLogSetting", "CanarySetting", "TracingEnabled",
	} {
		stage.Set(p, u.get(p).Clone())
	}
	if t := u.get("Tags"); t != nil {
		stage.Set("Tags", base.TagList(t))
	}
	def := u.body
	if def == nil {
		def = u.out[0].Props().Get("BodyS3Location")
	}
	if base.Truthy(def) {
		text := u.deployText(def, version)
		d.ID += base.HashText(text, base.HashLen)
		d.Set("Description", base.Str("RestApi deployment id: "+base.HashText(text, 40)))
	}
	stage.Set("DeploymentId", base.Ref(d.ID))
	u.out = append(u.out, d, stage)
	return stage
}

// deployText is what the deployment's hash is made of. AlwaysDeploy, for which
// AWS takes the time instead, has no effect: a stack that did not change keeps
// its deployment.
func (u *unit) deployText(def, version *tree.Node) string {
	parts := []string{pydict.Repr(def)}
	if s, ok := version.Scalar(); ok && base.Truthy(version) {
		parts = append(parts, s)
	}
	if d := u.get("Domain"); base.Truthy(d) {
		parts = append(parts, string(pydict.SpacedJSON(d)))
	}
	if names := u.c.Functions[u.id]; names != "" {
		parts = append(parts, names)
	}
	return strings.Join(parts, "||")
}

// stageID is the logical id of a stage: its name if that is plain, else a hash
// of it.
func stageID(id, name string) string {
	if alnum(name) {
		return id + name + "Stage"
	}
	return base.LogicalIDText(id+"Stage", name)
}

func alnum(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z' {
			return false
		}
	}
	return s != ""
}
