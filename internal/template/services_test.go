// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

const (
	restAPI  = "Resources:\n  A: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}\n"
	method   = "  M: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref A, ResourceId: !GetAtt A.RootResourceId, "
	httpAPI  = "Resources:\n  A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}\n"
	function = "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Runtime: nodejs22.x, Handler: a.b, Code: {ZipFile: x}"
	body     = "Resources:\n  A:\n    Type: AWS::ApiGateway::RestApi\n    Properties:\n      Body:\n        swagger: '2.0'\n        paths: "
)

func TestServicesRefuse(t *testing.T) {
	edgeFunction := "  F: {Type: AWS::CloudFront::Function, Properties: {Name: f, FunctionCode: x, FunctionConfig: {Comment: c, Runtime: cloudfront-js-2.0}}}\n"
	associated := func(list string) string {
		return strings.Replace(distribution, "CachePolicyId", list+", CachePolicyId", 1) + edgeFunction
	}
	tests := []struct{ name, text, want string }{
		{"REST method", restAPI + method + "HttpMethod: FETCH, Integration: {Type: MOCK}}}\n", `"FETCH" is no method`},
		{"REST method twice", restAPI + method + "HttpMethod: GET}}\n" + strings.Replace(method, "M:", "N:", 1) + "HttpMethod: GET}}\n", `the API has "GET /" twice`},
		{"authorizer forgotten", restAPI + method + "HttpMethod: GET, AuthorizationType: CUSTOM}}\n", "authorization CUSTOM needs an authorizer"},
		{"authorizer without function", restAPI + "  X: {Type: AWS::ApiGateway::Authorizer, Properties: {RestApiId: !Ref A, Name: x, Type: TOKEN}}\n", "an authorizer of type TOKEN needs a function"},
		{"authorizer without pool", restAPI + "  X: {Type: AWS::ApiGateway::Authorizer, Properties: {RestApiId: !Ref A, Name: x, Type: COGNITO_USER_POOLS}}\n", "needs user pools"},
		{"HTTP without target", restAPI + method + "HttpMethod: GET, Integration: {Type: HTTP_PROXY}}}\n", "an integration of type HTTP_PROXY needs a target"},
		{"HTTP target", restAPI + method + "HttpMethod: GET, Integration: {Type: HTTP_PROXY, Uri: example.com}}}\n", `"example.com" is no HTTP endpoint`},
		{"A6 no action or path", restAPI + method + "HttpMethod: GET, Integration: {Type: AWS, Uri: 'arn:aws:apigateway:us-east-1:sqs:queue/a'}}}\n", "it names neither an action nor a path"},
		{"A6 AWS_PROXY", restAPI + method + "HttpMethod: GET, Integration: {Type: AWS_PROXY, Uri: 'arn:aws:apigateway:us-east-1:dynamodb:action/GetItem'}}}\n", "not for dynamodb"},
		{"A6 unknown action", httpAPI + "  I: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref A, IntegrationType: AWS_PROXY, IntegrationSubtype: SQS-Explode, PayloadFormatVersion: '1.0'}}\n", `"SQS-Explode" is no action of a service`},
		{"A6 parameter of an action", httpAPI + "  I: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref A, IntegrationType: AWS_PROXY, IntegrationSubtype: SQS-PurgeQueue, PayloadFormatVersion: '1.0'}}\n", "SQS-PurgeQueue needs the request parameter QueueUrl"},
		{"A6 timeout", restAPI + method + "HttpMethod: GET, Integration: {Type: MOCK, TimeoutInMillis: 10}}}\n", "a timeout of 10ms"},
		{"stage name", restAPI + "  S: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref A, StageName: a b}}\n", `"a b" is no name of a stage`},
		{"two stages", httpAPI + "  S: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref A, StageName: a}}\n  T: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref A, StageName: a}}\n", `the API has a stage "a" already`},
		{"two routes", httpAPI + "  S: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: GET /a}}\n  T: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: GET /a}}\n", `the API has "GET /a" twice`},
		{"greedy in the middle", httpAPI + "  S: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: 'GET /{a+}/b'}}\n", "a greedy variable {a+} must be the last segment"},
		{"half a variable", httpAPI + "  S: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: 'GET /x{a}'}}\n", `"x{a}" is no segment of a path`},
		{"target", httpAPI + "  S: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: GET /a, Target: abc}}\n", "a target is written integrations/ID"},
		{"A19 credentials", "Resources:\n  A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP, CorsConfiguration: {AllowCredentials: true, AllowOrigins: ['*']}}}\n", "AllowCredentials cannot be true"},
		{"no protocol", "Resources:\n  A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a}}\n", "needs Name and ProtocolType"},
		{"JWT without issuer", httpAPI + "  X: {Type: AWS::ApiGatewayV2::Authorizer, Properties: {ApiId: !Ref A, Name: x, AuthorizerType: JWT, IdentitySource: [a]}}\n", "needs an issuer"},
		{"A30 no OpenAPI", "Resources:\n  A: {Type: AWS::ApiGateway::RestApi, Properties: {Body: {paths: {}}}}\n", "neither Swagger nor OpenAPI"},
		{"A30 dangling reference", body + "{/a: {$ref: '#/x/y'}}\n", "template.yaml:7:21: Resources.A.Properties.Body.paths./a: #/x/y is not in the definition"},
		{"A30 unknown scheme", body + "{/a: {get: {security: [{who: []}]}}}\n", `no security scheme is named "who"`},
		{"A30 Swagger for HTTP", strings.Replace(body, "ApiGateway::RestApi", "ApiGatewayV2::Api", 1) + "{}\n", "HTTP APIs import OpenAPI 3 only"},
		{"A30 type", body + "{/a: {get: {x-amazon-apigateway-integration: {type: lambda}}}}\n", `"lambda" is no type of an integration`},
		{"A30 definition file", "Resources:\n  A: {Type: AWS::ApiGateway::RestApi, Properties: {BodyS3Location: ./none.yaml}}\n", "the definition cannot be read"},
		{"L6 timeout", function + ", Timeout: 0}}\n", "a timeout of 0s"},
		{"L6 memory", function + ", MemorySize: 64}}\n", "64 MB of memory"},
		{"L3 reserved", function + ", Environment: {Variables: {AWS_REGION: x}}}}\n", "Lambda itself sets AWS_REGION"},
		{"L6 environment", function + ", Environment: {Variables: {BIG: " + strings.Repeat("x", 4094) + "}}}}\n", "the environment has 4097 bytes"},
		{"L6 layers", function + ", Layers: [a, b, c, d, e, f]}}\n", "at most 5 layers"},
		{"O5 denied", strings.Replace(distribution, "DomainName: ", "OriginCustomHeaders: [{HeaderName: x-amz-a, HeaderValue: b}], DomainName: ", 1), "CloudFront does not send x-amz-a"},
		{"O1 no bucket", strings.Replace(distribution, "CustomOriginConfig: {OriginProtocolPolicy: https-only}", "S3OriginConfig: {}", 1), "example.com is no bucket"},
		{"O1 website", strings.NewReplacer("CustomOriginConfig: {OriginProtocolPolicy: https-only}", "S3OriginConfig: {}", "example.com", "b.s3-website-us-east-1.amazonaws.com").Replace(distribution), "is a website endpoint"},
		{"C9 one owner", distribution + "        Aliases: [a.example]\n" + strings.Replace(strings.TrimPrefix(distribution, "Resources:\n"), "  D:", "  E:", 1) + "        Aliases: [A.example]\n", "a.example belongs to D already"},
		{"no runtime", strings.Replace(function, "Runtime: nodejs22.x, ", "", 1) + "}}\n", "property Runtime is required"},
		{"inline Go", strings.Replace(function, "nodejs22.x", "provided.al2023", 1) + "}}\n", "inline code is for nodejs and python"},
		{"no code", strings.Replace(function, "{ZipFile: x}", "{S3ObjectVersion: x}", 1) + "}}\n", "the function has no code"},
		{"L8 weight", function + "}}\n  L: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, FunctionVersion: '1', Name: l, RoutingConfig: {AdditionalVersionWeights: [{FunctionVersion: '2', FunctionWeight: 2}]}}}\n", "2 is no weight"},
		{"E1 two functions", associated("FunctionAssociations: [{EventType: viewer-request, FunctionARN: !GetAtt F.FunctionARN}, {EventType: viewer-request, FunctionARN: !GetAtt F.FunctionARN}]"), "two functions for viewer-request"},
		{"E5 both kinds", associated("FunctionAssociations: [{EventType: viewer-request, FunctionARN: !GetAtt F.FunctionARN}], LambdaFunctionAssociations: [{EventType: viewer-response, LambdaFunctionARN: 'arn:x:1'}]"), "both kinds for viewer events"},
		{"E4 runtime 1", "Resources:\n  F: {Type: AWS::CloudFront::Function, Properties: {Name: f, FunctionCode: x, FunctionConfig: {Comment: c, Runtime: cloudfront-js-1.0, KeyValueStoreAssociations: [{KeyValueStoreARN: a}]}}}\n", "key value stores need cloudfront-js-2.0"},
		{"K8 Authorization", "Resources:\n  P: {Type: AWS::CloudFront::OriginRequestPolicy, Properties: {OriginRequestPolicyConfig: {Name: p, HeadersConfig: {HeaderBehavior: whitelist, Headers: [Authorization]}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}}}\n", "Authorization cannot be listed"},
		{"K2 empty list", "Resources:\n  P: {Type: AWS::CloudFront::OriginRequestPolicy, Properties: {OriginRequestPolicyConfig: {Name: p, HeadersConfig: {HeaderBehavior: whitelist}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}}}\n", "whitelist wants a list of names"},
		{"K13 protection", "Resources:\n  P: {Type: AWS::CloudFront::ResponseHeadersPolicy, Properties: {ResponseHeadersPolicyConfig: {Name: p, SecurityHeadersConfig: {XSSProtection: {Protection: false, ModeBlock: true, Override: true}}}}}\n", "ModeBlock and ReportUri need Protection"},
		{"K13 header", "Resources:\n  P: {Type: AWS::CloudFront::ResponseHeadersPolicy, Properties: {ResponseHeadersPolicyConfig: {Name: p, CustomHeadersConfig: {Items: [{Header: via, Value: x, Override: true}]}}}}\n", "CloudFront does not let a policy set via"},
		{"content", "Resources:\n  B: {Type: AWS::S3::Bucket, Metadata: {Forelane: {Content: ./none}}}\n", "there is no file or folder"},
		{"flags", "Resources:\n  B: {Type: AWS::S3::Bucket}\n", `no bucket is named "Web"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var o Options
			if tt.name == "flags" {
				o.Buckets = map[string]string{"Web": "."}
			}
			_, err := load(t, tt.text, o)
			if err == nil {
				t.Fatal("loaded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if tt.name != "flags" && !strings.Contains(err.Error(), "template.yaml:") {
				t.Errorf("no place in %v", err)
			}
		})
	}
}

// project writes files into a folder and loads it.
func project(t *testing.T, files map[string]string, o Options) *Result {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	results, err := Load(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range results[0].Files {
		results[0].Files[i] = strings.TrimPrefix(f, dir+string(filepath.Separator))
	}
	return results[0]
}

func TestIncludedDefinitions(t *testing.T) {
	r := project(t, map[string]string{
		"template.yaml": `Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Api
    Properties: {StageName: v1, DefinitionBody: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: api.yaml}}}}
  H:
    Type: AWS::Serverless::HttpApi
    Properties: {DefinitionBody: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://bucket/path/http.yaml}}}}
`,
		"api.yaml":  "swagger: '2.0'\npaths: {/a: {get: {x-amazon-apigateway-integration: {type: mock}}}}\n",
		"http.yaml": "openapi: 3.0.1\npaths: {/b: {get: {x-amazon-apigateway-integration: {type: http_proxy, uri: 'https://example.com', payloadFormatVersion: '1.0'}}}}\n",
	}, Options{})
	var keys []string
	for _, a := range r.Stack.APIs {
		for _, rt := range a.Routes {
			keys = append(keys, a.LogicalID+" "+rt.Key)
		}
	}
	if got := strings.Join(keys, ", "); got != "A GET /a, H GET /b" {
		t.Errorf("routes: %s", got)
	}
	if got := strings.Join(r.Files, " "); got != "api.yaml http.yaml template.yaml" {
		t.Errorf("files: %s", got)
	}
}

func TestLocalApplication(t *testing.T) {
	r := project(t, map[string]string{
		"template.yaml":     "Transform: AWS::Serverless-2016-10-31\nResources:\n  App: {Type: AWS::Serverless::Application, Properties: {Location: ./app/template.yaml, Parameters: {P: x}}}\nOutputs: {Q: {Value: !GetAtt App.Outputs.Q}}\n",
		"app/template.yaml": "Transform: AWS::Serverless-2016-10-31\nParameters: {P: {Type: String}}\nResources:\n  F: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: a.b, CodeUri: src, Environment: {Variables: {PP: !Ref P}}}}\nOutputs: {Q: {Value: !Sub '<${P}>'}}\n",
		"app/src/a.py":      "def b(e, c): pass\n",
	}, Options{})
	f := r.Stack.Functions[0]
	if f.LogicalID != "AppF" || filepath.Base(filepath.Dir(f.Code.Dir)) != "app" || f.Environment["PP"] != "x" {
		t.Errorf("%+v", f)
	}
	if o := r.Stack.Outputs; len(o) != 1 || o[0].Value != "<x>" {
		t.Errorf("%+v", o)
	}
}

func TestCodeAndBuild(t *testing.T) {
	const head = "Resources:\n  F: {Type: AWS::Lambda::Function, Metadata: {BuildMethod: METHOD}, Properties: {Role: r, Runtime: RUNTIME, Handler: a.b, Code: ./src}}\n"
	tests := []struct {
		name, method, runtime, file, want string
	}{
		{"node", "", "nodejs22.x", "index.js", ""},
		{"node by SAM", "nodejs22.x", "nodejs22.x", "index.js", ""},
		{"go by go.mod", "", "provided.al2023", "go.mod", "go"},
		{"go1.x", "", "go1.x", "go.mod", "go"},
		{"go by SAM", "go1.x", "provided.al2023", "main.go", "go"},
		{"built", "makefile", "provided.al2023", "bootstrap", ""},
		{"make", "makefile", "provided.al2023", "Makefile", "makefile"},
		{"esbuild", "esbuild", "nodejs22.x", "a.ts", "esbuild"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.NewReplacer("METHOD", "'"+tt.method+"'", "RUNTIME", tt.runtime).Replace(head)
			r := project(t, map[string]string{"template.yaml": text, "src/" + tt.file: "x"}, Options{})
			if c := r.Stack.Functions[0].Code; c.Build != tt.want || filepath.Base(c.Dir) != "src" {
				t.Errorf("%+v, want %q", c, tt.want)
			}
		})
	}
}

// TestBuiltCodeIsGiven: what --code names is the result of a build.
func TestBuiltCodeIsGiven(t *testing.T) {
	built := t.TempDir()
	r := project(t, map[string]string{
		"template.yaml": "Resources:\n  F: {Type: AWS::Lambda::Function, Metadata: {BuildMethod: esbuild}, Properties: {Role: r, Runtime: nodejs22.x, Handler: a.b, Code: ./src}}\n",
		"src/a.ts":      "x",
	}, Options{Code: map[string]string{"F": built}})
	if c := r.Stack.Functions[0].Code; c.Build != "" || c.Dir != built {
		t.Errorf("%+v", c)
	}
}

func TestKeyValueStoreItems(t *testing.T) {
	const head = "Resources:\n  K: {Type: AWS::CloudFront::KeyValueStore, Metadata: {Forelane: {Content: items.json}}, Properties: {Name: k}}\n"
	r := project(t, map[string]string{"template.yaml": head, "items.json": `{"b": "2", "a": "1"}`}, Options{})
	if got := r.Stack.KeyValueStores[0].Items; len(got) != 2 || got[0] != (model.KeyValue{Key: "a", Value: "1"}) {
		t.Errorf("%v", got)
	}
	for text, want := range map[string]string{"[]": "no items", `{"a": "` + strings.Repeat("x", 1024) + `"}`: "a key has at most 512"} {
		dir := t.TempDir()
		for name, content := range map[string]string{"template.yaml": head, "items.json": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Load(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestWebACLOfAStage(t *testing.T) {
	r := project(t, map[string]string{"template.yaml": restAPI + method + "HttpMethod: GET, Integration: {Type: MOCK}}}\n" + `
  D: {Type: AWS::ApiGateway::Deployment, DependsOn: M, Properties: {RestApiId: !Ref A}}
  S: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref A, DeploymentId: !Ref D, StageName: v1}}
  W: {Type: AWS::WAFv2::WebACLAssociation, Properties: {WebACLArn: arn:x, ResourceArn: !Sub "arn:aws:apigateway:${AWS::Region}::/restapis/${A}/stages/v1"}}
