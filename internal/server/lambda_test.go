// SPDX-License-Identifier: Apache-2.0

package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// edgeTemplate has a function of Lambda@Edge at each event: Node.js of SAM with
// a published alias, Node.js and Python with a version of CloudFormation.
const edgeTemplate = `
Transform: AWS::Serverless-2016-10-31
Resources:
  Rewrite:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Timeout: 5
      AutoPublishAlias: live
      InlineCode: |
        exports.handler = async (event) => {
          const { config, request } = event.Records[0].cf;
          if (config.eventType !== 'viewer-request') throw new Error(config.eventType);
          if (request.uri === '/throw') throw new Error('broken');
          if (request.uri === '/null') return null;
          if (request.uri === '/login') {
            return { status: '302', statusDescription: 'Found', headers: { location: [{ key: 'Location', value: '/start' }] } };
          }
          if (request.uri === '/slow') await new Promise((r) => setTimeout(r, 60000));
          request.uri = request.uri.replace(/\/$/, '/index.html');
          return request;
        };
  Choose:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/edge
      Timeout: 30
      Code:
        ZipFile: |
          import base64
          def handler(event, context):
              request = event['Records'][0]['cf']['request']
              if request['uri'] == '/made':
                  return {'status': '200', 'body': 'made by ' + context.function_version, 'headers': {'cache-control': [{'value': 'max-age=60'}]}}
              if request['uri'].startswith('/here/'):
                  request['origin']['custom']['domainName'] = 'localhost'
                  request['origin']['custom']['port'] = int(request['uri'].removeprefix('/here/'))
              if request['uri'] == '/other':
                  request['origin']['custom']['domainName'] = 'other.example.com'
                  request['headers']['host'] = [{'key': 'Host', 'value': 'other.example.com'}]
              if 'body' in request and request['body']['data']:
                  text = base64.b64decode(request['body']['data']).decode()
                  request['body'] = {'action': 'replace', 'encoding': 'text', 'data': text.upper()}
              return request
  ChooseVersion:
    Type: AWS::Lambda::Version
    Properties: {FunctionName: !Ref Choose}
  Mark:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs22.x
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/edge
      Timeout: 30
      Code:
        ZipFile: |
          exports.handler = (event, context, callback) => {
            const { response } = event.Records[0].cf;
            response.headers['x-mark'] = [{ value: 'origin ' + response.status }];
            if (response.status === '404') { response.status = '200'; response.body = 'nothing here'; }
            callback(null, response);
          };
  MarkVersion:
    Type: AWS::Lambda::Version
    Properties: {FunctionName: !GetAtt Mark.Arn}
  Out:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Timeout: 5
      AutoPublishAlias: live
      InlineCode: |
        def handler(event, context):
            response = event['Records'][0]['cf']['response']
            response['headers']['x-out'] = [{'key': 'X-Out', 'value': 'python'}]
            return response
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins:
          - {Id: app, DomainName: app.example.com, CustomOriginConfig: {OriginProtocolPolicy: http-only}}
        DefaultCacheBehavior:
          TargetOriginId: app
          ViewerProtocolPolicy: allow-all
          AllowedMethods: [GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE]
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
          LambdaFunctionAssociations:
            - {EventType: viewer-request, LambdaFunctionARN: !Ref Rewrite.Version}
            - {EventType: origin-request, LambdaFunctionARN: !Ref ChooseVersion, IncludeBody: true}
            - {EventType: origin-response, LambdaFunctionARN: !Ref MarkVersion}
            - {EventType: viewer-response, LambdaFunctionARN: !Ref Out.Version}
`

func edgeStack(t *testing.T) *model.Stack {
	t.Helper()
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(edgeTemplate), 0o644); err != nil {
		t.Fatal(err)
	}
	stacks, err := template.Load(t.Context(), file, template.Options{StackName: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return stacks[0].Stack
}

// TestE5RealFunctions runs functions of Node.js and Python at the four events,
// from a template.
func TestE5RealFunctions(t *testing.T) {
	here := http.NewServeMux()
	here.HandleFunc("/", func(w http.ResponseWriter, rq *http.Request) {
		var body strings.Builder
		if rq.Body != nil {
			if _, err := io.Copy(&body, rq.Body); err != nil {
				t.Error(err)
			}
		}
		w.Header().Set("Cache-Control", "max-age=60")
		if rq.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte("app " + rq.Method + " " + rq.URL.Path + " " + body.String()))
	})
	there := http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
		_, _ = w.Write([]byte("other " + rq.URL.Path))
	})
	other := serve(t, there)
	port := other[strings.LastIndexByte(other, ':')+1:]
	srv, _ := startWith(t, edgeStack(t), map[string]string{"app.example.com": serve(t, here), "other.example.com": other})
	warm(t, srv)
	c, scheme := client(t, srv, nil, "http")
	base := scheme + "://shop.localhost"
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, tt := range []struct {
		path, body, xcache, mark string
		status                   int
	}{
		{"/", "app GET /index.html ", "Miss", "origin 200", 200},
		{"/", "app GET /index.html ", "Hit", "origin 200", 200},
		{"/other", "other /other", "Miss", "origin 200", 200},
		{"/here/" + port, "", "Error", "", 502}, // this machine is not for functions to lead to
		{"/made", "made by 1", "LambdaGeneratedResponse", "", 200},
		{"/made", "made by 1", "Hit", "", 200},
		{"/missing", "nothing here", "Miss", "origin 404", 200},
		{"/login", "", "LambdaGeneratedResponse", "", 302},
		{"/throw", "", "LambdaExecutionError", "", 503},
		{"/null", "", "LambdaValidationError", "", 502},
	} {
		rs, body := get(t, c, base+tt.path)
		xcache := strings.TrimSuffix(rs.Header.Get("X-Cache"), " from cloudfront")
		if rs.StatusCode != tt.status || tt.body != "" && body != tt.body || xcache != tt.xcache || rs.Header.Get("X-Mark") != tt.mark {
			t.Errorf("%s: %d %q %q %v", tt.path, rs.StatusCode, body, xcache, rs.Header)
		}
		if out := rs.Header.Get("X-Out"); (out == "python") != (tt.status == 200) {
			t.Errorf("%s: X-Out %q", tt.path, out)
		}
	}
	rs, err := c.Post(base+"/post", "text/plain", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	var body strings.Builder
	if _, err := io.Copy(&body, rs.Body); err != nil || body.String() != "app POST /post HELLO" {
		t.Errorf("%d %q %v", rs.StatusCode, body.String(), err)
	}
}

// warm calls each function once, so that no limit is spent on starting processes.
func warm(t *testing.T, srv *Server) {
	t.Helper()
	if err := srv.funcs.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	snap := srv.pin()
	defer snap.release()
	for _, f := range snap.functions() {
		_, _ = srv.funcs.Invoke(t.Context(), &model.Invocation{Function: f.Name, Payload: []byte("{}")}) // it fails, as it should
	}
}

// serve runs a server until the end of the test.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestE5Timeout: a function that takes longer than its Timeout is a limit.
func TestE5Timeout(t *testing.T) {
	st := edgeStack(t)
	f, _ := st.Function("Rewrite")
	f.Timeout = f.Timeout / 5
	srv, _ := startWith(t, st, map[string]string{"app.example.com": echoOrigin(t)})
	c, scheme := client(t, srv, nil, "http")
	rs, _ := get(t, c, scheme+"://shop.localhost/slow")
	if rs.StatusCode != 503 || rs.Header.Get("X-Cache") != "LambdaLimitExceeded from cloudfront" {
		t.Errorf("%d %v", rs.StatusCode, rs.Header)
	}
}
