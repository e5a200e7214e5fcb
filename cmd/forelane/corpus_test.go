// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// public is one template that others wrote, run as it is, and what AWS answers
// for it.
type public struct {
	name  string
	path  string            // below templates/ of the corpus
	args  []string          // parameters that it has no default for
	code  map[string]string // stand-ins for code that is not beside the template: file by LogicalId/NAME
	site  string            // bucket that gets a small site
	check func(t *testing.T, p *proc)
}

// TestCorpusTemplatesServe runs public templates, unmodified, through the
// binary: one of each kind.
func TestCorpusTemplatesServe(t *testing.T) {
	corpus := os.Getenv("CORPUS")
	if corpus == "" {
		t.Log("CORPUS names no folder: nothing to run")
		return
	}
	for _, tt := range publicTemplates() {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"up", filepath.Join(corpus, "templates", tt.path), "--stack", "corpus", "--data", t.TempDir()}, tt.args...)
			folders := map[string]bool{}
			dir := write(t, tt.code)
			for file := range tt.code {
				id, _, _ := strings.Cut(file, "/")
				folders[id] = true
			}
			for id := range folders {
				args = append(args, "--code", id+"="+filepath.Join(dir, id))
			}
			if tt.site != "" {
				site := write(t, map[string]string{"index.html": "<h1>home</h1>", "a/b.txt": "text"})
				args = append(args, "--bucket", tt.site+"="+site)
			}
			tt.check(t, start(t, args...))
		})
	}
}

const (
	cdkTests   = "aws-cdk/packages/@aws-cdk-testing/framework-integ/test/"
	constructs = "aws-solutions-constructs/source/patterns/@aws-solutions-constructs/"
	guide      = "apigateway-developer-guide/cloudformation-templates/"
	noRoute    = `{"message":"Missing Authentication Token"}`
)

func publicTemplates() []public {
	return []public{
		{name: "REST API with inline Python", path: "serverless-patterns/apigw-rest-edge-lambda/template.yaml", check: checkEdgeOptimized},
		{name: "HTTP API with inline Node", path: guide + "HTTP/http-with-cors.yaml", check: checkHTTPWithCORS},
		{name: "HTTP API with an authorizer", path: guide + "HTTP/http-with-jwt-auth.yaml", check: checkJWT},
		{name: "REST API of the CDK", path: cdkTests + "aws-route53-targets/test/integ.api-gateway-domain-name.js.snapshot/aws-cdk-apigw-alias-integ.template.json", check: checkCDKREST},
		{name: "REST API with a token authorizer", path: cdkTests + "aws-apigateway/test/authorizers/integ.token-authorizer.js.snapshot/TokenAuthorizerInteg.template.json", check: checkToken},
		{name: "HTTP API before another", path: cdkTests + "aws-apigatewayv2-integrations/test/http/integ.http-proxy.js.snapshot/integ-http-proxy.template.json", check: checkHTTPProxy},
		{name: "CloudFront before a function URL", path: cdkTests + "aws-cloudfront-origins/test/integ.function-url-origin-oac-alias.js.snapshot/integ-cloudfront-function-url-origin-oac.template.json", check: checkFunctionURL},
		{name: "CloudFront before a bucket", path: constructs + "aws-cloudfront-s3/test/integ.cfts3-no-arguments.js.snapshot/cfts3-no-arguments.template.json", site: "testcloudfronts3S3BucketE0C5F76E", check: checkSite},
		{name: "CloudFront before a protected API", path: constructs + "aws-cloudfront-apigateway-lambda/test/integ.cftaplam-no-arguments.js.snapshot/cftaplam-no-arguments.template.json", check: checkProtected},
		{
			name: "SAM's implicit API", path: "serverless-test-samples/python-test-samples/apigw-lambda/template.yaml",
			code:  map[string]string{"PythonTestDemo/app.py": "import json\ndef lambda_handler(event, context):\n    return {'statusCode': 200, 'body': json.dumps([event['resource'], event['requestContext']['stage'], event['queryStringParameters']])}\n"},
			check: checkImplicit,
		},
		{name: "SAM with both kinds of APIs", path: "sessions-with-aws-sam/custom-domains/both-implied/template.yaml", args: []string{"--param", "DomainName=example.com"}, check: checkBoth},
	}
}

