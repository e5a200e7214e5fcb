// SPDX-License-Identifier: Apache-2.0

package api

import (
	"regexp"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/openapi"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

func httpProperties() []base.Prop {
	var props []base.Prop
	add := func(check base.Check, plain bool, names ...string) {
		for _, n := range names {
			props = append(props, base.Prop{Name: n, Check: check, Plain: plain})
		}
	}
	stringOrMap := base.OneOf(base.IsString, base.IsMap)
	add(nil, true, "Name")
	add(stringOrMap, false, "StageName", "DefinitionUri")
	add(base.OneOf(base.IsBool, base.IsMap), false, "CorsConfiguration")
	add(base.IsMap, false, "Tags", "DefinitionBody", "StageVariables", "AccessLogSettings", "DefaultRouteSettings", "Auth",
		"RouteSettings", "Domain")
	add(base.IsBool, false, "__MANAGE_SWAGGER", "PropagateTags", "FailOnWarnings", "DisableExecuteApiEndpoint")
	add(base.IsString, false, "Description")
	return props
}

const createdBy = "httpapi:createdBy"

// ExpandHTTP makes the resources of the HTTP API id.
func ExpandHTTP(c *base.Context, id string, res *tree.Node) ([]base.Resource, error) {
	if err := base.CheckResource(id, res, httpProperties()); err != nil {
		return nil, err
	}
	u := newUnit(c, id, res)
	for _, p := range []string{"CorsConfiguration", "Domain"} {
		r, err := c.ResolveIn(u.props.Get(p))
		if err != nil {
			return nil, err
		}
		if r != nil {
			u.props.Set(p, r)
		}
	}
	inlined := u.props.Get("DefinitionBody") != nil
	for _, step := range []func() error{u.http, u.httpDomain, u.httpPermissions} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	u.httpStage()
	base.PropagateTags(u.out, u.get("Tags"), tree.NewBool(inlined))
	return u.out, nil
}

// http writes the AWS::ApiGatewayV2::Api.
func (u *unit) http() error {
	if u.has("DefinitionUri") && u.body != nil {
		return u.errorf(u.get("DefinitionUri"), "DefinitionUri and DefinitionBody exclude each other")
	}
	api := base.NewResource(u.id, "AWS::ApiGatewayV2::Api").Inherit(u.res)
	u.out = append(u.out, api)
	for _, step := range []func() error{u.loadLocal, u.httpCORS, u.httpAuth, u.httpTags, u.httpEndpoint, u.httpInfo} {
		if err := step(); err != nil {
			return err
		}
	}
	if u.has("FailOnWarnings") {
		api.Set("FailOnWarnings", u.get("FailOnWarnings").Clone())
		u.defaultPath()
	}
	switch {
	case u.has("DefinitionUri"):
		l, err := u.c.Location(u.id, u.get("DefinitionUri"), "DefinitionUri")
		if err != nil {
			return err
		}
		if l.Local != nil {
			return u.errorf(l.Local, "DefinitionUri: the file %s is not available", l.Local.Text)
		}
		api.Set("BodyS3Location", l.Body())
	case u.body != nil:
		api.Set("Body", u.body)
	default:
		err := base.Errorf(u.id, u.res, "an HTTP API needs a definition")
		err.Mend = "give DefinitionBody or DefinitionUri, or an HttpApi event to a function"
		return err
	}
	return nil
}

// editHTTP opens the definition, changes it and keeps the result.
func (u *unit) editHTTP(prop string, f func(*openapi.HTTP) error) error {
	if err := u.inline(prop); err != nil {
		return err
	}
	ed, err := openapi.NewHTTP(u.c, u.id, u.body)
	if err != nil {
		return err
	}
	if err := f(ed); err != nil {
		return err
	}
	u.body = ed.Definition()
	return nil
}

func (u *unit) httpCORS() error {
	v := u.get("CorsConfiguration")
	if !base.Truthy(v) {
		return nil
	}
	switch {
	case v.Kind == tree.Bool:
		v = base.Map("AllowOrigins", tree.NewStrings("*"))
	case !v.IsMap():
		return u.errorf(v, "CorsConfiguration must be a map or a boolean")
	case !v.IsIntrinsic():
		names := []string{"AllowMethods", "AllowHeaders", "AllowOrigins", "MaxAge", "ExposeHeaders", "AllowCredentials"}
		for _, e := range v.Entries {
			if !known(names, e.Key) {
				return u.errorf(e.Value, "CorsConfiguration has no property %s", e.Key)
			}
		}
	}
	if c := v.Get("AllowCredentials"); c != nil && c.Kind == tree.Bool && c.Bool && tree.Equal(v.Get("AllowOrigins"), tree.NewStrings("*")) {
		return u.errorf(v, "CorsConfiguration: AllowCredentials needs AllowOrigins other than *")
	}
	return u.editHTTP("CorsConfiguration", func(ed *openapi.HTTP) error { return ed.SetCORS(v) })
}

// httpTags writes the tags into the definition.
func (u *unit) httpTags() error {
	if u.has("Tags") && u.body == nil {
		return u.inline("Tags")
	}
	if u.body == nil || !u.has("Tags") && !openapi.ValidHTTP(u.body) {
		return nil
	}
	tags := u.get("Tags")
	if !base.Truthy(tags) {
		tags = tree.NewMap()
	}
	tags.Set(createdBy, base.Str("SAM"))
	u.props.Set("Tags", tags)
	if u.c.HashOrder {
		tags = tags.Clone()
		tags.Entries = pydict.Order(tags)
	}
	return u.editHTTP("Tags", func(ed *openapi.HTTP) error { return ed.AddTags(tags) })
}

func (u *unit) httpEndpoint() error {
	v := u.get("DisableExecuteApiEndpoint")
	if v == nil {
		return nil
	}
	return u.editHTTP("DisableExecuteApiEndpoint", func(ed *openapi.HTTP) error { return ed.DisableEndpoint(v) })
}

// httpInfo writes Name and Description into the definition, which must not
// have its own.
func (u *unit) httpInfo() error {
	if name := u.get("Name"); base.Truthy(name) {
		if err := u.inline("Name"); err != nil {
			return err
		}
		if t := u.body.At("info", "title"); !tree.Equal(t, openapi.DefaultTitle()) {
			return u.errorf(name, "Name: the definition has a title of its own")
		}
		if err := u.editHTTP("Name", func(ed *openapi.HTTP) error { ed.SetTitle(name); return nil }); err != nil {
			return err
		}
	}
	d := u.get("Description")
	if !base.Truthy(d) {
		return nil
	}
	if err := u.inline("Description"); err != nil {
		return err
	}
	if base.Truthy(u.body.At("info", "description")) {
		return u.errorf(d, "Description: the definition has a description of its own")
	}
	return u.editHTTP("Description", func(ed *openapi.HTTP) error { ed.SetDescription(d); return nil })
}

// defaultPath writes $default as /$default, without which API Gateway warns.
func (u *unit) defaultPath() {
	paths := u.body.Get("paths")
	if v := paths.Get(openapi.DefaultPath); v != nil {
		paths.Delete(openapi.DefaultPath)
		pydict.Put(paths, "/"+openapi.DefaultPath, v)
	}
}

// httpStage writes the stage.
func (u *unit) httpStage() {
	name := u.get("StageName")
	if !base.Truthy(name) {
		name = base.Str("$default")
	}
	text, _ := name.Str()
	id := stageID(u.id, text)
	if text == "$default" {
		id = u.id + "ApiGatewayDefaultStage"
	}
	s := u.new(id, "AWS::ApiGatewayV2::Stage").Set("ApiId", base.Ref(u.id)).Set("StageName", name.Clone())
	for _, p := range []string{"StageVariables", "AccessLogSettings", "DefaultRouteSettings", "Tags", "RouteSettings"} {
		s.Set(p, u.get(p).Clone())
	}
	u.out = append(u.out, s.Set("AutoDeploy", tree.NewBool(true)))
}

var badBasePath = regexp.MustCompile(`[^0-9a-zA-Z/_-]`)

// httpDomain makes the custom domain of an HTTP API.
func (u *unit) httpDomain() error {
	d := u.get("Domain")
	if d == nil {
		return nil
	}
	if !d.IsMap() {
		return u.errorf(d, "Domain must be a map")
	}
	for _, k := range []string{"DomainName", "CertificateArn"} {
		if base.Opt(d, k) == nil {
			return u.errorf(d, "Domain.%s is required", k)
		}
	}
	id := base.LogicalID("ApiGatewayDomainNameV2", d.Get("DomainName"))
	endpoint := base.Opt(d, "EndpointConfiguration")
	if endpoint == nil {
		endpoint = base.Str("REGIONAL")
		setMade(d, "EndpointConfiguration", endpoint)
	}
	if !endpoint.IsString() || endpoint.Text != "REGIONAL" {
		return u.errorf(endpoint, "Domain.EndpointConfiguration must be REGIONAL")
	}
	cfg := base.Map("CertificateArn", d.Get("CertificateArn").Clone(), "EndpointType", endpoint.Clone())
	for _, k := range []string{"OwnershipVerificationCertificateArn", "SecurityPolicy"} {
		if v := d.Get(k); base.Truthy(v) {
			cfg.Set(k, v.Clone())
		}
	}
	name := u.new(id, "AWS::ApiGatewayV2::DomainName").
		Set("DomainName", d.Get("DomainName").Clone()).
		Set("DomainNameConfigurations", tree.NewList(cfg)).
		Set("Tags", base.Map(createdBy, "SAM"))
	tls, err := u.mutualTLS(d)
	if err != nil {
		return err
	}
	u.out = append(u.out, name.Set("MutualTlsAuthentication", tls))
	if err := u.mappings(d, id); err != nil {
		return err
	}
	return u.records(d, id, false)
}

// mappings makes the API mappings of an HTTP API.
func (u *unit) mappings(d *tree.Node, domain string) error {
	mapping := func(id string, key *tree.Node) {
		u.out = append(u.out, u.new(id, "AWS::ApiGatewayV2::ApiMapping").
			Set("DomainName", base.Ref(domain)).
			Set("ApiId", base.Ref(u.id)).
			Set("Stage", base.Ref(u.id+".Stage")).
			Set("ApiMappingKey", key))
	}
	paths := pathList(d)
	if paths == nil {
		mapping(u.id+"ApiMapping", nil)
		return nil
	}
	for _, p := range paths {
		if !p.IsString() || badBasePath.MatchString(p.Text) {
			return u.errorf(p, "Domain.BasePath: a base path is made of letters, digits, /, - and _")
		}
		mapping(u.id+strings.NewReplacer("-", "", "_", "", "/", "").Replace(p.Text)+"ApiMapping", base.Str(strings.Trim(p.Text, "/")))
	}
	return nil
}
