// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/forelane/forelane/internal/model"
)

const urlHost = "https://u1.lambda-url.us-east-1.on.aws"

func urlRig(t testing.TB, u *model.FunctionURL) *rig {
	t.Helper()
	r := &rig{t: t, fn: &fake{}}
	u.Host, u.LogicalID = "u1.lambda-url.us-east-1.on.aws", "FnUrl"
	s := stackOf()
	s.Functions = []*model.Function{{Name: "fn", ARN: "arn:aws:lambda:us-east-1:123456789012:function:fn", URLs: []*model.FunctionURL{u}, Pos: "t.yaml:1:1"}}
	f, err := CompileFunctionURLs(s, Deps{Invoke: r.fn, Log: func(rec *Record) { r.records = append(r.records, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	r.g = f
	return r
}

func TestL9FunctionURL(t *testing.T) {
	r := urlRig(t, &model.FunctionURL{AuthType: "NONE", Qualifier: "live"})
	r.fn.answer = says(`{"statusCode":201,"body":"x","cookies":["a=1"]}`)
	resp, body := r.do("GET", urlHost+"/a%20b?q=1", "", "Cookie: s=1")
	if resp.StatusCode != 201 || body != "x" || resp.Header.Get("Set-Cookie") != "a=1" || resp.Header.Get("Content-Type") != "application/json" ||
		resp.Header.Get("X-Amzn-Requestid") == "" || resp.Header.Get("X-Amzn-Trace-Id") == "" {
		t.Errorf("%d %s %v", resp.StatusCode, body, resp.Header)
	}
	e := event[events.LambdaFunctionURLRequest](r)
	if e.RawPath != "/a%20b" || e.RequestContext.APIID != "u1" || e.RequestContext.AccountID != "anonymous" || e.RequestContext.HTTP.Path != "/a b" {
		t.Errorf("%s", r.fn.last.Payload)
	}
	if r.fn.last.Function != "arn:aws:lambda:us-east-1:123456789012:function:fn:live" || r.fn.last.Stream {
		t.Errorf("%+v", r.fn.last)
	}
	f := r.g.(*FunctionURLs)
	if !f.Owns("u1.lambda-url.localhost:80") || !f.Owns("U1.lambda-url.us-east-1.on.aws") || f.Owns("u2.lambda-url.localhost") {
		t.Error("Owns")
	}
}

func TestL9FunctionURLErrors(t *testing.T) {
	for _, tt := range []struct {
		err    error
		result *model.InvocationResult
		status int
		body   string
	}{
		{nil, &model.InvocationResult{Error: "Unhandled", Payload: []byte("{}")}, 502, "Internal Server Error"},
		{nil, &model.InvocationResult{Payload: []byte("{")}, 502, "Internal Server Error"},
		{&model.InvokeError{Fault: model.FaultThrottled}, nil, 429, `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`},
		{&model.InvokeError{Fault: model.FaultBroken}, nil, 502, "Internal Server Error"},
	} {
		r := urlRig(t, &model.FunctionURL{AuthType: "NONE"})
		r.fn.answer = func(context.Context, *model.Invocation) (*model.InvocationResult, error) { return tt.result, tt.err }
		if resp, body := r.do("GET", urlHost+"/", ""); resp.StatusCode != tt.status || body != tt.body {
			t.Errorf("%d %s, want %d", resp.StatusCode, body, tt.status)
		}
	}
}

func TestL9FunctionURLFailsClosedForIAM(t *testing.T) {
	for _, auth := range []string{"AWS_IAM", "", "x"} {
		r := urlRig(t, &model.FunctionURL{AuthType: auth})
		resp, body := r.do("GET", urlHost+"/", "")
		if resp.StatusCode != 403 || body != `{"Message":"Forbidden"}` || resp.Header.Get("X-Amzn-Errortype") != "AccessDeniedException" || r.fn.last != nil {
			t.Errorf("%q: %d %s", auth, resp.StatusCode, body)
		}
		if len(r.g.(*FunctionURLs).Notes()) != 1 {
			t.Error("no note")
		}
	}
}

func TestO7SignedByTheEdge(t *testing.T) {
	for _, tt := range []struct {
		auth, signer, body, hash string
		status                   int
		errorType                string
	}{
		{"AWS_IAM", "cloudfront.amazonaws.com", "", "", 200, ""},
		{"AWS_IAM", "cloudfront.amazonaws.com", "b", "abc", 200, ""},
		{"AWS_IAM", "cloudfront.amazonaws.com", "b", "", 403, "InvalidSignatureException"},
		{"AWS_IAM", "", "", "", 403, "AccessDeniedException"},
		{"x", "cloudfront.amazonaws.com", "", "", 403, "AccessDeniedException"},
		{"NONE", "cloudfront.amazonaws.com", "b", "", 200, ""},
	} {
		r := urlRig(t, &model.FunctionURL{AuthType: tt.auth})
		r.fn.answer = says(`{"statusCode":200,"body":"x"}`)
		req, err := http.NewRequestWithContext(WithSigner(t.Context(), tt.signer), "POST", urlHost+"/", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		if tt.hash != "" {
			req.Header.Set("X-Amz-Content-Sha256", tt.hash)
		}
		resp, err := r.g.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != tt.status || resp.Header.Get("X-Amzn-Errortype") != tt.errorType {
			t.Errorf("%+v: %d %v", tt, resp.StatusCode, resp.Header)
		}
		_ = resp.Body.Close()
	}
}

func TestL9FunctionURLCORS(t *testing.T) {
	r := urlRig(t, &model.FunctionURL{AuthType: "NONE", CORS: &model.APICORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"GET"}}})
	r.fn.answer = says(`{"statusCode":200,"headers":{"access-control-allow-origin":"https://b"}}`)
	resp, _ := r.do("OPTIONS", urlHost+"/", "", "Origin: https://a", "Access-Control-Request-Method: GET")
	if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Access-Control-Allow-Methods") != "GET" || r.fn.last != nil {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = r.do("GET", urlHost+"/", "", "Origin: https://a") // both, as AWS does
	if got := resp.Header["Access-Control-Allow-Origin"]; !slices.Equal(got, []string{"https://b", "*"}) {
		t.Errorf("answer: %v", got)
	}
}

// streams is an Invoker whose answer arrives piece by piece.
func streams(head string) (func(context.Context, *model.Invocation) (*model.InvocationResult, error), *io.PipeWriter) {
	body, feed := io.Pipe()
	return func(context.Context, *model.Invocation) (*model.InvocationResult, error) {
		return &model.InvocationResult{Head: []byte(head), Body: body}, nil
	}, feed
}

func TestL10StreamingPassesBytesOn(t *testing.T) {
	for _, tt := range []struct {
		name, url, head string
		status          int
		contentType     string
	}{
		{"function URL", urlHost + "/", `{"statusCode":206,"headers":{"Content-Type":"text/event-stream"},"cookies":["a=1"]}`, 206, "text/event-stream"},
		{"function URL without a head", urlHost + "/", "", 200, "application/octet-stream"},
		{"REST STREAM", restHost + "/prod", `{"statusCode":201,"multiValueHeaders":{"X":["1","2"]}}`, 201, "application/json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := urlRig(t, &model.FunctionURL{AuthType: "NONE", Stream: true})
			if tt.url != urlHost+"/" {
				in := lambda("")
				in.Stream = true
				fn := r.fn
				r = newRig(t, restAPI(newRoute("GET /", in)))
				r.fn = fn
				r.g = mustCompile(t, restAPI(newRoute("GET /", in)), fn)
			}
			answer, feed := streams(tt.head)
			r.fn.answer = answer
			req, err := http.NewRequestWithContext(t.Context(), "GET", tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := r.g.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || resp.Header.Get("Content-Type") != tt.contentType || resp.ContentLength != -1 || !r.fn.last.Stream {
				t.Errorf("%d %v %d", resp.StatusCode, resp.Header, resp.ContentLength)
			}
			for _, piece := range []string{"one", "two"} { // each is read before the next is written
				go io.WriteString(feed, piece)
				buf := make([]byte, 3)
				if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != piece {
					t.Fatalf("%q %v", buf, err)
				}
			}
			feed.Close()
			if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
				t.Errorf("%q %v", rest, err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func mustCompile(t testing.TB, a *model.API, fn Invoker) *Gateway {
	t.Helper()
	g, err := Compile(stackOf(a), Deps{Invoke: fn})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestStreamedAnswerOfABufferedIntegration: it is collected.
func TestStreamedAnswerOfABufferedIntegration(t *testing.T) {
	r := newRig(t, httpAPI(newRoute("$default", lambda("2.0"))))
	answer, feed := streams(`{"statusCode":202}`)
	r.fn.answer = answer
	go func() {
		io.WriteString(feed, "abc")
		feed.Close()
	}()
	if resp, body := r.do("GET", httpHost+"/", ""); resp.StatusCode != 202 || body != "abc" || resp.ContentLength != 3 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}
