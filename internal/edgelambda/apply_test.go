// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// editing is a function that changes the member of its event called name.
func editing(t *testing.T, name string, change func(m map[string]any)) ask {
	return func(event []byte) (*model.InvocationResult, error) {
		return &model.InvocationResult{Payload: memberOf(t, event, name, change)}, nil
	}
}

// set is a change that sets a field of headers.
func set(name string, values ...string) func(map[string]any) {
	return func(m map[string]any) {
		list := []any{}
		for _, v := range values {
			list = append(list, map[string]any{"value": v})
		}
		m["headers"].(map[string]any)[name] = list
	}
}

func drop(name string) func(map[string]any) {
	return func(m map[string]any) { delete(m["headers"].(map[string]any), name) }
}

func put(name string, v any) func(map[string]any) {
	return func(m map[string]any) { m[name] = v }
}

// sentRequest is a POST as it would go to the origin.
func sentRequest() *httpmsg.Request {
	rq := viewerRequest()
	rq.Method, rq.Body, rq.ContentLength = "POST", io.NopCloser(strings.NewReader("hello")), 5
	rq.Query = "a=1"
	rq.Header.Add("Via", "1.1 x")
	rq.Header.Add("Accept-Encoding", "gzip")
	rq.Header.Add("If-None-Match", `"1"`)
	rq.Header.Add("Cookie", "a=1")
	rq.Header.Add("Cookie", "b=2")
	rq.Header.Add("X-Amz-Cf-Id", "id")
	rq.Header.Add("X-Two", "1")
	rq.Header.Add("X-Two", "2")
	return rq
}