// expect compares status and body; an empty body is not compared.
func expect(t *testing.T, a answer, status int, body string) {
	t.Helper()
	if a.StatusCode != status || body != "" && a.body != body {
		t.Errorf("%s %s: %d %s, want %d %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body, status, body)
	}
}

// cached asks twice: a miss, then a hit with an Age.
func (p *proc) cached(t *testing.T, ask func() answer, body string) {
	t.Helper()
	for i, want := range []string{"Miss from cloudfront", "Hit from cloudfront"} {
		a := ask()
		expect(t, a, http.StatusOK, body)
		_, err := strconv.Atoi(a.Header.Get("Age"))
		if got := a.Header.Get("X-Cache"); got != want || (i == 1) != (err == nil) {
			t.Errorf("%s: X-Cache %q, Age %q, want %q", a.Request.URL, got, a.Header.Get("Age"), want)
		}
	}
}

// apiHost is the host of the n-th API.
func (p *proc) apiHost(n int) string {
	return p.ready.APIs[n].ID + ".execute-api.us-east-1.amazonaws.com"
}

func checkEdgeOptimized(t *testing.T, p *proc) {
	a := p.do("GET", p.apiHost(0), "/prod", "")
	expect(t, a, 200, `{"message": "Hello World! This is the Edge-Optimized API"}`)
	if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("X-Amz-Apigw-Id") == "" || a.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("header %v", a.Header)
	}
	expect(t, p.do("GET", p.apiHost(0), "/prod/x", ""), 403, noRoute)
	expect(t, p.do("POST", p.apiHost(0), "/prod", "{}"), 403, noRoute)
	expect(t, p.do("GET", p.apiHost(0), "/nostage", ""), 403, `{"message":"Forbidden"}`)
	if url := p.ready.Outputs["EndpointUrl"]; url != "https://"+p.apiHost(0)+"/prod" {
		t.Errorf("output %q", url)
	}
}

func checkHTTPWithCORS(t *testing.T, p *proc) {
	a := p.do("GET", p.apiHost(0), "/any/path?q=1", "", "Origin: https://www.example.com")
	expect(t, a, 200, `"Hello from Lambda!"`)
	if a.Header.Get("Access-Control-Allow-Origin") != "https://www.example.com" || a.Header.Get("Access-Control-Expose-Headers") != "date,x-api-id" ||
		a.Header.Get("Access-Control-Allow-Credentials") != "true" || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" || a.Header.Get("Apigw-Requestid") == "" {
		t.Errorf("header %v", a.Header)
	}
	a = p.do("OPTIONS", p.apiHost(0), "/", "", "Origin: https://www.example.com", "Access-Control-Request-Method: PUT")
	expect(t, a, 204, "")
	if a.Header.Get("Access-Control-Allow-Origin") != "https://www.example.com" || a.Header.Get("Access-Control-Max-Age") != "300" {
		t.Errorf("preflight %v", a.Header)
	}
	if a = p.do("GET", p.apiHost(0), "/", "", "Origin: https://evil.example"); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a stranger's origin: %v", a.Header)
	}
}

// The authorizer stands in overrides of the quick-created route.
func checkJWT(t *testing.T, p *proc) {
	expect(t, p.do("GET", p.apiHost(0), "/", ""), 401, `{"message":"Unauthorized"}`)
	if a := p.do("GET", p.apiHost(0), "/?access_token=no.jwt.here", ""); a.StatusCode < 400 {
		t.Errorf("a token that nobody issued: %d %s", a.StatusCode, a.body)
	}
}

func checkCDKREST(t *testing.T, p *proc) {
	for _, target := range []string{"/prod", "/prod/", "/prod/a/b?c=d"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			expect(t, p.do(method, p.apiHost(0), target, ""), 200, "hello, world!")
		}
	}
}

func checkToken(t *testing.T, p *proc) {
	a := p.do("OPTIONS", p.apiHost(0), "/prod", "", "Origin: https://a.example", "Access-Control-Request-Method: GET")
	expect(t, a, 204, "")
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("Access-Control-Allow-Methods") != "OPTIONS,GET,PUT,POST,DELETE,PATCH,HEAD" {
		t.Errorf("preflight %v", a.Header)
	}
	expect(t, p.do("GET", p.apiHost(0), "/prod", ""), 401, `{"message":"Unauthorized"}`)
	if a := p.do("GET", p.apiHost(0), "/prod", "", "Authorization: deny"); a.StatusCode < 400 {
		t.Errorf("a denied token: %d %s", a.StatusCode, a.body)
	}
}

// The second API's target is the first one, by its name on AWS.
func checkHTTPProxy(t *testing.T, p *proc) {
	for n := range p.ready.APIs {
		expect(t, p.do("GET", p.apiHost(n), "/", ""), 200, "success")
	}
	if len(p.ready.APIs) != 2 {
		t.Errorf("APIs %+v", p.ready.APIs)
	}
}

