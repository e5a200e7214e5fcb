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

// TestA13SignedRequestsAreRefused: AWS_IAM is not built, and closed.
func TestA13SignedRequestsAreRefused(t *testing.T) {
	h, rest := httpAPI(newRoute("GET /", lambda("2.0"))), restAPI(newRoute("GET /", lambda("")))
	h.Routes[0].Authorization, rest.Routes[0].Authorization = "AWS_IAM", "AWS_IAM"
	r := newRig(t, h, rest)
	for _, url := range []string{httpHost + "/", restHost + "/prod"} {
		if resp, _ := r.do("GET", url, "", "Authorization: AWS4-HMAC-SHA256 Credential=x"); resp.StatusCode != 403 || r.fn.last != nil {
			t.Errorf("%s: %d", url, resp.StatusCode)
		}
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
