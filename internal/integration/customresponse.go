// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/integration/vtl"
	"github.com/forelane/forelane/internal/model"
)

// responseSide turns the integration's answer into the method response.
type responseSide struct {
	responses []integrationResponse
	fallback  *integrationResponse // the one without a pattern
	binary    []string
}

// integrationResponse is a compiled model.IntegrationResponse.
type integrationResponse struct {
	pattern   vtl.Pattern
	status    int
	declared  bool // the method declares the status
	fields    []mapRule
	templates map[string]*vtl.Template
	handling  string
	json      bool // some field is taken out of the body
}

func compileResponseSide(in *model.Integration, api *API, route *Route) (responseSide, error) {
	side := responseSide{binary: api.BinaryMediaTypes}
	for i := range in.Responses {
		ir := &in.Responses[i]
		r := integrationResponse{handling: ir.ContentHandling}
		status, err := strconv.Atoi(ir.Status)
		if err != nil || status < 200 || status > 599 {
			return side, fmt.Errorf("integration response: StatusCode %q is no status", ir.Status)
		}
		r.status = status
		r.declared = slices.ContainsFunc(route.Responses, func(m model.MethodResponse) bool { return m.Status == ir.Status })
		if r.templates, err = compileTemplates(ir.Templates, "response"); err != nil {
			return side, err
		}
		if err := r.compileFields(ir.Parameters); err != nil {
			return side, err
		}
		if ir.SelectionPattern == "" || ir.SelectionPattern == "default" {
			if side.fallback == nil {
				side.fallback = &r
			}
			continue
		}
		if r.pattern, err = vtl.CompilePattern(ir.SelectionPattern); err != nil {
			return side, fmt.Errorf("selection pattern: %w", err)
		}
		side.responses = append(side.responses, r)
	}
	return side, nil
}

func (r *integrationResponse) compileFields(parameters []model.Mapping) error {
	for _, p := range parameters {
		name, ok := strings.CutPrefix(p.To, "method.response.header.")
		if !ok {
			name, ok = strings.CutPrefix(p.To, "method.response.multivalueheader.")
		}
		if !ok || !validName(name) {
			return fmt.Errorf("response parameter %q: want method.response.header.NAME", p.To)
		}
		value := parseRESTExpr(p.From)
		if value.uses(unknownSource) {
			return fmt.Errorf("response parameter %q: %q is no value it can take (a text stands between single quotes)", p.To, p.From)
		}
		r.json = r.json || value.uses(responseBody)
		r.fields = append(r.fields, mapRule{op: opOverwrite, name: textproto.CanonicalMIMEHeaderKey(name), value: value})
	}
	return nil
}

// choose is the first response whose pattern matches, or the one without one.
func (s *responseSide) choose(selection string) (*integrationResponse, error) {
	r := s.fallback
	for i := range s.responses {
		if s.responses[i].pattern.Match(selection) {
			r = &s.responses[i]
			break
		}
	}
	switch {
	case r == nil:
		return nil, faultf(FaultConfig, "no match for output mapping and no default output mapping configured: %s", clip([]byte(selection)))
	case !r.declared:
		return nil, faultf(FaultConfig, "output mapping refers to an invalid method response: %d", r.status)
	}
	return r, nil
}

// respond makes the method response.
func (s *responseSide) respond(c *Call, in *inbound, overrides *vtl.Overrides) (*Answer, error) {
	r, err := s.choose(in.selection)
	if err != nil {
		return nil, err
	}
	binary := matchesMediaTypes(s.binary, first(in.header["Content-Type"])) && in.header["Content-Type"] != nil
	p, err := convertAnswer(in.body, binary, acceptsBinary(c), r.handling)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: r.status, Header: http.Header{}}
	contentType, t := r.template(first(c.Header["Accept"]))
	body := p.bytes
	if t != nil {
		if p.binary {
			return nil, faultf(FaultConfig, "unable to transform response: the body is binary; with a template, ContentHandling must be CONVERT_TO_TEXT")
		}
		text, err := render(t, c, string(body), overrides)
		if err != nil {
			return nil, err
		}
		body = []byte(text)
	}
	a.Header["Content-Type"] = []string{contentType}
	a.setBody(body)
	r.mapFields(c, in, a)
	return a, override(a, overrides)
}

// template picks the template by the first type of Accept, else JSON's, else
// the first by name; its type is the answer's Content-Type.
func (r *integrationResponse) template(accept string) (contentType string, t *vtl.Template) {
	const json = "application/json"
	if len(r.templates) == 0 {
		return json, nil
	}
	accept, _, _ = strings.Cut(accept, ",")
	if t := r.templates[mediaType(accept)]; t != nil {
		return mediaType(accept), t
	}
	if t := r.templates[json]; t != nil {
		return json, t
	}
	name := slices.Min(slices.Collect(maps.Keys(r.templates)))
	return name, r.templates[name]
}

// mapFields writes the fields that the response parameters name. They are
// taken from the integration's answer, not from what a template made of it.
func (r *integrationResponse) mapFields(c *Call, in *inbound, a *Answer) {
	s := &scope{call: c, answer: &Answer{Header: in.header}}
	if r.json {
		s.reply = in.body
	}
	for _, f := range r.fields {
		if v, ok := f.value.eval(s); ok && validValue(v) {
			setHeader(a.Header, f.op, f.name, v)
		}
	}
}

// override applies $context.responseOverride.
func override(a *Answer, overrides *vtl.Overrides) error {
	for _, h := range overrides.ResponseHeader() {
		if !validName(h.Name) || slices.ContainsFunc(h.Values, func(v string) bool { return !validValue(v) }) {
			return faultf(FaultConfig, "responseOverride.header: %q cannot be set so", h.Name)
		}
		a.Header[textproto.CanonicalMIMEHeaderKey(h.Name)] = h.Values
	}
	if n := overrides.Status(); n >= 200 {
		a.Status = n
	}
	return nil
}
