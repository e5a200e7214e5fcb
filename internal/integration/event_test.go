// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/forelane/forelane/internal/pattern"
)

func testCall(style Style) *Call {
	c := &Call{
		API:    &API{Style: style, ID: "abcdefghij", AccountID: "123456789012"},
		Stage:  &Stage{Name: "$default"},
		Route:  &Route{Key: "POST /a/{rest+}", Method: "POST", Path: "/a/{rest+}"},
		Params: []pattern.Param{{Name: "rest", Value: "space%20value/x"}},
		Method: "POST", Host: "Abcdefghij.execute-api.us-east-1.amazonaws.com:8443",
		Domain: "abcdefghij.execute-api.us-east-1.amazonaws.com",
		Path:   "/a/space%20value/x", RoutePath: "/a/space%20value/x",
		Query: "repeat=one&repeat=two&redirect=https%3A%2F%2Fe.com%2Fa&literalPlus=a+b&encodedPlus=a%2Bb&empty=&bare",
		Header: http.Header{
			"Accept": {"*/*"}, "Content-Type": {"application/json"}, "Cookie": {"session=abc; theme=dark"},
			"User-Agent": {"curl/8.7.1"}, "X-Probe": {"first", "second"}, "X-Forwarded-For": {"198.51.100.1"},
			"Connection": {"close"}, "Content-Length": {"1"},
		},
		Caller:    Caller{SourceIP: netip.MustParseAddr("192.0.2.1"), Protocol: "HTTP/1.1"},
		RequestID: "ATfSjmLgPHcESJw=", ExtendedID: "ATfSjmLgPHcESJw=", TraceID: "Root=1-6a5145a9-1bae89e2512ec92d5d9438a0",
		Time: time.Date(2026, 7, 10, 19, 19, 5, 766e6, time.UTC),
	}
	switch style {
	case RESTAPI:
		c.Stage = &Stage{Name: "live"}
		c.Path = "/live" + c.Path
		c.RequestID = "7c2af7db-31f3-42b5-8a6d-9ffc74e3b9e0"
		c.Route.ResourceID, c.Route.OperationName = "al6gqb", "PutThing"
	case FunctionURL:
		c.API.ID = "2cxn"
		c.Route, c.Params = &Route{Key: "$default"}, nil
		c.Domain, c.Host = "2cxn.lambda-url.us-east-1.on.aws", "2cxn.lambda-url.us-east-1.on.aws"
		c.Caller.TLSVersion, c.Caller.TLSCipher = "TLSv1.3", "TLS_AES_128_GCM_SHA256"
	case HTTPAPI:
	}
	return c
}

const httpEvent2 = `{
 "version": "2.0", "routeKey": "POST /a/{rest+}", "rawPath": "/a/space value/x",
 "rawQueryString": "repeat=one&repeat=two&redirect=https%3A%2F%2Fe.com%2Fa&literalPlus=a+b&encodedPlus=a%2Bb&empty=&bare",
 "cookies": ["session=abc", "theme=dark"],
 "headers": {"accept": "*/*", "content-length": "17", "content-type": "application/json",
  "host": "Abcdefghij.execute-api.us-east-1.amazonaws.com:8443", "user-agent": "curl/8.7.1",
  "x-amzn-trace-id": "Root=1-6a5145a9-1bae89e2512ec92d5d9438a0", "x-forwarded-for": "198.51.100.1, 192.0.2.1",
  "x-forwarded-port": "443", "x-forwarded-proto": "https", "x-probe": "first,second"},
 "queryStringParameters": {"repeat": "one,two", "redirect": "https://e.com/a", "literalPlus": "a b", "encodedPlus": "a+b", "empty": "", "bare": ""},
 "requestContext": {"accountId": "123456789012", "apiId": "abcdefghij",
  "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com", "domainPrefix": "abcdefghij",
  "http": {"method": "POST", "path": "/a/space value/x", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "curl/8.7.1"},
  "requestId": "ATfSjmLgPHcESJw=", "routeKey": "POST /a/{rest+}", "stage": "$default",
  "time": "10/Jul/2026:19:19:05 +0000", "timeEpoch": 1783711145766},
 "pathParameters": {"rest": "space value/x"}, "body": "{\"a\":\"lambda-λ\"}", "isBase64Encoded": false}`

