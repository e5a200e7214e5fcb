// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// The documented variables of access logs that have a value here, and those
// that nothing can have a value for: there is no AWS account, no VPC and no
// client certificate behind a request. What authorizers, web ACLs and mapping
// templates know joins in by integration.Call.ContextVar.
const (
	restKnown = "accountId apiId awsEndpointRequestId customDomain.basePathMatched deploymentId domainName domainPrefix endpointType extendedRequestId httpMethod " +
		"identity.sourceIp identity.userAgent integration.integrationStatus integration.latency integration.requestId integration.status integrationLatency integrationStatus " +
		"isCanaryRequest path protocol requestId requestTime requestTimeEpoch resourceId resourcePath responseLatency responseLength stage status xrayTraceId"
	restRefused = "error.message error.messageString error.responseType error.validationErrorString"
	restUnknown = "authorizer.claims.sub authorizer.principalId authorizer.property identity.accountId identity.apiKey identity.apiKeyId identity.caller " +
		"identity.cognitoAuthenticationProvider identity.cognitoAuthenticationType identity.cognitoIdentityId identity.cognitoIdentityPoolId identity.principalOrgId " +
		"identity.clientCert.clientCertPem identity.clientCert.subjectDN identity.clientCert.issuerDN identity.clientCert.serialNumber identity.clientCert.validity.notBefore " +
		"identity.clientCert.validity.notAfter identity.vpcId identity.vpceId identity.user identity.userArn requestOverride.header.a requestOverride.path.a " +
		"requestOverride.querystring.a responseOverride.header.a responseOverride.status wafResponseCode webaclArn authenticate.error authenticate.latency authenticate.status " +
		"authorize.error authorize.latency authorize.status authorizer.error authorizer.integrationLatency authorizer.integrationStatus authorizer.latency authorizer.requestId " +
		"authorizer.status integration.error waf.error waf.latency waf.status no.such.variable"
	httpKnown = "accountId apiId awsEndpointRequestId awsEndpointRequestId2 customDomain.basePathMatched domainName domainPrefix extendedRequestId httpMethod identity.sourceIp " +
		"identity.userAgent integration.integrationStatus integration.latency integration.requestId integration.status integrationLatency integrationStatus path protocol requestId " +
		"requestTime requestTimeEpoch responseLatency responseLength routeKey stage status"
	httpUnknown = "authorizer.claims.sub authorizer.error authorizer.principalId authorizer.property dataProcessed identity.accountId identity.caller integration.error integrationErrorMessage identity.user"
)

// formatOf logs variables as "a=1|b=2".
func formatOf(names ...string) string {
	var parts []string
	for _, n := range strings.Fields(strings.Join(names, " ")) {
		parts = append(parts, n+"=$context."+n)
	}
	return strings.Join(parts, "|")
}

// logged is the last access line as a map.
func loggedLine(r *rig) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split(r.records[len(r.records)-1].AccessLine, "|") {
		name, value, _ := strings.Cut(part, "=")
		out[name] = value
	}
	return out
}

func checkKnown(t *testing.T, got map[string]string, names string, known bool) {
	t.Helper()
	for _, n := range strings.Fields(names) {
		if v, ok := got[n]; !ok || (v != "-" && v != "") != known {
			t.Errorf("%s: %q", n, v)
		}
	}
}

