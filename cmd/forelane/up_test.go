// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const shop = "storefront.localhost"

// calls is the count of invocations that an answer of the shop's API carries.
func calls(t *testing.T, a answer) int {
	t.Helper()
	var m struct{ Call int }
	if err := json.Unmarshal([]byte(a.body), &m); err != nil || m.Call == 0 {
		t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
	return m.Call
}

func TestStorefront(t *testing.T) {
	p := start(t, "up", "../../examples/storefront", "--data", t.TempDir(), "--concurrency", "1")

	t.Run("second GET is a hit with Age", func(t *testing.T) {
		first := p.do("GET", shop, "/api/products/s1", "")
		second := p.do("GET", shop, "/api/products/s1", "")
		if first.StatusCode != 200 || first.Header.Get("X-Cache") != "Miss from cloudfront" {
			t.Errorf("first: %d %v", first.StatusCode, first.Header)
		}
		if second.Header.Get("X-Cache") != "Hit from cloudfront" || second.Header.Get("Age") == "" || second.body != first.body {
			t.Errorf("second: %v %s", second.Header, second.body)
		}
	})
	t.Run("utm_source is not in the key, page is", func(t *testing.T) {
		a := p.do("GET", shop, "/api/products?category=shoes&page=1", "")
		b := p.do("GET", shop, "/api/products?category=shoes&page=1&utm_source=x", "")
		c := p.do("GET", shop, "/api/products?category=shoes&page=2", "")
		if calls(t, a) != calls(t, b) || b.Header.Get("X-Cache") != "Hit from cloudfront" {
			t.Errorf("utm_source changed the key: %v", b.Header)
		}
		if calls(t, c) == calls(t, a) || c.Header.Get("X-Cache") != "Miss from cloudfront" {
			t.Errorf("page did not change the key: %v", c.Header)
		}
	})
	t.Run("200 parallel first requests make one origin call", func(t *testing.T) {
		before := calls(t, p.do("GET", shop, "/api/cart", ""))
		var wg sync.WaitGroup
		bodies := make([]string, 200)
		for i := range bodies {
			wg.Go(func() {
				a, err := p.try("GET", shop, "/api/products?q=parallel", "")
				if err != nil {
					t.Errorf("request %d: %v", i, err)
					return
				}
				if a.StatusCode != 200 {
					t.Errorf("request %d: %d", i, a.StatusCode)
				}
				bodies[i] = a.body
			})
		}
		wg.Wait()
		for _, b := range bodies {
			if b != bodies[0] {
				t.Fatalf("two answers: %s and %s", b, bodies[0])
			}
		}
		if after := calls(t, p.do("GET", shop, "/api/cart", "")); after != before+2 { // the one, and this
			t.Errorf("%d calls", after-before-1)
		}
	})
	t.Run("POST passes and is not cached", func(t *testing.T) {
		a := p.do("POST", shop, "/api/cart", `{"id":"s1","quantity":2}`, "Content-Type: application/json")
		b := p.do("POST", shop, "/api/cart", `{"id":"s1","quantity":2}`)
		if a.StatusCode != 201 || calls(t, b) != calls(t, a)+1 || !strings.Contains(a.body, `"quantity":2`) {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		// Where the behavior does not allow POST the edge says 403, and the page
		// for 403 covers that: the API is not asked.
		if c := p.do("POST", shop, "/api/products", "{}"); c.StatusCode != 404 || !strings.Contains(c.body, "This page is not here") {
			t.Errorf("a behavior without POST: %d %s", c.StatusCode, c.body)
		}
	})
	t.Run("a missing page is the site's, a missing route the API's", func(t *testing.T) {
		page := p.do("GET", shop, "/missing", "")
		if page.StatusCode != 404 || !strings.Contains(page.body, "This page is not here") {
			t.Errorf("page: %d %s", page.StatusCode, page.body)
		}
		api := p.do("GET", shop, "/api/missing", "")
		if api.StatusCode != 404 || api.body != `{"message":"Not Found"}` {
			t.Errorf("api: %d %s", api.StatusCode, api.body)
		}
	})
	t.Run("static pages, the edge function and the headers policy", func(t *testing.T) {
		for path, want := range map[string]string{"/": "<h1>Storefront</h1>", "/about": "About us", "/assets/shop.css": "system-ui"} {
			a := p.do("GET", shop, path, "")
			if a.StatusCode != 200 || !strings.Contains(a.body, want) || a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("X-Shop") != "storefront" {
				t.Errorf("%s: %d %v %s", path, a.StatusCode, a.Header, a.body)
			}
		}
	})
	t.Run("an unknown Host goes to the only distribution", func(t *testing.T) {
		if a := p.do("GET", "else.example", "/about", ""); a.StatusCode != 200 {
			t.Errorf("%d", a.StatusCode)
		}
	})
	t.Run("the API answers at its own address", func(t *testing.T) {
		api := p.ready.APIs[0]
		for _, host := range []string{api.ID + ".execute-api.us-east-1.amazonaws.com", api.ID + ".execute-api.localhost"} {
			if a := p.do("GET", host, "/api/products/h1", ""); a.StatusCode != 200 || a.Header.Get("X-Cache") != "" {
				t.Errorf("%s: %d %v", host, a.StatusCode, a.Header)
			}
		}
	})
	t.Run("the access log has CloudFront's 33 fields", func(t *testing.T) {
		p.stopOnce(t)
		b, err := os.ReadFile(filepath.Join(p.cmd.Args[4], "access.log"))
		if err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(strings.TrimSpace(string(b)), "\n")
		if rows[0] != "#Version: 1.0" || len(rows) < 200 {
			t.Fatalf("%d rows, first %q", len(rows), rows[0])
		}
		for _, row := range rows[2:] {
			if n := strings.Count(row, "\t") + 1; n != 33 {
				t.Fatalf("%d fields: %s", n, row)
			}
		}
	})
}

// TestKilledFunction is a function whose process dies in the middle of a
// request: that request fails, the next one is answered.
func TestKilledFunction(t *testing.T) {
	dir := write(t, map[string]string{"template.yaml": `
Transform: AWS::Serverless-2016-10-31
Resources:
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: v1}}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      InlineCode: |
        import os, signal
        def handler(event, context):
            if event["path"].endswith("/die"):
                os.kill(os.getpid(), signal.SIGKILL)
            return {"statusCode": 200, "body": "alive"}
      Events:
        Any: {Type: Api, Properties: {RestApiId: !Ref Api, Method: any, Path: "/{proxy+}"}}
`})
	p := start(t, "up", dir)
	host := p.ready.APIs[0].ID + ".execute-api.localhost"
	for range 3 {
		if a := p.do("GET", host, "/v1/die", ""); a.StatusCode != 502 || a.body != `{"message": "Internal server error"}` {
			t.Errorf("killed: %d %s", a.StatusCode, a.body)
		}
		if a := p.do("GET", host, "/v1/live", ""); a.StatusCode != 200 || a.body != "alive" {
			t.Errorf("next: %d %s", a.StatusCode, a.body)
		}
	}
}

// TestEdits changes template, code and content under load: no request fails,
// and the cache survives where keys are unchanged.
func TestEdits(t *testing.T) {
	template := func(ttl int) string {
		return fmt.Sprintf(`
Transform: AWS::Serverless-2016-10-31
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: src/
      Events: {Any: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: GET, Path: "/{proxy+}"}}}
  Key:
    Type: AWS::CloudFront::CachePolicy
    Properties:
      CachePolicyConfig:
        {Name: k, MinTTL: 0, DefaultTTL: %d, MaxTTL: 1000, ParametersInCacheKeyAndForwardedToOrigin: {
          EnableAcceptEncodingGzip: false, HeadersConfig: {HeaderBehavior: none}, CookiesConfig: {CookieBehavior: none},
          QueryStringsConfig: {QueryStringBehavior: all}}}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{Id: api, DomainName: !Sub "${Api}.execute-api.${AWS::Region}.amazonaws.com", CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: api, ViewerProtocolPolicy: allow-all, CachePolicyId: !Ref Key}
`, ttl)
	}
	code := func(word string) string {
		return "def handler(event, context):\n    return {'statusCode': 200, 'body': '" + word + "'}\n"
	}
	dir := write(t, map[string]string{"template.yaml": template(500), "src/app.py": code("one")})
	p := start(t, "up", dir)
	host := "stack.localhost"
	if a := p.do("GET", host, "/kept", ""); a.body != "one" {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				a, err := p.try("GET", host, fmt.Sprintf("/load?%d-%d", w, n), "")
				if err != nil {
					t.Errorf("a request failed during an edit: %v", err)
					return
				}
				if a.StatusCode != 200 {
					t.Errorf("a request failed during an edit: %d %s", a.StatusCode, a.body)
					return
				}
			}
		})
	}
	reload := func(text string, want string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p.await(t, want)
	}
	reload(template(600), "reloaded")
	if a := p.do("GET", host, "/kept", ""); a.Header.Get("X-Cache") != "Hit from cloudfront" {
		t.Errorf("the cache did not survive: %v", a.Header)
	}
	reload("Resources: {", "reload-failed")
	reload(template(700), "reloaded")

	if err := os.WriteFile(filepath.Join(dir, "src/app.py"), []byte(code("two")), 0o644); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for n := 0; ; n++ {
		if a := p.do("GET", host, fmt.Sprintf("/edited?%d", n), ""); a.body == "two" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the edited code was not taken over")
		}
	}
	close(stop)
	wg.Wait()
}

