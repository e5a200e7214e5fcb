// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// SetMediaTypes puts the binary media types; ~1 in them stands for a slash.
func (s *Swagger) SetMediaTypes(types *tree.Node) {
	pydict.Put(s.doc, "x-amazon-apigateway-binary-media-types", slashes(types))
}

func slashes(n *tree.Node) *tree.Node {
	c := *n
	switch n.Kind {
	case tree.String:
		c.Text = strings.ReplaceAll(n.Text, "~1", "/")
		return pydict.Mark(&c)
	case tree.List:
		c.Items = nil
		for _, it := range n.Items {
			c.Items = append(c.Items, slashes(it))
		}
	case tree.Map:
		c.Entries = nil
		for _, e := range pydict.Order(n) {
			pos := e.KeyPos
			if !pydict.Written(pos) {
				pos.Line = 1
			}
			c.Entries = append(c.Entries, tree.Entry{Key: strings.ReplaceAll(e.Key, "~1", "/"), KeyPos: pos, Value: slashes(e.Value)})
		}
	}
	return &c
}

// AddModels defines models by name.
func (s *Swagger) AddModels(models *tree.Node) error {
	for _, e := range pydict.Order(models) {
		if !base.Truthy(e.Value.Get("type")) {
			return s.errorf(e.Value, "model %s has no type", e.Key)
		}
		pydict.Set(s.models, strings.ToLower(e.Key), e.KeyPos, e.Value)
	}
	return nil
}

// SetModel gives a method the model of its body.
func (s *Swagger) SetModel(path, method string, model, required *tree.Node) error {
	defs, err := s.defs(path, method)
	if err != nil {
		return err
	}
	name := strings.ToLower(model.Text)
	for _, d := range defs {
		switch {
		case !s.doc.Get("swagger").IsNull():
			p := base.Map("in", "body", "name", pydict.Text(name, model.Pos),
				"schema", base.Map("$ref", "#/definitions/"+name))
			if !required.IsNull() {
				pydict.Put(p, "required", required.Clone())
			}
			if err := s.addParameters(d, p); err != nil {
				return err
			}
		case IsVersion3(s.doc.Get("openapi")):
			schema := base.Map("schema", base.Map("$ref", "#/components/schemas/"+name))
			body := pydict.KeepOrder(base.Map("content", base.Map("application/json", schema)))
			if !required.IsNull() {
				pydict.Put(body, "required", required.Clone())
			}
			pydict.Put(d, "requestBody", body)
		}
	}
	return nil
}

func (s *Swagger) addParameters(def *tree.Node, ps ...*tree.Node) error {
	have := def.Get("parameters")
	if have == nil {
		have = tree.NewList()
	}
	if !have.IsList() {
		return s.errorf(have, "parameters must be a list")
	}
	have.Add(ps...)
	pydict.Put(def, "parameters", have)
	return nil
}

// SetValidator gives a method the request validator for body and parameters.
func (s *Swagger) SetValidator(path, method string, body, params bool) error {
	name := "no-validation"
	switch {
	case body && params:
		name = "body-and-params"
	case body:
		name = "body-only"
	case params:
		name = "params-only"
	}
	const key = "x-amazon-apigateway-request-validator"
	all := section(s.doc, key+"s")
	if !all.IsMap() {
		return s.errorf(all, "%ss must be a map", key)
	}
	pydict.Put(s.doc, key+"s", all)
	if !base.Truthy(all.Get(name)) {
		pydict.Put(all, name, base.Map("validateRequestBody", body, "validateRequestParameters", params))
	}
	defs, err := s.defs(path, method)
	if err != nil {
		return err
	}
	for _, d := range defs {
		pydict.Put(d, key, tree.NewString(name))
	}
	return nil
}

// Parameter is a request parameter of a method: method.request.header.X.
type Parameter struct {
	Name            *tree.Node // String
	Required, Cache *tree.Node // nil is false
}

// AddParameters adds request parameters to a method.
func (s *Swagger) AddParameters(path, method string, ps []Parameter) error {
	defs, err := s.defs(path, method)
	if err != nil {
		return err
	}
	for _, d := range defs {
		if err := s.addParameters(d); err != nil {
			return err
		}
		for _, p := range ps {
			place, name, _ := strings.Cut(strings.Replace(p.Name.Text, "method.request.", "", 1), ".")
			in := pydict.Text(place, p.Name.Pos)
			if place == "querystring" {
				in = tree.NewString("query")
			}
			required := tree.NewBool(false)
			if p.Required != nil {
				required = p.Required.Clone()
			}
			if err := s.addParameters(d, base.Map("in", in, "name", pydict.Text(name, p.Name.Pos), "required", required, "type", "string")); err != nil {
				return err
			}
			if !base.Truthy(p.Cache) {
				continue
			}
			integration, err := s.integration(d)
			if err != nil {
				return err
			}
			keys := integration.Get("cacheKeyParameters")
			if !keys.IsList() {
				keys = tree.NewList()
			}
			keys.Add(pydict.Text(p.Name.Text, p.Name.Pos))
			pydict.Put(integration, "cacheKeyParameters", keys)
		}
	}
	return nil
}

// SetGatewayResponse puts the answer of the gateway for one response type.
// params may have Headers, Paths and QueryStrings.
func (s *Swagger) SetGatewayResponse(e tree.Entry) error {
	params, templates := e.Value.Get("ResponseParameters"), e.Value.Get("ResponseTemplates")
	out := tree.NewMap()
	for _, p := range []struct{ key, prefix string }{{"Headers", "header."}, {"Paths", "path."}, {"QueryStrings", "querystring."}} {
		m := params.Get(p.key)
		if m == nil {
			continue
		}
		if !m.IsMap() {
			return base.Errorf(s.id, m, "GatewayResponses.%s.ResponseParameters.%s must be a map", e.Key, p.key)
		}
		for _, f := range pydict.Order(m) {
			pydict.Set(out, "gatewayresponse."+p.prefix+f.Key, f.KeyPos, f.Value)
		}
	}
	if !base.Truthy(templates) {
		templates = tree.NewMap()
	}
	r := base.Map("responseParameters", out, "responseTemplates", templates)
	if code, ok := e.Value.Get("StatusCode").Scalar(); ok && code != "" {
		pydict.Put(r, "statusCode", tree.NewString(code))
	}
	pydict.Set(s.responses, e.Key, e.KeyPos, r)
	return nil
}

// DisableEndpoint sets disableExecuteApiEndpoint.
func (s *Swagger) DisableEndpoint(v *tree.Node) error {
	const key = "disableExecuteApiEndpoint"
	if !IsVersion3(s.doc.Get("openapi")) {
		m, err := s.deepMap(s.doc, endpointKey)
		if err != nil {
			return err
		}
		pydict.Put(m, key, v.Clone())
		return nil
	}
	servers := s.doc.Get("servers")
	if servers == nil {
		servers = tree.NewList(tree.NewMap())
	}
	for _, it := range servers.Items {
		m, err := s.deepMap(it, endpointKey)
		if err != nil {
			return err
		}
		pydict.Put(m, key, v.Clone())
	}
	pydict.Put(s.doc, "servers", servers)
	return nil
}
