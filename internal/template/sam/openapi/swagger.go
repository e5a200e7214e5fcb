// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"sort"
	"strings"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/pydict"
	"github.com/forelane/forelane/internal/template/tree"
)

// Swagger edits the definition of a REST API.
type Swagger struct {
	editor
	schemes   *tree.Node // securityDefinitions
	responses *tree.Node // gateway responses
	policy    *tree.Node
	models    *tree.Node // definitions
	partition string
}

// ValidREST tells whether n is a definition that Swagger can edit.
func ValidREST(n *tree.Node) bool {
	if !n.IsMap() || !n.Get("paths").IsMap() {
		return false
	}
	return base.Truthy(n.Get("swagger")) || base.Truthy(n.Get("openapi")) && IsVersion3(n.Get("openapi"))
}

// NewREST opens the definition of the API id, def or a copy of it. Only
// Definition may be used of it afterwards.
func NewREST(c *base.Context, id string, def *tree.Node) (*Swagger, error) {
	if !ValidREST(def) {
		return nil, base.Errorf(id, def, "DefinitionBody must be a Swagger 2 or OpenAPI 3 definition with paths")
	}
	e, err := open(c, id, def)
	if err != nil {
		return nil, err
	}
	doc := e.doc
	s := &Swagger{
		editor:    e,
		schemes:   section(doc, securityDefs),
		responses: section(doc, responsesKey),
		policy:    section(doc, policyKey),
		models:    section(doc, "definitions"),
		partition: c.Partition,
	}
	for _, m := range []*tree.Node{s.schemes, s.responses, s.policy, s.models} {
		if !m.IsMap() {
			return nil, s.errorf(m, "security definitions, gateway responses, policy and definitions must be maps")
		}
	}
	return s, nil
}

// RESTSkeleton is the definition of a REST API without paths.
func RESTSkeleton() *tree.Node {
	info := base.Map("version", "1.0", "title", base.Ref("AWS::StackName"))
	return base.Map("swagger", "2.0", "info", info, "paths", tree.NewMap())
}

// Definition returns the edited definition.
func (s *Swagger) Definition() *tree.Node {
	for _, p := range []struct {
		key string
		v   *tree.Node
	}{{securityDefs, s.schemes}, {responsesKey, s.responses}, {"definitions", s.models}} {
		if p.v.Len() > 0 {
			pydict.Put(s.doc, p.key, p.v)
		}
	}
	return s.settled()
}

// Lambda describes a Lambda integration to add.
type Lambda struct {
	Path, Method *tree.Node
	URI          *tree.Node
	MethodAuth   *tree.Node // the event's Auth, may be nil
	APIAuth      *tree.Node // the API's Auth, may be nil
	Condition    *tree.Node // may be nil
	Stream       bool       // the response is streamed
}

// AddLambda adds a proxy integration.
func (s *Swagger) AddLambda(l Lambda) error {
	items, name, err := s.begin(l.Path, l.Method)
	if err != nil {
		return err
	}
	uri := l.URI
	if l.Condition != nil {
		uri = ifNode(l.Condition, uri)
	}
	for _, it := range items {
		m := it.Get(name)
		if !m.IsMap() {
			return s.errorf(m, "method %s of path %s must be a map", name, l.Path.Text)
		}
		in := base.Map("type", "aws_proxy", "httpMethod", "POST", "uri", uri)
		if l.Stream {
			pydict.Put(in, "responseTransferMode", tree.NewString("STREAM"))
		}
		if cred := s.credentials(l.MethodAuth, l.APIAuth); cred != nil {
			pydict.Put(in, "credentials", cred)
		}
		pydict.Put(m, Integration, in)
		s.finish(it, name, m, tree.NewMap(), l.Condition)
	}
	return nil
}

// begin adds path and method and returns the items of the path.
func (s *Swagger) begin(path, method *tree.Node) ([]*tree.Node, string, error) {
	name := normal(method.Text)
	has, err := s.HasIntegration(path.Text, name)
	if err != nil {
		return nil, "", err
	}
	if has {
		return nil, "", s.errorf(path, "path %s has method %s already", path.Text, name)
	}
	if err := s.AddPath(path, method); err != nil {
		return nil, "", err
	}
	items, err := s.items(path.Text)
	return items, name, err
}

// finish gives the method m its responses and puts it under the condition.
func (s *Swagger) finish(item *tree.Node, name string, m, responses, condition *tree.Node) {
	if !m.Has("responses") {
		pydict.Put(m, "responses", responses)
	}
	if condition != nil {
		pydict.Put(item, name, ifNode(condition, m))
	}
}