`}, Options{})
	if got := r.Stack.APIs[0].Stages[0].WebACL; got != "arn:x" {
		t.Errorf("web ACL %q", got)
	}
}

func TestOldOriginForm(t *testing.T) {
	r := project(t, map[string]string{"template.yaml": `Resources:
  D:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        CNAMEs: [www.example.com]
        CustomOrigin: {DNSName: example.com, OriginProtocolPolicy: http-only, OriginSSLProtocols: [TLSv1.2]}
        DefaultCacheBehavior: {TargetOriginId: CustomOrigin, ViewerProtocolPolicy: allow-all, ForwardedValues: {QueryString: false}}
`}, Options{})
	d := r.Stack.Distributions[0]
	if len(d.Aliases) != 1 || d.Origins[0].DomainName != "example.com" || !d.Default().Cache.Legacy || d.Default().Cache.MaxTTL.Hours() != 365*24 {
		t.Errorf("%+v", d)
	}
}

func TestNestingEnds(t *testing.T) {
	_, err := load(t, "Resources:\n  A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./template.yaml}}\n  B: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: ./template.yaml}}\n", Options{})
	if err == nil || !strings.Contains(err.Error(), "stacks nest deeper than 8 levels") {
		t.Errorf("got %.300v", err)
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(b.Context(), filepath.Join("testdata", "sam"), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestStacksOfAnAssemblyShare(t *testing.T) {
	stack := func(file, deps string) string {
		return `{"type": "aws:cloudformation:stack", "properties": {"templateFile": "` + file + `"}, "dependencies": [` + deps + `]}`
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"manifest.json": `{"version": "39.0.0", "artifacts": {"A": ` + stack("a.json", `"B"`) + `, "B": ` + stack("b.yaml", "") + `}}`,
		"b.yaml": policy + "        MinTTL: 1\n        DefaultTTL: 1\n        MaxTTL: 1\n        ParametersInCacheKeyAndForwardedToOrigin: {EnableAcceptEncodingGzip: false, HeadersConfig: {HeaderBehavior: none}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}\n" +
			"  F: {Type: AWS::CloudFront::Function, Properties: {Name: f, FunctionCode: x, FunctionConfig: {Comment: c, Runtime: cloudfront-js-2.0}}}\n" +
			"Outputs: {P: {Value: !Ref P, Export: {Name: p}}, F: {Value: !GetAtt F.FunctionARN, Export: {Name: f}}}\n",
		"a.json": strings.Replace(distribution, "658327ea-f89d-4fab-a63d-7e88639e58f6", "!ImportValue p, FunctionAssociations: [{EventType: viewer-request, FunctionARN: !ImportValue f}]", 1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	results, err := Load(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := results[1].Stack
	if d := s.Distributions[0].Default(); d.Cache.Name != "p" || len(d.Functions) != 1 || len(s.EdgeFunctions) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestForgottenPermissionIsTold(t *testing.T) {
	const text = "Resources:\n  A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP, Target: !GetAtt F.Arn}}\n" +
		"  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Runtime: nodejs22.x, Handler: a.b, Code: {ZipFile: x}}}\n"
	told := func(text string) bool {
		for _, res := range project(t, map[string]string{"template.yaml": text}, Options{}).Report.Resources {
			for _, n := range res.Notes {
				if strings.Contains(n.Words, "lets the API call F") {
					return true
				}
			}
		}
		return false
	}
	if !told(text) {
		t.Error("a missing permission is not told")
	}
	if told(text + "  P: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref F, Action: lambda:InvokeFunction, Principal: apigateway.amazonaws.com}}\n") {
		t.Error("a permission is overlooked")
	}
}
