// SPDX-License-Identifier: Apache-2.0

package api

// Import of OpenAPI definitions (Swagger 2.0 and OpenAPI 3) with API Gateway's
// x-amazon-apigateway extensions, from Body or from the file of BodyS3Location.
//
// Source: Amazon API Gateway Developer Guide, "OpenAPI extensions for API
// Gateway"; row A30.

import (
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

const ext = "x-amazon-apigateway-"

// definition imports the API's definition, if it has one.
func (b *builder) definition(r *base.Resource, a *model.API) {
	body := r.Props.Get("Body")
	if loc := r.Props.Get("BodyS3Location"); !body.Exists() && loc.Exists() {
		body = b.bodyFile(r, loc)
	}
	if text, ok := body.Node().Str(); ok && text != "" { // a definition given as JSON text
		n, err := tree.Parse(body.Pos().File, []byte(text))
		if err != nil {
			body.Fail("give the definition as a map", "the definition cannot be read: %v", err)
			return
		}
		body = b.value(n, body)
	}
	if !body.Node().IsMap() {
		return
	}
	imp := &importer{builder: b, r: r, api: a, root: body, security: map[string]scheme{}}
	imp.document()
}

// value reads a node of another file as part of the resource.
func (b *builder) value(n *tree.Node, at base.Value) base.Value {
	return base.NewValue(n, at.Path(), b.Sink, at.Pos())
}

func (b *builder) bodyFile(r *base.Resource, loc base.Value) base.Value {
	bucket, key := loc.Get("Bucket").Text(), loc.Get("Key").Text()
	path, ok := b.Assets.Locate(r.ID, bucket, key)
	if !ok {
		r.Note(loc, fidelity.Unsupported, "the definition is in s3://"+bucket+"/"+key+", which is not in this project: the API has no routes; give it with --code "+r.ID+"=FILE")
		return base.Value{}
	}
	text, err := b.Assets.Read(path)
	if err != nil {
		if !b.Lenient {
			loc.Fail("correct the path: it is relative to the template's folder", "the definition cannot be read: %v", err)
		}
		return base.Value{}
	}
	n, err := tree.Parse(b.Assets.Show(path), text)
	if err != nil {
		loc.Fail("correct the definition", "%v", err)
		return base.Value{}
	}
	return b.value(n, loc)
}

// importer reads one definition.
type importer struct {
	*builder
	r        *base.Resource
	api      *model.API
	root     base.Value
	security map[string]scheme
	follow   int // references followed
	inline   int // models that stand in an operation
}

// maxRefs bounds the references that one definition follows.
const maxRefs = 10_000

// ref follows {"$ref": "#/a/b"}.
func (m *importer) ref(v base.Value) base.Value {
	for depth := 0; depth < 20; depth++ {
		target, ok := v.Node().Get("$ref").Str()
		if !ok {
			return v
		}
		if m.follow++; m.follow > maxRefs || !strings.HasPrefix(target, "#/") {
			return base.Value{}
		}
		n := m.root
		for _, part := range strings.Split(target[2:], "/") {
			part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
			n = n.Get(part)
		}
		if !n.Exists() {
			v.Fail("correct the reference", "%s is not in the definition", target)
			return base.Value{}
		}
		v = n
	}
	return base.Value{}
}

func (m *importer) document() {
	version := m.root.Get("swagger").Text() + m.root.Get("openapi").Text()
	if version == "" {
		m.root.Fail(`add openapi: "3.0.1"`, "the definition is neither Swagger nor OpenAPI")
		return
	}
	if m.api.Kind == model.HTTPAPI && strings.HasPrefix(version, "2") {
		m.root.Get("swagger").Fail(`convert it to openapi: "3.0.1"`, "HTTP APIs import OpenAPI 3 only")
	}
	if m.api.Name == "" {
		m.api.Name = m.root.Get("info", "title").Text()
	}
	m.extensions()
	schemes := m.root.Get("components", "securitySchemes")
	if !schemes.Exists() {
		schemes = m.root.Get("securityDefinitions")
	}
	for _, p := range schemes.Pairs() {
		m.security[p.Key] = m.scheme(p.Key, m.ref(p.Value))
	}
	m.models()
	for _, p := range m.root.Get("paths").Pairs() {
		m.path(p.Key, p.Value)
	}
}

// extensions reads what the document says about the whole API.
func (m *importer) extensions() {
	a, root := m.api, m.root
	if t := root.Get(ext + "binary-media-types").Texts(); len(t) > 0 && len(a.BinaryMediaTypes) == 0 {
		a.BinaryMediaTypes = t
	}
	if c := root.Get(ext + "cors"); a.Kind == model.HTTPAPI && a.CORS == nil {
		a.CORS = base.CORS(c)
	}
	if v := root.Get(ext + "minimum-compression-size"); a.MinCompression == nil {
		a.MinCompression = v.IntPtr()
	}
	if v := root.Get(ext + "policy"); v.Exists() && a.ResourcePolicyJSON == "" {
		a.ResourcePolicyJSON = v.JSON()
		m.r.Note(v, fidelity.Approximated, "evaluated for anonymous callers; a policy that names accounts lets nobody in")
	}
	if root.Get(ext+"api-key-source").Text() == "AUTHORIZER" {
		a.APIKeyFromAuth = true
	}
	if root.Get(ext+"endpoint-configuration", "disableExecuteApiEndpoint").Bool() {
		a.DisableExecuteAPI = true
	}
	for _, p := range root.Get(ext + "gateway-responses").Pairs() {
		checkResponseType(p.Value, p.Key)
		a.GatewayResponses = append(a.GatewayResponses, model.GatewayResponse{
			Type: p.Key, Status: p.Value.Get("statusCode").Text(),
			Parameters: stringMap(p.Value.Get("responseParameters")), Templates: p.Value.Get("responseTemplates").TextMap(),
		})
	}
}

func (m *importer) path(path string, v base.Value) {
	v = m.ref(v)
	if m.api.Kind != model.HTTPAPI || path != "$default" {
		checkPath(v, path)
	}
	for _, op := range v.Pairs() {
		verb := strings.ToUpper(op.Key)
		switch op.Key {
		case "get", "put", "post", "delete", "options", "head", "patch":
		case ext + "any-method":
			verb = "ANY"
		default:
			continue
		}
		m.operation(verb, path, op.Value, v.Get("parameters"))
	}
}

func (m *importer) operation(verb, path string, v, shared base.Value) {
	rt := &model.Route{
		Key: verb + " " + path, Method: verb, Path: path, Pos: v.Pos().String(), OperationName: v.Get("operationId").Text(), Authorization: "NONE",
	}
	if m.api.Kind == model.HTTPAPI {
		if path == "$default" || path == "/$default" || v.Get("isDefaultRoute").Bool() {
			rt.Key, rt.Method, rt.Path = "$default", "", ""
		}
	} else {
		rt.ResourceID = resourceID(m.api.ID, path)
		rt.RequestParameters = m.parameters(shared, v.Get("parameters"))
		for _, p := range v.Get("responses").Pairs() {
			rt.Responses = append(rt.Responses, m.response(p.Key, m.ref(p.Value)))
		}
	}
	m.authorize(rt, v)
	if i := m.ref(v.Get(ext + "integration")); i.Exists() {
		rt.Integration = importIntegration(i, m.api.Kind)
		m.notes(i, rt.Integration)
	} else {
		m.r.Note(v, fidelity.Unsupported, rt.Key+" has no integration: it answers an error")
	}
	if m.api.Kind == model.RESTAPI {
		m.validation(rt, v, shared)
	}
	addRoute(m.api, rt, v)
}

// notes reports what an imported integration asks for and is not run.
func (m *importer) notes(v base.Value, i *model.Integration) {
	switch {
	case i.VPCLink != "":
		m.r.Note(v.Get("connectionId"), fidelity.Approximated, "agents that serve the link's logical id take the place of the network (forelane connect)")
	case i.Kind == model.AWSService:
		m.r.Note(v.Get("type"), fidelity.Approximated, serviceWords)
	case m.api.Kind == model.HTTPAPI && (i.Kind == model.LambdaCustom || i.Kind == model.HTTPCustom):
		m.r.Note(v.Get("type"), fidelity.Unsupported, i.Kind.String()+" integrations are of REST APIs: this one answers an error")
	}
}

func (m *importer) parameters(lists ...base.Value) map[string]bool {
	out := map[string]bool{}
	for _, list := range lists {
		for _, p := range list.List() {
			p = m.ref(p)
			place := p.Get("in").Text()
			switch place {
			case "query":
				place = "querystring"
			case "header", "path":
			default:
				continue
			}
			out["method.request."+place+"."+p.Get("name").Text()] = p.Get("required").Bool()
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (m *importer) response(status string, v base.Value) model.MethodResponse {
	r := model.MethodResponse{Status: status}
	for _, h := range v.Get("headers").Pairs() {
		if r.Headers == nil {
			r.Headers = map[string]bool{}
		}
		r.Headers["method.response.header."+h.Key] = false
	}
	return r
}
