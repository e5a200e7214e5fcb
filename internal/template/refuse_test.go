// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// load writes a template into a folder of its own and loads it.
func load(t *testing.T, text string, o Options) ([]*Result, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(context.Background(), file, o)
}

// head of a distribution: 8 lines; what follows is indented by eight.
const distribution = `Resources:
  D:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Origins: [{Id: web, DomainName: example.com, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: web, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
`

// policy is the head of a cache policy without its times and keys.
const policy = `Resources:
  P:
    Type: AWS::CloudFront::CachePolicy
    Properties:
      CachePolicyConfig:
        Name: p
`

const behavior = "        CacheBehaviors:\n          - {TargetOriginId: web, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6, "

const path = "Resources.D.Properties.DistributionConfig."

func TestRefusedAsAWSDoes(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"C2 path pattern", distribution + behavior + "PathPattern: '/a b'}\n", `template.yaml:10:134: ` + path + `CacheBehaviors[0].PathPattern: the path pattern "/a b" has a character that CloudFront refuses: ' '`},
		{"C15 gRPC without all methods", strings.Replace(distribution, "{TargetOriginId", "{GrpcConfig: {Enabled: true}, TargetOriginId", 1), "gRPC needs a behavior that allows all methods"},
		{"C15 gRPC without HTTP/2", strings.Replace(strings.Replace(distribution, "Enabled: true", "Enabled: true\n        HttpVersion: http1.1", 1), "{TargetOriginId", "{GrpcConfig: {Enabled: true}, AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE], TargetOriginId", 1), `gRPC needs HTTP/2, which the distribution's HttpVersion "http1.1" does not have`},
		{"C2 long pattern", distribution + behavior + "PathPattern: /" + strings.Repeat("a", 255) + "}\n", "a path pattern has at most 255 characters, not 256"},
		{"forgotten Sub", strings.Replace(distribution, "example.com", "'a.${AWS::Region}.example.com'", 1), "write !Sub before"},
		{"two equal patterns", distribution + behavior + "PathPattern: /a}\n" + strings.Split(behavior, "\n")[1] + "PathPattern: a}\n", `the path pattern "a" is used twice`},
		{"pattern of the default behavior", strings.Replace(distribution, "{TargetOriginId", "{PathPattern: a, TargetOriginId", 1), "the default behavior has no PathPattern"},
		{"no origin of this id", strings.Replace(distribution, "TargetOriginId: web", "TargetOriginId: wep", 1), `template.yaml:8:48: ` + path + `DefaultCacheBehavior.TargetOriginId: the distribution has no origin or origin group "wep" (did you mean web?)`},
		{"one id twice", strings.Replace(distribution, "Origins: [", "Origins: [{Id: web, DomainName: a.example, S3OriginConfig: {}}, ", 1), `the origin id "web" is used twice`},
		{"a URL for a host", strings.Replace(distribution, "example.com", "https://example.com", 1), "an origin's domain name cannot be a URL"},
		{"origin path", strings.Replace(distribution, "DomainName: ", "OriginPath: v1/, DomainName: ", 1), "(write /v1)"},
		{"no configuration", strings.Replace(distribution, ", CustomOriginConfig: {OriginProtocolPolicy: https-only}", "", 1), `origin "web" has neither CustomOriginConfig nor S3OriginConfig`},
		{"O2 port", strings.Replace(distribution, "https-only}", "https-only, HTTPPort: 81}", 1), "CloudFront reaches no origin at port 81"},
		{"O3 attempts", strings.Replace(distribution, "DomainName: ", "ConnectionAttempts: 4, DomainName: ", 1), "4 is outside 1 to 3"},
		{"unknown policy", strings.Replace(distribution, "658327ea", "758327ea", 1), `there is no cache policy "758327ea-f89d-4fab-a63d-7e88639e58f6"`},
		{"no policy at all", strings.Replace(distribution, ", CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6", "", 1), "the behavior has neither CachePolicyId nor ForwardedValues"},
		{"C6 methods", strings.Replace(distribution, "CachePolicyId", "AllowedMethods: [GET, POST], CachePolicyId", 1), "CloudFront does not take the methods [GET, POST]"},
		{"C6 cached, not allowed", strings.Replace(distribution, "CachePolicyId", "CachedMethods: [GET, HEAD, OPTIONS], CachePolicyId", 1), "OPTIONS is cached but not allowed"},
		{"C8 root object", distribution + "        DefaultRootObject: /index.html\n", "write the name without the leading slash"},
		{"F11 error code", distribution + "        CustomErrorResponses: [{ErrorCode: 418}]\n", "CloudFront has no custom error response for 418"},
		{"F11 page path", distribution + "        CustomErrorResponses: [{ErrorCode: 404, ResponseCode: 200, ResponsePagePath: a.html}]\n", "(write /a.html)"},
		{"O6 members", distribution + "        OriginGroups: {Quantity: 1, Items: [{Id: g, FailoverCriteria: {StatusCodes: {Quantity: 1, Items: [500]}}, Members: {Quantity: 1, Items: [{OriginId: web}]}}]}\n", "exactly two members, not 1"},
		{"alias", distribution + "        Aliases: ['https://a.example']\n", "is no alternate domain name"},
		{"unknown property", distribution + "        Comments: x\n", "template.yaml:9:9: Resources.D.Properties.DistributionConfig: there is no property Comments here (did you mean Comment?)"},
		{"K7 TTL 0 with key parts", policy + "        MinTTL: 0\n        DefaultTTL: 0\n        MaxTTL: 0\n        ParametersInCacheKeyAndForwardedToOrigin: {EnableAcceptEncodingGzip: false, HeadersConfig: {HeaderBehavior: whitelist, Headers: [A]}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}\n", "HeaderBehavior is invalid for a policy with caching disabled"},
		{"E6 not in the key", policy + "        MinTTL: 0\n        DefaultTTL: 1\n        MaxTTL: 1\n        ParametersInCacheKeyAndForwardedToOrigin: {EnableAcceptEncodingGzip: false, HeadersConfig: {HeaderBehavior: whitelist, Headers: [CloudFront-Viewer-Address]}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}\n", "CloudFront-Viewer-Address cannot be part of the cache key"},
		{"TTL order", policy + "        MinTTL: 9\n        DefaultTTL: 1\n        MaxTTL: 20\n        ParametersInCacheKeyAndForwardedToOrigin: {EnableAcceptEncodingGzip: false, HeadersConfig: {HeaderBehavior: none}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}\n", "DefaultTTL (1s) is below MinTTL (9s)"},
		{"E2 code size", "Resources:\n  F:\n    Type: AWS::CloudFront::Function\n    Properties: {Name: f, FunctionConfig: {Comment: c, Runtime: cloudfront-js-2.0}, FunctionCode: '" + strings.Repeat("x", 10241) + "'}\n", "the code has 10241 bytes"},
		{"HTTP route key", "Resources:\n  A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}\n  R: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref A, RouteKey: /x}}\n", `template.yaml:3:77: Resources.R.Properties.RouteKey: "/x" is no route key`},
		{"REST path part", "Resources:\n  A: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}\n  R: {Type: AWS::ApiGateway::Resource, Properties: {RestApiId: !Ref A, ParentId: !GetAtt A.RootResourceId, PathPart: a/b}}\n", "a path part is one segment"},
		{"environment", "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Runtime: nodejs22.x, Handler: a.b, Code: {ZipFile: x}, Environment: {Variables: {1A: x}}}}\n", `"1A" is no name of an environment variable`},
		{"code that is not there", "Resources:\n  F: {Type: AWS::Lambda::Function, Properties: {Role: r, Runtime: nodejs22.x, Handler: a.b, Code: ./src}}\n", "there is no file or folder"},
		{"bucket name", "Resources:\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: Up}}\n", `"Up" is no bucket name`},
		{"unknown reference", "Resources:\n  B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Nothing}}\n", "template.yaml:2:55: "},
		{"bad YAML", "Resources:\n  B: [\n", "bad YAML"},
		{"cycle", "Resources:\n  A: {Type: AWS::S3::Bucket, DependsOn: B}\n  B: {Type: AWS::S3::Bucket, DependsOn: A}\n", "cycle"},
		{"serverless", "Transform: AWS::Serverless-2016-10-31\nResources:\n  F: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs22.x, CodeUri: ., Handle: x}}\n", "Resources.F"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.text, Options{})
			if err == nil {
				t.Fatal("loaded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if !strings.Contains(err.Error(), "template.yaml:") {
				t.Errorf("no place in %v", err)
			}
		})
	}
}

