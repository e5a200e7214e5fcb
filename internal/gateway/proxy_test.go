// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/forelane/forelane/internal/model"
)

// roundTripper is a target for HTTP integrations without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// echo answers with what it saw: a line for the request, then its fields.
func echo(r *http.Request) (*http.Response, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	var fields []string
	for name, values := range r.Header {
		fields = append(fields, fmt.Sprintf("%s=%s\n", name, strings.Join(values, "|")))
	}
	slices.Sort(fields)
	b.WriteString(strings.Join(fields, ""))
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "body=%s\n", data)
	}
	return &http.Response{
		StatusCode: 202, Header: http.Header{"X-Target": {"t"}, "Connection": {"close"}, "Server": {"nginx"}},
		Body: io.NopCloser(strings.NewReader(b.String())), ContentLength: int64(b.Len()),
	}, nil
}

func proxyRig(t testing.TB, client http.RoundTripper, apis ...*model.API) *rig {
	t.Helper()
	r := &rig{t: t, fn: &fake{}}
	g, err := Compile(stackOf(apis...), Deps{Invoke: r.fn, Client: client, Log: func(rec *Record) { r.records = append(r.records, rec) }})
	if err != nil {
		t.Fatal(err)
	}
	r.g = g
	return r
}

func target(uri string) *model.Integration {
	return &model.Integration{Kind: model.HTTPProxy, URI: uri, Method: "ANY"}
}

func TestA6HTTPProxyTargets(t *testing.T) {
	mapped := target("https://t.example/base/{proxy}")
	mapped.RequestParameters = []model.Mapping{
		{To: "integration.request.path.proxy", From: "method.request.path.proxy"},
		{To: "integration.request.header.X-Static", From: "'s'"},
		{To: "integration.request.header.X-Q", From: "method.request.querystring.q"},
		{To: "integration.request.querystring.stage", From: "context.stage"},
	}
	get := target("http://${stageVariables.table}.example:81/x?k=v")
	get.Method = "GET"
	api := httpAPI(
		newRoute("ANY /pets/{id}", target("https://t.example/p/{id}/x")),
		newRoute("ANY /files/{proxy+}", target("https://t.example/{proxy}")),
		newRoute("ANY /host/{h}", target("https://{h}.example/")),
		newRoute("ANY /q/{id}", target("https://t.example/x?id={id}")),
		newRoute("$default", target("https://t.example/base/")),
	)
	fromHeader := target("https://t.example/{h}")
	fromHeader.RequestParameters = []model.Mapping{{To: "integration.request.path.h", From: "method.request.header.X-H"}}
	rest := restAPI(
		newRoute("GET /header", fromHeader),
		newRoute("ANY /v/{proxy+}", mapped), newRoute("POST /get", get), newRoute("GET /unmapped/{id}", target("https://t.example/{id}")),
	)
	for _, tt := range []struct{ method, url, line string }{
		{"GET", httpHost + "/pets/a%2Fb?q=1", "GET https://t.example/p/a%2Fb/x?q=1"},
		{"PUT", httpHost + "/files/a/b%20c/", "PUT https://t.example/a/b%20c/"},
		{"GET", httpHost + "/any/thing?a=b&a=c", "GET https://t.example/base/any/thing?a=b&a=c"},
		{"GET", httpHost + "/host/a-1", "GET https://a-1.example/"},
		{"GET", httpHost + "/host/a@evil.org%23", ""},
		{"GET", httpHost + "/q/1&admin=1%26?z=2", "GET https://t.example/x?id=1%26admin%3D1%26&z=2"},
		{"GET", restHost + "/prod/header?q=1", "GET https://t.example/a%3Fb%23c/d?q=1"},
		{"GET", restHost + "/prod/v/a/b?q=1", "GET https://t.example/base/a/b?q=1&stage=prod"},
		{"POST", restHost + "/prod/get", "GET http://t1.example:81/x?k=v"},
		{"GET", restHost + "/prod/unmapped/1", ""}, // a REST API says where each variable comes from
	} {
		r := proxyRig(t, roundTripper(echo), api, rest)
		resp, body := r.do(tt.method, tt.url, "", "X-H: a?b#c/d")
		line, _, _ := strings.Cut(body, "\n")
		if tt.line == "" {
			if resp.StatusCode != 500 {
				t.Errorf("%s: %d %s", tt.url, resp.StatusCode, line)
			}
			continue
		}
		if resp.StatusCode != 202 || line != tt.line {
			t.Errorf("%s: %d %s, want %s (%v)", tt.url, resp.StatusCode, line, tt.line, r.records[0].Detail)
		}
	}
}

