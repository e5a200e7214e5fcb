// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/forelane/forelane/internal/model"
)

func TestA1StageSelection(t *testing.T) {
	api := httpAPI(newRoute("GET /items", lambda("2.0")), newRoute("GET /", lambda("2.0")))
	for _, tt := range []struct{ path, stage, rawPath string }{
		{"/items", "$default", "/items"},
		{"/dev/items", "dev", "/dev/items"},
		{"/dev", "dev", "/dev"},
		{"/dev/", "dev", "/dev/"},
		{"/", "$default", "/"},
		{"/$default/items", "", ""},
		{"/dev2/items", "", ""},
		{"/other", "", ""},
	} {
		r := newRig(t, api)
		resp, body := r.do("GET", httpHost+tt.path, "")
		if tt.stage == "" {
			if resp.StatusCode != 404 || body != `{"message":"Not Found"}` || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %d %s", tt.path, resp.StatusCode, body)
			}
			continue
		}
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", tt.path, resp.StatusCode, body)
			continue
		}
		e := event[events.APIGatewayV2HTTPRequest](r)
		if e.RequestContext.Stage != tt.stage || e.RawPath != tt.rawPath || e.RequestContext.HTTP.Path != tt.rawPath {
			t.Errorf("%s: stage %q rawPath %q", tt.path, e.RequestContext.Stage, e.RawPath)
		}
		if want := map[string]string{"dev": "t1"}[tt.stage]; e.StageVariables["table"] != want {
			t.Errorf("%s: stage variables %v", tt.path, e.StageVariables)
		}
	}
}

