// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/sigv4"
)

const iamTemplate = `Resources:
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: arn:aws:iam::123456789012:role/r
      Code:
        ZipFile: |
          def handler(event, context):
              rc = event["requestContext"]
              iam = rc.get("authorizer", {}).get("iam") or rc["identity"]
              return {"statusCode": 200, "headers": {"Cache-Control": "no-store"}, "body": iam["userArn"] + " " + (event.get("body") or "")}
  Address: {Type: AWS::Lambda::Url, Properties: {AuthType: AWS_IAM, TargetFunctionArn: !GetAtt Fn.Arn}}
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: api, BinaryMediaTypes: []}}
  Any: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: "{proxy+}"}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Any
      HttpMethod: ANY
      AuthorizationType: AWS_IAM
      Integration: {Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: !Sub "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Fn.Arn}/invocations"}
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Method, Properties: {RestApiId: !Ref Api}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, DeploymentId: !Ref Deployment, StageName: prod}}
  Caller:
    Type: AWS::IAM::User
    Properties:
      UserName: caller
      Policies:
        - {PolicyName: p, PolicyDocument: {Version: 2012-10-17, Statement: [
            {Effect: Allow, Action: execute-api:Invoke, Resource: !Sub "arn:aws:execute-api:*:*:${Api}/prod/*/items*"},
            {Effect: Allow, Action: ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], Resource: !GetAtt Fn.Arn}]}}
  Edge:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Aliases: [edge.example.com]
        Origins: [{Id: api, DomainName: !Sub "${Api}.execute-api.${AWS::Region}.amazonaws.com", OriginPath: /prod, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior:
          TargetOriginId: api
          ViewerProtocolPolicy: allow-all
          CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
          OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac
`

const (
	callerKey    = "AKIACALLERCALLERCALL"
	callerSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	strangerKey  = "AKIASTRANGERSTRANGER"
	callerEntry  = "  - {accessKeyId: " + callerKey + ", secretAccessKey: " + callerSecret + ", arn: 'arn:aws:iam::123456789012:user/caller'}\n"
	strangeEntry = "  - {accessKeyId: " + strangerKey + ", secretAccessKey: " + callerSecret + ", arn: 'arn:aws:iam::123456789012:user/stranger'}\n"
)