const urlEvent2 = `{
 "version": "2.0", "routeKey": "$default", "rawPath": "/a/space%20value/x",
 "rawQueryString": "repeat=one&repeat=two&redirect=https%3A%2F%2Fe.com%2Fa&literalPlus=a+b&encodedPlus=a%2Bb&empty=&bare",
 "cookies": ["session=abc", "theme=dark"],
 "headers": {"accept": "*/*", "content-length": "17", "content-type": "application/json", "cookie": "session=abc; theme=dark",
  "host": "2cxn.lambda-url.us-east-1.on.aws", "user-agent": "curl/8.7.1",
  "x-amzn-tls-cipher-suite": "TLS_AES_128_GCM_SHA256", "x-amzn-tls-version": "TLSv1.3",
  "x-amzn-trace-id": "Root=1-6a5145a9-1bae89e2512ec92d5d9438a0", "x-forwarded-for": "198.51.100.1, 192.0.2.1",
  "x-forwarded-port": "443", "x-forwarded-proto": "https", "x-probe": "first,second"},
 "queryStringParameters": {"repeat": "one,two", "redirect": "https://e.com/a", "literalPlus": "a b", "encodedPlus": "a+b", "empty": "", "bare": ""},
 "requestContext": {"accountId": "anonymous", "apiId": "2cxn",
  "domainName": "2cxn.lambda-url.us-east-1.on.aws", "domainPrefix": "2cxn",
  "http": {"method": "POST", "path": "/a/space value/x", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "curl/8.7.1"},
  "requestId": "ATfSjmLgPHcESJw=", "routeKey": "$default", "stage": "$default",
  "time": "10/Jul/2026:19:19:05 +0000", "timeEpoch": 1783711145766},
 "body": "{\"a\":\"lambda-λ\"}", "isBase64Encoded": false}`

const restEvent1 = `{
 "resource": "/a/{rest+}", "path": "/a/space%20value/x", "httpMethod": "POST",
 "headers": {"Accept": "*/*", "Content-Type": "application/json", "Cookie": "session=abc; theme=dark",
  "Host": "Abcdefghij.execute-api.us-east-1.amazonaws.com:8443", "User-Agent": "curl/8.7.1",
  "X-Amzn-Trace-Id": "Root=1-6a5145a9-1bae89e2512ec92d5d9438a0", "X-Forwarded-For": "198.51.100.1, 192.0.2.1",
  "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https", "X-Probe": "second"},
 "multiValueHeaders": {"Accept": ["*/*"], "Content-Type": ["application/json"], "Cookie": ["session=abc; theme=dark"],
  "Host": ["Abcdefghij.execute-api.us-east-1.amazonaws.com:8443"], "User-Agent": ["curl/8.7.1"],
  "X-Amzn-Trace-Id": ["Root=1-6a5145a9-1bae89e2512ec92d5d9438a0"], "X-Forwarded-For": ["198.51.100.1, 192.0.2.1"],
  "X-Forwarded-Port": ["443"], "X-Forwarded-Proto": ["https"], "X-Probe": ["first", "second"]},
 "queryStringParameters": {"repeat": "two", "redirect": "https://e.com/a", "literalPlus": "a b", "encodedPlus": "a+b", "empty": "", "bare": ""},
 "multiValueQueryStringParameters": {"repeat": ["one", "two"], "redirect": ["https://e.com/a"], "literalPlus": ["a b"], "encodedPlus": ["a+b"], "empty": [""], "bare": [""]},
 "requestContext": {"accountId": "123456789012", "apiId": "abcdefghij",
  "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com", "domainPrefix": "abcdefghij",
  "extendedRequestId": "ATfSjmLgPHcESJw=", "httpMethod": "POST",
  "identity": {"accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null,
   "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null,
   "sourceIp": "192.0.2.1", "user": null, "userAgent": "curl/8.7.1", "userArn": null},
  "operationName": "PutThing", "path": "/live/a/space%20value/x", "protocol": "HTTP/1.1",
  "requestId": "7c2af7db-31f3-42b5-8a6d-9ffc74e3b9e0", "requestTime": "10/Jul/2026:19:19:05 +0000",
  "requestTimeEpoch": 1783711145766, "resourceId": "al6gqb", "resourcePath": "/a/{rest+}", "stage": "live"},
 "pathParameters": {"rest": "space%20value/x"}, "stageVariables": null,
 "body": "{\"a\":\"lambda-λ\"}", "isBase64Encoded": false}`