func TestA1NoDefaultStage(t *testing.T) {
	api := httpAPI(newRoute("$default", lambda("2.0")))
	api.Stages = api.Stages[1:]
	r := newRig(t, api)
	if resp, body := r.do("GET", httpHost+"/items", ""); resp.StatusCode != 404 || body != `{"message":"Not Found"}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := r.do("GET", httpHost+"/dev/items", ""); resp.StatusCode != 200 {
		t.Errorf("dev: %d", resp.StatusCode)
	}
	if e := event[events.APIGatewayV2HTTPRequest](r); e.RouteKey != "$default" || e.PathParameters != nil {
		t.Errorf("%+v", e)
	}
}

func TestA2RESTStagesAndMissingToken(t *testing.T) {
	api := restAPI(newRoute("GET /pets/{id}", lambda("")), newRoute("GET /", lambda("")))
	const forbidden, missing = `{"message":"Forbidden"}`, `{"message":"Missing Authentication Token"}`
	for _, tt := range []struct {
		method, path string
		status       int
		body, kind   string
	}{
		{"GET", "/prod/pets/1", 200, "ok", ""},
		{"GET", "/prod/pets/1/", 200, "ok", ""},
		{"GET", "/prod", 200, "ok", ""},
		{"GET", "/prod/", 200, "ok", ""},
		{"GET", "/", 403, forbidden, "ForbiddenException"},
		{"GET", "/pets/1", 403, forbidden, "ForbiddenException"},
		{"GET", "/dev/pets/1", 403, forbidden, "ForbiddenException"},
		{"GET", "/prod/pets", 403, missing, "MissingAuthenticationTokenException"},
		{"POST", "/prod/pets/1", 403, missing, "MissingAuthenticationTokenException"},
	} {
		r := newRig(t, api)
		resp, body := r.do(tt.method, restHost+tt.path, "")
		if resp.StatusCode != tt.status || body != tt.body || resp.Header.Get("X-Amzn-Errortype") != tt.kind {
			t.Errorf("%s %s: %d %s %s", tt.method, tt.path, resp.StatusCode, body, resp.Header.Get("X-Amzn-Errortype"))
		}
		for _, name := range []string{"X-Amzn-Requestid", "X-Amz-Apigw-Id", "Date"} {
			if resp.Header.Get(name) == "" {
				t.Errorf("%s %s: no %s", tt.method, tt.path, name)
			}
		}
	}
}

func TestA5RESTEvent(t *testing.T) {
	r := newRig(t, restAPI(newRoute("ANY /pets/{id}", lambda(""))))
	resp, _ := r.do("POST", restHost+"/prod/pets/a%20b?q=1&q=2", `{"a":1}`, "Content-Type: application/json")
	e := event[events.APIGatewayProxyRequest](r)
	if e.Resource != "/pets/{id}" || e.Path != "/pets/a%20b" || e.RequestContext.Path != "/prod/pets/a%20b" ||
		e.PathParameters["id"] != "a%20b" || e.QueryStringParameters["q"] != "2" || len(e.MultiValueQueryStringParameters["q"]) != 2 ||
		e.Body != `{"a":1}` || e.StageVariables["table"] != "t1" || e.RequestContext.ResourcePath != "/pets/{id}" {
		t.Errorf("event %s", r.fn.last.Payload)
	}
	if resp.Header.Get("X-Amzn-Requestid") != e.RequestContext.RequestID || resp.Header.Get("X-Amz-Apigw-Id") != e.RequestContext.ExtendedRequestID ||
		resp.Header.Get("X-Amzn-Trace-Id") != e.Headers["X-Amzn-Trace-Id"] {
		t.Errorf("ids: %v", resp.Header)
	}
	if resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("Content-Type %q", resp.Header.Get("Content-Type"))
	}
}

func TestRESTHeaderRemapping(t *testing.T) {
	api := restAPI(newRoute("GET /", lambda("")))
	r := newRig(t, api)
	r.fn.answer = says(`{"statusCode":401,"headers":{"WWW-Authenticate":"Basic","Server":"s","Date":"d","Content-Length":"9","Connection":"close","X-A":"1","Transfer-Encoding":"chunked"}}`)
	resp, _ := r.do("GET", restHost+"/prod", "")
	for name, want := range map[string]string{
		"X-Amzn-Remapped-Www-Authenticate": "Basic", "X-Amzn-Remapped-Server": "s", "X-Amzn-Remapped-Date": "d",
		"X-Amzn-Remapped-Content-Length": "9", "X-Amzn-Remapped-Connection": "close", "X-A": "1",
		"Www-Authenticate": "", "Transfer-Encoding": "", "Content-Length": "",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestA19HTTPAPICORS(t *testing.T) {
	age := 300
	api := httpAPI(newRoute("GET /items", lambda("2.0")), newRoute("ANY /locked", lambda("2.0")))
	api.Routes[1].Authorization = "JWT"
	api.CORS = &model.APICORS{
		AllowOrigins: []string{"https://a.example", "https://*.b.example"}, AllowMethods: []string{"GET", "POST"},
		AllowHeaders: []string{"Content-Type", "Authorization"}, ExposeHeaders: []string{"X-Id"}, MaxAge: &age, AllowCredentials: true,
	}
	r := newRig(t, api)
	r.fn.answer = says(`{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"https://evil","Access-Control-Allow-Methods":"X"},"body":"b"}`)
	preflight := []string{"Origin: https://a.example", "Access-Control-Request-Method: GET"}

	resp, body := r.do("OPTIONS", httpHost+"/items", "", preflight...)
	if resp.StatusCode != 204 || body != "" || r.fn.last != nil {
		t.Fatalf("preflight: %d %q, invoked %v", resp.StatusCode, body, r.fn.last != nil)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Methods": "GET,POST",
		"Access-Control-Allow-Headers": "content-type,authorization", "Access-Control-Allow-Credentials": "true",
		"Access-Control-Max-Age": "300",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("preflight: %s: %q, want %q", name, got, want)
		}
	}
	if resp, _ = r.do("OPTIONS", httpHost+"/items", "", "Origin: https://evil", preflight[1]); resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a stranger's preflight: %d %v", resp.StatusCode, resp.Header)
	}
	if resp, _ = r.do("OPTIONS", httpHost+"/locked", "", preflight...); resp.StatusCode == 204 {
		t.Error("a route that wants authorization answered a preflight before it")
	}
	resp, _ = r.do("GET", httpHost+"/items", "", "Origin: https://x.b.example")
	if got := resp.Header["Access-Control-Allow-Origin"]; len(got) != 1 || got[0] != "https://x.b.example" || resp.Header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("answer: %v", resp.Header)
	}
	if resp, _ = r.do("GET", httpHost+"/items", "", "Origin: https://evil"); resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the function's CORS fields came through")
	}
	if resp, _ = r.do("OPTIONS", httpHost+"/items", ""); resp.StatusCode != 404 {
		t.Errorf("OPTIONS without Origin: %d", resp.StatusCode)
	}
}

func TestA19RESTMockCORS(t *testing.T) {
	mock := func(template string) *model.Integration {
		return &model.Integration{
			Kind: model.Mock, RequestTemplates: map[string]string{"application/json": template}, Passthrough: "WHEN_NO_MATCH",
			Responses: []model.IntegrationResponse{{
				Status: "204",
				Parameters: []model.Mapping{
					{To: "method.response.header.Access-Control-Allow-Origin", From: "'*'"},
					{To: "method.response.header.Access-Control-Allow-Methods", From: "'GET,OPTIONS'"},
					{To: "method.response.header.X-Request", From: "context.requestId"},
				},
			}},
		}
	}
	for _, template := range []string{`{"statusCode": 200}`, "{ statusCode: 200 }", "{\n \"statusCode\" : 200\n}"} {
		r := newRig(t, restAPI(declare(newRoute("OPTIONS /items", mock(template)), "204")))
		resp, body := r.do("OPTIONS", restHost+"/prod/items", "", "Origin: https://a", "Access-Control-Request-Method: GET")
		if resp.StatusCode != 204 || body != "" || resp.Header.Get("Access-Control-Allow-Origin") != "*" ||
			resp.Header.Get("Access-Control-Allow-Methods") != "GET,OPTIONS" || resp.Header.Get("X-Request") != resp.Header.Get("X-Amzn-Requestid") ||
			resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %q %v", template, resp.StatusCode, body, resp.Header)
		}
	}
}

func TestA6Mock(t *testing.T) {
	responses := []model.IntegrationResponse{
		{Status: "200", Templates: map[string]string{"application/json": `{"ok":true}`, "text/html": "<p>$5 #1</p>"}},
		{Status: "500", SelectionPattern: `5\d{2}`, Templates: map[string]string{"application/json": `{"bad":1}`}},
		{Status: "404", SelectionPattern: "404", Templates: map[string]string{"application/json": `$input.body $context.httpMethod`}},
		{Status: "302", SelectionPattern: "302"},
	}
	for _, tt := range []struct {
		name        string
		templates   map[string]string
		passthrough string
		fields      []string
		body        string
		status      int
		want        string
		reason      Reason
	}{
		{"default", map[string]string{"application/json": `{"statusCode":200}`}, "", nil, "", 200, `{"ok":true}`, ReasonNone},
		{"by Accept", map[string]string{"application/json": `{"statusCode":200}`}, "", []string{"Accept: text/html,*/*"}, "", 200, "<p>$5 #1</p>", ReasonNone},
		{"by pattern", map[string]string{"application/json": `{"statusCode":503}`}, "", nil, "", 500, `{"bad":1}`, ReasonNone},
		{"no template at all", nil, "", nil, "", 500, `{"message": "Internal server error"}`, ReasonConfiguration},
		{"the body passes", nil, "WHEN_NO_MATCH", nil, `{"statusCode": 500}`, 500, `{"bad":1}`, ReasonNone},
		{"no template for the type", map[string]string{"text/x": "{}"}, "NEVER", nil, "", 415, `{"message": "Unsupported Media Type"}`, ReasonMediaType},
		{"VTL in the request", map[string]string{"application/json": `#if($input.params('x') == ""){"statusCode":503}#end`}, "", nil, "", 500, `{"bad":1}`, ReasonNone},
		{"VTL in the response", map[string]string{"application/json": `{"statusCode":404}`}, "", nil, "", 404, `{} POST`, ReasonNone},
		{"an undeclared status", map[string]string{"application/json": `{"statusCode":302}`}, "", nil, "", 500, `{"message": "Internal server error"}`, ReasonConfiguration},
		{"statusCode as text", map[string]string{"application/json": `{"statusCode":"200"}`}, "", nil, "", 500, `{"message": "Internal server error"}`, ReasonConfiguration},
		{"no statusCode", map[string]string{"application/json": `{"x":1}`}, "", nil, "", 500, `{"message": "Internal server error"}`, ReasonConfiguration},
	} {
		r := newRig(t, restAPI(declare(newRoute("POST /m", &model.Integration{
			Kind: model.Mock, RequestTemplates: tt.templates, Passthrough: tt.passthrough, Responses: responses,
		}), "200", "404", "500")))
		resp, body := r.do("POST", restHost+"/prod/m", tt.body, tt.fields...)
		if resp.StatusCode != tt.status || body != tt.want || r.records[0].Reason != tt.reason {
			t.Errorf("%s: %d %s (%v: %v)", tt.name, resp.StatusCode, body, r.records[0].Reason, r.records[0].Detail)
		}
	}
}