func TestHTTPSByTheLocalAuthority(t *testing.T) {
	p := start(t, "up", "../../examples/storefront", "--data", t.TempDir())
	out, err := p.shell("curl -s --cacert $(forelane trust --print) -o /dev/null -w '%{http_version} %{ssl_verify_result} %{http_code}' https://storefront.localhost:" + portOf(p.ready.HTTPS) + "/about")
	if err != nil || out != "2 0 200" {
		t.Errorf("%q %v", out, err)
	}
}

func TestInvokeAndLogsAndInvalidate(t *testing.T) {
	p := start(t, "up", "../../examples/sam-python", "--data", t.TempDir())
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"httpMethod":"GET","path":"/quotes/1","resource":"/quotes/{number}","pathParameters":{"number":"1"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := p.shell("forelane invoke QuotesFunction --event " + event)
	if err != nil || !strings.Contains(out, "Cache what is asked twice.") {
		t.Errorf("invoke: %v %s", err, out)
	}
	out, err = p.shell("forelane logs QuotesFunction")
	for _, want := range []string{"START RequestId: ", "GET /quotes/1", "END RequestId: ", "REPORT RequestId: "} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("logs: %v, no %q in %s", err, want, out)
		}
	}
	host := "sam-python.localhost"
	p.do("GET", host, "/quotes/1", "")
	if a := p.do("GET", host, "/quotes/1", ""); a.Header.Get("X-Cache") != "Hit from cloudfront" {
		t.Errorf("before: %v", a.Header)
	}
	if out, err := p.shell("forelane invalidate '/quotes/*'"); err != nil {
		t.Errorf("invalidate: %v %s", err, out)
	}
	if a := p.do("GET", host, "/quotes/1", ""); a.Header.Get("X-Cache") != "Miss from cloudfront" {
		t.Errorf("after: %v", a.Header)
	}
}