func TestA6HTTPProxyFields(t *testing.T) {
	r := proxyRig(t, roundTripper(echo), httpAPI(newRoute("$default", target("https://t.example"))), restAPI(newRoute("ANY /", target("https://t.example"))))
	fields := []string{"X-Forwarded-For: 198.51.100.1", "Connection: X-Drop", "X-Drop: 1", "X-Keep: 1", "Authorization: Bearer x", "Via: 1.1 cf", "Te: trailers"}
	resp, body := r.do("POST", httpHost+"/", "hello", fields...)
	for _, want := range []string{
		"Forwarded=for=198.51.100.1;for=192.0.2.7;host=abcdefghij.execute-api.us-east-1.amazonaws.com;proto=https\n",
		"Via=1.1 cf|HTTP/1.1 AmazonAPIGateway\n", "X-Keep=1\n", "Authorization=Bearer x\n", "body=hello\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("HTTP API: no %q in\n%s", want, body)
		}
	}
	for _, unwanted := range []string{"X-Drop", "X-Forwarded", "Te=", "Connection"} {
		if strings.Contains(body, unwanted) {
			t.Errorf("HTTP API: %q in\n%s", unwanted, body)
		}
	}
	if resp.Header.Get("X-Target") != "t" || resp.Header.Get("Connection") != "" || resp.Header.Get("Server") != "nginx" {
		t.Errorf("HTTP API: %v", resp.Header)
	}
	resp, body = r.do("POST", restHost+"/prod", "hello", fields...)
	for _, want := range []string{"X-Forwarded-For=198.51.100.1, 192.0.2.7\n", "X-Forwarded-Proto=https\n", "X-Amzn-Apigateway-Api-Id=restrestre\n", "body=hello\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("REST API: no %q in\n%s", want, body)
		}
	}
	if resp.Header.Get("X-Amzn-Remapped-Server") != "nginx" || resp.Header.Get("Server") != "" {
		t.Errorf("REST API: %v", resp.Header)
	}
}

func TestA6HTTPProxyFaults(t *testing.T) {
	refused := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
	r := proxyRig(t, refused, httpAPI(newRoute("$default", target("https://t.example"))), restAPI(newRoute("ANY /", target("https://t.example"))))
	if resp, body := r.do("GET", httpHost+"/", ""); resp.StatusCode != 503 || body != `{"message":"Service Unavailable"}` {
		t.Errorf("HTTP API: %d %s", resp.StatusCode, body)
	}
	if resp, body := r.do("GET", restHost+"/prod", ""); resp.StatusCode != 504 || body != `{"message": "Network error communicating with endpoint"}` {
		t.Errorf("REST API: %d %s", resp.StatusCode, body)
	}
	// A body that grows above the limit on its way out.
	r = proxyRig(t, roundTripper(echo), httpAPI(newRoute("$default", target("https://t.example"))))
	req, err := http.NewRequest("POST", httpHost+"/", io.MultiReader(strings.NewReader(strings.Repeat("x", 10<<20+1))))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := r.g.RoundTrip(req); err != nil || resp.StatusCode != 413 {
		t.Errorf("growing body: %v %v", resp, err)
	}
}

func TestA6HTTPProxyTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTripper(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		r := proxyRig(t, hang, httpAPI(newRoute("$default", target("https://t.example"))), restAPI(newRoute("ANY /", target("https://t.example"))))
		start := time.Now()
		if resp, body := r.do("GET", httpHost+"/", ""); resp.StatusCode != 503 || time.Since(start) != 30*time.Second {
			t.Errorf("HTTP API: %d %s after %v", resp.StatusCode, body, time.Since(start))
		}
		start = time.Now()
		if resp, body := r.do("GET", restHost+"/prod", ""); resp.StatusCode != 504 || body != `{"message": "Endpoint request timed out"}` || time.Since(start) != 29*time.Second {
			t.Errorf("REST API: %d %s after %v", resp.StatusCode, body, time.Since(start))
		}
	})
}