func TestE5Requests(t *testing.T) {
	both := func(fs ...func(map[string]any)) func(map[string]any) {
		return func(m map[string]any) {
			for _, f := range fs {
				f(m)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		event  model.EdgeEvent
		change func(map[string]any)
		want   string // text of the request that has to be there
		wrong  string // or of the error
	}{
		{"uri", model.ViewerRequest, put("uri", "/b c/ü"), "POST /b%20c/%C3%BC?a=1 ", ""},
		{"uri without slash", model.ViewerRequest, put("uri", "b"), "", "does not begin with /"},
		{"no uri", model.ViewerRequest, func(m map[string]any) { delete(m, "uri") }, "", "request.uri is missing"},
		{"uri is a number", model.ViewerRequest, put("uri", 1), "", "not a string"},
		{"long uri", model.ViewerRequest, put("uri", "/"+strings.Repeat("x", 8200)), "", "8192"},
		{"query string", model.OriginRequest, put("querystring", "b=2&c"), "POST /?b=2&c ", ""},
		{"query string with a blank", model.OriginRequest, put("querystring", "b 2"), "", "querystring has"},
		{"method", model.ViewerRequest, put("method", "GET"), "", "method is read-only"},
		{"clientIp", model.ViewerRequest, put("clientIp", "192.0.2.1"), "", "clientIp is read-only"},
		{"no headers", model.ViewerRequest, put("headers", nil), "", "headers is missing"},
		{"a new header without key", model.ViewerRequest, set("x-new-one", "1"), "\nX-New-One: 1", ""},
		{"a name with capitals", model.ViewerRequest, set("X-Other", "1"), "\nX-Other: 1", ""},
		{"a changed header keeps its spelling", model.ViewerRequest, set("accept", "text/html"), "\naccept: text/html", ""},
		{"fewer of several", model.ViewerRequest, set("x-two", "3"), "\nX-Two: 3", ""},
		{"cookies", model.ViewerRequest, set("cookie", "c=3"), "\nCookie: c=3", ""},
		{"an empty list removes", model.ViewerRequest, set("x-two"), "", ""},
		{"the Host is read-only for viewers", model.ViewerRequest, set("host", "evil.example"), "", "host is read-only at viewer-request"},
		{"nor may it be deleted", model.ViewerRequest, drop("host"), "", "host is read-only"},
		{"the Host of an origin", model.OriginRequest, set("host", "other.example"), " other.example\n", ""},
		{"a Host that is none", model.OriginRequest, set("host", "a b"), "", "header host is no host name"},
		{"two Hosts", model.OriginRequest, set("host", "a.example", "b.example"), "", "header host is no host name"},
		{"without Host the origin's name", model.OriginRequest, drop("host"), " example.org\n", ""},
		{"Via", model.OriginRequest, drop("via"), "", "via is read-only"},
		{"Accept-Encoding at origin-request", model.OriginRequest, set("accept-encoding", "br"), "", "accept-encoding is read-only at origin-request"},
		{"Accept-Encoding at viewer-request", model.ViewerRequest, set("accept-encoding", "br"), "\nAccept-Encoding: br", ""},
		{"If-None-Match", model.OriginRequest, drop("if-none-match"), "", "if-none-match is read-only"},
		{"CDN-Loop", model.OriginRequest, set("cdn-loop", "x"), "", "cdn-loop is read-only"},
		{"Content-Length", model.OriginRequest, set("content-length", "9"), "", "content-length is read-only"},
		{"Transfer-Encoding", model.ViewerRequest, set("transfer-encoding", "chunked"), "", "transfer-encoding is read-only"},
		{"Connection", model.ViewerRequest, set("connection", "close"), "", "connection is not allowed"},
		{"X-Edge-*", model.OriginRequest, set("x-edge-a", "1"), "", "x-edge-a is not allowed"},
		{"X-Amz-Cf-*", model.OriginRequest, set("x-amz-cf-id", "mine"), "", "x-amz-cf-id is not allowed"},
		{"what is hidden stays", model.OriginRequest, set("x-new", "1"), "\nX-Amz-Cf-Id: id", ""},
		{"CloudFront-Viewer-Country at viewer-request", model.ViewerRequest, set("cloudfront-viewer-country", "DE"), "", "cannot be added"},
		{"and at origin-request", model.OriginRequest, set("cloudfront-viewer-country", "DE"), "\nCloudfront-Viewer-Country: DE", ""},
		{"a line end", model.ViewerRequest, set("x-a", "1\r\nx-b: 2"), "", "not allowed"},
		{"a bad name", model.ViewerRequest, set("x a", "1"), "", "is not a header name"},
		{"a key of another name", model.ViewerRequest, func(m map[string]any) {
			m["headers"].(map[string]any)["x-a"] = []any{map[string]any{"key": "X-B", "value": "1"}}
		}, "", "is another name"},
		{"a value that is no text", model.ViewerRequest, func(m map[string]any) {
			m["headers"].(map[string]any)["x-a"] = []any{map[string]any{"value": 1}}
		}, "", "not a string"},
		{"a field that is no list", model.ViewerRequest, func(m map[string]any) { m["headers"].(map[string]any)["x-a"] = "1" }, "", "not a list"},
		{"too large a head", model.ViewerRequest, set("x-a", strings.Repeat("x", 33<<10)), "", "at most 32768"},
		{"an origin for a viewer's event", model.ViewerRequest, put("origin", map[string]any{"custom": map[string]any{}}), "", "at origin-request only"},
		{"both", model.OriginRequest, both(set("x-k", "1"), func(m map[string]any) {
			m["origin"].(map[string]any)["custom"].(map[string]any)["customHeaders"] = map[string]any{"x-k": []any{map[string]any{"value": "1"}}}
		}), "", "in request.headers and in the origin's"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o *model.Origin
			rq := sentRequest()
			if tt.event == model.OriginRequest {
				o, rq.Host = example(), "example.org"
			}
			before := shown(rq)
			_, err := newFunction(t, tt.event, editing(t, "request", tt.change), false).Request(t.Context(), call(o), rq)
			checkError(t, err, tt.wrong)
			if tt.wrong != "" && shown(rq) != before {
				t.Errorf("the request was changed to %s", shown(rq))
			}
			if !strings.Contains(shown(rq), tt.want) {
				t.Errorf("%s\nhas no %q", shown(rq), tt.want)
			}
			if tt.name == "fewer of several" && strings.Count(shown(rq), "X-Two") != 1 || tt.name == "an empty list removes" && rq.Header.Has("X-Two") {
				t.Error(shown(rq))
			}
		})
	}
}

// checkError compares the text of an error; "": there is none.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	var e *Error
	switch {
	case want == "" && err != nil:
		t.Fatal(err)
	case want == "":
	case !errors.As(err, &e) || e.Kind != Validation || !strings.Contains(err.Error(), want):
		t.Fatalf("error %v, want %q", err, want)
	}
}