func TestProxy(t *testing.T) {
	origin := originServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprintf(w, "%s %s", r.Host, r.URL.Path)
	})
	p := start(t, "proxy", origin)
	p.do("GET", "any.example", "/a", "")
	if a := p.do("GET", "any.example", "/a", ""); a.body != "any.example /a" || a.Header.Get("X-Cache") != "Hit from cloudfront" {
		t.Errorf("%s %v", a.body, a.Header)
	}
}

func TestInitPatternsRunAtOnce(t *testing.T) {
	for _, pattern := range patterns {
		t.Run(pattern.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "app")
			if out, errs, code := command(t, "init", pattern.name, dir); code != 0 {
				t.Fatalf("%d %s %s", code, out, errs)
			}
			p := start(t, "up", dir, "--strict")
			path := map[string]string{"read-heavy": "/news", "dynamic-api": "/search?q=a", "hybrid": "/api/time"}[pattern.name]
			first, second := p.do("GET", "app.localhost", path, ""), p.do("GET", "app.localhost", path, "")
			if first.StatusCode != 200 || second.Header.Get("X-Cache") != "Hit from cloudfront" || second.body != first.body {
				t.Errorf("%d %v %s", first.StatusCode, second.Header, second.body)
			}
			if _, _, code := command(t, "init", pattern.name, dir); code != 1 {
				t.Errorf("a second init did not refuse: exit code %d", code)
			}
		})
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"pu"}, "did you mean up?"},
		{[]string{"nonsense"}, `there is no command "nonsense"`},
		{[]string{"up", "--nonsense"}, "unknown flag"},
		{[]string{"up", "a", "b"}, "accepts at most 1 arg"},
		{[]string{"up", "no/such/folder"}, "name a template"},
		{[]string{"up", "../../examples/storefront", "--param", "x"}, "Name=Value"},
		{[]string{"up", "../../examples/storefront", "--param", "Nope=1"}, "Nope"},
		{[]string{"up", "../../examples/storefront", "--cache-memory", "lots"}, "256MiB"},
		{[]string{"up", "../../examples/storefront", "--cache-disk", "20GiB"}, "--data"},
		{[]string{"up", "../../examples/storefront", "--data", os.TempDir(), "--cache-disk", "lots"}, "--cache-disk"},
		{[]string{"up", "../../examples/storefront", "--proxy-protocol", "10.0.0.0/8,balancer"}, "--proxy-protocol balancer"},
		{[]string{"up", "../../examples/storefront", "--tls-cert", "no/such.pem,key.pem"}, "no/such.pem"},
		{[]string{"up", "../../examples/storefront", "--access-log-format", "xml"}, "standard, tags, json"},
		{[]string{"up", "../../examples/storefront", "--access-log-format", "json", "--access-log-fields", "nothing"}, "cs-uri-stem"},
		{[]string{"up", "../../examples/storefront", "--log-rotate-size", "lots"}, "--log-rotate-size"},
		{[]string{"up", "../../examples/storefront", "--trace", "localhost:4318"}, "http://localhost:4318"},
		{[]string{"up", "../../examples/storefront", "--trace", "http://localhost:4318", "--trace-ratio", "2"}, "between 0 and 1"},
		{[]string{"up", "../../examples/storefront", "--acme", "me"}, "--acme me"},
		{[]string{"up", "../../examples/storefront", "--acme-directory", "https://x/dir"}, "beside --acme"},
		{[]string{"up", "../../examples/storefront", "--recent", "-1s"}, "--recent"},
		{[]string{"up", "../../examples/storefront", "--recent-memory", "lots"}, "--recent-memory"},
		{[]string{"up", "../../examples/storefront", "--debug-token", "no/such/file"}, "--debug-token"},
		{[]string{"up", "../../examples/storefront", "--debug-token", "env"}, "fewer than 16"},
		{[]string{"explain"}, "--id REQUEST_ID"},
		{[]string{"explain", "http://a/b", "--id", "x"}, "--id REQUEST_ID"},
		{[]string{"top", "--interval", "1ms"}, "--interval"},
		{[]string{"proxy", "ftp://x"}, "is no origin"},
		{[]string{"init", "nope"}, "hybrid"},
	} {
		if _, errs, code := command(t, tt.args...); code != 2 || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: exit code %d, %s", tt.args, code, errs)
		}
	}
}

