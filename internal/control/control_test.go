// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/control/cloudfront"
	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/invalidation"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/sigv4"
)

// node records what it is asked.
type node struct {
	in    *model.Invocation
	out   *model.InvocationResult
	err   error
	paths []string
	sick  bool

	flushed   []string
	functions []cloudfront.Function
}

func (n *node) Status() any { return map[string]string{"stack": "shop"} }

func (n *node) Health() (bool, any) { return !n.sick, map[string]bool{"ready": !n.sick} }

func (n *node) Build() any { return map[string]string{"version": "v1"} }

func (n *node) AppendMetrics(b []byte) []byte { return append(b, "shop_total 1\n"...) }

func (n *node) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	n.in = in
	return n.out, n.err
}

func (n *node) Invalidate(_ context.Context, rq invalidation.Request) ([]invalidation.Invalidation, error) {
	n.paths = rq.Paths
	return []invalidation.Invalidation{{ID: "I1", Distribution: "E1", Status: invalidation.Completed}}, n.err
}

func (n *node) Reach(_ context.Context, _ string, paths []string) ([]Reach, error) {
	return []Reach{{Distribution: "E1", Memory: Extent{Entries: len(paths), Variants: 2, Bytes: 3}}}, nil
}

func (n *node) Invalidations() cloudfront.Invalidations { return nil }

func (n *node) Distributions() []cloudfront.Distribution {
	primary := &model.Distribution{LogicalID: "D", ID: "E1", Deployment: &model.ContinuousDeployment{Staging: "E2"}}
	return []cloudfront.Distribution{{Distribution: primary}, {Distribution: &model.Distribution{LogicalID: "S", ID: "E2"}}}
}

func (n *node) Functions() []cloudfront.Function { return n.functions }

func (n *node) Promote(_ context.Context, primary, staging string) error {
	n.paths = []string{primary, staging}
	return n.err
}

func (n *node) Demote(_ context.Context, primary string) error {
	n.paths = []string{primary}
	return n.err
}

func (n *node) Explain(_ context.Context, in *explain.Request) (*explain.Explanation, error) {
	if in.URL == "" {
		return nil, errors.New("no address")
	}
	return &explain.Explanation{Method: in.Method, URL: in.URL, Warnings: []string{fmt.Sprint(in.Headers, in.Fetch)}}, nil
}

func (n *node) FlushCache(api, stage string) bool {
	n.flushed = append(n.flushed, api+"/"+stage)
	return stage == "prod"
}

func (n *node) Logs(_ context.Context, function string, _ bool, emit func(any) error) error {
	return emit(map[string]string{"function": function})
}

func call(n *node, method, path, body string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:9900"
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		if r.Header.Set(k, v); k == "Host" {
			r.Host = v
		}
	}
	w := httptest.NewRecorder()
	New(n, Options{}).ServeHTTP(w, r)
	return w
}