// curlSigned asks by curl, which signs; it returns the body, the status and
// x-amzn-ErrorType.
func (p *proc) curlSigned(t *testing.T, key, service, target string, more ...string) string {
	t.Helper()
	args := append([]string{
		"-sS", "--max-time", "30", "--connect-to", "::" + p.ready.HTTP, "--aws-sigv4", "aws:amz:us-east-1:" + service, "-u", key + ":" + callerSecret,
		"-w", " %{http_code} %header{x-amzn-errortype}",
	}, append(more, target)...)
	out, err := exec.Command("curl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl (7.84 or later, of tools/setup.sh) %s: %v: %s", target, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestA13SignedByCurl: an unmodified signer, over the network, against the binary.
func TestA13SignedByCurl(t *testing.T) {
	principals := filepath.Join(t.TempDir(), "principals.yaml")
	if err := os.WriteFile(principals, []byte("principals:\n"+callerEntry+strangeEntry), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "up", write(t, map[string]string{"template.yaml": iamTemplate}), "--data", t.TempDir(), "--principals", principals)
	api := "http://" + p.ready.APIs[0].ID + ".execute-api.us-east-1.amazonaws.com"
	direct, err := url.Parse(p.ready.Functions[0].URLs[0])
	if err != nil {
		t.Fatal(err)
	}
	const caller = "arn:aws:iam::123456789012:user/caller"
	for _, tt := range []struct {
		name, key, service, target string
		more                       []string
		want                       string
	}{
		{"GET", callerKey, "execute-api", api + "/prod/items?page=1", nil, caller + "  200"},
		{"POST", callerKey, "execute-api", api + "/prod/items", []string{"-H", "Content-Type: application/json", "-d", `{"a":1}`}, caller + ` {"a":1} 200`},
		{"a stage that is not allowed", callerKey, "execute-api", api + "/prod/other", nil, "because no identity-based policy allows the execute-api:Invoke action\"} 403 AccessDeniedException"},
		{"somebody else", strangerKey, "execute-api", api + "/prod/items", nil, "403 AccessDeniedException"},
		{"an unknown key", "AKIANOBODYNOBODYNOBO", "execute-api", api + "/prod/items", nil, `{"message":"The security token included in the request is invalid."} 403 UnrecognizedClientException`},
		{"another service", callerKey, "lambda", api + "/prod/items", nil, "403 InvalidSignatureException"},
		{"function URL", callerKey, "lambda", direct.String(), []string{"-H", "Content-Type: text/plain", "-d", "hello"}, caller + " hello 200"},
		{"function URL, somebody else", strangerKey, "lambda", direct.String(), nil, `{"Message":"Forbidden"} 403 AccessDeniedException`},
	} {
		if got := p.curlSigned(t, tt.key, tt.service, tt.target, tt.more...); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, target := range []string{api + "/prod/items", direct.String()} {
		out, err := exec.Command("curl", "-sS", "--connect-to", "::"+p.ready.HTTP, "-w", " %{http_code}", target).CombinedOutput()
		if err != nil || !strings.HasSuffix(string(out), " 403") {
			t.Errorf("unsigned: %s %v", out, err)
		}
	}
	throughTheEdge(t, p, strings.TrimPrefix(api, "http://"))

	if err := os.WriteFile(principals, []byte("principals:\n"+strangeEntry), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the key is not taken back", func() bool {
		return strings.HasSuffix(p.curlSigned(t, callerKey, "execute-api", api+"/prod/items"), "UnrecognizedClientException")
	})
	p.stopOnce(t)
	if strings.Contains(p.stderr.String(), callerSecret) {
		t.Error("the log has a secret")
	}
}

// throughTheEdge asks a distribution, with a signature for what it asks the API.
func throughTheEdge(t *testing.T, p *proc, host string) {
	t.Helper()
	now := time.Now().UTC()
	rq := &sigv4.Request{Method: http.MethodGet, Path: "/prod/items", PayloadHash: sigv4.Empty, Time: now, Fields: []sigv4.Field{{Name: "Host", Value: host}, {Name: "X-Amz-Date", Value: now.Format(sigv4.TimeFormat)}}}
	auth := sigv4.Sign(rq, &sigv4.Credentials{AccessKeyID: callerKey, SecretAccessKey: callerSecret}, sigv4.Scope{Region: "us-east-1", Service: "execute-api"})
	a := p.do("GET", "edge.example.com", "/items", "", "X-Amz-Date: "+now.Format(sigv4.TimeFormat), "Authorization: "+auth)
	if a.StatusCode != 200 || !strings.Contains(a.body, "user/caller") || a.Header.Get("X-Edge-Identity") != "" {
		t.Errorf("signed: %d %s %v", a.StatusCode, a.body, a.Header)
	}
	if a := p.do("GET", "edge.example.com", "/items", ""); a.StatusCode != 403 || !strings.Contains(a.body, "Missing Authentication Token") {
		t.Errorf("unsigned: %d %s", a.StatusCode, a.body)
	}
}

// TestA13UpWithoutPrincipals: a file that others may read stops the start, and
// without one the operator is told.
func TestA13UpWithoutPrincipals(t *testing.T) {
	dir := write(t, map[string]string{"template.yaml": iamTemplate, "principals.yaml": "principals:\n" + callerEntry})
	file := filepath.Join(dir, "principals.yaml")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(bin, "up", dir, "--data", t.TempDir(), "--principals", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--principals: "+file+": everybody on this machine may read it") {
		t.Errorf("%v: %s", err, out)
	}
	p := start(t, "up", dir, "--data", t.TempDir())
	p.stopOnce(t)
	if !strings.Contains(p.stderr.String(), "forelane up --principals FILE") {
		t.Errorf("nobody is told: %s", p.stderr.String())
	}
}
