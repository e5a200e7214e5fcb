// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// ask is an Invoker of a Go function.
type ask func(event []byte) (*model.InvocationResult, error)

func (f ask) Invoke(_ context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	return f(in.Payload)
}

// returning is a function that returns a JSON text whatever it is given.
func returning(text string) ask {
	return func([]byte) (*model.InvocationResult, error) {
		return &model.InvocationResult{Payload: []byte(text)}, nil
	}
}

const arn = "arn:aws:lambda:us-east-1:123456789012:function:f:3"

func newFunction(t testing.TB, e model.EdgeEvent, to Invoker, includeBody bool) *Function {
	t.Helper()
	f, err := New(model.FunctionAssociation{Event: e, ARN: arn, Lambda: true, IncludeBody: includeBody}, to)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func viewerRequest() *httpmsg.Request {
	rq := &httpmsg.Request{Method: "GET", Scheme: "https", Host: "d111111abcdef8.cloudfront.net", Path: "/"}
	rq.Viewer.Addr = netip.MustParseAddrPort("203.0.113.178:4711")
	rq.Header.Add("User-Agent", "curl/7.66.0")
	rq.Header.Add("accept", "*/*")
	return rq
}

func call(o *model.Origin) *Call {
	return &Call{
		DistributionDomain: "d111111abcdef8.cloudfront.net", DistributionID: "EDFDVBD6EXAMPLE",
		RequestID: "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==", Origin: o,
	}
}

func example() *model.Origin {
	return &model.Origin{ID: "o", DomainName: "example.org", Protocol: model.OriginHTTPSOnly}
}

func bucket() *model.Origin {
	return &model.Origin{ID: "b", DomainName: "b.s3.eu-west-1.amazonaws.com", S3: true, OAI: "E1", Path: "/site"}
}

func TestE5Events(t *testing.T) {
	hop := viewerRequest()
	hop.Header.Add("X-Forwarded-For", "203.0.113.178")
	hop.Header.Add("Connection", "close")       // not shown
	hop.Header.Add("X-Amz-Cf-Id", "secret")     // not shown
	hop.Header.Add("My-Header", "the viewer's") // the origin's own wins
	hop.Query, hop.Path, hop.Host = "a=1&b=caf\xe9", "/\xc3\xbc", "example.org"
	withHeaders := example()
	withHeaders.Headers = []model.HeaderField{{Name: "My-Header", Value: "the origin's"}}
	for _, tt := range []struct {
		name  string
		event model.EdgeEvent
		rq    *httpmsg.Request
		o     *model.Origin
		body  bool
		want  string
	}{
		{"viewer request as in the guide", model.ViewerRequest, viewerRequest(), nil, false, `{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"viewer-request","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},"request":{"clientIp":"203.0.113.178","headers":{"accept":[{"key":"accept","value":"*/*"}],"host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}],"user-agent":[{"key":"User-Agent","value":"curl/7.66.0"}]},"method":"GET","querystring":"","uri":"/"}}}]}`},
		{"origin request", model.OriginRequest, hop, withHeaders, false, `{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"origin-request","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},"request":{"clientIp":"203.0.113.178","headers":{"accept":[{"key":"accept","value":"*/*"}],"host":[{"key":"Host","value":"example.org"}],"user-agent":[{"key":"User-Agent","value":"curl/7.66.0"}],"x-forwarded-for":[{"key":"X-Forwarded-For","value":"203.0.113.178"}]},"method":"GET","origin":{"custom":{"customHeaders":{"my-header":[{"key":"My-Header","value":"the origin's"}]},"domainName":"example.org","keepaliveTimeout":5,"path":"","port":443,"protocol":"https","readTimeout":30,"sslProtocols":["TLSv1","TLSv1.1","TLSv1.2"]}},"querystring":"a=1&b=café","uri":"/ü"}}}]}`},
		{"a bucket, with no body", model.OriginRequest, viewerRequest(), bucket(), true, `{"Records":[{"cf":{"config":{"distributionDomainName":"d111111abcdef8.cloudfront.net","distributionId":"EDFDVBD6EXAMPLE","eventType":"origin-request","requestId":"4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ=="},"request":{"body":{"action":"read-only","data":"","encoding":"base64","inputTruncated":false},"clientIp":"203.0.113.178","headers":{"accept":[{"key":"accept","value":"*/*"}],"host":[{"key":"Host","value":"d111111abcdef8.cloudfront.net"}],"user-agent":[{"key":"User-Agent","value":"curl/7.66.0"}]},"method":"GET","origin":{"s3":{"authMethod":"origin-access-identity","customHeaders":{},"domainName":"b.s3.eu-west-1.amazonaws.com","path":"/site","region":"eu-west-1"}},"querystring":"","uri":"/"}}}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []byte
			to := ask(func(event []byte) (*model.InvocationResult, error) {
				got = event
				return &model.InvocationResult{Payload: requestOf(t, event, nil)}, nil
			})
			before := tt.rq.Clone()
			out, err := newFunction(t, tt.event, to, tt.body).Request(t.Context(), call(tt.o), tt.rq)
			if err != nil || out.Changed || out.Origin != nil || out.Response != nil {
				t.Fatalf("%+v, %v", out, err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if a, b := shown(before), shown(tt.rq); a != b { // also what was no UTF-8
				t.Errorf("an unchanged request became\n%s\nfrom\n%s", b, a)
			}
		})
	}
}

// shown is a request in one line.
func shown(rq *httpmsg.Request) string {
	s := rq.Method + " " + rq.Target() + " " + rq.Host
	for _, f := range rq.Header.Fields() {
		s += "\n" + f.Name + ": " + f.Value
	}
	return s
}

// requestOf is the request of an event, changed.
func requestOf(t testing.TB, event []byte, change func(rq map[string]any)) []byte {
	t.Helper()
	return memberOf(t, event, "request", change)
}

func memberOf(t testing.TB, event []byte, name string, change func(m map[string]any)) []byte {
	t.Helper()
	var ev struct {
		Records []struct {
			CF map[string]any `json:"cf"`
		}
	}
	if err := json.Unmarshal(event, &ev); err != nil {
		t.Fatal(err)
	}
	m := ev.Records[0].CF[name].(map[string]any)
	if change != nil {
		change(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestE5ResponseEvent(t *testing.T) {
	var got []byte
	f := newFunction(t, model.OriginResponse, ask(func(event []byte) (*model.InvocationResult, error) {
		got = event
		return &model.InvocationResult{Payload: memberOf(t, event, "response", nil)}, nil
	}), false)
	rs := &httpmsg.Response{Status: 200, ContentLength: 9593}
	rs.Header.Add("Server", "ExampleCustomOriginServer")
	rs.Header.Add("Set-Cookie", "a=1")
	rs.Header.Add("Set-Cookie", "b=2")
	out, err := f.Response(t.Context(), call(example()), viewerRequest(), rs)
	if err != nil || out.Changed {
		t.Fatalf("%+v, %v", out, err)
	}
	const want = `"response":{"headers":{"content-length":[{"key":"Content-Length","value":"9593"}],"server":[{"key":"Server","value":"ExampleCustomOriginServer"}],"set-cookie":[{"key":"Set-Cookie","value":"a=1"},{"key":"Set-Cookie","value":"b=2"}]},"status":"200","statusDescription":"OK"}}}]}`
	if !strings.HasSuffix(string(got), want) || !strings.Contains(string(got), `"origin":{"custom":`) {
		t.Errorf("%s", got)
	}
	if rs.Header.Len() != 3 || rs.ContentLength != 9593 {
		t.Errorf("%v, %d bytes", rs.Header.Fields(), rs.ContentLength)
	}
}

func TestE5Body(t *testing.T) {
	for _, tt := range []struct {
		name  string
		event model.EdgeEvent
		size  int
		cut   bool
		seen  int // bytes
	}{
		{"small", model.ViewerRequest, 5, false, 5},
		{"40 KB", model.ViewerRequest, 40 << 10, false, 40 << 10},
		{"more than 40 KB", model.ViewerRequest, 40<<10 + 1, true, 40 << 10},
		{"1 MB", model.OriginRequest, 1 << 20, false, 1 << 20},
		{"more than 1 MB", model.OriginRequest, 1<<20 + 7, true, 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b body
			to := ask(func(event []byte) (*model.InvocationResult, error) {
				var ev event2
				if err := json.Unmarshal(event, &ev); err != nil {
					t.Fatal(err)
				}
				b = ev.Records[0].CF.Request.Body
				return &model.InvocationResult{Payload: requestOf(t, event, nil)}, nil
			})
			rq := viewerRequest()
			text := strings.Repeat("x", tt.size)
			rq.Method, rq.Body, rq.ContentLength = "POST", io.NopCloser(strings.NewReader(text)), int64(tt.size)
			var o *model.Origin
			if tt.event == model.OriginRequest {
				o = example()
			}
			if _, err := newFunction(t, tt.event, to, true).Request(t.Context(), call(o), rq); err != nil {
				t.Fatal(err)
			}
			if b.InputTruncated != tt.cut || len(b.Data) != (tt.seen+2)/3*4 || b.Action != "read-only" || b.Encoding != "base64" {
				t.Errorf("%v, %d bytes of base64", b.InputTruncated, len(b.Data))
			}
			if all, err := io.ReadAll(rq.Body); err != nil || string(all) != text {
				t.Errorf("%d bytes go on, %v", len(all), err)
			}
		})
	}
}

// event2 is what of an event a test of bodies reads.
type event2 struct {
	Records []struct {
		CF struct {
			Request struct {
				Body body `json:"body"`
			} `json:"request"`
		} `json:"cf"`
	}
}

func TestE5BodyCannotBeRead(t *testing.T) {
	rq := viewerRequest()
	gone := errors.New("gone")
	rq.Method, rq.Body, rq.ContentLength = "POST", io.NopCloser(io.MultiReader(strings.NewReader("a"), broken{gone})), -1
	never := ask(func([]byte) (*model.InvocationResult, error) { t.Error("the function ran"); return nil, gone })
	if _, err := newFunction(t, model.ViewerRequest, never, true).Request(t.Context(), call(nil), rq); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestNumberedVersions(t *testing.T) {
	for ref, ok := range map[string]bool{
		arn: true, strings.TrimSuffix(arn, ":3"): false, strings.TrimSuffix(arn, "3") + "$LATEST": false, strings.TrimSuffix(arn, "3") + "live": false,
	} {
		if _, err := New(model.FunctionAssociation{ARN: ref}, nil); (err == nil) != ok {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestE5Failures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		res    *model.InvocationResult
		err    error
		kind   ErrorKind
		status int
		word   string
	}{
		{"it throws", &model.InvocationResult{Error: "Unhandled", Payload: []byte(`{"errorType":"TypeError","errorMessage":"x is not a function"}`)}, nil, Execution, 503, "TypeError: x is not a function"},
		{"it takes too long", &model.InvocationResult{Error: "Unhandled", Payload: []byte(`{"errorType":"Sandbox.Timedout","errorMessage":"Task timed out after 5.00 seconds"}`)}, nil, Limit, 503, "timed out"},
		{"it is throttled", nil, &model.InvokeError{Fault: model.FaultThrottled, Msg: "Rate Exceeded."}, Limit, 503, "Rate Exceeded"},
		{"there is none", nil, &model.InvokeError{Fault: model.FaultNotFound, Msg: "no"}, Execution, 503, "ResourceNotFound"},
		{"the process never comes up", nil, context.DeadlineExceeded, Limit, 503, "longer than 15s"},
		{"it streams", &model.InvocationResult{Body: io.NopCloser(strings.NewReader("x"))}, nil, Validation, 502, "streams"},
		{"no JSON", &model.InvocationResult{Payload: []byte("{")}, nil, Validation, 502, "no JSON"},
		{"null", &model.InvocationResult{Payload: []byte("null")}, nil, Validation, 502, "not an object"},
		{"a text", &model.InvocationResult{Payload: []byte(`"ok"`)}, nil, Validation, 502, "not an object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFunction(t, model.ViewerRequest, ask(func([]byte) (*model.InvocationResult, error) { return tt.res, tt.err }), false)
			_, err := f.Request(t.Context(), call(nil), viewerRequest())
			var e *Error
			if !errors.As(err, &e) || e.Kind != tt.kind || e.Kind.Status() != tt.status || e.Function != "f:3" || !strings.Contains(err.Error(), tt.word) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestTheViewerLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFunction(t, model.ViewerRequest, ask(func([]byte) (*model.InvocationResult, error) { cancel(); return nil, context.Canceled }), false)
	if _, err := f.Request(ctx, call(nil), viewerRequest()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func FuzzResult(f *testing.F) {
	f.Add(`{"status":"302","headers":{"location":[{"value":"/a"}]},"body":"x"}`, uint8(0))
	f.Add(`{"status":200,"body":"eA==","bodyEncoding":"base64","headers":{"X-A":[{"key":"x-a","value":"é"}]}}`, uint8(2))
	f.Add(`{"method":"POST","uri":"/a b","querystring":"a=1","headers":{"host":[{"key":"Host","value":"h"}]},"body":{"action":"replace","encoding":"text","data":"x"}}`, uint8(2))
	f.Add(`{"method":"POST","uri":"/","headers":{},"origin":{"custom":{"domainName":"x.example","port":443,"protocol":"https","path":"/p","customHeaders":{"a":[{"value":"b"}]}}}}`, uint8(2))
	f.Add(`{"method":"POST","uri":"/","headers":{},"origin":{"s3":{"domainName":"b.s3.amazonaws.com","authMethod":"none","region":""}}}`, uint8(2))
	f.Add(`{"status":"404","headers":{"via":[{"value":"x"}]}}`, uint8(3))
	f.Fuzz(func(t *testing.T, text string, at uint8) {
		e := model.EdgeEvent(at % 4)
		fn := newFunction(t, e, returning(text), false)
		rq := viewerRequest()
		rq.Method = "POST"
		var o *model.Origin
		if e == model.OriginRequest || e == model.OriginResponse {
			o = example()
		}
		var h *httpmsg.Header
		var out Outcome
		var err error
		if e == model.ViewerRequest || e == model.OriginRequest {
			before := shown(rq)
			out, err = fn.Request(t.Context(), call(o), rq)
			if h = &rq.Header; err != nil && shown(rq) != before {
				t.Fatalf("a failure changed the request to %s", shown(rq))
			}
			if !strings.HasPrefix(rq.Path, "/") || strings.ContainsAny(rq.Target(), " #\r\n") || len(rq.Target()) > 8193 {
				t.Fatalf("target %q", rq.Target())
			}
			if out.Response != nil {
				h = &out.Response.Header
				if s := out.Response.Status; s < 200 || s > 599 {
					t.Fatalf("status %d", s)
				}
			}
		} else {
			rs := &httpmsg.Response{Status: 200, ContentLength: -1}
			out, err = fn.Response(t.Context(), call(o), rq, rs)
			if h = &rs.Header; err == nil && e == model.ViewerResponse && rs.Status != 200 {
				t.Fatalf("status %d", rs.Status)
			}
		}
		var own *Error
		if err != nil && (!errors.As(err, &own) || own.Kind != Validation || own.Function == "") {
			t.Fatalf("%v", err)
		}
		sound(t, h)
		if out.Origin != nil {
			if d := out.Origin.DomainName; d == "" || strings.ContainsAny(d, ":/ \r\n") {
				t.Fatalf("origin %q", d)
			}
			for _, f := range out.Origin.Headers {
				if strings.ContainsAny(f.Name+f.Value, "\r\n\x00") || f.Name == "" {
					t.Fatalf("custom header %q", f)
				}
			}
		}
	})
}

// sound fails for fields that would break a message.
func sound(t *testing.T, h *httpmsg.Header) {
	t.Helper()
	for _, f := range h.Fields() {
		if f.Name == "" || strings.ContainsAny(f.Name, " :\r\n\x00") || strings.ContainsAny(f.Value, "\r\n\x00") ||
			strings.HasPrefix(strings.ToLower(f.Name), "x-edge-") {
			t.Fatalf("field %q: %q", f.Name, f.Value)
		}
	}
}

func bodyOf(t *testing.T, r io.Reader) string {
	t.Helper()
	if r == nil {
		return ""
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