func TestA18StageVariablesInFunctionNames(t *testing.T) {
	in := lambda("")
	in.Function = "arn:aws:lambda:us-east-1:123456789012:function:fn-${stageVariables.table}:${stageVariables.table}"
	r := newRig(t, restAPI(newRoute("GET /", in)))
	r.do("GET", restHost+"/prod", "")
	if want := "arn:aws:lambda:us-east-1:123456789012:function:fn-t1:t1"; r.fn.last == nil || r.fn.last.Function != want {
		t.Errorf("function %v", r.fn.last)
	}
	in.Function = "${stageVariables.none}"
	r = newRig(t, restAPI(newRoute("GET /", in)))
	if resp, body := r.do("GET", restHost+"/prod", ""); resp.StatusCode != 500 || body != `{"message": "Internal server error"}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if notes := r.g.(*Gateway).Notes(); len(notes) != 1 || !strings.Contains(notes[0], `no variable "none"`) {
		t.Errorf("notes %q", notes)
	}
}

func TestA20GatewayResponses(t *testing.T) {
	api := restAPI(newRoute("GET /", lambda("")))
	api.GatewayResponses = []model.GatewayResponse{
		{Type: "DEFAULT_4XX", Parameters: []model.Mapping{{To: "gatewayresponse.header.Access-Control-Allow-Origin", From: "'*'"}}},
		{Type: "MISSING_AUTHENTICATION_TOKEN", Status: "404", Parameters: []model.Mapping{
			{To: "gatewayresponse.header.X-Type", From: "context.error.responseType"},
			{To: "gatewayresponse.header.X-Origin", From: "method.request.header.Origin"},
		}, Templates: map[string]string{"application/json": `{"m":$context.error.messageString,"p":"${context.path}","t":"$stageVariables.table.","x":"$5"}`}},
		{Type: "DEFAULT_5XX", Status: "503"},
	}
	r := newRig(t, api)
	resp, body := r.do("GET", restHost+"/prod/nothing", "", "Origin: https://a")
	if want := `{"m":"Missing Authentication Token","p":"/prod/nothing","t":"t1.","x":"$5"}`; resp.StatusCode != 404 || body != want ||
		resp.Header.Get("X-Type") != "MISSING_AUTHENTICATION_TOKEN" || resp.Header.Get("X-Origin") != "https://a" {
		t.Errorf("%d %s %v", resp.StatusCode, body, resp.Header)
	}
	r.fn.answer = says(`"malformed"`)
	if resp, body = r.do("GET", restHost+"/prod", ""); resp.StatusCode != 503 || body != `{"message": "Internal server error"}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	api.Routes[0].APIKeyRequired = true
	r = newRig(t, api)
	if resp, _ = r.do("GET", restHost+"/prod", ""); resp.StatusCode != 403 || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

func TestHosts(t *testing.T) {
	r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))))
	g := r.g.(*Gateway)
	for host, want := range map[string]bool{
		"abcdefghij.execute-api.us-east-1.amazonaws.com":      true,
		"ABCDEFGHIJ.execute-api.us-east-1.amazonaws.com.:443": true,
		"abcdefghij.execute-api.localhost:8080":               true,
		"abcdefghij.execute-api.us-east-1.localhost":          true,
		"abcdefghij.execute-api.eu-west-1.amazonaws.com":      false,
		"other.execute-api.localhost":                         false,
		"":                                                    false,
	} {
		if g.Owns(host) != want {
			t.Errorf("Owns(%q) is not %v", host, want)
		}
	}
	r.do("GET", "http://abcdefghij.execute-api.localhost:8080/x", "")
	if e := event[events.APIGatewayV2HTTPRequest](r); e.Headers["host"] != "abcdefghij.execute-api.localhost:8080" ||
		e.RequestContext.DomainName != "abcdefghij.execute-api.localhost" || e.RequestContext.DomainPrefix != "abcdefghij" {
		t.Errorf("%+v", e.RequestContext)
	}
	resp, body := r.do("GET", "https://nobody.example/", "")
	if resp.StatusCode != http.StatusForbidden || body != `{"message":"Forbidden"}` || r.records[1].Reason != ReasonNoAPI {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
