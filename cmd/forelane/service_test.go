// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const serviceTemplate = `
Resources:
  Store: {Type: AWS::S3::Bucket, Properties: {BucketName: the-store}}
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a, BinaryMediaTypes: [application/octet-stream]}}
  Items: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: items}}
  Item: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !Ref Items, PathPart: '{id}'}}
  Files: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: files}}
  File: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !Ref Files, PathPart: '{key}'}}
  Other: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: other}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Item
      HttpMethod: GET
      AuthorizationType: NONE
      MethodResponses: [{StatusCode: '200'}, {StatusCode: '404'}]
      Integration:
        Type: AWS
        IntegrationHttpMethod: POST
        Uri: !Sub arn:aws:apigateway:${AWS::Region}:dynamodb:action/GetItem
        Credentials: arn:aws:iam::123456789012:role/r
        RequestTemplates: {application/json: '{"TableName":"Items","Key":{"id":{"S":"$input.params(''id'')"}}}'}
        IntegrationResponses:
          - StatusCode: '200'
            ResponseTemplates:
              application/json: |-
                #set($item = $input.path('$.Item'))
                #if($item == "")#set($context.responseOverride.status = 404){"error":"none"}#else{"id":"$item.id.S","text":"$util.escapeJavaScript($item.text.S)"}#end
  Put:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Item
      HttpMethod: PUT
      AuthorizationType: NONE
      MethodResponses: [{StatusCode: '200'}, {StatusCode: '409'}]
      Integration:
        Type: AWS
        IntegrationHttpMethod: POST
        Uri: !Sub arn:aws:apigateway:${AWS::Region}:dynamodb:action/PutItem
        RequestTemplates: {application/json: '{"TableName":"Items","Item":{"id":{"S":"$input.params(''id'')"},"text":{"S":$input.json(''$.text'')}},"ConditionExpression":"attribute_not_exists(id)"}'}
        IntegrationResponses:
          - {StatusCode: '200', ResponseTemplates: {application/json: '{"kept":true}'}}
          - {StatusCode: '409', SelectionPattern: '4\d{2}', ResponseTemplates: {application/json: '{"error":$input.json(''$.message'')}'}}
  List: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !Ref Files, HttpMethod: GET, AuthorizationType: NONE, MethodResponses: [{StatusCode: '200'}], Integration: {Type: AWS, IntegrationHttpMethod: GET, Uri: !Sub 'arn:aws:apigateway:${AWS::Region}:s3:path/${Store}', IntegrationResponses: [{StatusCode: '200'}]}}}
  Read: &file
    Type: AWS::ApiGateway::Method
    Properties: &props
      RestApiId: !Ref Api
      ResourceId: !Ref File
      HttpMethod: GET
      AuthorizationType: NONE
      RequestParameters: {method.request.path.key: true, method.request.header.Content-Type: false}
      MethodResponses: &answers [{StatusCode: '200', ResponseParameters: {method.response.header.Content-Type: true}}, {StatusCode: '404'}]
      Integration: &call
        Type: AWS
        IntegrationHttpMethod: GET
        Uri: &uri !Sub 'arn:aws:apigateway:${AWS::Region}:s3:path/${Store}/{key}'
        RequestParameters: &by {integration.request.path.key: method.request.path.key, integration.request.header.Content-Type: method.request.header.Content-Type}
        IntegrationResponses: &mapped
          - {StatusCode: '200', ResponseParameters: {method.response.header.Content-Type: integration.response.header.Content-Type}}
          - {StatusCode: '404', SelectionPattern: '404'}
  Write: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !Ref File, HttpMethod: PUT, AuthorizationType: NONE, RequestParameters: {method.request.path.key: true}, MethodResponses: *answers, Integration: {Type: AWS, IntegrationHttpMethod: PUT, Uri: *uri, RequestParameters: *by, IntegrationResponses: [{StatusCode: '200'}]}}}
  Remove: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !Ref File, HttpMethod: DELETE, AuthorizationType: NONE, RequestParameters: {method.request.path.key: true}, MethodResponses: *answers, Integration: {Type: AWS, IntegrationHttpMethod: DELETE, Uri: *uri, RequestParameters: *by, IntegrationResponses: [{StatusCode: '200'}]}}}
  Elsewhere: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !Ref Other, HttpMethod: GET, AuthorizationType: NONE, MethodResponses: [{StatusCode: '200'}], Integration: {Type: AWS, IntegrationHttpMethod: GET, Uri: 'arn:aws:apigateway:us-east-1:s3:path/not-ours/key', IntegrationResponses: [{StatusCode: '200'}]}}}
  Publish: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !Ref Other, HttpMethod: POST, AuthorizationType: NONE, MethodResponses: [{StatusCode: '200'}], Integration: {Type: AWS, IntegrationHttpMethod: POST, Uri: 'arn:aws:apigateway:us-east-1:sns:action/Publish', IntegrationResponses: [{StatusCode: '200'}]}}}
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: [Get, Put, List, Read, Write, Remove, Elsewhere, Publish], Properties: {RestApiId: !Ref Api, StageName: v1}}
`

// TestA6Services asks a real DynamoDB server through a node, and the node's own
// bucket.
func TestA6Services(t *testing.T) {
	db := dynalite(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKTEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
	dir := write(t, map[string]string{"template.yaml": serviceTemplate})
	p := start(t, "up", filepath.Join(dir, "template.yaml"), "--data", t.TempDir(), "--origin-credentials", "env", "--service", "dynamodb="+db)
	api := p.ready.APIs[0].ID + ".execute-api.localhost"
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"no item yet", "GET", "/items/a%20b", "", 404, `{"error":"none"}`},
		{"an item is put", "PUT", "/items/a%20b", `{"text":"x \"y\""}`, 200, `{"kept":true}`},
		{"and got", "GET", "/items/a%20b", "", 200, `{"id":"a b","text":"x \"y\""}`},
		{"the condition fails", "PUT", "/items/a%20b", `{"text":"again"}`, 409, `{"error":"The conditional request failed"}`},
		{"no object yet", "GET", "/files/k.bin", "", 404, "NoSuchKey"},
		{"an object is put", "PUT", "/files/k.bin", "hello", 200, ""},
		{"and got", "GET", "/files/k.bin", "", 200, "hello"},
		{"and listed", "GET", "/files", "", 200, "<Key>k.bin</Key>"},
		{"and deleted", "DELETE", "/files/k.bin", "", 200, ""},
		{"and gone", "GET", "/files/k.bin", "", 404, "NoSuchKey"},
		{"another's bucket", "GET", "/other", "", 500, `{"message": "Internal server error"}`},
		{"a service without an endpoint", "POST", "/other", "", 500, `{"message": "Internal server error"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kind, accept := "application/json", "application/json"
			if strings.HasPrefix(tt.path, "/files") {
				kind = "application/octet-stream"
			}
			if tt.want == "hello" { // only such a body is binary
				accept = kind
			}
			a := p.do(tt.method, api, "/v1"+tt.path, tt.body, "Content-Type: "+kind, "Accept: "+accept)
			if a.StatusCode != tt.status || !strings.Contains(a.body, tt.want) {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if tt.want == "hello" && a.Header.Get("Content-Type") != "application/octet-stream" {
				t.Errorf("%v", a.Header)
			}
		})
	}
	log := p.stderr.String()
	if !strings.Contains(log, "--service sns=URL") {
		t.Errorf("nobody is told which flag mends it: %s", log)
	}
	if strings.Contains(log, "secretsecret") {
		t.Error("a secret is in the log")
	}
}