func TestE5ReplacedBodies(t *testing.T) {
	body := func(action, encoding, data string) map[string]any {
		return map[string]any{"action": action, "encoding": encoding, "data": data, "inputTruncated": false}
	}
	for _, tt := range []struct {
		name   string
		method string
		body   map[string]any
		want   string
		wrong  string
	}{
		{"read-only", "POST", body("read-only", "text", "other"), "hello", ""},
		{"as text", "POST", body("replace", "text", "other"), "other", ""},
		{"as base64", "POST", body("replace", "base64", "b3RoZXI="), "other", ""},
		{"removed", "POST", body("replace", "text", ""), "", ""},
		{"no base64", "POST", body("replace", "base64", "?"), "", "not valid base64"},
		{"another encoding", "POST", body("replace", "gzip", "x"), "", "neither text nor base64"},
		{"another action", "POST", body("append", "text", "x"), "", "neither read-only nor replace"},
		{"40 KB", "POST", body("replace", "text", strings.Repeat("x", 40<<10)), strings.Repeat("x", 40<<10), ""},
		{"more", "POST", body("replace", "text", strings.Repeat("x", 40<<10+1)), "", "at most 40960"},
		{"a GET", "GET", body("replace", "text", "x"), "", "a GET request has no body"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq := sentRequest()
			rq.Method = tt.method
			_, err := newFunction(t, model.ViewerRequest, editing(t, "request", put("body", tt.body)), true).Request(t.Context(), call(nil), rq)
			checkError(t, err, tt.wrong)
			if tt.wrong != "" {
				return
			}
			if got := bodyOf(t, rq.Body); got != tt.want || rq.ContentLength != int64(len(tt.want)) {
				t.Errorf("%.40q, %d bytes", got, rq.ContentLength)
			}
		})
	}
}

