// SPDX-License-Identifier: Apache-2.0

package openapi

import (
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/sam/base"
	"github.com/forelane/forelane/internal/template/sam/basetest"
	"github.com/forelane/forelane/internal/template/tree"
)

// edit opens a REST definition of these paths, edits it and returns it.
func edit(t *testing.T, head, paths string, f func(*Swagger) error) (*tree.Node, error) {
	t.Helper()
	def := basetest.Parse(t, "{"+head+", paths: {"+paths+"}}")
	sw, err := NewREST(basetest.Context(t, "Api: {}"), "Api", def)
	if err != nil {
		return nil, err
	}
	if err := f(sw); err != nil {
		return nil, err
	}
	return sw.Definition(), nil
}

const (
	v2    = "swagger: '2.0'"
	v3    = "openapi: 3.0.1"
	mock  = "x-amazon-apigateway-integration: {type: mock}"
	plain = "/a: {get: {" + mock + "}, options: {" + mock + "}}"
)

func get(sec string) string { return "/a: {get: {" + mock + ", security: " + sec + "}}" }

func TestSecurity(t *testing.T) {
	user := Authorizer{Name: "U", Scopes: tree.NewStrings("s"), payload: "TOKEN", Config: tree.NewMap()}
	deflt := func(preflight bool) func(*Swagger) error {
		return func(s *Swagger) error {
			return s.DefaultAuthorizer("/a", tree.NewString("U"), []Authorizer{user}, preflight)
		}
	}
	key := func(preflight bool) func(*Swagger) error {
		return func(s *Swagger) error { return s.DefaultAPIKey("/a", preflight) }
	}
	tests := []struct {
		name, paths string
		f           func(*Swagger) error
		want        string
	}{
		{"default authorizer", plain, deflt(true), "/a: {get: {" + mock + ", security: [{U: [s]}]}, options: {" + mock + ", security: [{U: [s]}]}}"},
		{"not for preflight", plain, deflt(false), "/a: {get: {" + mock + ", security: [{U: [s]}]}, options: {" + mock + "}}"},
		{"own authorizer stays", get("[{U: []}]"), deflt(true), get("[{U: []}]")},
		{"NONE stays where it is alone", get("[{NONE: []}]"), deflt(true), get("[{NONE: []}]")},
		{"NONE goes beside a key", get("[{NONE: []}, {api_key: []}]"), deflt(true), get("[{api_key: []}]")},
		{"key and authorizer", get("[{api_key: []}]"), deflt(true), get("[{api_key: []}, {U: [s]}]")},
		{"default key", get("[{U: []}]"), key(true), get("[{U: []}, {api_key: []}]")},
		{"key opted out", get("[{U: []}, {api_key_false: []}]"), key(true), get("[{U: []}]")},
		{"no key for preflight", plain, key(false), "/a: {get: {" + mock + ", security: [{api_key: []}]}, options: {" + mock + "}}"},
		{
			"both branches of a condition", "/a: {Fn::If: [C, {get: {" + mock + "}}, {put: {" + mock + "}}]}", key(true),
			"/a: {Fn::If: [C, {get: {" + mock + ", security: [{api_key: []}]}}, {put: {" + mock + ", security: [{api_key: []}]}}]}",
		},
		{"no integration, no security", "/a: {get: {}}", key(true), "/a: {get: {}}"},
		{"method", plain, func(s *Swagger) error {
			return s.MethodAuth("/a", "GET", basetest.Parse(t, "{Authorizer: U, ApiKeyRequired: true}"), basetest.Parse(t, "{Auth: {Authorizers: {U: {AuthorizationScopes: [x]}}}}"))
		}, "/a: {get: {" + mock + ", security: [{U: [x]}, {api_key: []}]}, options: {" + mock + "}}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := edit(t, v2, tt.paths, tt.f)
			if err != nil {
				t.Fatal(err)
			}
			if want := basetest.Parse(t, "{"+tt.want+"}"); !tree.Equal(got.Get("paths"), want) {
				t.Errorf("got  %s\nwant %s", tree.JSON(got.Get("paths")), tree.JSON(want))
			}
		})
	}
}

