// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strconv"
	"strings"
)

// expr is the right side of a parameter mapping, parsed: texts and sources in
// turn. HTTP APIs write "$request.header.a" or "${request.path.id}-${context.stage}",
// REST APIs write "method.request.header.a", "context.stage" or "'text'".
type expr []exprPart

type exprPart struct {
	source source
	name   string // of the source, or the text itself
}

type source uint8

const (
	literal source = iota
	requestHeader
	requestQuery
	requestPathVar
	requestPath
	requestBody
	responseHeader
	responseBody
	contextVar
	stageVar
	unknownSource
)

// scope is what an expr may refer to.
type scope struct {
	call   *Call
	body   []byte
	answer *Answer // responses only
	reply  []byte  // the answer's body, when an expr needs it
}

// parseExpr parses the value of an HTTP API's mapping.
func parseExpr(s string) expr {
	if strings.HasPrefix(s, "$") && !strings.HasPrefix(s, "${") {
		return expr{parseSource(s[1:])}
	}
	var e expr
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			break
		}
		if i > 0 {
			e = append(e, exprPart{literal, s[:i]})
		}
		e = append(e, parseSource(s[i+2:i+j]))
		s = s[i+j+1:]
	}
	if s != "" || len(e) == 0 {
		e = append(e, exprPart{literal, s})
	}
	return e
}

// parseRESTExpr parses the value of a REST API's mapping.
func parseRESTExpr(s string) expr {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return expr{{literal, s[1 : len(s)-1]}}
	}
	s = strings.TrimPrefix(s, "method.")
	s = strings.Replace(s, "integration.response.", "response.", 1)
	s = strings.Replace(s, "request.multivaluequerystring.", "request.querystring.", 1)
	s = strings.Replace(s, "multivalueheader.", "header.", 1)
	return expr{parseSource(s)}
}

func parseSource(s string) exprPart {
	for _, known := range [...]struct {
		prefix string
		source source
	}{
		{"request.header.", requestHeader},
		{"request.querystring.", requestQuery},
		{"request.path.", requestPathVar},
		{"request.body.", requestBody},
		{"response.header.", responseHeader},
		{"response.body.", responseBody},
		{"context.", contextVar},
		{"stageVariables.", stageVar},
	} {
		if name, ok := strings.CutPrefix(s, known.prefix); ok {
			return exprPart{known.source, name}
		}
	}
	switch s {
	case "request.path":
		return exprPart{requestPath, ""}
	case "request.body":
		return exprPart{requestBody, ""}
	case "response.body":
		return exprPart{responseBody, ""}
	}
	return exprPart{unknownSource, s}
}

// uses tells whether e refers to src.
func (e expr) uses(src source) bool {
	for _, p := range e {
		if p.source == src {
			return true
		}
	}
	return false
}

// eval is the value, and whether any source had one.
func (e expr) eval(s *scope) (string, bool) {
	if len(e) == 1 {
		return e[0].eval(s)
	}
	var b strings.Builder
	found := false
	for _, p := range e {
		v, ok := p.eval(s)
		found = found || ok
		b.WriteString(v)
	}
	return b.String(), found
}

func (p exprPart) eval(s *scope) (string, bool) {
	c := s.call
	switch p.source {
	case literal:
		return p.name, true
	case requestHeader:
		return joinHeader(c.headerValues(p.name))
	case requestQuery:
		for _, q := range parseQuery(c.Query, c.API.Style) {
			if q.name == p.name {
				return joinHeader(q.values)
			}
		}
		return "", false
	case requestPathVar:
		for _, v := range c.Params {
			if v.Name == p.name {
				return v.Value, true
			}
		}
		return "", false
	case requestPath:
		return c.RoutePath, true
	case requestBody:
		return jsonPath(s.body, p.name)
	case responseHeader:
		if s.answer == nil {
			return "", false
		}
		return joinHeader(s.answer.Header.Values(p.name))
	case responseBody:
		return jsonPath(s.reply, p.name)
	case contextVar:
		return c.ContextVar(p.name)
	case stageVar:
		v, ok := c.Stage.Variables[p.name]
		return v, ok
	case unknownSource:
	}
	return "", false
}