func TestE5Answers(t *testing.T) {
	kb := strings.Repeat("x", 1024)
	for _, tt := range []struct {
		name   string
		event  model.EdgeEvent
		text   string
		status int
		body   string
		wrong  string
	}{
		{"status alone", model.ViewerRequest, `{"status":"204"}`, 204, "", ""},
		{"a status that is a number", model.ViewerRequest, `{"status":302,"headers":{"location":[{"value":"/"}]}}`, 302, "", ""},
		{"text", model.ViewerRequest, `{"status":"200","statusDescription":"Fine","body":"<p>"}`, 200, "<p>", ""},
		{"base64", model.OriginRequest, `{"status":"200","body":"PHA+","bodyEncoding":"base64"}`, 200, "<p>", ""},
		{"199", model.ViewerRequest, `{"status":"199"}`, 0, "", "200 to 599"},
		{"600", model.ViewerRequest, `{"status":"600"}`, 0, "", "200 to 599"},
		{"words", model.ViewerRequest, `{"status":"OK"}`, 0, "", "200 to 599"},
		{"204 with a body", model.ViewerRequest, `{"status":"204","body":"x"}`, 0, "", "has no body"},
		{"no base64", model.ViewerRequest, `{"status":"200","body":"?","bodyEncoding":"base64"}`, 0, "", "not valid base64"},
		{"another encoding", model.ViewerRequest, `{"status":"200","body":"x","bodyEncoding":"br"}`, 0, "", "neither text nor base64"},
		{"a body that is no text", model.ViewerRequest, `{"status":"200","body":{"a":1}}`, 0, "", "not a string"},
		{"40 KB with its head", model.ViewerRequest, `{"status":"200","body":"` + strings.Repeat(kb, 39) + `","headers":{"x-a":[{"value":"` + kb[:1000] + `"}]}}`, 200, strings.Repeat(kb, 39), ""},
		{"more", model.ViewerRequest, `{"status":"200","body":"` + strings.Repeat(kb, 39) + `","headers":{"x-a":[{"value":"` + kb + `"}]}}`, 0, "", "at most 40960"},
		{"1 MB at origin-request", model.OriginRequest, `{"status":"200","body":"` + strings.Repeat(kb, 1024) + `"}`, 200, strings.Repeat(kb, 1024), ""},
		{"more than 1 MB", model.OriginRequest, `{"status":"200","body":"` + strings.Repeat(kb, 1024) + `x"}`, 0, "", "at most 1048576"},
		{"Content-Length", model.OriginRequest, `{"status":"200","headers":{"content-length":[{"value":"1"}]}}`, 0, "", "content-length is read-only"},
		{"X-Cache", model.ViewerRequest, `{"status":"200","headers":{"x-cache":[{"value":"Hit"}]}}`, 0, "", "x-cache is not allowed"},
		{"Via", model.ViewerRequest, `{"status":"200","headers":{"Via":[{"value":"x"}]}}`, 0, "", "via is read-only"},
		{"a description with a line end", model.ViewerRequest, `{"status":"200","statusDescription":"a\r\nb"}`, 0, "", "statusDescription has"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o *model.Origin
			if tt.event == model.OriginRequest {
				o = example()
			}
			out, err := newFunction(t, tt.event, returning(tt.text), false).Request(t.Context(), call(o), viewerRequest())
			checkError(t, err, tt.wrong)
			if tt.wrong != "" {
				return
			}
			rs := out.Response
			if rs == nil {
				t.Fatal("no answer")
			}
			if got := bodyOf(t, rs.Body); rs.Status != tt.status || got != tt.body || rs.ContentLength != int64(len(tt.body)) {
				t.Errorf("%d %.40q, %d bytes", rs.Status, got, rs.ContentLength)
			}
		})
	}
}