func TestCORS(t *testing.T) {
	got, err := edit(t, v2, "/a: {get: {}, put: {}}, /b: {x-amazon-apigateway-any-method: {}}, /c: {options: {}}", func(s *Swagger) error {
		for _, p := range []string{"/a", "/b", "/c"} {
			if err := s.AddCORS(p, CORS{Origins: tree.NewString("'o'"), MaxAge: tree.NewInt(5), Credentials: true}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	params := func(path string) *tree.Node {
		return got.Get("paths").Get(path).At("options", Integration, "responses", "default", "responseParameters")
	}
	want := basetest.Parse(t, `
	method.response.header.Access-Control-Allow-Origin: "'o'"
	method.response.header.Access-Control-Allow-Methods: "'GET,OPTIONS,PUT'"
	method.response.header.Access-Control-Max-Age: 5
	method.response.header.Access-Control-Allow-Credentials: "'true'"
	`)
	if !tree.Equal(params("/a"), want) {
		t.Errorf("got %s", tree.JSON(params("/a")))
	}
	if s := base.Text(params("/b"), "method.response.header.Access-Control-Allow-Methods"); s != "'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT'" {
		t.Errorf("any method: %s", s)
	}
	if params("/c") != nil {
		t.Error("an OPTIONS method of the user was changed")
	}
}

func TestPolicy(t *testing.T) {
	got, err := edit(t, v2, "'/a/{id}': {get: {}}", func(s *Swagger) error {
		p := basetest.Parse(t, "{AwsAccountBlacklist: ['1'], SourceVpcWhitelist: [vpc-1, vpce-1], IntrinsicVpceWhitelist: [!Ref E]}")
		return s.AddPolicy(p, tree.NewString("/a/{id}"), tree.NewString("Prod"))
	})
	if err != nil {
		t.Fatal(err)
	}
	const uri = "Action: 'execute-api:Invoke', Resource: [!Sub ['execute-api:/${__Stage__}/GET/a/*', {__Stage__: Prod}]]"
	want := basetest.Parse(t, `
	Version: '2012-10-17'
	Statement:
	- {Effect: Deny, `+uri+`, Principal: {AWS: ['1']}}
	- {Effect: Allow, `+uri+`, Principal: '*'}
	- {Effect: Deny, `+uri+`, Principal: '*', Condition: {StringNotEquals: {'aws:SourceVpc': [vpc-1], 'aws:SourceVpce': [vpce-1, !Ref E]}}}
	`)
	if !tree.Equal(got.Get(policyKey), want) {
		t.Errorf("got  %s\nwant %s", tree.JSON(got.Get(policyKey)), tree.JSON(want))
	}
}

func TestModelsAndParameters(t *testing.T) {
	f := func(s *Swagger) error {
		if err := s.AddModels(basetest.Parse(t, "{User: {type: object}}")); err != nil {
			return err
		}
		if err := s.SetModel("/a", "get", tree.NewString("User"), tree.NewBool(true)); err != nil {
			return err
		}
		if err := s.SetValidator("/a", "get", true, false); err != nil {
			return err
		}
		return s.AddParameters("/a", "get", []Parameter{{Name: tree.NewString("method.request.querystring.q"), Cache: tree.NewBool(true)}})
	}
	got, err := edit(t, v2, "/a: {get: {"+mock+"}}", f)
	if err != nil {
		t.Fatal(err)
	}
	want := basetest.Parse(t, `
	x-amazon-apigateway-integration: {type: mock, cacheKeyParameters: [method.request.querystring.q]}
	x-amazon-apigateway-request-validator: body-only
	parameters:
	- {in: body, name: user, schema: {$ref: '#/definitions/user'}, required: true}
	- {in: query, name: q, required: false, type: string}
	`)
	if m := got.Get("paths").Get("/a").Get("get"); !tree.Equal(m, want) {
		t.Errorf("got  %s\nwant %s", tree.JSON(m), tree.JSON(want))
	}
	got, err = edit(t, v3, "/a: {get: {"+mock+"}, options: {consumes: [x], responses: {'200': {headers: {h: {type: string}}}}}}", f)
	if err != nil {
		t.Fatal(err)
	}
	if err := Normalize(basetest.Context(t, "Api: {}"), "Api", got, nil); err != nil {
		t.Fatal(err)
	}
	if s := got.At("components", "schemas", "user", "type"); s == nil || got.Has("definitions") {
		t.Errorf("models: %s", tree.JSON(got))
	}
	if o := string(tree.JSON(got.Get("paths").Get("/a").Get("options"))); o != `{"responses":{"200":{"headers":{"h":{"schema":{"type":"string"}}}}}}` {
		t.Errorf("options: %s", o)
	}
}

func TestRefused(t *testing.T) {
	nop := func(*Swagger) error { return nil }
	tests := []struct {
		name, paths string
		f           func(*Swagger) error
		want        string
	}{
		{"a path without a value", "/a: null", nop, "/a must be a map"},
		{"an If that is no list", "/a: {Fn::If: C}", nop, "takes a list"},
		{"security that is a map", get("{}"), func(s *Swagger) error { return s.DefaultAPIKey("/a", true) }, "must be a list"},
		{"a method that is a list", "/a: {get: []}", func(s *Swagger) error { return s.DefaultAPIKey("/a", true) }, "method get of path /a must be a map"},
		{"a route twice", plain, func(s *Swagger) error {
			return s.AddLambda(Lambda{Path: tree.NewString("/a"), Method: tree.NewString("GET"), URI: tree.NewString("u")})
		}, "has method get already"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := edit(t, v2, tt.paths, tt.f)
			basetest.Refused(t, err, "Api", tt.want)
		})
	}
}

// An editor opened on what another handed back goes on with it.
func TestReopen(t *testing.T) {
	c := basetest.Context(t, "Api: {}")
	def := RESTSkeleton()
	for _, p := range []string{"/b", "/a", "/c", "/a"} {
		sw, err := NewREST(c, "Api", def)
		if err != nil {
			t.Fatal(err)
		}
		if err := sw.AddPath(tree.NewString(p), tree.NewString("any")); err != nil {
			t.Fatal(err)
		}
		def = sw.Definition()
	}
	keys := def.Get("paths").Keys()
	if len(keys) != 3 || !strings.Contains(strings.Join(keys, ""), "/b") || !def.Get("paths").Get("/a").Has(AnyMethod) {
		t.Errorf("got %s", tree.JSON(def))
	}
}

func TestHTTPOwner(t *testing.T) {
	def := basetest.Parse(t, "{openapi: 3.0.1, paths: {$default: {x-amazon-apigateway-any-method: {x-amazon-apigateway-integration: {uri: !Sub 'x/${Fn.Arn}/y'}}}}}")
	h, err := NewHTTP(basetest.Context(t, "Api: {}"), "Api", def)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"Fn": true, "F": false} {
		if got, err := h.CallsFunction(DefaultPath, AnyMethod, id); got != want || err != nil {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
}
