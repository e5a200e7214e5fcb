// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// mock answers a REST API's method from its definition: the request template
// yields a status, the status selects an integration response, and that gives
// status, fields and body. Most templates use it for OPTIONS.
type mock struct {
	templates   map[string]string // by media type, lower case
	passthrough string
	responses   []mockResponse
	fallback    *mockResponse // the one without a pattern
}

type mockResponse struct {
	pattern   *regexp.Regexp
	status    int
	fields    []mapRule
	templates map[string]string
}

func compileMock(in *model.Integration) (*mock, error) {
	m := &mock{templates: lowerKeys(in.RequestTemplates), passthrough: in.Passthrough}
	for i := range in.Responses {
		ir := &in.Responses[i]
		r := mockResponse{templates: lowerKeys(ir.Templates)}
		status, err := strconv.Atoi(ir.Status)
		if err != nil || status < 200 || status > 599 {
			return nil, fmt.Errorf("integration response: StatusCode %q is no status", ir.Status)
		}
		r.status = status
		for _, p := range ir.Parameters {
			name, ok := strings.CutPrefix(p.To, "method.response.header.")
			if !ok {
				return nil, fmt.Errorf("response parameter %q: want method.response.header.NAME", p.To)
			}
			value := parseRESTExpr(p.From)
			if value.uses(unknownSource) {
				return nil, fmt.Errorf("response parameter %q: %q is no value it can take (a text stands between single quotes)", p.To, p.From)
			}
			r.fields = append(r.fields, mapRule{op: opOverwrite, name: textproto.CanonicalMIMEHeaderKey(name), value: value})
		}
		if ir.SelectionPattern == "" || ir.SelectionPattern == "default" {
			if m.fallback == nil {
				m.fallback = &r
			}
			continue
		}
		// A Java expression that must match all of the text; RE2 reads the common part.
		if r.pattern, err = regexp.Compile("^(?:" + ir.SelectionPattern + ")$"); err != nil {
			return nil, fmt.Errorf("selection pattern: %w", err)
		}
		m.responses = append(m.responses, r)
	}
	return m, nil
}

func lowerKeys(in map[string]string) map[string]string {
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[mediaType(k)] = v
	}
	return out
}

// Run answers from the definition.
func (m *mock) Run(_ context.Context, c *Call) (*Answer, error) {
	template, err := m.requestTemplate(c)
	if err != nil {
		return nil, err
	}
	r := m.fallback
	if status, ok := mockStatus(template); ok {
		for i := range m.responses {
			if m.responses[i].pattern.MatchString(strconv.Itoa(status)) {
				r = &m.responses[i]
				break
			}
		}
	} else if strings.TrimSpace(template) != "" {
		return nil, faultf(FaultConfig, "mock: the request template yields no statusCode: %s", clip([]byte(template)))
	}
	if r == nil {
		return nil, faultf(FaultConfig, "mock: no integration response matches and there is no default")
	}
	return r.answer(c)
}

// requestTemplate picks the template for the request's content type, or the
// body itself where the passthrough behavior lets it pass.
func (m *mock) requestTemplate(c *Call) (string, error) {
	contentType := mediaType(first(c.Header["Content-Type"]))
	if contentType == "" {
		contentType = "application/json"
	}
	if t, ok := m.templates[contentType]; ok {
		c.closeBody()
		if isVTL(t) {
			return "", faultf(FaultNotBuilt, "mock: the request template holds mapping template code (VTL), which is not run yet")
		}
		return t, nil
	}
	if m.passthrough == "NEVER" || m.passthrough == "WHEN_NO_TEMPLATES" && len(m.templates) > 0 {
		c.closeBody()
		return "", &Fault{Kind: FaultMediaType}
	}
	body, err := c.readBody()
	return string(body), err
}

// mockStatus finds statusCode in what is almost JSON: {"statusCode": 200}, and
// { statusCode: 200 } as the CDK writes it.
func mockStatus(template string) (int, bool) {
	t := strings.TrimSpace(template)
	if !strings.HasPrefix(t, "{") || !strings.HasSuffix(t, "}") {
		return 0, false
	}
	for part := range strings.SplitSeq(t[1:len(t)-1], ",") {
		name, value, ok := strings.Cut(part, ":")
		if !ok || strings.Trim(name, "\"' \t\r\n") != "statusCode" {
			continue
		}
		n, err := strconv.Atoi(strings.Trim(value, "\"' \t\r\n"))
		return n, err == nil
	}
	return 0, false
}

func (r *mockResponse) answer(c *Call) (*Answer, error) {
	a := &Answer{Status: r.status, Header: http.Header{}}
	contentType, body := r.template(first(c.Header["Accept"]))
	if isVTL(body) {
		return nil, faultf(FaultNotBuilt, "mock: the response template holds mapping template code (VTL), which is not run yet")
	}
	a.Header["Content-Type"] = []string{contentType}
	a.setBody([]byte(body))
	s := &scope{call: c}
	for _, f := range r.fields {
		if v, ok := f.value.eval(s); ok && validValue(v) {
			setHeader(a.Header, f.op, f.name, v)
		}
	}
	return a, nil
}

// template picks the body: by the first type of Accept, else JSON's, else the
// first by name.
func (r *mockResponse) template(accept string) (contentType, body string) {
	const json = "application/json"
	if len(r.templates) == 0 {
		return json, ""
	}
	accept, _, _ = strings.Cut(accept, ",")
	if t, ok := r.templates[mediaType(accept)]; ok {
		return mediaType(accept), t
	}
	if t, ok := r.templates[json]; ok {
		return json, t
	}
	name := slices.Min(slices.Collect(maps.Keys(r.templates)))
	return name, r.templates[name]
}

// isVTL tells whether a template is more than plain text: a directive, a
// comment or a reference.
func isVTL(t string) bool {
	for i := 0; i+1 < len(t); i++ {
		next := t[i+1]
		letter := 'a' <= next|0x20 && next|0x20 <= 'z'
		switch t[i] {
		case '$':
			if letter || next == '{' || next == '!' || next == '_' {
				return true
			}
		case '#':
			if next == '#' || next == '*' || next == '{' || hasDirective(t[i+1:]) {
				return true
			}
		}
	}
	return false
}

func hasDirective(s string) bool {
	for _, d := range [...]string{"set", "if", "else", "elseif", "end", "foreach", "break", "stop", "macro", "define", "evaluate", "parse", "include"} {
		if rest, ok := strings.CutPrefix(s, d); ok && (rest == "" || strings.IndexByte(" (\t\r\n#$\"", rest[0]) >= 0) {
			return true
		}
	}
	return false
}
