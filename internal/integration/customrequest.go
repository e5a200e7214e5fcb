// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/integration/vtl"
	"github.com/forelane/forelane/internal/model"
)

// requestSide turns the method request into the integration request.
type requestSide struct {
	templates   map[string]*vtl.Template // by media type, lower case; "$default" for any
	passthrough string
	handling    string // CONVERT_TO_TEXT, CONVERT_TO_BINARY or none
	binary      []string
	mappings    requestMapping
}

func compileRequestSide(in *model.Integration, api *API) (requestSide, error) {
	r := requestSide{passthrough: in.Passthrough, handling: in.ContentHandling, binary: api.BinaryMediaTypes}
	var err error
	if r.templates, err = compileTemplates(in.RequestTemplates, "request"); err != nil {
		return r, err
	}
	for _, m := range in.RequestParameters {
		rule, err := parseRESTRule(m)
		if err != nil {
			return r, err
		}
		if rule.place == inHeader && illegalHeader(rule.name) {
			return r, fmt.Errorf("request parameter %q: API Gateway writes this field itself", m.To)
		}
		r.mappings = append(r.mappings, rule)
	}
	return r, nil
}

// compileTemplates reads the templates of one side.
func compileTemplates(sources map[string]string, side string) (map[string]*vtl.Template, error) {
	out := make(map[string]*vtl.Template, len(sources))
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if strings.TrimSpace(sources[name]) == "" {
			continue // as if it were not there: the body passes
		}
		t, err := vtl.Parse(sources[name])
		if err != nil {
			return nil, fmt.Errorf("%s template of %s: %w", side, name, err)
		}
		out[mediaType(name)] = t
	}
	return out, nil
}

// illegalHeader tells what a mapping may not set ("Execution failed due to
// configuration error: … header already present").
func illegalHeader(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id", "X-Amzn-Apigateway-Api-Id":
		return true
	}
	return false
}

// template picks the request template. nil: the body passes as it is. 415 is
// what the passthrough behavior says when it may not.
func (r *requestSide) template(c *Call) (*vtl.Template, error) {
	contentType := mediaType(first(c.Header["Content-Type"]))
	if contentType == "" {
		contentType = "application/json"
	}
	if t := r.templates[contentType]; t != nil {
		return t, nil
	}
	if t := r.templates["$default"]; t != nil {
		return t, nil
	}
	if r.passthrough == "NEVER" || r.passthrough == "WHEN_NO_TEMPLATES" && len(r.templates) > 0 {
		return nil, &Fault{Kind: FaultMediaType}
	}
	return nil, nil
}

// transform makes the integration request.
func (r *requestSide) transform(c *Call, overrides *vtl.Overrides) (*outbound, error) {
	t, err := r.template(c)
	if err != nil {
		return nil, err
	}
	raw, err := c.readBody()
	if err != nil {
		return nil, err
	}
	p, err := convert(raw, matchesMediaTypes(r.binary, first(c.Header["Content-Type"])), r.handling)
	if err != nil {
		return nil, err
	}
	out := &outbound{body: p.bytes, header: http.Header{}, path: map[string]string{}}
	if err := r.mapParameters(c, raw, out); err != nil {
		return nil, err
	}
	if t == nil {
		return out, nil
	}
	if p.binary {
		return nil, faultf(FaultConfig, "unable to transform request: the body is binary; with a template, ContentHandling must be CONVERT_TO_TEXT")
	}
	body, err := render(t, c, string(p.bytes), overrides)
	if err != nil {
		return nil, err
	}
	out.body = []byte(body)
	return out, out.override(overrides)
}

// mapParameters fills in what the request parameters name.
func (r *requestSide) mapParameters(c *Call, body []byte, out *outbound) error {
	s := &scope{call: c, body: body}
	for _, rule := range r.mappings {
		v, ok := rule.value.eval(s)
		if !ok {
			continue // a source without a value maps nothing
		}
		switch rule.place {
		case inHeader:
			if !validValue(v) {
				return faultf(FaultConfig, "parameter mapping: the value for %s is not fit for a field", rule.name)
			}
			out.header[rule.name] = []string{v}
		case inQuery:
			out.setQuery(rule.name, []string{v})
		case inPathVar:
			out.path[rule.name] = v
		case inPath, inStatus: // of HTTP APIs
		}
	}
	return nil
}

// override applies $context.requestOverride, which beats what was mapped.
func (o *outbound) override(overrides *vtl.Overrides) error {
	for _, h := range overrides.Request("header") {
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		if !validName(h.Name) || illegalHeader(name) || slices.ContainsFunc(h.Values, func(v string) bool { return !validValue(v) }) {
			return faultf(FaultConfig, "requestOverride.header: %q cannot be set so", h.Name)
		}
		o.header[name] = h.Values
	}
	for _, q := range overrides.Request("querystring") {
		o.setQuery(q.Name, q.Values)
	}
	for _, p := range overrides.Request("path") {
		o.path[p.Name] = strings.Join(p.Values, ",")
	}
	return nil
}

func (o *outbound) setQuery(name string, values []string) {
	if i := findPair(o.query, name); i >= 0 {
		o.query[i].values = values
		return
	}
	o.query = append(o.query, queryPair{name, values})
}

// lastOfHeader is the header as an event of format 1.0 shows it, by name.
func lastOfHeader(c *Call) []vtl.Pair {
	var out []vtl.Pair
	headers1(c, 0, func(name string, values []string) {
		out = append(out, vtl.Pair{Name: name, Value: values[len(values)-1]})
	})
	slices.SortFunc(out, func(a, b vtl.Pair) int { return strings.Compare(a.Name, b.Name) })
	return out
}