func TestA25RESTVariables(t *testing.T) {
	route := newRoute("POST /pets/{id}", lambda(""))
	route.ResourceID, route.Validate = "abc123", model.Validation{Body: true}
	route.RequestModels = map[string]string{"application/json": "M"}
	api := restAPI(route)
	api.Endpoint, api.Models = "REGIONAL", map[string]string{"M": `{"type":"object"}`}
	st := api.Stages[0]
	st.DeploymentID, st.AccessFormat = "dep123", formatOf(restKnown, restRefused, restUnknown)
	st.Canary = &model.Canary{Percent: 100, DeploymentID: "dep456"}
	s := stackOf(api)
	s.Domains = []*model.Domain{{Name: "api.example.com", Mappings: []model.DomainMapping{{Path: "v1", APIID: api.ID, Stage: "prod"}}}}
	r := rigOf(t, s)
	r.fn.answer = func(context.Context, *model.Invocation) (*model.InvocationResult, error) {
		return &model.InvocationResult{RequestID: "lambda-id", Payload: []byte(`{"statusCode":201,"body":"ok"}`)}, nil
	}
	r.do("POST", "https://api.example.com/v1/pets/7", `{}`, "User-Agent: a")
	got := loggedLine(r)
	checkKnown(t, got, restKnown, true)
	checkKnown(t, got, restRefused+" "+restUnknown, false)
	for name, want := range map[string]string{
		"deploymentId": "dep456", "isCanaryRequest": "true", "customDomain.basePathMatched": "v1", "awsEndpointRequestId": "lambda-id", "integrationStatus": "200",
		"integration.status": "201", "status": "201", "responseLength": "2", "resourceId": "abc123", "endpointType": "REGIONAL", "domainPrefix": "api",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	r.do("POST", "https://api.example.com/v1/pets/7", `[]`)
	got = loggedLine(r)
	checkKnown(t, got, restRefused, true)
	checkKnown(t, got, "integrationStatus integrationLatency integration.status integration.requestId", false)
}

func TestA25HTTPVariables(t *testing.T) {
	api := httpAPI(newRoute("GET /pets", &model.Integration{Kind: model.HTTPProxy, URI: "https://target.example.com/"}))
	api.Stages[0].AccessFormat = formatOf(httpKnown, httpUnknown, "error.message error.responseType")
	s := stackOf(api)
	s.Domains = []*model.Domain{{Name: "api.example.com", Mappings: []model.DomainMapping{{Path: "v1", APIID: api.ID, Stage: "$default"}}}}
	r := rigOf(t, s)
	r.do("GET", "https://api.example.com/v1/pets", "", "User-Agent: a")
	got := loggedLine(r)
	checkKnown(t, got, httpKnown, true)
	checkKnown(t, got, httpUnknown+" error.message error.responseType", false)
	r.do("GET", "https://api.example.com/v1/cats", "")
	if got = loggedLine(r); got["error.message"] != "Not Found" || got["responseLength"] != "23" || got["routeKey"] != "-" {
		t.Errorf("%v", got)
	}
}

// rigOf is a rig over a whole stack; targets of HTTP integrations answer too.
func rigOf(t *testing.T, s *model.Stack) *rig {
	t.Helper()
	r := &rig{t: t, fn: &fake{}}
	g, err := Compile(s, Deps{Invoke: r.fn, Client: targets{}, Log: func(rec *Record) { r.records = append(r.records, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	r.g = g
	return r
}

type targets struct{}

func (targets) RoundTrip(rq *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{"X-Amz-Request-Id": {"s3-id"}, "X-Amz-Id-2": {"s3-host"}},
		Body: io.NopCloser(strings.NewReader("target")), ContentLength: -1, Request: rq,
	}, nil
}

// TestA25Injection: nothing that a viewer sends begins a line or ends a field.
func TestA25Injection(t *testing.T) {
	api := httpAPI(newRoute("$default", lambda("2.0")))
	api.Stages[0].AccessFormat = "{\"ua\":\"$context.identity.userAgent\",\r\n\"path\":\"$context.path\",\n\"id\":\"$context.requestId\"}\n"
	r := newRig(t, api)
	for _, ua := range []string{`a","admin":"yes`, `\`, "a\tb", "\u2028", "\xff\xfe", "$context.requestId", "${context.apiId}"} {
		r.do("GET", httpHost+`/a%22b`, "", "User-Agent: "+ua)
		line := r.records[len(r.records)-1].AccessLine
		var v map[string]string
		if err := json.Unmarshal([]byte(line), &v); err != nil || strings.ContainsAny(line, "\r\n") || len(v) != 3 {
			t.Errorf("%q: %s (%v)", ua, line, err)
		}
		if want := strings.ToValidUTF8(ua, "\ufffd"); v["ua"] != want && ua != "\xff\xfe" {
			t.Errorf("%q became %q", ua, v["ua"])
		}
	}
}

// TestA25BodyEnds: a body of unknown length is logged when it ends, once,
// whole or not; a secret is not shown.
func TestA25BodyEnds(t *testing.T) {
	api := httpAPI(newRoute("GET /x", &model.Integration{Kind: model.HTTPProxy, URI: "https://target.example.com/"}))
	api.Stages[0].AccessFormat = "$context.status $context.responseLength"
	r := rigOf(t, stackOf(api))
	for _, tt := range []struct {
		read int
		want string
	}{{0, "200 0"}, {3, "200 3"}, {100, "200 6"}} {
		rq, err := http.NewRequest("GET", httpHost+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		before := len(r.records)
		resp, err := r.g.RoundTrip(rq)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.records) != before {
			t.Fatal("logged before the body ended")
		}
		if _, err := io.CopyN(io.Discard, resp.Body, int64(tt.read)); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		_, _ = resp.Body.Close(), resp.Body.Close()
		if got := r.records[before:]; len(got) != 1 || got[0].AccessLine != tt.want {
			t.Errorf("%d read: %d records, %q, want %q", tt.read, len(got), got[0].AccessLine, tt.want)
		}
	}
	for in, want := range map[string]string{"": "", "short": "******", "0123456789abcdef": "******abcdef"} {
		if got := masked(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
}

// TestA25ViewerLeaves: a request without an answer has a line too.
func TestA25ViewerLeaves(t *testing.T) {
	api := httpAPI(newRoute("GET /x", lambda("2.0")))
	api.Stages[0].AccessFormat = "$context.status $context.responseLength $context.routeKey"
	r := newRig(t, api)
	ctx, cancel := context.WithCancel(t.Context())
	r.fn.answer = func(ctx context.Context, _ *model.Invocation) (*model.InvocationResult, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	rq, err := http.NewRequestWithContext(ctx, "GET", httpHost+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.g.RoundTrip(rq); err == nil {
		t.Fatal("answered")
	}
	if len(r.records) != 1 || r.records[0].AccessLine != "- 0 GET /x" {
		t.Errorf("%+v", r.records)
	}
}

// FuzzAccessFormat: every format makes one line of bounded length.
func FuzzAccessFormat(f *testing.F) {
	for _, s := range []string{"$context.requestId", "${context.path}", "$context.", "$", "${context.status", "$stageVariables.a$context.a.b.c.", "\n$context.error.messageString\n", "$context.status$context.status"} {
		f.Add(s, "ua")
	}
	api := httpAPI(newRoute("$default", lambda("2.0")))
	f.Fuzz(func(t *testing.T, format, ua string) {
		api.Stages[0].AccessFormat = format
		r := newRig(t, api)
		rq, err := http.NewRequest("GET", httpHost+"/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Header["User-Agent"] = []string{ua}
		if _, err := r.g.RoundTrip(rq); err != nil {
			t.Fatal(err)
		}
		line := r.records[0].AccessLine
		if len(line) > maxLine || strings.ContainsAny(line, "\r\n") {
			t.Fatalf("%q makes %q", format, line)
		}
	})
}
