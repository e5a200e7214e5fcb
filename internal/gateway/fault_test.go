// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// TestA20DefaultErrors: what each failure looks like, for both kinds of APIs.
func TestA20DefaultErrors(t *testing.T) {
	refuse := func(f model.InvokeFault) func(context.Context, *model.Invocation) (*model.InvocationResult, error) {
		return func(context.Context, *model.Invocation) (*model.InvocationResult, error) {
			return nil, &model.InvokeError{Fault: f, Msg: "m"}
		}
	}
	failed := func(context.Context, *model.Invocation) (*model.InvocationResult, error) {
		return &model.InvocationResult{Error: "Unhandled", Payload: []byte(`{"errorMessage":"boom"}`)}, nil
	}
	const (
		rest  = `{"message": "Internal server error"}`
		httpE = `{"message":"Internal Server Error"}`
	)
	for _, tt := range []struct {
		name       string
		answer     func(context.Context, *model.Invocation) (*model.InvocationResult, error)
		httpStatus int
		httpBody   string
		restStatus int
		restBody   string
		reason     Reason
	}{
		{"function error", failed, 500, httpE, 502, rest, ReasonFunction},
		{"malformed", says(`not json`), 500, httpE, 502, rest, ReasonMalformed},
		{"throttled", refuse(model.FaultThrottled), 503, `{"message":"Service Unavailable"}`, 500, rest, ReasonThrottled},
		{"not found", refuse(model.FaultNotFound), 500, httpE, 500, rest, ReasonRefused},
		{"broken", refuse(model.FaultBroken), 500, httpE, 500, rest, ReasonRefused},
		{"event above 6 MB", refuse(model.FaultTooLarge), 413, `{"message":"Request Entity Too Large"}`, 413, `{"message":"Request Too Long"}`, ReasonBodyTooLarge},
		{"panic", func(context.Context, *model.Invocation) (*model.InvocationResult, error) { panic("oh") }, 500, httpE, 500, rest, ReasonInternal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))), restAPI(newRoute("GET /", lambda(""))))
			r.fn.answer = tt.answer
			resp, body := r.do("GET", httpHost+"/", "")
			if resp.StatusCode != tt.httpStatus || body != tt.httpBody || resp.Header.Get("Apigw-Requestid") == "" {
				t.Errorf("HTTP API: %d %s", resp.StatusCode, body)
			}
			resp, body = r.do("GET", restHost+"/prod", "")
			if resp.StatusCode != tt.restStatus || body != tt.restBody || resp.Header.Get("X-Amzn-Errortype") == "" {
				t.Errorf("REST API: %d %s", resp.StatusCode, body)
			}
			for _, rec := range r.records {
				if rec.Reason != tt.reason || rec.Detail == nil || rec.RequestID == "" || rec.Status == 0 {
					t.Errorf("record %+v", rec)
				}
			}
		})
	}
}

func TestA6LambdaTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := lambda("2.0")
		in.Timeout = 5 * time.Second
		r := newRig(t, httpAPI(newRoute("$default", in)), restAPI(newRoute("GET /", lambda(""))))
		r.fn.answer = func(ctx context.Context, _ *model.Invocation) (*model.InvocationResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		start := time.Now()
		if resp, body := r.do("GET", httpHost+"/", ""); resp.StatusCode != 503 || body != `{"message":"Service Unavailable"}` {
			t.Errorf("HTTP API: %d %s", resp.StatusCode, body)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("HTTP API: after %v", d)
		}
		start = time.Now()
		if resp, body := r.do("GET", restHost+"/prod", ""); resp.StatusCode != 504 || body != `{"message": "Endpoint request timed out"}` {
			t.Errorf("REST API: %d %s", resp.StatusCode, body)
		}
		if d := time.Since(start); d != 29*time.Second {
			t.Errorf("REST API: after %v", d)
		}
	})
}

func TestViewerLeaves(t *testing.T) {
	r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))))
	ctx, cancel := context.WithCancel(t.Context())
	r.fn.answer = func(ctx context.Context, _ *model.Invocation) (*model.InvocationResult, error) {
		cancel()
		return nil, ctx.Err()
	}
	req, err := http.NewRequestWithContext(ctx, "GET", httpHost+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.g.RoundTrip(req)
	if !errors.Is(err, context.Canceled) || resp != nil {
		t.Errorf("%v %v", resp, err)
	}
	if r.records[0].Reason != ReasonViewerGone || r.records[0].Status != 0 {
		t.Errorf("record %+v", r.records[0])
	}
}