// dynalite runs a DynamoDB server, which tools/setup.sh installs, with a table Items,
// and returns its URL.
func dynalite(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "forelane-tools", "dynalite-4.0.0")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "dynalite")); err != nil {
		t.Fatalf("dynalite 4.0.0 is not there: tools/setup.sh installs it (%v)", err)
	}
	cmd := exec.Command("node", "-e", `require("dynalite")({createTableMs: 0}).listen(0, "127.0.0.1", function () { console.log(this.address().port) })`)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: tools/setup.sh installs node", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("dynalite: %v: %s", err, stderr.String())
	}
	db := "http://127.0.0.1:" + strings.TrimSpace(port)
	say := askDynalite(t, db, "CreateTable", `{"TableName":"Items","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}`)
	for end := time.Now().Add(20 * time.Second); !strings.Contains(say, `"ACTIVE"`); say = askDynalite(t, db, "DescribeTable", `{"TableName":"Items"}`) {
		if time.Now().After(end) {
			t.Fatalf("dynalite makes no table: %s", say)
		}
	}
	return db
}

func askDynalite(t *testing.T, db, action, body string) string {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodPost, db, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	rq.Header.Set("Content-Type", "application/x-amz-json-1.0")
	rq.Header.Set("X-Amz-Target", "DynamoDB_20120810."+action)
	rq.Header.Set("X-Amz-Date", "20260101T000000Z")
	rq.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
