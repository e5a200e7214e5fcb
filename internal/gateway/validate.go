// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"maps"
	"net/textproto"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/schema"
)

// validation is what a REST method's request validator checks, after the
// authorizer and before the integration (row A10; Developer Guide, "Request
// validation for REST APIs"): first that the required parameters are there and
// not blank, then the body, by the model of its content type. A content type
// without a model, where there is none for $default, is not checked; a request
// without Content-Type counts as application/json.
type validation struct {
	parameters []parameter
	bodies     map[string]bodyModel // by media type, lower case, or $default
}

// parameter is a required one.
type parameter struct {
	place string // header, querystring, path
	name  string
}

// bodyModel is a compiled model; one that cannot be compiled lets no body pass.
type bodyModel struct {
	schema *schema.Schema
	broken error
}

// compileValidation is nil when there is nothing to check.
func (g *Gateway) compileValidation(models *schema.Set, mr *model.Route, where string) *validation {
	v := &validation{}
	if mr.Validate.Parameters {
		for _, name := range slices.Sorted(maps.Keys(mr.RequestParameters)) {
			place, rest, ok := strings.Cut(strings.TrimPrefix(name, "method.request."), ".")
			if ok && mr.RequestParameters[name] {
				v.parameters = append(v.parameters, parameter{strings.TrimPrefix(place, "multivalue"), rest})
			}
		}
		slices.SortStableFunc(v.parameters, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	}
	if mr.Validate.Body && len(mr.RequestModels) > 0 {
		v.bodies = map[string]bodyModel{}
		for contentType, name := range mr.RequestModels {
			s, err := models.Compile(name)
			if err != nil {
				g.note("%s: requests of %s are answered with 500: %v", where, contentType, err)
			}
			v.bodies[strings.ToLower(contentType)] = bodyModel{s, err}
		}
	}
	if v.parameters == nil && v.bodies == nil {
		return nil
	}
	return v
}

// validate checks the request.
func (x *exchange) validate() bool {
	v := x.route.validation
	if v == nil {
		return true
	}
	var missing []string
	for _, p := range v.parameters {
		if blank(x.values(p)) {
			missing = append(missing, p.name)
		}
	}
	if missing != nil {
		x.invalid = "[" + strings.Join(missing, ", ") + "]"
		return x.refuse(ReasonParameters, errors.New("missing "+x.invalid))
	}
	m, ok := v.model(&x.call)
	switch {
	case !ok:
		return true
	case m.broken != nil:
		return x.refuse(ReasonConfiguration, m.broken)
	}
	body, err := x.call.Buffer()
	if err != nil {
		return x.refuseFault(err)
	}
	if x.invalid = m.schema.Check(body); x.invalid != "" {
		return x.refuse(ReasonBody, errors.New(x.invalid))
	}
	return true
}

// model is what the body is checked with.
func (v *validation) model(c *integration.Call) (bodyModel, bool) {
	if v.bodies == nil {
		return bodyModel{}, false
	}
	contentType, _, _ := strings.Cut(c.Header.Get("Content-Type"), ";")
	contentType = strings.ToLower(strings.TrimSpace(contentType))
	if contentType == "" {
		contentType = "application/json"
	}
	m, ok := v.bodies[contentType]
	if !ok {
		m, ok = v.bodies["$default"]
	}
	return m, ok
}

// values are those of a parameter.
func (x *exchange) values(p parameter) []string {
	c := &x.call
	switch p.place {
	case "header":
		if strings.EqualFold(p.name, "Host") {
			return []string{c.Host}
		}
		return c.Header[textproto.CanonicalMIMEHeaderKey(p.name)]
	case "querystring":
		return c.QueryValues(p.name)
	}
	for _, v := range c.Params {
		if v.Name == p.name {
			return []string{v.Value}
		}
	}
	return nil
}

// blank tells whether none of the values says anything.
func blank(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != "" })
}
