// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/forelane/forelane/internal/model"
)

// fake is an Invoker that keeps the last invocation and answers by itself.
type fake struct {
	last   *model.Invocation
	answer func(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error)
}

func (f *fake) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	f.last = in
	if f.answer == nil {
		return &model.InvocationResult{Payload: []byte(`{"statusCode":200,"body":"ok"}`)}, nil
	}
	return f.answer(ctx, in)
}

func says(payload string) func(context.Context, *model.Invocation) (*model.InvocationResult, error) {
	return func(context.Context, *model.Invocation) (*model.InvocationResult, error) {
		return &model.InvocationResult{Payload: []byte(payload)}, nil
	}
}

func lambda(payload string) *model.Integration {
	return &model.Integration{Kind: model.LambdaProxy, Function: "arn:aws:lambda:us-east-1:123456789012:function:fn", Payload: payload}
}

func newRoute(key string, in *model.Integration) *model.Route {
	method, path, _ := strings.Cut(key, " ")
	if path == "" {
		method = ""
	}
	return &model.Route{Key: key, Method: method, Path: path, Integration: in, Pos: "t.yaml:1:1"}
}

// declare gives a REST method its method responses.
func declare(r *model.Route, statuses ...string) *model.Route {
	for _, s := range statuses {
		r.Responses = append(r.Responses, model.MethodResponse{Status: s})
	}
	return r
}

func httpAPI(routes ...*model.Route) *model.API {
	return &model.API{
		LogicalID: "Api", ID: "abcdefghij", Kind: model.HTTPAPI, Routes: routes,
		Stages: []*model.Stage{{Name: "$default"}, {Name: "dev", Variables: map[string]string{"table": "t1"}}},
	}
}

func restAPI(routes ...*model.Route) *model.API {
	return &model.API{
		LogicalID: "Rest", ID: "restrestre", Kind: model.RESTAPI, Routes: routes,
		Stages: []*model.Stage{{Name: "prod", Variables: map[string]string{"table": "t1"}}},
	}
}

// rig is a gateway over one stack with a fake function.
type rig struct {
	t       testing.TB
	g       http.RoundTripper
	fn      *fake
	records []*Record
}

func newRig(t testing.TB, apis ...*model.API) *rig {
	t.Helper()
	r := &rig{t: t, fn: &fake{}}
	g, err := Compile(stackOf(apis...), Deps{Invoke: r.fn, Log: func(rec *Record) { r.records = append(r.records, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	r.g = g
	return r
}

func stackOf(apis ...*model.API) *model.Stack {
	return &model.Stack{Name: "s", Region: "us-east-1", AccountID: "123456789012", URLSuffix: "amazonaws.com", APIs: apis}
}

const (
	httpHost = "https://abcdefghij.execute-api.us-east-1.amazonaws.com"
	restHost = "https://restrestre.execute-api.us-east-1.amazonaws.com"
)

// do sends one request; fields are "Name: value".
func (r *rig) do(method, url, body string, fields ...string) (*http.Response, string) {
	r.t.Helper()
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, url, rd)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	req = req.WithContext(WithCaller(r.t.Context(), Caller{SourceIP: netip.MustParseAddr("192.0.2.7")}))
	resp, err := r.g.RoundTrip(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, url, err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		r.t.Fatal(err)
	}
	if resp.ContentLength >= 0 && method != http.MethodHead && resp.ContentLength != int64(len(data)) {
		r.t.Errorf("%s %s: ContentLength %d, %d bytes", method, url, resp.ContentLength, len(data))
	}
	return resp, string(data)
}

// event decodes the last event into an event struct.
func event[T any](r *rig) *T {
	r.t.Helper()
	var e T
	if r.fn.last == nil {
		r.t.Fatal("the function was not invoked")
	}
	if err := json.Unmarshal(r.fn.last.Payload, &e); err != nil {
		r.t.Fatalf("event: %v\n%s", err, r.fn.last.Payload)
	}
	return &e
}

func TestA3HTTPAPIEvent(t *testing.T) {
	r := newRig(t, httpAPI(newRoute("GET /items/{id}", lambda("2.0"))))
	resp, body := r.do("GET", httpHost+"/items/a%20b?q=1&q=2&z=x+y", "", "Cookie: a=1; b=2", "X-A: 1", "X-A: 2", "User-Agent: curl/8")
	if resp.StatusCode != 200 || body != "ok" {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	e := event[events.APIGatewayV2HTTPRequest](r)
	if e.RawPath != "/items/a b" || e.RouteKey != "GET /items/{id}" || e.PathParameters["id"] != "a b" ||
		e.RawQueryString != "q=1&q=2&z=x+y" || e.QueryStringParameters["q"] != "1,2" || e.QueryStringParameters["z"] != "x y" ||
		e.Headers["x-a"] != "1,2" || len(e.Cookies) != 2 || e.Headers["cookie"] != "" || e.RequestContext.Stage != "$default" {
		t.Errorf("event: %s", r.fn.last.Payload)
	}
	if got := resp.Header.Get("Apigw-Requestid"); len(got) != 16 || got != e.RequestContext.RequestID {
		t.Errorf("apigw-requestid %q, event %q", got, e.RequestContext.RequestID)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}