func TestInvoke(t *testing.T) {
	n := &node{out: &model.InvocationResult{RequestID: "r1", Error: "Unhandled", Payload: []byte(`{"a":1}`), Version: "3", LogTail: []byte("log")}}
	w := call(n, "POST", "/2015-03-31/functions/shop-api/invocations?Qualifier=live", `{"x":2}`, "X-Amz-Log-Type: Tail")
	if w.Code != 200 || w.Body.String() != `{"a":1}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	h := w.Header()
	if h.Get("X-Amz-Function-Error") != "Unhandled" || h.Get("X-Amz-Executed-Version") != "3" || h.Get("X-Amz-Log-Result") != "bG9n" {
		t.Errorf("%v", h)
	}
	if n.in.Function != "shop-api:live" || string(n.in.Payload) != `{"x":2}` {
		t.Errorf("asked %+v", n.in)
	}
}

func TestInvokeFaults(t *testing.T) {
	for fault, status := range map[model.InvokeFault]int{model.FaultNotFound: 404, model.FaultThrottled: 429, model.FaultTooLarge: 413, model.FaultBroken: 502} {
		w := call(&node{err: &model.InvokeError{Fault: fault, Msg: "x"}}, "POST", "/2015-03-31/functions/f/invocations", "{}")
		if w.Code != status || w.Header().Get("X-Amzn-Errortype") != fault.String() {
			t.Errorf("%v: %d %v", fault, w.Code, w.Header())
		}
	}
}

func TestWebPagesAreRefused(t *testing.T) {
	for _, f := range []string{"Host: evil.example:9900", "Origin: http://127.0.0.1:8080"} {
		n := &node{}
		if w := call(n, "POST", "/v1/invalidations", `{"paths":["/*"]}`, f); w.Code != http.StatusForbidden || n.paths != nil {
			t.Errorf("%s: %d, done %v", f, w.Code, n.paths)
		}
	}
}

func TestInvalidate(t *testing.T) {
	n := &node{}
	if w := call(n, "POST", "/v1/invalidations", `{"paths":["/a*"]}`); w.Code != 200 || len(n.paths) != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := call(n, "POST", "/v1/invalidations", `{"paths":["a","#t"]}`); !strings.Contains(w.Body.String(), `"id":"I1"`) || strings.Join(n.paths, " ") != "/a #t" {
		t.Errorf("%s %v", w.Body, n.paths)
	}
	n.paths = nil
	if w := call(n, "POST", "/v1/invalidations", `{"paths":["/a"],"dryRun":true}`); w.Code != 200 || n.paths != nil || !strings.Contains(w.Body.String(), `"memory":{"entries":1,"variants":2,"bytes":3}`) {
		t.Errorf("%d %s %v", w.Code, w.Body, n.paths)
	}
	for _, bad := range []string{"", "{}", `{"path":"/a"}`} {
		if w := call(n, "POST", "/v1/invalidations", bad); w.Code != 400 {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
}

// TestA16Flush: both ways to drop a stage's cache.
func TestA16Flush(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		status             int
		asked              string
	}{
		{"POST", "/v1/flushes", `{"api":"Api","stage":"prod"}`, 200, "Api/prod"},
		{"POST", "/v1/flushes", `{"api":"Api","stage":"none"}`, 404, "Api/none"},
		{"POST", "/v1/flushes", `{"api":"Api"}`, 400, ""},
		{"POST", "/v1/flushes", `{"api":"Api","stage":"prod","path":"/"}`, 400, ""},
		{"DELETE", "/restapis/abc/stages/prod/cache/data", "", 202, "abc/prod"},
		{"DELETE", "/restapis/abc/stages/none/cache/data", "", 404, "abc/none"},
	} {
		n := &node{}
		if w := call(n, tt.method, tt.path, tt.body); w.Code != tt.status || strings.Join(n.flushed, " ") != tt.asked {
			t.Errorf("%s %s %s: %d, asked %q", tt.method, tt.path, tt.body, w.Code, n.flushed)
		}
	}
}

func TestStatusAndLogs(t *testing.T) {
	if w := call(&node{}, "GET", "/v1/status", ""); w.Body.String() != `{"stack":"shop"}`+"\n" {
		t.Errorf("status %s", w.Body)
	}
	if w := call(&node{}, "GET", "/metrics", ""); w.Body.String() != "shop_total 1\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("metrics %s %v", w.Body, w.Header())
	}
	if w := call(&node{}, "GET", "/v1/logs?function=f", ""); w.Body.String() != `{"function":"f"}`+"\n" {
		t.Errorf("logs %s", w.Body)
	}
}

func TestExplain(t *testing.T) {
	want := `"warnings":["[[A b] [C d: e]] true"]`
	for name, w := range map[string]*httptest.ResponseRecorder{
		"get":  call(&node{}, "GET", "/v1/explain?method=HEAD&url=http://a/b&header=A:+b&header=C:d:+e&fetch=1", ""),
		"post": call(&node{}, "POST", "/v1/explain", `{"method":"HEAD","url":"http://a/b","headers":[["A","b"],["C","d: e"]],"fetch":true}`),
	} {
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), `"method":"HEAD","url":"http://a/b"`) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"nothing":        call(&node{}, "GET", "/v1/explain", ""),
		"no header":      call(&node{}, "GET", "/v1/explain?url=http://a/&header=x", ""),
		"no JSON":        call(&node{}, "POST", "/v1/explain", "{"),
		"unknown member": call(&node{}, "POST", "/v1/explain", `{"uri":"http://a/"}`),
	} {
		if w.Code != 400 || !strings.Contains(w.Body.String(), "message") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestPromote(t *testing.T) {
	for body, want := range map[string]struct {
		code  int
		asked string
	}{
		`{"distribution":"D"}`:              {200, "E1 E2"},
		`{"distribution":"E1"}`:             {200, "E1 E2"},
		`{"distribution":"E1","undo":true}`: {200, "E1"},
		`{"distribution":"S"}`:              {400, ""},
		`{"distribution":"X"}`:              {404, ""},
		`{}`:                                {400, ""},
	} {
		n := &node{}
		if w := call(n, "POST", "/v1/promote", body); w.Code != want.code || strings.Join(n.paths, " ") != want.asked {
			t.Errorf("%s: %d %s, asked %v", body, w.Code, w.Body, n.paths)
		}
	}
}

func TestHealth(t *testing.T) {
	for name, tt := range map[string]struct {
		sick   bool
		path   string
		status int
		body   string
	}{
		"live":              {false, "/healthz", 200, `"ok"`},
		"live though sick":  {true, "/healthz", 200, `"ok"`},
		"ready":             {false, "/readyz", 200, `{"ready":true}`},
		"not ready":         {true, "/readyz", 503, `{"ready":false}`},
		"build":             {false, "/v1/build", 200, `"v1"`},
		"list of profiles":  {false, "/debug/pprof/", 200, "goroutine"},
		"a profile":         {false, "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		"the command line":  {false, "/debug/pprof/cmdline", 404, ""},
		"an unknown one":    {false, "/debug/pprof/none", 404, ""},
		"symbols":           {false, "/debug/pprof/symbol", 200, "num_symbols"},
		"a trace":           {false, "/debug/pprof/trace?seconds=0.01", 200, "go 1."},
		"CPU, a short look": {false, "/debug/pprof/profile?seconds=1", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := call(&node{sick: tt.sick}, "GET", tt.path, "")
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("%d %.200s", w.Code, w.Body)
			}
		})
	}
	if w := call(&node{}, "GET", "/debug/pprof/", "", "Host: evil.example"); w.Code != 403 {
		t.Errorf("profiles for a page that rebinds its name: %d", w.Code)
	}
}

func TestToken(t *testing.T) {
	h := New(&node{}, Options{Token: "s3cret", Routes: map[string]http.Handler{
		"GET /v1/more": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
	}})
	for name, tt := range map[string]struct {
		path, authorization, origin string
		want                        int
	}{
		"the token":       {"/v1/status", "Bearer s3cret", "", 200},
		"another route":   {"/v1/more", "Bearer s3cret", "", http.StatusTeapot},
		"none":            {"/v1/status", "", "", 401},
		"another":         {"/v1/status", "Bearer s3cre", "", 401},
		"a longer one":    {"/v1/status", "Bearer s3crets", "", 401},
		"another scheme":  {"/v1/status", "s3cret", "", 401},
		"basic":           {"/v1/status", "Basic s3cret", "", 401},
		"a page":          {"/v1/status", "Bearer s3cret", "https://evil.example", 403},
		"health":          {"/healthz", "", "", 200},
		"readiness":       {"/readyz", "", "", 200},
		"metrics":         {"/metrics", "", "", 401},
		"an unknown path": {"/v1/nothing", "", "", 401},
	} {
		r := httptest.NewRequest("GET", "https://admin.example"+tt.path, nil)
		r.Header.Set("Authorization", tt.authorization)
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != tt.want {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestEdgeFunctionsAreTried(t *testing.T) {
	m := &model.EdgeFunction{LogicalID: "Fn", Name: "rewrite", ARN: "arn:f", Code: "function handler(event) { console.log('hi'); event.request.uri = '/b'; return event.request; }"}
	set, err := edgefunc.Compile([]*model.EdgeFunction{m}, nil, edgefunc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, _ := set.Function("arn:f")
	n := &node{functions: []cloudfront.Function{{EdgeFunction: m, Run: f}}}
	event := `{"request": {"method": "GET", "uri": "/a"}}`
	for _, tt := range []struct {
		name, event string
		status      int
		want        string
	}{
		{"rewrite", event, 200, `{"FunctionOutput":{"request":{"headers":{},"method":"GET","querystring":{},"uri":"/b","cookies":{}}},"ComputeUtilization":`},
		{"Fn", event, 200, `"FunctionExecutionLogs":["hi"],"FunctionErrorMessage":""}`},
		{"arn:f", event, 200, `"uri":"/b"`},
		{"rewrite", "{}", 400, "no request"},
		{"other", event, 404, "no CloudFront function other"},
	} {
		if w := call(n, "POST", "/v1/edge-functions/"+tt.name+"/test", tt.event); w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
	}
}

// TestSignedCalls: AWS's calls are taken with a signature by the token, over
// the body; everything else needs the token itself.
func TestSignedCalls(t *testing.T) {
	h := New(&node{out: &model.InvocationResult{}}, Options{Token: "s3cret"})
	const invoke = "/2015-03-31/functions/F/invocations"
	for name, tt := range map[string]struct {
		path, service, secret, body string
		change                      func(*http.Request)
		want                        int
		code                        string
	}{
		"cloudfront":       {path: cloudfront.Prefix + "distribution/E0", service: "cloudfront", secret: "s3cret", want: 404, code: "NoSuchDistribution"},
		"lambda":           {path: invoke, service: "lambda", secret: "s3cret", body: "{}", want: 200},
		"apigateway":       {path: "/restapis/A/stages/S/cache/data", service: "apigateway", secret: "s3cret", want: 405},
		"another secret":   {path: cloudfront.Prefix + "distribution", service: "cloudfront", secret: "s3crets", want: 403, code: "SignatureDoesNotMatch"},
		"another service":  {path: cloudfront.Prefix + "distribution", service: "lambda", secret: "s3cret", want: 403, code: "SignatureDoesNotMatch"},
		"no API of AWS's":  {path: "/v1/status", service: "cloudfront", secret: "s3cret", want: 401},
		"not the prefix":   {path: "/2020-05-31", service: "cloudfront", secret: "s3cret", want: 401},
		"another body":     {path: invoke, service: "lambda", secret: "s3cret", body: "{}", change: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("[]")) }, want: 403, code: "SignatureDoesNotMatch"},
		"another hash":     {path: invoke, service: "lambda", secret: "s3cret", body: "{}", change: func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", sigv4.Unsigned) }, want: 403, code: "SignatureDoesNotMatch"},
		"another path":     {path: cloudfront.Prefix + "distribution", service: "cloudfront", secret: "s3cret", change: func(r *http.Request) { r.URL.Path += "/E1" }, want: 403, code: "SignatureDoesNotMatch"},
		"an unsigned word": {path: cloudfront.Prefix + "distribution", service: "cloudfront", secret: "s3cret", change: func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") }, want: 403, code: "SignatureDoesNotMatch"},
		"too long":         {path: invoke, service: "lambda", secret: "s3cret", body: strings.Repeat("a", maxBody+1), want: 413, code: "RequestEntityTooLarge"},
		"a page":           {path: cloudfront.Prefix + "distribution", service: "cloudfront", secret: "s3cret", change: func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, want: 403},
	} {
		method := "GET"
		if tt.body != "" {
			method = "POST"
		}
		r := httptest.NewRequest(method, "https://admin.example"+tt.path, strings.NewReader(tt.body))
		at := time.Now().UTC()
		r.Header.Set("X-Amz-Date", at.Format(sigv4.TimeFormat))
		sum := sha256.Sum256([]byte(tt.body))
		r.Header.Set("Authorization", sigv4.Sign(&sigv4.Request{
			Method: method, Path: tt.path, PayloadHash: hex.EncodeToString(sum[:]), Time: at,
			Fields: []sigv4.Field{{Name: "Host", Value: "admin.example"}, {Name: "X-Amz-Date", Value: at.Format(sigv4.TimeFormat)}},
		}, &sigv4.Credentials{AccessKeyID: "any", SecretAccessKey: tt.secret}, sigv4.Scope{Region: "eu-west-1", Service: tt.service}))
		if tt.change != nil {
			tt.change(r)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != tt.want || !strings.Contains(w.Body.String()+w.Header().Get("X-Amzn-Errortype"), tt.code) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
