// SPDX-License-Identifier: Apache-2.0

package api

// Request validation of REST APIs: models, validators, and which of them a
// method uses, from resources and from OpenAPI definitions.
//
// Sources: Developer Guide, "Request validation for REST APIs", "Data models
// for REST APIs"; "Amazon API Gateway important notes" for what an import
// leaves out. Row A10.

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// standardModels are those that every REST API has.
func standardModels() map[string]string {
	const draft = `{"$schema":"http://json-schema.org/draft-04/schema#",`
	return map[string]string{
		"Empty": draft + `"title":"Empty Schema","type":"object"}`,
		"Error": draft + `"title":"Error Schema","type":"object","properties":{"message":{"type":"string"}}}`,
	}
}

var modelName = regexp.MustCompile(`^[a-zA-Z0-9]+$`)

// addModel keeps a model's schema.
func addModel(a *model.API, name, schema string) {
	if a.Models == nil {
		a.Models = standardModels()
	}
	a.Models[name] = schema
}

// models reads the resources for models and validators.
func (b *builder) models() {
	for _, r := range b.Of("AWS::ApiGateway::Model") {
		a := b.of(r, "RestApiId")
		if a == nil {
			continue
		}
		v := r.Props.Get("Schema")
		if v.Exists() && !v.Node().IsMap() { // given as text
			if n, err := tree.Parse(v.Pos().File, []byte(v.Text())); err != nil || !n.IsMap() {
				v.Fail("give a JSON Schema", "the schema of a model is no JSON object")
			}
		}
		if name := r.Props.Get("Name"); name.Exists() && !modelName.MatchString(name.Text()) {
			name.Fail("use letters and digits only", "%q is no name of a model", name.Text())
		}
		if v.Exists() {
			addModel(a, r.Ref, v.JSON())
		} else {
			addModel(a, r.Ref, "{}")
		}
	}
	for _, r := range b.Of("AWS::ApiGateway::RequestValidator") {
		b.validators[r.Ref] = model.Validation{
			Parameters: r.Props.Get("ValidateRequestParameters").Bool(), Body: r.Props.Get("ValidateRequestBody").Bool(),
		}
	}
}

// validation reads what a method asks to be validated.
func (b *builder) validation(r *base.Resource, a *model.API, rt *model.Route) {
	for _, p := range r.Props.Get("RequestParameters").Pairs() {
		checkParameter(p.Value, p.Key)
	}
	v := r.Props.Get("RequestValidatorId")
	if id := v.Text(); id != "" {
		known, ok := b.validators[id]
		if !ok {
			r.Note(v, fidelity.Unsupported, "the validator is not of this stack: requests are not validated")
		}
		rt.Validate = known
	}
	for _, p := range r.Props.Get("RequestModels").Pairs() {
		name := p.Value.Text()
		if a.Models == nil {
			a.Models = standardModels()
		}
		if _, ok := a.Models[name]; !ok {
			r.Note(p.Value, fidelity.Unsupported, "the API of this stack has no model "+name+": where bodies are validated, such requests are answered with an error")
		}
		if rt.RequestModels == nil {
			rt.RequestModels = map[string]string{}
		}
		rt.RequestModels[p.Key] = name
	}
}

// checkParameter refuses a name of a method's parameter that API Gateway refuses.
func checkParameter(at base.Value, name string) {
	for _, place := range []string{"header", "querystring", "path", "multivalueheader", "multivaluequerystring"} {
		if rest, ok := strings.CutPrefix(name, "method.request."+place+"."); ok && rest != "" {
			return
		}
	}
	at.Fail("write method.request.querystring.NAME (or header, path)", "%q is no parameter of a method", name)
}

// models reads the schemas of a definition.
func (m *importer) models() {
	if m.api.Kind != model.RESTAPI {
		return
	}
	schemas := m.root.Get("components", "schemas")
	if !schemas.Exists() {
		schemas = m.root.Get("definitions")
	}
	for _, p := range schemas.Pairs() {
		addModel(m.api, p.Key, m.schema(p.Value))
	}
}