// TestFailClosed: what is not built yet must not be an open door.
func TestFailClosed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		edit   func(httpAPI, restAPI *model.API)
		http   int
		rest   int
		reason Reason
	}{
		{"IAM", func(h, r *model.API) { h.Routes[0].Authorization, r.Routes[0].Authorization = "AWS_IAM", "AWS_IAM" }, 403, 403, ReasonUnsigned},
		{"authorizer", func(h, r *model.API) {
			h.Routes[0].Authorization, r.Routes[0].Authorization = "JWT", "COGNITO_USER_POOLS"
		}, 500, 500, ReasonAuthorizer},
		{"custom", func(h, r *model.API) { h.Routes[0].Authorization, r.Routes[0].Authorization = "CUSTOM", "CUSTOM" }, 500, 500, ReasonAuthorizer},
		{"unknown word", func(h, r *model.API) { h.Routes[0].Authorization, r.Routes[0].Authorization = "x", "x" }, 500, 500, ReasonAuthorizer},
		{"API key", func(h, r *model.API) { h.Routes[0].APIKeyRequired, r.Routes[0].APIKeyRequired = true, true }, 403, 403, ReasonAPIKey},
		{"policy", func(h, r *model.API) { h.ResourcePolicyJSON, r.ResourcePolicyJSON = "{}", "{}" }, 403, 403, ReasonPolicy},
		{"disabled endpoint", func(h, r *model.API) { h.DisableExecuteAPI, r.DisableExecuteAPI = true, true }, 404, 403, ReasonDisabled},
	} {
		h, rest := httpAPI(newRoute("$default", lambda("2.0"))), restAPI(newRoute("GET /", lambda("")))
		tt.edit(h, rest)
		r := newRig(t, h, rest)
		resp, _ := r.do("GET", httpHost+"/", "")
		resp2, _ := r.do("GET", restHost+"/prod", "")
		if resp.StatusCode != tt.http || resp2.StatusCode != tt.rest || r.fn.last != nil {
			t.Errorf("%s: %d and %d, invoked %v", tt.name, resp.StatusCode, resp2.StatusCode, r.fn.last != nil)
		}
		for _, rec := range r.records {
			if rec.Reason != tt.reason {
				t.Errorf("%s: %v", tt.name, rec.Reason)
			}
		}
		if tt.reason != ReasonDisabled && len(r.g.(*Gateway).Notes()) == 0 {
			t.Errorf("%s: no note", tt.name)
		}
	}
}

func TestNotBuiltIntegrations(t *testing.T) {
	for _, in := range []*model.Integration{
		nil,
		{Kind: model.LambdaCustom, Function: "${stageVariables.none}"},
		{Kind: model.HTTPCustom, URI: "arn:aws:elasticloadbalancing:x", VPCLink: "v"},
		{Kind: model.Mock, RequestTemplates: map[string]string{"application/json": "#if($x)"}},
		{Kind: model.AWSService, Subtype: "SQS-SendMessage"},
		{Kind: model.HTTPProxy, URI: "arn:aws:elasticloadbalancing:x", VPCLink: "v"},
		{Kind: model.HTTPProxy, URI: "ftp://x"},
	} {
		r := newRig(t, restAPI(newRoute("GET /", in), newRoute("GET /fine", lambda(""))))
		if resp, body := r.do("GET", restHost+"/prod", ""); resp.StatusCode != 500 || body != `{"message": "Internal server error"}` || r.records[0].Detail == nil {
			t.Errorf("%v: %d %s", in, resp.StatusCode, body)
		}
		if resp, _ := r.do("GET", restHost+"/prod/fine", ""); resp.StatusCode != 200 {
			t.Errorf("%v: the route beside it: %d", in, resp.StatusCode)
		}
		if notes := r.g.(*Gateway).Notes(); len(notes) != 1 || !strings.Contains(notes[0], "t.yaml:1:1 Rest, stage prod, GET /") {
			t.Errorf("notes %q", notes)
		}
	}
}

func TestA27Limits(t *testing.T) {
	r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))), restAPI(newRoute("POST /", lambda(""))))
	big := strings.Repeat("x", 10<<20+1)
	for _, tt := range []struct {
		url    string
		body   string
		fields []string
		status int
		want   string
	}{
		{httpHost + "/", big, nil, 413, `{"message":"Request Entity Too Large"}`},
		{restHost + "/prod", big, nil, 413, `{"message":"Request Too Long"}`},
		{httpHost + "/", "", []string{"X-A: " + big[:10300]}, 431, `{"message":"Request Header Fields Too Large"}`},
		{restHost + "/prod", "", []string{"X-A: " + big[:10300]}, 431, `{"message":"Request Header Fields Too Large"}`},
		{restHost + "/prod", big[:10<<20], nil, 200, "ok"},
	} {
		if resp, body := r.do("POST", tt.url, tt.body, tt.fields...); resp.StatusCode != tt.status || body != tt.want {
			t.Errorf("%s: %d %s", tt.url, resp.StatusCode, body)
		}
	}
	// A body of unknown length is measured as it is read.
	req, err := http.NewRequest("POST", httpHost+"/", io.MultiReader(strings.NewReader(big)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.g.RoundTrip(req)
	if err != nil || resp.StatusCode != 413 {
		t.Errorf("chunked: %v %v", resp, err)
	}
}

func TestHEADHasNoBody(t *testing.T) {
	r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))))
	resp, body := r.do("HEAD", httpHost+"/", "")
	if resp.StatusCode != 200 || body != "" || resp.ContentLength != 2 {
		t.Errorf("%d %q %d", resp.StatusCode, body, resp.ContentLength)
	}
}