const httpEvent1 = `{
 "version": "1.0", "resource": "$default", "path": "/dev/a b", "httpMethod": "GET",
 "headers": {"Content-Length": "0", "Host": "h.example", "User-Agent": "ua", "X-Amzn-Trace-Id": "Root=1-0-0",
  "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "8080", "X-Forwarded-Proto": "http"},
 "multiValueHeaders": {"Content-Length": ["0"], "Host": ["h.example"], "User-Agent": ["ua"], "X-Amzn-Trace-Id": ["Root=1-0-0"],
  "X-Forwarded-For": ["127.0.0.1"], "X-Forwarded-Port": ["8080"], "X-Forwarded-Proto": ["http"]},
 "queryStringParameters": null, "multiValueQueryStringParameters": null,
 "requestContext": {"accountId": "1", "apiId": "a", "domainName": "h.example", "domainPrefix": "h", "extendedRequestId": "r=",
  "httpMethod": "GET",
  "identity": {"accessKey": null, "accountId": null, "caller": null, "cognitoAmr": null, "cognitoAuthenticationProvider": null,
   "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null,
   "sourceIp": "127.0.0.1", "user": null, "userAgent": "ua", "userArn": null},
  "path": "/dev/a b", "protocol": "HTTP/2.0", "requestId": "r=", "requestTime": "01/Jan/1970:00:00:01 +0000",
  "requestTimeEpoch": 1000, "resourceId": "$default", "resourcePath": "$default", "stage": "dev"},
 "pathParameters": null, "stageVariables": {"k": "v"}, "body": null, "isBase64Encoded": false}`

func sameJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		gb, _ := json.MarshalIndent(g, "", " ")
		wb, _ := json.MarshalIndent(w, "", " ")
		t.Errorf("got\n%s\nwant\n%s", gb, wb)
	}
}

func TestA3A5GoldenEvents(t *testing.T) {
	body := []byte(`{"a":"lambda-λ"}`)
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"HTTP API 2.0", appendEvent2(nil, testCall(HTTPAPI), body), httpEvent2},
		{"function URL 2.0", appendEvent2(nil, testCall(FunctionURL), body), urlEvent2},
		{"REST API 1.0", appendEvent1(nil, testCall(RESTAPI), body), restEvent1},
		{"HTTP API 1.0", appendEvent1(nil, &Call{
			API: &API{Style: HTTPAPI, ID: "a", AccountID: "1"}, Stage: &Stage{Name: "dev", Variables: map[string]string{"k": "v"}},
			Route: &Route{Key: "$default"}, Method: "GET", Host: "h.example", Domain: "h.example",
			Path: "/dev/a%20b", RoutePath: "/a%20b", Header: http.Header{"User-Agent": {"ua"}},
			Caller:    Caller{Protocol: "HTTP/2.0", Scheme: "http", Port: 8080},
			RequestID: "r=", ExtendedID: "r=", TraceID: "Root=1-0-0", Time: time.Unix(1, 0),
		}, nil), httpEvent1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sameJSON(t, tt.got, tt.want)
		})
	}
}