// The URL is for signed requests only, which the distribution makes.
func checkFunctionURL(t *testing.T, p *proc) {
	host := p.ready.Distributions[0].DomainName
	p.cached(t, func() answer { return p.do("GET", host, "/page", "") }, "Hello!!")
	p.cached(t, func() answer { return p.do("GET", host, "/other", "") }, "Hello!!")
	url := strings.TrimPrefix(p.ready.Functions[0].URLs[0], "http://")
	direct, _, _ := strings.Cut(url, ":")
	expect(t, p.do("GET", direct, "/page", ""), 403, `{"Message":"Forbidden"}`)
	if a := p.do("POST", host, "/page", "x"); a.StatusCode != 403 || a.Header.Get("X-Cache") != "Error from cloudfront" {
		t.Errorf("POST: %d %v", a.StatusCode, a.Header)
	}
}

func checkSite(t *testing.T, p *proc) {
	host := p.ready.Distributions[0].DomainName
	a := p.do("GET", host, "/a/b.txt?x=1", "")
	expect(t, a, 301, "")
	if got := a.Header.Get("Location"); got != "https://"+host+"/a/b.txt?x=1" || a.Header.Get("X-Cache") != "Redirect from cloudfront" {
		t.Errorf("redirect to %q, %v", got, a.Header)
	}
	p.cached(t, func() answer { return p.secure("GET", host, "/") }, "<h1>home</h1>")
	p.cached(t, func() answer { return p.secure("GET", host, "/a/b.txt") }, "text")
	a = p.secure("GET", host, "/")
	if a.Header.Get("Strict-Transport-Security") == "" || a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Content-Type") != "text/html" || a.Header.Get("ETag") == "" {
		t.Errorf("header %v", a.Header)
	}
	expect(t, p.secure("GET", host, "/", "If-None-Match: "+a.Header.Get("ETag")), 304, "")
	expect(t, p.secure("GET", host, "/a/b.txt", "Range: bytes=1-2"), 206, "ex")
	// The bucket's policy lets the distribution list it: what is not there is
	// said not to be there.
	if a = p.secure("GET", host, "/missing"); a.StatusCode != 404 || !strings.Contains(a.body, "<Code>NoSuchKey</Code>") || a.Header.Get("X-Cache") != "Error from cloudfront" {
		t.Errorf("missing: %d %s %v", a.StatusCode, a.body, a.Header)
	}
}

func checkProtected(t *testing.T, p *proc) {
	d := p.ready.Distributions[0]
	for _, path := range []string{"/", "/a/b"} {
		a := p.secure("GET", d.DomainName, path)
		expect(t, a, 401, `{"message":"Unauthorized"}`)
		if a.Header.Get("X-Cache") != "Error from cloudfront" || a.Header.Get("X-Amz-Cf-Id") == "" {
			t.Errorf("header %v", a.Header)
		}
	}
	if len(d.URLs) == 0 || !strings.Contains(d.URLs[0], "//corpus.localhost:") {
		t.Errorf("URLs %v", d.URLs)
	}
}

func checkImplicit(t *testing.T, p *proc) {
	if p.ready.APIs[0].LogicalID != "ServerlessRestApi" || p.ready.APIs[0].Kind != "REST" {
		t.Errorf("API %+v", p.ready.APIs[0])
	}
	expect(t, p.do("GET", p.apiHost(0), "/Prod/hello?a=1&a=2", ""), 200, `["/hello", "Prod", {"a": "2"}]`)
	expect(t, p.do("GET", p.apiHost(0), "/Stage/hello/", ""), 200, `["/hello", "Stage", null]`)
	expect(t, p.do("GET", p.apiHost(0), "/Prod/", ""), 403, noRoute)
}

func checkBoth(t *testing.T, p *proc) {
	for n, a := range p.ready.APIs {
		if a.Kind == "REST" {
			expect(t, p.do("GET", p.apiHost(n), "/Prod", ""), 200, `"Hello from Lambda!"`)
			expect(t, p.do("GET", p.apiHost(n), "/Prod/x", ""), 403, noRoute)
			continue
		}
		got := p.do("GET", p.apiHost(n), "/", "")
		expect(t, got, 200, "")
		if !strings.Contains(got.body, `"version":"2.0"`) || !strings.Contains(got.body, `"routeKey":"GET /"`) {
			t.Errorf("the function gives back its event: %s", got.body)
		}
		expect(t, p.do("GET", p.apiHost(n), "/x", ""), 404, `{"message":"Not Found"}`)
	}
}

// secure asks over TLS. The certificate is checked elsewhere.
func (p *proc) secure(method, host, target string, fields ...string) answer {
	p.t.Helper()
	transport := p.client.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, p.ready.HTTPS)
	}
	defer transport.CloseIdleConnections()
	rq, err := http.NewRequest(method, "https://"+host+target, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, ": ")
		rq.Header.Set(k, v)
	}
	rs, err := (&http.Client{Timeout: p.client.Timeout, CheckRedirect: p.client.CheckRedirect, Transport: transport}).Do(rq)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{rs, string(b)}
}