func TestE5Responses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		event  model.EdgeEvent
		change func(map[string]any)
		want   string // status, fields and body in one text
		wrong  string
	}{
		{"a header", model.ViewerResponse, set("x-frame-options", "DENY"), "200 X-Frame-Options=DENY; old", ""},
		{"status of the origin", model.OriginResponse, put("status", "302"), "302 ; old", ""},
		{"as a number", model.OriginResponse, put("status", 404), "404 ; old", ""},
		{"status at viewer-response", model.ViewerResponse, put("status", "302"), "", "cannot be changed at viewer-response"},
		{"body", model.OriginResponse, put("body", "new"), "200 ; new", ""},
		{"body at viewer-response", model.ViewerResponse, put("body", "new"), "200 ; new", ""},
		{"body taken off", model.OriginResponse, put("body", ""), "200 ; ", ""},
		{"a large body", model.ViewerResponse, put("body", strings.Repeat("x", 41<<10)), "", "at most 40960"},
		{"a large body at origin-response", model.OriginResponse, put("body", strings.Repeat("x", 41<<10)), "200 ; " + strings.Repeat("x", 41<<10), ""},
		{"Via", model.OriginResponse, set("via", "x"), "", "via is read-only"},
		{"Warning at origin-response", model.OriginResponse, set("warning", "x"), "200 Warning=x; old", ""},
		{"Warning at viewer-response", model.ViewerResponse, set("warning", "x"), "", "warning is read-only at viewer-response"},
		{"Content-Encoding at viewer-response", model.ViewerResponse, set("content-encoding", "x"), "", "content-encoding is read-only"},
		{"Content-Length at viewer-response", model.ViewerResponse, drop("content-length"), "", "content-length is read-only"},
		{"Content-Length at origin-response is ours", model.OriginResponse, set("content-length", "99"), "200 ; old", ""},
		{"X-Edge-*", model.OriginResponse, set("x-edge-x", "x"), "", "x-edge-x is not allowed"},
		{"no status", model.OriginResponse, func(m map[string]any) { delete(m, "status") }, "", "status is missing"},
		{"no headers", model.OriginResponse, func(m map[string]any) { delete(m, "headers") }, "", "headers is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o *model.Origin
			if tt.event == model.OriginResponse {
				o = example()
			}
			rs := &httpmsg.Response{Status: 200, Body: io.NopCloser(strings.NewReader("old")), ContentLength: 3}
			out, err := newFunction(t, tt.event, editing(t, "response", tt.change), false).Response(t.Context(), call(o), viewerRequest(), rs)
			checkError(t, err, tt.wrong)
			if tt.wrong != "" {
				if rs.Status != 200 || rs.Header.Len() != 0 || bodyOf(t, rs.Body) != "old" {
					t.Error("the response was changed")
				}
				return
			}
			var fields []string
			for _, f := range rs.Header.Fields() {
				fields = append(fields, f.Name+"="+f.Value)
			}
			got := strings.Join([]string{statusText(rs.Status), strings.Join(fields, ",") + ";", bodyOf(t, rs.Body)}, " ")
			if got != tt.want || !out.Changed && !strings.Contains(tt.name, "is ours") {
				t.Errorf("got %.80q, want %.80q; %+v", got, tt.want, out)
			}
		})
	}
}

