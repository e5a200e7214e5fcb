// SPDX-License-Identifier: Apache-2.0

// Package api builds REST APIs and HTTP APIs, with their routes, stages and
// authorizers, from evaluated resources.
//
// The flow: the APIs first, each with what its OpenAPI definition says; then
// the resources that add to an API by naming its id: resource tree and methods
// of a REST API, integrations and routes of an HTTP API, authorizers, gateway
// responses; then the stages; last what names stages: usage plans with their API
// keys, web ACLs.
//
// What it does not do: it evaluates no mapping template and checks no model.
// WebSocket APIs are left to the report. It runs in one goroutine.
package api

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/fidelity"
)

type builder struct {
	*base.Scope
	apis         map[string]*model.API         // by id
	roots        map[string]string             // API id -> id of its root resource
	paths        map[string]string             // id of a REST resource -> its path
	integrations map[string]*model.Integration // by Ref, HTTP APIs
	validators   map[string]model.Validation   // by Ref, REST APIs
	methods      map[string]*model.Route       // by logical id, REST APIs
}

// Build puts the APIs into s.Stack.
func Build(s *base.Scope) {
	b := &builder{
		Scope: s, apis: map[string]*model.API{}, roots: map[string]string{},
		paths: map[string]string{}, integrations: map[string]*model.Integration{}, validators: map[string]model.Validation{}, methods: map[string]*model.Route{},
	}
	for _, r := range s.Of("AWS::ApiGateway::RestApi") {
		b.rest(r)
	}
	for _, r := range s.Of("AWS::ApiGatewayV2::Api") {
		b.http(r)
	}
	for _, r := range s.Of("AWS::ApiGateway::Authorizer") {
		b.restAuthorizer(r)
	}
	for _, r := range s.Of("AWS::ApiGatewayV2::Authorizer") {
		b.httpAuthorizer(r)
	}
	b.resourceTree()
	b.models()
	for _, r := range s.Of("AWS::ApiGateway::Method") {
		b.method(r)
	}
	for _, r := range s.Of("AWS::ApiGateway::GatewayResponse") {
		b.gatewayResponse(r)
	}
	for _, r := range s.Of("AWS::ApiGatewayV2::Integration") {
		b.integrations[r.Ref] = httpIntegration(r.Props)
	}
	for _, r := range s.Of("AWS::ApiGatewayV2::Route") {
		b.route(r)
	}
	for _, r := range s.Of("AWS::ApiGatewayV2::ApiGatewayManagedOverrides") {
		b.override(r)
	}
	b.stages()
	b.plans()
	b.canaries()
	b.variables()
	b.domains()
	b.accessLogs()
	b.webACLs()
	b.permissions()
}

// add keeps an API.
func (b *builder) add(a *model.API) {
	b.apis[a.ID] = a
	b.Stack.APIs = append(b.Stack.APIs, a)
}

// of returns the API that a resource adds to. An API of another stack is
// reported; what is added to it cannot be run.
func (b *builder) of(r *base.Resource, property string) *model.API {
	v := r.Props.Get(property)
	a := b.apis[v.Text()]
	if a == nil {
		r.Note(v, fidelity.Unsupported, "the API is not of this stack, or is a WebSocket API")
	}
	return a
}

// addRoute adds a route once; CloudFormation refuses a second one.
func addRoute(a *model.API, rt *model.Route, at base.Value) {
	if slices.ContainsFunc(a.Routes, func(o *model.Route) bool { return o.Key == rt.Key }) {
		at.Fail("keep one of the two", "the API has %q twice", rt.Key)
		return
	}
	a.Routes = append(a.Routes, rt)
}

// verbs are the methods that a route can have.
func verbs() []string {
	return []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "ANY"}
}

// resourceID invents the id of a REST resource that an OpenAPI definition
// makes: six letters and digits, the same each time.
func resourceID(api, path string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(api + " " + path)) // never fails
	id := strconv.FormatUint(h.Sum64(), 36)
	return (id + "000000")[:6]
}

// checkPath refuses the paths that API Gateway refuses.
func checkPath(at base.Value, path string) {
	if !strings.HasPrefix(path, "/") {
		at.Fail("write /"+path, "a path begins with a slash: %q", path)
		return
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		open, closed := strings.Count(p, "{"), strings.Count(p, "}")
		if open != closed || open > 1 || open == 1 && (p[0] != '{' || p[len(p)-1] != '}') {
			at.Fail("write a whole segment as {name}", "%q is no segment of a path", p)
			return
		}
		if strings.HasSuffix(p, "+}") && i != len(parts)-1 {
			at.Fail("move it to the end", "a greedy variable %s must be the last segment", p)
			return
		}
	}
}

// stringMap makes the mapping list of a map of texts, in the template's order.
func stringMap(v base.Value) []model.Mapping {
	var out []model.Mapping
	for _, p := range v.Pairs() {
		out = append(out, model.Mapping{To: p.Key, From: p.Value.Text()})
	}
	return out
}

func boolMap(v base.Value) map[string]bool {
	pairs := v.Pairs()
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		m[p.Key] = p.Value.Bool()
	}
	return m
}