func joinHeader(values []string) (string, bool) {
	return strings.Join(values, ","), len(values) > 0
}

// headerValues finds a field of the request, Host included.
func (c *Call) headerValues(name string) []string {
	if strings.EqualFold(name, "Host") {
		return []string{c.Host}
	}
	return c.Header.Values(name)
}

// ContextVar is a $context variable that a string can hold.
func (c *Call) ContextVar(name string) (string, bool) {
	switch name {
	case "accountId":
		return c.API.AccountID, true
	case "apiId":
		return c.API.ID, true
	case "customDomain.basePathMatched":
		return c.MappedPath, c.MappedPath != ""
	case "deploymentId":
		return c.Stage.DeploymentID, c.Stage.DeploymentID != ""
	case "domainName":
		return c.Domain, true
	case "domainPrefix":
		return c.domainPrefix(), true
	case "extendedRequestId", "integration.requestId":
		return c.ExtendedID, true
	case "httpMethod":
		return c.Method, true
	case "identity.apiKey":
		return c.APIKey, c.APIKey != ""
	case "identity.apiKeyId":
		return c.APIKeyID, c.APIKeyID != ""
	case "identity.sourceIp":
		return c.sourceIP(), true
	case "identity.vpceId":
		return c.Caller.Endpoint, c.Caller.Endpoint != ""
	case "identity.vpcId":
		return c.Caller.VPC, c.Caller.VPC != ""
	case "identity.userAgent":
		return joinHeader(c.Header["User-Agent"])
	case "isCanaryRequest":
		return c.Stage.Release.String(), c.Stage.Release != Whole
	case "path":
		return c.Path, true
	case "protocol":
		return c.Caller.Protocol, true
	case "requestId":
		return c.RequestID, true
	case "requestTime":
		return c.Time.UTC().Format(clf), true
	case "requestTimeEpoch":
		return strconv.FormatInt(c.Time.UnixMilli(), 10), true
	case "resourceId":
		return c.Route.ResourceID, true
	case "resourcePath":
		return c.Route.Path, true
	case "routeKey":
		return c.Route.Key, true
	case "stage":
		return c.Stage.Name, true
	case "xrayTraceId":
		return c.TraceID, true
	}
	if v, ok := c.certificateVar(name); ok {
		return v, true
	}
	if v, ok := c.signerVar(name); ok {
		return v, true
	}
	return c.authorizerVar(name)
}

// maxJSONPath is where AWS cuts a body before it looks into it.
const maxJSONPath = 100 << 10

// jsonPath follows a path such as a.b[0].c into a body; the empty path is the
// body itself.
func jsonPath(body []byte, path string) (string, bool) {
	if path == "" {
		return string(body), true
	}
	if len(body) > maxJSONPath {
		return "", false // cut at 100 KB it would be no JSON any more
	}
	v, err := parseValue(body)
	if err != nil {
		return "", false
	}
	for path != "" {
		step := path
		if path[0] == '[' {
			end := strings.IndexByte(path, ']')
			if end < 0 {
				return "", false
			}
			step, path = path[1:end], strings.TrimPrefix(path[end+1:], ".")
			if n, err := strconv.Atoi(step); err == nil {
				if v = v.at(n); v == nil {
					return "", false
				}
				continue
			}
			step = strings.Trim(step, `'"`)
		} else if i := strings.IndexAny(path, ".["); i >= 0 {
			step, path = path[:i], strings.TrimPrefix(path[i:], ".")
		} else {
			path = ""
		}
		if v = v.member(step); v == nil {
			return "", false
		}
	}
	if s, ok := v.scalar(); ok {
		return s, true
	}
	return string(v), !v.isNull()
}

func (v rawValue) member(name string) (found rawValue) {
	if v.isObject() {
		_ = v.members(func(n string, value rawValue) error { // the callback never fails
			if n == name {
				found = value
			}
			return nil
		})
	}
	return found
}

func (v rawValue) at(n int) (found rawValue) {
	if v.isArray() {
		i := 0
		_ = v.elements(func(value rawValue) error { // the callback never fails
			if i == n {
				found = value
			}
			i++
			return nil
		})
	}
	return found
}