func statusText(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestE5Origins(t *testing.T) {
	custom := func(change func(c map[string]any)) func(map[string]any) {
		return func(m map[string]any) { change(m["origin"].(map[string]any)["custom"].(map[string]any)) }
	}
	toBucket := func(m map[string]any) {
		m["origin"] = map[string]any{"s3": map[string]any{"domainName": "other.s3.amazonaws.com", "region": "", "authMethod": "none", "path": "/p", "customHeaders": map[string]any{}}}
	}
	private := example()
	private.VPCOrigin, private.ClientCert, private.Sign, private.Path = "V", "arn:c", &model.SignatureKey{}, "/stage"
	for _, tt := range []struct {
		name   string
		was    *model.Origin
		change func(map[string]any)
		check  func(o *model.Origin) bool // nil: it stays
		wrong  string
	}{
		{"unchanged", example(), func(map[string]any) {}, nil, ""},
		{"an unchanged bucket", bucket(), func(map[string]any) {}, nil, ""},
		{"taken off", example(), func(m map[string]any) { delete(m, "origin") }, nil, ""},
		{"another host", private, custom(func(c map[string]any) { c["domainName"] = "Other.example" }), func(o *model.Origin) bool {
			return o.ID == "o" && o.DomainName == "other.example" && o.VPCOrigin == "" && o.ClientCert == "" && o.Sign == nil && o.Path == "/stage" &&
				o.Protocol == model.OriginHTTPSOnly && o.HTTPSPort == 0
		}, ""},
		{"another path stays on the same way", private, custom(func(c map[string]any) { c["path"] = "/v2" }), func(o *model.Origin) bool {
			return o.Path == "/v2" && o.VPCOrigin == "V" && o.Sign != nil
		}, ""},
		{"protocol and port", example(), custom(func(c map[string]any) { c["protocol"], c["port"] = "http", 8080 }), func(o *model.Origin) bool {
			return o.Protocol == model.OriginHTTPOnly && o.HTTPPort == 8080
		}, ""},
		{"timeouts and TLS", example(), custom(func(c map[string]any) {
			c["readTimeout"], c["keepaliveTimeout"], c["sslProtocols"] = 10, 7, []string{"TLSv1.2"}
		}), func(o *model.Origin) bool {
			return o.ReadTimeout == 10*time.Second && o.KeepAlive == 7*time.Second && len(o.TLSVersions) == 1
		}, ""},
		{"custom headers", example(), custom(func(c map[string]any) {
			c["customHeaders"] = map[string]any{"x-secret": []any{map[string]any{"key": "X-Secret", "value": "s"}}}
		}), func(o *model.Origin) bool { return len(o.Headers) == 1 && o.Headers[0].Name == "X-Secret" }, ""},
		{"a bucket instead", example(), toBucket, func(o *model.Origin) bool {
			return o.S3 && o.DomainName == "other.s3.amazonaws.com" && o.Path == "/p" && o.Protocol == model.OriginMatchViewer
		}, ""},
		{"another bucket", bucket(), toBucket, func(o *model.Origin) bool { return o.S3 && o.OAI == "" }, ""},
		{"both kinds", example(), func(m map[string]any) { m["origin"].(map[string]any)["s3"] = map[string]any{} }, nil, "not both"},
		{"neither", example(), put("origin", map[string]any{}), nil, "not both"},
		{"an address", example(), custom(func(c map[string]any) { c["domainName"] = "192.0.2.1" }), nil, "no domain name"},
		{"a port in the name", example(), custom(func(c map[string]any) { c["domainName"] = "a.example:81" }), nil, "no domain name"},
		{"no name", example(), custom(func(c map[string]any) { c["domainName"] = "" }), nil, "no domain name"},
		{"no protocol", example(), custom(func(c map[string]any) { delete(c, "protocol") }), nil, "protocol is missing"},
		{"another protocol", example(), custom(func(c map[string]any) { c["protocol"] = "ftp" }), nil, "neither http nor https"},
		{"a low port", example(), custom(func(c map[string]any) { c["port"] = 81 }), nil, "port 81"},
		{"half a port", example(), custom(func(c map[string]any) { c["port"] = 80.5 }), nil, "not a whole number"},
		{"a path with a slash at its end", example(), custom(func(c map[string]any) { c["path"] = "/a/" }), nil, "not to end"},
		{"a long timeout", example(), custom(func(c map[string]any) { c["readTimeout"] = 500 }), nil, "1 to 120"},
		{"TLS of tomorrow", example(), custom(func(c map[string]any) { c["sslProtocols"] = []string{"TLSv9"} }), nil, "not known"},
		{"a denied custom header", example(), custom(func(c map[string]any) {
			c["customHeaders"] = map[string]any{"x-amz-date": []any{map[string]any{"value": "s"}}}
		}), nil, "x-amz-date is not allowed"},
		{"an identity that is not there", example(), func(m map[string]any) {
			toBucket(m)
			s3 := m["origin"].(map[string]any)["s3"].(map[string]any)
			s3["authMethod"], s3["region"] = "origin-access-identity", "us-east-1"
		}, nil, "no origin access identity"},
		{"an identity without a region", bucket(), func(m map[string]any) {
			s3 := m["origin"].(map[string]any)["s3"].(map[string]any)
			s3["region"] = ""
		}, nil, "region is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rq := viewerRequest()
			out, err := newFunction(t, model.OriginRequest, editing(t, "request", tt.change), false).Request(t.Context(), call(tt.was), rq)
			checkError(t, err, tt.wrong)
			switch {
			case tt.wrong != "":
			case tt.check == nil && out.Origin != nil:
				t.Errorf("another origin: %+v", out.Origin)
			case tt.check != nil && (out.Origin == nil || !tt.check(out.Origin)):
				t.Errorf("%+v", out.Origin)
			}
		})
	}
}