// TestA3A5EventStructs decodes each event strictly: AWS's structs must know every member.
func TestA3A5EventStructs(t *testing.T) {
	body := []byte(`{"x":1}`)
	strict := func(data []byte, into any, extra ...string) {
		t.Helper()
		s := string(data)
		for _, e := range extra { // members that AWS sends and the struct leaves out
			s = strings.Replace(s, e, "", 1)
		}
		d := json.NewDecoder(strings.NewReader(s))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			t.Errorf("%T: %v\n%s", into, err, s)
		}
	}
	var h events.APIGatewayV2HTTPRequest
	strict(appendEvent2(nil, testCall(HTTPAPI), body), &h)
	if h.RequestContext.HTTP.SourceIP != "192.0.2.1" || h.RequestContext.TimeEpoch != 1783711145766 || h.Body != string(body) {
		t.Errorf("%+v", h)
	}
	var u events.LambdaFunctionURLRequest
	strict(appendEvent2(nil, testCall(FunctionURL), body), &u, `"routeKey":"$default",`, `"routeKey":"$default",`, `"stage":"$default",`)
	var p events.APIGatewayProxyRequest
	strict(appendEvent1(nil, testCall(RESTAPI), body), &p, `"principalOrgId":null,`)
	if p.RequestContext.Identity.SourceIP != "192.0.2.1" || p.PathParameters["rest"] != "space%20value/x" || p.RequestContext.Stage != "live" {
		t.Errorf("%+v", p)
	}
}

func TestA21BinaryBodies(t *testing.T) {
	png := "\x89PNG\r\n\xff"
	for _, tt := range []struct {
		style       Style
		types       []string
		contentType string
		body        string
		binary      bool
	}{
		{HTTPAPI, nil, "application/json", `{}`, false},
		{HTTPAPI, nil, "Application/JSON; charset=utf-8", `{}`, false},
		{HTTPAPI, nil, "text/csv", "a,b", false},
		{HTTPAPI, nil, "application/xml", "<a/>", false},
		{HTTPAPI, nil, "application/javascript", "1", false},
		{HTTPAPI, nil, "application/x-www-form-urlencoded", "a=b", true},
		{HTTPAPI, nil, "", "x", true},
		{HTTPAPI, nil, "application/octet-stream", "x", true},
		{HTTPAPI, nil, "text/plain", png, true},
		{HTTPAPI, nil, "image/png", "", false},
		{FunctionURL, nil, "application/x-www-form-urlencoded", "a=b", true},
		{RESTAPI, nil, "image/png", "x", false},
		{RESTAPI, []string{"image/*"}, "image/png", png, true},
		{RESTAPI, []string{"image/png"}, "image/png; q=1", png, true},
		{RESTAPI, []string{"image/png"}, "image/jpeg", "x", false},
		{RESTAPI, []string{"*/*"}, "application/json", `{}`, true},
		{RESTAPI, []string{"*/*"}, "", "x", true},
		{RESTAPI, []string{"image/*"}, "", "x", false},
	} {
		c := testCall(tt.style)
		c.API.BinaryMediaTypes = tt.types
		c.Header["Content-Type"] = []string{tt.contentType}
		event := appendEvent2(nil, c, []byte(tt.body))
		if tt.style == RESTAPI {
			event = appendEvent1(nil, c, []byte(tt.body))
		}
		var e struct {
			Body            *string
			IsBase64Encoded bool
		}
		if err := json.Unmarshal(event, &e); err != nil {
			t.Fatal(err)
		}
		if e.IsBase64Encoded != tt.binary {
			t.Errorf("%v %v %q: base64 %v", tt.style, tt.types, tt.contentType, e.IsBase64Encoded)
		}
		if e.Body == nil {
			continue
		}
		got := []byte(*e.Body)
		if e.IsBase64Encoded {
			var err error
			if got, err = decodeBase64(*e.Body); err != nil {
				t.Error(err)
			}
		}
		if string(got) != tt.body {
			t.Errorf("%q came through as %q", tt.body, got)
		}
	}
}