func TestWrongTemplates(t *testing.T) {
	for _, tt := range []struct{ name, text, where, mend string }{
		{"unknown reference", "Resources:\n  Api:\n    Type: AWS::ApiGatewayV2::Api\n    Properties:\n      Name: !Ref Nme\n      ProtocolType: HTTP\n", "template.yaml:5:", "("},
		{"bad pattern", "Resources:\n  E:\n    Type: AWS::CloudFront::Distribution\n    Properties:\n      DistributionConfig:\n        Enabled: true\n        Origins: [{Id: o, DomainName: example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}]\n        DefaultCacheBehavior: {TargetOriginId: o, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}\n        CacheBehaviors:\n          - PathPattern: /a(b)\n            TargetOriginId: o\n            ViewerProtocolPolicy: allow-all\n            CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6\n", "template.yaml:10:", "("},
		{"cycle", "Resources:\n  A:\n    Type: AWS::SNS::Topic\n    Properties: {TopicName: !GetAtt B.TopicName}\n  B:\n    Type: AWS::SNS::Topic\n    Properties: {TopicName: !GetAtt A.TopicName}\n", "template.yaml:", "("},
		{"bad YAML", "Resources:\n  A:\n   - b\n  c: [\n", "template.yaml:", "("},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, map[string]string{"template.yaml": tt.text})
			for _, cmd := range []string{"up", "check"} {
				out, errs, code := command(t, cmd, dir)
				if code != 2 || !strings.Contains(errs, tt.where) || !strings.Contains(errs, tt.mend) {
					t.Errorf("%s: exit code %d, %s%s", cmd, code, out, errs)
				}
			}
		})
	}
}