func TestAllErrorsInTheOrderOfTheFile(t *testing.T) {
	text := strings.Replace(distribution, "TargetOriginId: web", "TargetOriginId: x", 1) + "        Aliases: ['a']\n        DefaultRootObject: /x\n"
	_, err := load(t, text, Options{})
	if err == nil {
		t.Fatal("loaded")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], ":8:") || !strings.Contains(lines[1], ":9:") || !strings.Contains(lines[2], ":10:") {
		t.Errorf("got %q", lines)
	}
}

func TestUnsupportedNeverStops(t *testing.T) {
	results, err := load(t, `Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, Anything: {At: all}}}
  New: {Type: AWS::Brand::New, Properties: {A: !GetAtt Vpc.CidrBlock}}
  Own: {Type: Custom::Thing, Properties: {ServiceToken: x}}
  B: {Type: AWS::S3::Bucket, Properties: {BucketName: !GetAtt Own.Name}}
`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(results[0].Stack.Opaque); n != 3 {
		t.Errorf("%d opaque resources", n)
	}
	if err := results[0].Report.Strict(); err == nil || !strings.Contains(err.Error(), "Resources.New: AWS::Brand::New is unsupported") {
		t.Errorf("strict: %v", err)
	}
}

func TestOptions(t *testing.T) {
	const text = `Parameters: {Name: {Type: String}}
Resources:
  F: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Ref Name, Role: r, Runtime: nodejs22.x, Handler: a.b, Code: {S3Bucket: b, S3Key: k}}}
  B: {Type: AWS::S3::Bucket}
  P: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !ImportValue other, Action: a, Principal: "{{resolve:ssm:/p}}"}}
`
	dir := t.TempDir()
	o := Options{
		Parameters: map[string]string{"Name": "given"}, Code: map[string]string{"F": "."}, Buckets: map[string]string{"B": "."}, BaseDir: dir,
		Exports: func(name string) (string, bool) { return "exported", name == "other" },
		Env:     func(key string) (string, bool) { return "set", true }, StackName: "mine", Region: "eu-west-1", AccountID: "111122223333",
	}
	results, err := load(t, text, o)
	if err != nil {
		t.Fatal(err)
	}
	s := results[0].Stack
	if f := s.Functions[0]; f.Name != "given" || f.Code.Dir != dir || f.ARN != "arn:aws:lambda:eu-west-1:111122223333:function:given" {
		t.Errorf("%+v", f)
	}
	if b := s.Buckets[0]; len(b.Content) != 1 || b.Content[0].Dir != dir || !strings.HasPrefix(b.Name, "mine-b-") {
		t.Errorf("%+v", b)
	}
	o.Code = nil
	results, err = load(t, text, o)
	if err != nil {
		t.Fatal(err)
	}
	if m := results[0].Stack.Functions[0].Code.Missing; !strings.Contains(m, "s3://b/k") || !strings.Contains(m, "--code F=DIR") {
		t.Errorf("missing: %q", m)
	}
	o.Parameters["Nmae"] = "x"
	if _, err = load(t, text, o); err == nil || !strings.Contains(err.Error(), `no parameter is named "Nmae"`) {
		t.Errorf("got %v", err)
	}
	delete(o.Parameters, "Nmae")
	delete(o.Parameters, "Name")
	if _, err = load(t, text, o); err == nil || !strings.Contains(err.Error(), "Name") {
		t.Errorf("got %v", err)
	}
}

func TestLenientReportsWhatIsBroken(t *testing.T) {
	results, err := load(t, `Parameters: {Host: {Type: String, AllowedPattern: "[a-z.]+"}}
Resources:
  D:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        Comment: first
        Comment: second
        Origins: [{Id: web, DomainName: !Ref Host, CustomOriginConfig: {OriginProtocolPolicy: https-only}}]
        DefaultCacheBehavior: {TargetOriginId: wep, ViewerProtocolPolicy: allow-all, CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6}
  B: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Nothing}}
Outputs: {A: {Value: !GetAtt No.Arn}}
`, Options{Lenient: true})
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if len(r.Report.Broken) != 3 || len(r.Report.Resources) != 2 || len(r.Invented) != 1 {
		t.Errorf("%d broken, %d resources, invented %v: %v", len(r.Report.Broken), len(r.Report.Resources), r.Invented, r.Report.Broken)
	}
	if c := r.Stack.Distributions[0].Comment; c != "second" {
		t.Errorf("comment %q", c)
	}
	if r.Report.Strict() == nil {
		t.Error("strict accepts a broken template")
	}
}

func TestWhereNothingIs(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(context.Background(), filepath.Join(dir, "no.yaml"), Options{}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	if _, err := Load(context.Background(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "there is no template.yaml") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cdk.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(context.Background(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "run cdk synth") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Load(ctx, filepath.Join("testdata", "edge"), Options{}); err == nil {
		t.Error("a canceled load loads")
	}
}