// FuzzEvent: any path, query, header and body make events that are JSON, that
// AWS's structs read, and that say what came in.
func FuzzEvent(f *testing.F) {
	f.Add("/a/%2F%ff b", "a=1&a=2&%zz=+;x", "X-Y", "v\x00\xff\"", []byte("{\"\xff"), "text/plain")
	f.Add("/", "", "Accept", "é", []byte(nil), "")
	f.Fuzz(func(t *testing.T, path, query, name, value string, body []byte, contentType string) {
		name = http.CanonicalHeaderKey(name)
		if isOwnHeader(name) || !validName(name) || name == "Cookie" || name == "Content-Type" {
			return
		}
		for _, style := range []Style{HTTPAPI, RESTAPI, FunctionURL} {
			c := testCall(style)
			c.Path, c.RoutePath, c.Query = path, path, query
			c.Header[name] = []string{value, value}
			c.Header["Content-Type"] = []string{contentType}
			if style == RESTAPI {
				c.API.BinaryMediaTypes = []string{"image/*"}
				checkEvent1(t, c, name, body)
			} else {
				checkEvent2(t, c, name, body)
			}
		}
	})
}

func checkEvent2(t *testing.T, c *Call, name string, body []byte) {
	var e events.APIGatewayV2HTTPRequest
	data := appendEvent2(nil, c, body)
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	checkBody(t, e.Body, e.IsBase64Encoded, body)
	value := strings.Join(c.Header[name], ",")
	if got := e.Headers[strings.ToLower(name)]; got != utf8Of(value) {
		t.Errorf("%s: %q came through as %q", name, value, got)
	}
	if c.API.Style == FunctionURL && e.RawPath != utf8Of(c.Path) {
		t.Errorf("path %q came through as %q", c.Path, e.RawPath)
	}
	if e.RawQueryString != utf8Of(c.Query) {
		t.Errorf("query %q came through as %q", c.Query, e.RawQueryString)
	}
	for k, vs := range queryOf(c.Query) {
		if utf8.ValidString(k) && e.QueryStringParameters[k] != utf8Of(strings.Join(vs, ",")) {
			t.Errorf("query %q: %q is %q, want %q", c.Query, k, e.QueryStringParameters[k], vs)
		}
	}
}

func checkEvent1(t *testing.T, c *Call, name string, body []byte) {
	var e events.APIGatewayProxyRequest
	data := appendEvent1(nil, c, body)
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	checkBody(t, e.Body, e.IsBase64Encoded, body)
	if e.Path != utf8Of(c.Path) || len(e.MultiValueHeaders[name]) != 2 || e.Headers[name] != utf8Of(c.Header[name][1]) {
		t.Errorf("event: %s", data)
	}
}

func checkBody(t *testing.T, got string, binary bool, want []byte) {
	if !binary {
		if got != utf8Of(string(want)) {
			t.Errorf("body %q came through as %q", want, got)
		}
		return
	}
	if b, err := decodeBase64(got); err != nil || string(b) != string(want) {
		t.Errorf("body %q came through as %q (%v)", want, b, err)
	}
}

// utf8Of is what encoding/json makes of s: each byte that is no UTF-8 is one U+FFFD.
func utf8Of(s string) string { return string([]rune(s)) }

func queryOf(s string) url.Values {
	v, err := url.ParseQuery(s)
	if err != nil {
		return nil
	}
	return v
}

func BenchmarkEvent2(b *testing.B) {
	c := testCall(HTTPAPI)
	body := []byte(`{"a":1}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = appendEvent2(make([]byte, 0, eventSize(c, len(body))), c, body)
	}
}

func BenchmarkReply(b *testing.B) {
	l := &lambdaProxy{}
	c := testCall(HTTPAPI)
	payload := []byte(`{"statusCode":200,"headers":{"content-type":"application/json"},"body":"{\"a\":1,\"b\":\"text\"}"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.buffered(c, payload); err != nil {
			b.Fatal(err)
		}
	}
}