// TestA6HTTPProxyStreams: over a real socket, the first bytes arrive while the
// target is still writing, and the request's body while the viewer still sends.
func TestA6HTTPProxyStreams(t *testing.T) {
	got := make(chan string)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 5)
		if _, err := io.ReadFull(r.Body, buf); err != nil {
			t.Error(err)
		}
		got <- string(buf)
		rest, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- string(rest)
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		<-got
		io.WriteString(w, "two")
	}))
	var err error
	if server.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	server.Start()
	defer server.Close()
	r := proxyRig(t, nil, httpAPI(newRoute("$default", target(server.URL))))
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", httpHost+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		io.WriteString(feed, "first")
		if s := <-got; s != "first" {
			t.Errorf("the target read %q", s)
		}
		io.WriteString(feed, "second")
		feed.Close()
		if s := <-got; s != "second" {
			t.Errorf("the target read %q", s)
		}
	}()
	resp, err := r.g.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 3)
	if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "one" {
		t.Errorf("%q %v", buf, err)
	}
	got <- "go on"
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "two" {
		t.Errorf("%q %v", rest, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	server.CloseClientConnections()
}

func TestA9ParameterMapping(t *testing.T) {
	in := target("https://t.example/base")
	in.RequestParameters = []model.Mapping{
		{To: "append:header.h1", From: "$context.stage"},
		{To: "append:header.x-had", From: "more"},
		{To: "overwrite:header.h2", From: "${request.path.id}-${request.querystring.q}-${stageVariables.table}"},
		{To: "remove:header.x-gone", From: "''"},
		{To: "append:querystring.q", From: "$request.header.x-had"},
		{To: "overwrite:querystring.w", From: "$request.body.user.name"},
		{To: "remove:querystring.secret", From: "''"},
		{To: "overwrite:path", From: "/other${request.path}"},
		{To: "append:header.none", From: "$request.header.absent"},
	}
	in.ResponseParameters = []model.StatusMapping{{Status: "202", Mappings: []model.Mapping{
		{To: "overwrite:statuscode", From: "203"},
		{To: "append:header.x-target", From: "u"},
		{To: "remove:header.server", From: "''"},
		{To: "overwrite:header.x-id", From: "$context.requestId"},
		{To: "append:header.x-copy", From: "$response.header.x-target"},
	}}}
	r := proxyRig(t, roundTripper(echo), httpAPI(newRoute("ANY /i/{id}", in)))
	resp, body := r.do("POST", httpHost+"/dev/i/7?q=1&secret=s&w=0", `{"user":{"name":"a b"}}`, "X-Had: one", "X-Gone: 1")
	line, rest, _ := strings.Cut(body, "\n")
	if want := "POST https://t.example/other/i/7?q=1&q=one&w=a+b"; line != want {
		t.Errorf("%s, want %s (%v)", line, want, r.records[0].Detail)
	}
	for _, want := range []string{"H1=dev\n", "X-Had=one|more\n", "H2=7-1-t1\n", `body={"user":{"name":"a b"}}`} {
		if !strings.Contains(rest, want) {
			t.Errorf("no %q in\n%s", want, rest)
		}
	}
	if strings.Contains(rest, "X-Gone") || strings.Contains(rest, "None") {
		t.Errorf("too much in\n%s", rest)
	}
	h := resp.Header
	if resp.StatusCode != 203 || !slices.Equal(h["X-Target"], []string{"t", "u"}) || h.Get("Server") != "" || h.Get("X-Id") != h.Get("Apigw-Requestid") || h.Get("X-Copy") != "t" {
		t.Errorf("%d %v", resp.StatusCode, h)
	}
}

func TestA9MappingOfLambdaProxies(t *testing.T) {
	in := lambda("2.0")
	in.RequestParameters = []model.Mapping{{To: "overwrite:path", From: "$request.path"}, {To: "append:header.x-s", From: "$context.stage"}}
	in.ResponseParameters = []model.StatusMapping{{Status: "200", Mappings: []model.Mapping{{To: "overwrite:header.x-b", From: "$response.body.k"}}}}
	r := newRig(t, httpAPI(newRoute("$default", in)))
	r.fn.answer = says(`{"statusCode":200,"body":"{\"k\":\"v\"}"}`)
	resp, body := r.do("GET", httpHost+"/dev/a%20b", "")
	e := event[events.APIGatewayV2HTTPRequest](r)
	if e.RawPath != "/a b" || e.Headers["x-s"] != "dev" || resp.Header.Get("X-B") != "v" || body != `{"k":"v"}` {
		t.Errorf("%s %v %s", r.fn.last.Payload, resp.Header, body)
	}
}

func TestA9RefusesReservedFields(t *testing.T) {
	for _, m := range []model.Mapping{
		{To: "append:header.Authorization", From: "x"},
		{To: "append:header.x-amz-a", From: "x"},
		{To: "append:path", From: "/x"},
		{To: "overwrite:statuscode", From: "200"},
		{To: "set:header.a", From: "x"},
		{To: "append:header.a", From: "$response.header.b"},
		{To: "append:header.a", From: "$nonsense"},
	} {
		in := target("https://t.example")
		in.RequestParameters = []model.Mapping{m}
		r := proxyRig(t, roundTripper(echo), httpAPI(newRoute("$default", in)))
		if resp, _ := r.do("GET", httpHost+"/", ""); resp.StatusCode != 500 || len(r.g.(*Gateway).Notes()) == 0 {
			t.Errorf("%v: %d", m, resp.StatusCode)
		}
	}
}