// credentials are those of an IAM-authorized integration, nil for none.
func (s *Swagger) credentials(method, api *tree.Node) *tree.Node {
	iam := base.Text(method, "Authorizer") == "AWS_IAM" ||
		base.Text(api, "DefaultAuthorizer") == "AWS_IAM" && !base.Truthy(method)
	if !iam {
		return nil
	}
	role := func(auth *tree.Node) *tree.Node {
		r := auth.Get("InvokeRole")
		if r != nil && !base.Truthy(r) {
			return tree.NewString("NONE")
		}
		return r
	}
	r := role(method)
	if r == nil {
		r = role(api)
	}
	switch text, _ := r.Str(); {
	case r == nil, text == "CALLER_CREDENTIALS":
		return tree.NewString("arn:" + s.partition + ":iam::*:user/*")
	case text == "NONE":
		return nil
	}
	return r.Clone()
}

// StateMachine describes an integration with Step Functions to add.
type StateMachine struct {
	Path, Method     *tree.Node
	URI, Credentials *tree.Node
	Templates        *tree.Node // requestTemplates, may be nil
	Condition        *tree.Node // may be nil
}

// AddStateMachine adds an integration that starts an execution.
func (s *Swagger) AddStateMachine(sm StateMachine) error {
	items, name, err := s.begin(sm.Path, sm.Method)
	if err != nil {
		return err
	}
	uri := sm.URI
	if sm.Condition != nil {
		uri = ifNode(sm.Condition, uri)
	}
	for _, it := range items {
		m := it.Get(name)
		if !m.IsMap() {
			return s.errorf(m, "method %s of path %s must be a map", name, sm.Path.Text)
		}
		in := base.Map("type", "aws", "httpMethod", "POST", "uri", uri,
			"responses", base.Map("200", base.Map("statusCode", "200"), "400", base.Map("statusCode", "400")),
			"credentials", sm.Credentials)
		if base.Truthy(sm.Templates) {
			pydict.Put(in, "requestTemplates", sm.Templates)
		}
		pydict.Put(m, Integration, in)
		s.finish(it, name, m, base.Map("200", base.Map("description", "OK"), "400", base.Map("description", "Bad Request")), sm.Condition)
	}
	return nil
}

// CORS are the headers of preflight answers; each value is emitted as it is.
type CORS struct {
	Origins, Headers, Methods, MaxAge *tree.Node
	Credentials                       bool
}

// AddCORS adds an OPTIONS method with a mock integration to a path that has
// none.
func (s *Swagger) AddCORS(path string, c CORS) error {
	items, err := s.items(path)
	if err != nil {
		return err
	}
	for _, it := range items {
		if it.Has("options") {
			continue
		}
		if !base.Truthy(c.Origins) {
			return s.errorf(it, "Cors needs AllowOrigin")
		}
		if !base.Truthy(c.Methods) {
			c.Methods = tree.NewString("'" + allowedMethods(it) + "'")
		}
		pydict.Put(it, "options", c.method())
	}
	return nil
}

// allowedMethods lists the methods of a path and OPTIONS.
func allowedMethods(item *tree.Node) string {
	names := append(item.Keys(), "options")
	if item.Has(AnyMethod) {
		names = []string{"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}
	}
	seen := map[string]bool{}
	var out []string
	for _, n := range names {
		if n = strings.ToUpper(n); !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return strings.Join(out, ",")
}

// method is the OPTIONS method.
func (c CORS) method() *tree.Node {
	params, headers := tree.NewMap(), tree.NewMap()
	add := func(name, typ string, v *tree.Node) {
		pydict.Put(params, "method.response.header.Access-Control-"+name, v.Clone())
		pydict.Put(headers, "Access-Control-"+name, base.Map("type", typ))
	}
	add("Allow-Origin", "string", c.Origins)
	if base.Truthy(c.Headers) {
		add("Allow-Headers", "string", c.Headers)
	}
	if base.Truthy(c.Methods) {
		add("Allow-Methods", "string", c.Methods)
	}
	if !c.MaxAge.IsNull() {
		add("Max-Age", "integer", c.MaxAge)
	}
	if c.Credentials {
		add("Allow-Credentials", "string", tree.NewString("'true'"))
	}
	answer := base.Map("statusCode", "200", "responseParameters", params,
		"responseTemplates", base.Map("application/json", "{}\n"))
	in := base.Map("type", "mock",
		"requestTemplates", base.Map("application/json", "{\n  \"statusCode\" : 200\n}\n"),
		"responses", base.Map("default", answer))
	ok := base.Map("description", "Default response for CORS method", "headers", headers)
	return base.Map("summary", "CORS support",
		"consumes", tree.NewStrings("application/json"), "produces", tree.NewStrings("application/json"),
		Integration, in, "responses", base.Map("200", ok))
}