// schema is a definition's schema as the import keeps it: without the keywords
// that API Gateway does not take over ("important notes", REST APIs).
func (m *importer) schema(v base.Value) string {
	var left []string
	n := prune(v.Node(), false, &left)
	if len(left) > 0 {
		m.r.Note(v, fidelity.Ignored, "as API Gateway does, the import leaves out "+strings.Join(left, ", ")+": bodies are not checked for it")
	}
	return string(tree.JSON(n))
}

// prune copies a schema without those keywords; names says that the keys of n
// are names and no keywords.
func prune(n *tree.Node, names bool, left *[]string) *tree.Node {
	switch {
	case n.IsList():
		out := *n
		out.Items = make([]*tree.Node, len(n.Items))
		for i, it := range n.Items {
			out.Items[i] = prune(it, false, left)
		}
		return &out
	case n.IsMap():
		out := *n
		out.Entries = nil
		for _, e := range n.Entries {
			if !names && (e.Key == "minItems" || e.Key == "maxItems" || e.Key == "exclusiveMinimum") {
				if !slices.Contains(*left, e.Key) {
					*left = append(*left, e.Key)
				}
				continue
			}
			below := !names && (e.Key == "properties" || e.Key == "patternProperties" || e.Key == "definitions" || e.Key == "dependencies")
			if !names && (e.Key == "enum" || e.Key == "default" || e.Key == "example") {
				out.Entries = append(out.Entries, e)
				continue
			}
			e.Value = prune(e.Value, below, left)
			out.Entries = append(out.Entries, e)
		}
		return &out
	}
	return n
}

// validation reads what an operation asks to be validated, and its models.
func (m *importer) validation(rt *model.Route, v, shared base.Value) {
	name := v.Get(ext + "request-validator")
	if !name.Exists() {
		name = m.root.Get(ext + "request-validator")
	}
	if name.Text() != "" {
		all := m.root.Get(ext + "request-validators")
		if x := all.Get(name.Text()); x.Exists() {
			rt.Validate = model.Validation{Parameters: x.Get("validateRequestParameters").Bool(), Body: x.Get("validateRequestBody").Bool()}
		} else {
			name.Fail(base.Nearest(name.Text(), all.Node().Keys(), "declare it in "+ext+"request-validators"), "no request validator is named %q", name.Text())
		}
	}
	for _, list := range []base.Value{shared, v.Get("parameters")} { // Swagger 2.0
		for _, p := range list.List() {
			if p = m.ref(p); p.Get("in").Text() == "body" {
				for _, t := range m.consumes(v) {
					m.requestModel(rt, t, p.Get("schema"))
				}
			}
		}
	}
	for _, p := range m.ref(v.Get("requestBody")).Get("content").Pairs() {
		m.requestModel(rt, p.Key, p.Value.Get("schema"))
	}
}

// consumes are the content types of an operation's bodies.
func (m *importer) consumes(v base.Value) []string {
	for _, list := range []base.Value{v.Get("consumes"), m.root.Get("consumes")} {
		if t := list.Texts(); len(t) > 0 {
			return t
		}
	}
	return []string{"application/json"}
}

// requestModel says which model the bodies of one content type have; a schema
// that stands in the operation becomes a model of its own.
func (m *importer) requestModel(rt *model.Route, contentType string, v base.Value) {
	if !v.Exists() {
		return
	}
	if rt.RequestModels == nil {
		rt.RequestModels = map[string]string{}
	}
	if ref, ok := v.Node().Get("$ref").Str(); ok {
		for _, prefix := range []string{"#/definitions/", "#/components/schemas/"} {
			if name, ok := strings.CutPrefix(ref, prefix); ok && m.api.Models[name] != "" {
				rt.RequestModels[contentType] = name
				return
			}
		}
		if !m.ref(v).Exists() {
			m.r.Note(v, fidelity.Unsupported, fmt.Sprintf("%s: the schema %s is not in the definition: bodies are not validated", rt.Key, ref))
			return
		}
	}
	m.inline++
	name := "MODEL" + strconv.Itoa(m.inline)
	addModel(m.api, name, m.schema(v))
	rt.RequestModels[contentType] = name
}
