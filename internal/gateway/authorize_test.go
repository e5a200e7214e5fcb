// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/forelane/forelane/internal/authorizer"
	"github.com/forelane/forelane/internal/authorizer/authorizertest"
	"github.com/forelane/forelane/internal/model"
)

const issuerURL = "https://issuer.example"

// token is one of issuerURL for the audience app; more is added to its claims.
func token(sub, more string) string {
	claims := fmt.Sprintf(`{"iss":%q,"aud":"app","sub":%q,"exp":%d%s}`, issuerURL, sub, time.Now().Add(time.Hour).Unix(), more)
	return authorizertest.Sign(authorizertest.Key(0), authorizertest.Header, claims)
}

// guard gives an API's routes an authorizer.
func guard(m *model.API, z *model.Authorizer, authorization string, scopes ...string) *model.API {
	z.ID, z.LogicalID = "z1", "Z"
	m.Authorizers = []*model.Authorizer{z}
	for _, r := range m.Routes {
		r.Authorization, r.AuthorizerID, r.Scopes = authorization, "z1", scopes
	}
	return m
}

// guardedRig is a rig with an issuer in which functions named auth answer as
// authorizers.
func guardedRig(t testing.TB, auth func(event []byte) (*model.InvocationResult, error), apis ...*model.API) *rig {
	t.Helper()
	r := &rig{t: t, fn: &fake{}}
	invoke := invokerFunc(func(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
		if strings.HasSuffix(in.Function, ":auth") {
			return auth(in.Payload)
		}
		return r.fn.Invoke(ctx, in)
	})
	issuers := authorizer.NewIssuers(authorizer.IssuerOptions{Client: authorizertest.New(issuerURL)})
	g, err := Compile(stackOf(apis...), Deps{Invoke: invoke, Issuers: issuers, Log: func(rec *Record) { r.records = append(r.records, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	if notes := g.Notes(); len(notes) > 0 {
		t.Log(notes)
	}
	r.g = g
	return r
}

type invokerFunc func(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error)

func (f invokerFunc) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	return f(ctx, in)
}

const authFunction = "arn:aws:lambda:us-east-1:123456789012:function:auth"

func jwtAuthorizer() *model.Authorizer {
	return &model.Authorizer{Kind: "JWT", Issuer: issuerURL, Audience: []string{"app"}, IdentitySource: []string{"$request.header.Authorization"}}
}

func TestA11JWTRoute(t *testing.T) {
	r := guardedRig(t, nil, guard(httpAPI(newRoute("GET /a", lambda("2.0")), newRoute("GET /one", lambda("1.0"))), jwtAuthorizer(), "JWT", "read"))
	for _, tt := range []struct {
		name, field, challenge string
		status                 int
		reason                 Reason
	}{
		{"no token", "X-A: 1", "Bearer", 401, ReasonUnauthorized},
		{"no token at all", "Authorization: ", "Bearer", 401, ReasonUnauthorized},
		{"not a token", "Authorization: Bearer x", `Bearer scope="" error="invalid_token" error_description="the token is malformed"`, 401, ReasonUnauthorized},
		{"no scope", "Authorization: " + token("a", ""), `Bearer scope="read" error="insufficient_scope" error_description="the token does not have a valid scope"`, 403, ReasonScope},
		{"a claim twice", "Authorization: " + token("a", `,"nbf":1,"exp":1`), `Bearer scope="" error="invalid_token" error_description="the token is malformed"`, 401, ReasonUnauthorized},
		{"good", "Authorization: Bearer " + token("a", `,"scope":"read"`), "", 200, ReasonNone},
	} {
		r.fn.last = nil
		resp, body := r.do("GET", httpHost+"/a", "", tt.field)
		if resp.StatusCode != tt.status || resp.Header.Get("Www-Authenticate") != tt.challenge || (r.fn.last != nil) != (tt.status == 200) {
			t.Errorf("%s: %d %q %s", tt.name, resp.StatusCode, resp.Header.Get("Www-Authenticate"), body)
		}
		if want := map[int]string{401: `{"message":"Unauthorized"}`, 403: `{"message":"Forbidden"}`, 200: "ok"}[tt.status]; body != want {
			t.Errorf("%s: %s", tt.name, body)
		}
		if got := r.records[len(r.records)-1].Reason; got != tt.reason {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	e := event[events.APIGatewayV2HTTPRequest](r)
	if jwt := e.RequestContext.Authorizer.JWT; jwt == nil || jwt.Claims["sub"] != "a" || len(jwt.Scopes) != 1 || jwt.Scopes[0] != "read" {
		t.Errorf("event: %s", r.fn.last.Payload)
	}
	r.do("GET", httpHost+"/one", "", "Authorization: "+token("a", `,"scope":"read"`))
	one := event[events.APIGatewayProxyRequest](r)
	if claims, ok := one.RequestContext.Authorizer["claims"].(map[string]any); !ok || claims["sub"] != "a" {
		t.Errorf("event 1.0: %s", r.fn.last.Payload)
	}
}

// TestA11ClaimsInMappings: $context.authorizer.claims.x reaches the integration.
func TestA11ClaimsInMappings(t *testing.T) {
	in := lambda("2.0")
	in.RequestParameters = []model.Mapping{{To: "overwrite:header.tenant", From: "$context.authorizer.claims.tenant"}}
	r := guardedRig(t, nil, guard(httpAPI(newRoute("GET /a", in)), jwtAuthorizer(), "JWT"))
	r.do("GET", httpHost+"/a", "", "Authorization: "+token("a", `,"tenant":"t1"`), "Tenant: forged")
	if e := event[events.APIGatewayV2HTTPRequest](r); e.Headers["tenant"] != "t1" {
		t.Errorf("event: %s", r.fn.last.Payload)
	}
}

// TestA11PreflightNeedsNoToken: but only where a route says so.
func TestA11PreflightNeedsNoToken(t *testing.T) {
	m := guard(httpAPI(newRoute("GET /a", lambda("2.0"))), jwtAuthorizer(), "JWT")
	m.CORS = &model.APICORS{AllowOrigins: []string{"*"}}
	r := guardedRig(t, nil, m)
	resp, _ := r.do("OPTIONS", httpHost+"/a", "", "Origin: https://x.example", "Access-Control-Request-Method: GET")
	if resp.StatusCode != 204 || r.fn.last != nil {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestA11MutatedTokensReachNothing: no changed token invokes the function.
func TestA11MutatedTokensReachNothing(t *testing.T) {
	r := guardedRig(t, nil, guard(httpAPI(newRoute("$default", lambda("2.0"))), jwtAuthorizer(), "JWT"))
	good := token("a", "")
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		b := []byte(good)
		b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(7)
		for i := range b {
			if b[i] < ' ' || b[i] == 0x7f {
				b[i] = 'A'
			}
		}
		if string(b) == good {
			continue
		}
		resp, body := r.do("GET", httpHost+"/", "", "Authorization: Bearer "+string(b))
		if resp.StatusCode != http.StatusUnauthorized || r.fn.last != nil {
			t.Fatalf("%d %s: %s", resp.StatusCode, body, b)
		}
	}
}

func TestA13PoolRoute(t *testing.T) {
	const pool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
	z := &model.Authorizer{Kind: "COGNITO_USER_POOLS", Pools: []string{"arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_abc"}}
	m := guard(restAPI(newRoute("GET /", lambda(""))), z, "COGNITO_USER_POOLS")
	r := &rig{t: t, fn: &fake{}}
	issuers := authorizer.NewIssuers(authorizer.IssuerOptions{Client: authorizertest.New(pool)})
	g, err := Compile(stackOf(m), Deps{Invoke: r.fn, Issuers: issuers, Log: func(rec *Record) { r.records = append(r.records, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	r.g = g
	id := func(exp int64) string {
		return authorizertest.Sign(authorizertest.Key(0), authorizertest.Header, fmt.Sprintf(`{"iss":%q,"sub":"u","token_use":"id","exp":%d}`, pool, exp))
	}
	for field, want := range map[string]string{
		"X: 1":             `401 {"message":"Unauthorized"}`,
		"Authorization: x": `401 {"message":"Unauthorized"}`,
		"Authorization: " + id(time.Now().Unix()-5):    `401 {"message":"The incoming token has expired"}`,
		"Authorization: " + id(time.Now().Unix()+3600): `200 ok`,
	} {
		resp, body := r.do("GET", restHost+"/prod", "", field)
		if got := fmt.Sprintf("%d %s", resp.StatusCode, body); got != want {
			t.Errorf("%.20s: %s", field, got)
		}
	}
	if e := event[events.APIGatewayProxyRequest](r); e.RequestContext.Authorizer["claims"].(map[string]any)["sub"] != "u" {
		t.Errorf("event: %s", r.fn.last.Payload)
	}
}

// TestA20BrokenAuthorizersAreClosed: a definition that cannot work lets nobody
// in.
func TestA20BrokenAuthorizersAreClosed(t *testing.T) {
	for name, z := range map[string]*model.Authorizer{
		"no issuer":       {Kind: "JWT", Audience: []string{"app"}},
		"no audience":     {Kind: "JWT", Issuer: issuerURL},
		"issuer by http":  {Kind: "JWT", Issuer: "http://issuer.example", Audience: []string{"app"}},
		"unknown":         {Kind: "ODD"},
		"no function":     {Kind: "REQUEST"},
		"of another kind": {Kind: "REQUEST", Function: authFunction},
		"odd source":      {Kind: "JWT", Issuer: issuerURL, Audience: []string{"app"}, IdentitySource: []string{"$request.body.x"}},
		"no variable":     {Kind: "REQUEST", Function: "f:${stageVariables.none}"},
	} {
		r := guardedRig(t, nil, guard(httpAPI(newRoute("GET /", lambda("2.0"))), z, "JWT"))
		resp, _ := r.do("GET", httpHost+"/", "", "Authorization: "+token("a", ""))
		if resp.StatusCode != 500 || r.fn.last != nil || r.records[0].Reason != ReasonAuthorizer {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	m := httpAPI(newRoute("GET /", lambda("2.0")))
	m.Routes[0].Authorization, m.Routes[0].AuthorizerID = "JWT", "elsewhere"
	r := guardedRig(t, nil, m)
	if resp, _ := r.do("GET", httpHost+"/", ""); resp.StatusCode != 500 || r.fn.last != nil {
		t.Errorf("unknown id: %d", resp.StatusCode)
	}
}

// policyAnswer is an authorizer's answer with one statement.
func policyAnswer(effect, resource, more string) *model.InvocationResult {
	text, err := json.Marshal(resource)
	if err != nil {
		panic(err)
	}
	return &model.InvocationResult{Payload: fmt.Appendf(nil, `{"principalId":"p","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":%q,"Resource":%s}]}%s}`, effect, text, more)}
}

// TestA12Events: what Lambda authorizers are asked, by kind of API and format.
func TestA12Events(t *testing.T) {
	for _, tt := range []struct {
		name string
		rest bool
		z    model.Authorizer
		want map[string]string // of some members, as JSON
		not  []string
	}{
		{
			"TOKEN", true,
			model.Authorizer{Kind: "TOKEN"},
			map[string]string{"type": `"TOKEN"`, "authorizationToken": `"t"`, "methodArn": `"arn:aws:execute-api:us-east-1:123456789012:restrestre/prod/GET/a/b%20c"`},
			[]string{"headers", "requestContext"},
		},
		{
			"REQUEST", true,
			model.Authorizer{Kind: "REQUEST", IdentitySource: []string{"method.request.header.Authorization"}},
			map[string]string{
				"type": `"REQUEST"`, "methodArn": `"arn:aws:execute-api:us-east-1:123456789012:restrestre/prod/GET/a/b%20c"`, "resource": `"/a/{id}"`,
				"path": `"/a/b%20c"`, "httpMethod": `"GET"`, "pathParameters": `{"id":"b%20c"}`, "stageVariables": `{"table":"t1"}`,
				"queryStringParameters": `{"q":"1"}`, "multiValueQueryStringParameters": `{"q":["1"]}`,
			},
			[]string{"body", "version", "authorizationToken", "identitySource"},
		},
		{
			"1.0", false,
			model.Authorizer{Kind: "REQUEST", Payload: "1.0", IdentitySource: []string{"$request.header.Authorization", "$request.querystring.q"}},
			map[string]string{
				"version": `"1.0"`, "type": `"REQUEST"`, "methodArn": `"arn:aws:execute-api:us-east-1:123456789012:abcdefghij/$default/GET/a/b%20c"`,
				"identitySource": `"t,1"`, "authorizationToken": `"t,1"`, "resource": `"/a/{id}"`, "path": `"/a/b c"`, "pathParameters": `{"id":"b c"}`, "stageVariables": `{}`,
			},
			[]string{"body"},
		},
		{
			"2.0", false,
			model.Authorizer{Kind: "REQUEST", Payload: "2.0", IdentitySource: []string{"$request.header.Authorization", "$request.querystring.q"}},
			map[string]string{
				"version": `"2.0"`, "type": `"REQUEST"`, "routeArn": `"arn:aws:execute-api:us-east-1:123456789012:abcdefghij/$default/GET/a/b%20c"`,
				"identitySource": `["t","1"]`, "routeKey": `"GET /a/{id}"`, "rawPath": `"/a/b c"`, "rawQueryString": `"q=1"`, "cookies": `["k=v"]`,
				"queryStringParameters": `{"q":"1"}`, "pathParameters": `{"id":"b c"}`,
			},
			[]string{"body", "methodArn", "isBase64Encoded"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen []byte
			tt.z.Function = authFunction
			m, url := guard(httpAPI(newRoute("GET /a/{id}", lambda("2.0"))), &tt.z, "CUSTOM"), httpHost
			if tt.rest {
				m, url = guard(restAPI(newRoute("GET /a/{id}", lambda(""))), &tt.z, "CUSTOM"), restHost+"/prod"
			}
			r := guardedRig(t, func(e []byte) (*model.InvocationResult, error) {
				seen = e
				return policyAnswer("Allow", "*", `,"context":{"tenant":"t1"}`), nil
			}, m)
			resp, body := r.do("GET", url+"/a/b%20c?q=1", "", "Authorization: t", "Cookie: k=v")
			if resp.StatusCode != 200 {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, r.records[0].Detail)
			}
			var e map[string]json.RawMessage
			if err := json.Unmarshal(seen, &e); err != nil {
				t.Fatalf("%v: %s", err, seen)
			}
			for name, want := range tt.want {
				if string(e[name]) != want {
					t.Errorf("%s: %s, want %s", name, e[name], want)
				}
			}
			for _, name := range tt.not {
				if _, ok := e[name]; ok {
					t.Errorf("%s is there", name)
				}
			}
			if got := string(r.fn.last.Payload); !strings.Contains(got, `"tenant":"t1"`) {
				t.Errorf("the integration's event: %s", got)
			}
		})
	}
}

// TestA12Refusals: statuses and bodies by kind of API.
func TestA12Refusals(t *testing.T) {
	fails := func(message string) func() (*model.InvocationResult, error) {
		return func() (*model.InvocationResult, error) {
			return &model.InvocationResult{Error: "Unhandled", Payload: fmt.Appendf(nil, `{"errorMessage":%q}`, message)}, nil
		}
	}
	for _, tt := range []struct {
		name       string
		answer     func() (*model.InvocationResult, error)
		rest, http string
	}{
		{"allowed", func() (*model.InvocationResult, error) { return policyAnswer("Allow", "*", ""), nil }, "200 ok", "200 ok"},
		{
			"denied", func() (*model.InvocationResult, error) { return policyAnswer("Deny", "*", ""), nil },
			`403 {"Message":"User is not authorized to access this resource with an explicit deny"}`, `403 {"message":"Forbidden"}`,
		},
		{
			"not allowed", func() (*model.InvocationResult, error) { return policyAnswer("Allow", "arn:other", ""), nil },
			`403 {"Message":"User is not authorized to access this resource"}`, `403 {"message":"Forbidden"}`,
		},
		{"Unauthorized", fails("Unauthorized"), `401 {"message":"Unauthorized"}`, `401 {"message":"Unauthorized"}`},
		{"failed", fails("boom"), `500 {"message":null}`, `500 {"message":"Internal Server Error"}`},
		{"nonsense", func() (*model.InvocationResult, error) { return &model.InvocationResult{Payload: []byte(`{}`)}, nil }, `500 {"message":null}`, `500 {"message":"Internal Server Error"}`},
	} {
		rest := guard(restAPI(newRoute("GET /", lambda(""))), &model.Authorizer{Kind: "TOKEN", Function: authFunction}, "CUSTOM")
		h := guard(httpAPI(newRoute("GET /", lambda("2.0"))), &model.Authorizer{Kind: "REQUEST", Payload: "2.0", Function: authFunction}, "CUSTOM")
		r := guardedRig(t, func([]byte) (*model.InvocationResult, error) { return tt.answer() }, rest, h)
		for url, want := range map[string]string{restHost + "/prod": tt.rest, httpHost + "/": tt.http} {
			r.fn.last = nil
			resp, body := r.do("GET", url, "", "Authorization: t")
			if got := fmt.Sprintf("%d %s", resp.StatusCode, body); got != want || (r.fn.last != nil) != (resp.StatusCode == 200) {
				t.Errorf("%s, %s: %s", tt.name, url, got)
			}
		}
	}
}

// TestA12EncodedPathsDoNotSlipThrough: a policy is asked about the path as it
// was sent and as it reads.
func TestA12EncodedPathsDoNotSlipThrough(t *testing.T) {
	m := guard(restAPI(newRoute("GET /{proxy+}", lambda(""))), &model.Authorizer{Kind: "TOKEN", Function: authFunction}, "CUSTOM")
	r := guardedRig(t, func([]byte) (*model.InvocationResult, error) {
		return &model.InvocationResult{Payload: []byte(`{"principalId":"p","policyDocument":{"Statement":[
			{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*/GET/admin*"}]}}`)}, nil
	}, m)
	for path, want := range map[string]int{"/open": 200, "/admin": 403, "/%61dmin": 403, "/ad%6Din/x": 403} {
		if resp, _ := r.do("GET", restHost+"/prod"+path, "", "Authorization: t"); resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// TestA14Combined: the tables of the guide, for each way to authorize.
func TestA14Combined(t *testing.T) {
	resource := map[string]string{
		"allow":   `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}}`,
		"deny":    `{"Statement":{"Effect":"Deny","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/*"}}`,
		"neither": `{"Statement":{"Effect":"Allow","Principal":"*","Action":"execute-api:Invoke","Resource":"execute-api:/other/*"}}`,
		"none":    "",
	}
	answers := map[string]*model.InvocationResult{
		"allow": policyAnswer("Allow", "*", ""), "deny": policyAnswer("Deny", "*", ""), "neither": policyAnswer("Allow", "arn:other", ""),
	}
	const pool = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
	good := authorizertest.Sign(authorizertest.Key(0), authorizertest.Header, fmt.Sprintf(`{"iss":%q,"sub":"u","token_use":"id","exp":4102444800}`, pool))
	for _, tt := range []struct{ kind, resource, second, want string }{
		{"NONE", "allow", "", "200"},
		{"NONE", "neither", "", "403"},
		{"NONE", "deny", "", "403"},
		{"NONE", "none", "", "200"},
		{"CUSTOM", "allow", "allow", "200"},
		{"CUSTOM", "allow", "neither", "200"},
		{"CUSTOM", "allow", "deny", "403"},
		{"CUSTOM", "neither", "allow", "200"},
		{"CUSTOM", "neither", "neither", "403"},
		{"CUSTOM", "neither", "deny", "403"},
		{"CUSTOM", "deny", "allow", "403 unasked"},
		{"CUSTOM", "none", "allow", "200"},
		{"CUSTOM", "none", "neither", "403"},
		{"COGNITO_USER_POOLS", "allow", good, "200"},
		{"COGNITO_USER_POOLS", "neither", good, "403"},
		{"COGNITO_USER_POOLS", "deny", good, "403"},
		{"COGNITO_USER_POOLS", "allow", "x", "401"},
		{"COGNITO_USER_POOLS", "none", good, "200"},
	} {
		z := &model.Authorizer{Kind: "TOKEN", Function: authFunction}
		field := "Authorization: t"
		if tt.kind == "COGNITO_USER_POOLS" {
			z, field = &model.Authorizer{Kind: tt.kind, Pools: []string{"arn:aws:cognito-idp:us-east-1:1:userpool/us-east-1_abc"}}, "Authorization: "+tt.second
		}
		m := guard(restAPI(newRoute("GET /", lambda(""))), z, tt.kind)
		m.ResourcePolicyJSON = resource[tt.resource]
		asked := false
		fn := &fake{}
		invoke := invokerFunc(func(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
			if in.Function == authFunction {
				asked = true
				return answers[tt.second], nil
			}
			return fn.Invoke(ctx, in)
		})
		g, err := Compile(stackOf(m), Deps{Invoke: invoke, Issuers: authorizer.NewIssuers(authorizer.IssuerOptions{Client: authorizertest.New(pool)})})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, fn: fn, g: g}
		resp, _ := r.do("GET", restHost+"/prod", "", field)
		got := fmt.Sprint(resp.StatusCode)
		if tt.kind == "CUSTOM" && !asked {
			got += " unasked"
		}
		if got != tt.want || (fn.last != nil) != (resp.StatusCode == 200) {
			t.Errorf("%s, resource policy %s, %.10s: %s, want %s", tt.kind, tt.resource, tt.second, got, tt.want)
		}
	}
}
