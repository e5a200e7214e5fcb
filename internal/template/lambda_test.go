// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/model"
)

// atEdge is a template with a function F, its version V and one association.
func atEdge(properties, association string) string {
	return strings.Replace(distribution, "CachePolicyId", "LambdaFunctionAssociations: ["+association+"], CachePolicyId", 1) + `  F:
    Type: AWS::Lambda::Function
    Properties: {Role: r, Runtime: nodejs22.x, Handler: a.b, Code: {ZipFile: x}` + properties + `}
  V: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref F}}
  L: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref F, FunctionVersion: !GetAtt V.Version, Name: live}}
`
}

func TestE5Associations(t *testing.T) {
	const viewer, back = "{EventType: viewer-request, LambdaFunctionARN: !Ref V}", "{EventType: origin-response, LambdaFunctionARN: !Ref V}"
	for _, tt := range []struct{ name, properties, association, want string }{
		{"a version", "", viewer, ""},
		{"its ARN made by hand", "", "{EventType: viewer-request, LambdaFunctionARN: !Sub '${F.Arn}:1'}", ""},
		{"with its body", "", "{EventType: origin-request, LambdaFunctionARN: !Ref V, IncludeBody: true}", ""},
		{"$LATEST", "", "{EventType: viewer-request, LambdaFunctionARN: !GetAtt F.Arn}", "a numbered version of F, not $LATEST"},
		{"an alias", "", "{EventType: viewer-request, LambdaFunctionARN: !Ref L}", `a numbered version of F, not the alias "live"`},
		{"a version that is not there", "", "{EventType: viewer-request, LambdaFunctionARN: !Sub '${F.Arn}:9'}", "F has no version 9"},
		{"the body of a response", "", "{EventType: origin-response, LambdaFunctionARN: !Ref V, IncludeBody: true}", "IncludeBody is for"},
		{"environment", ", Environment: {Variables: {AB: c}}", viewer, "no environment variables: F has Environment"},
		{"no layers after all", ", Layers: []", strings.Replace(viewer, "viewer", "origin", 1), ""},
		{"arm64", ", Architectures: [arm64]", viewer, "F is for arm64"},
		{"reserved concurrency", ", ReservedConcurrentExecutions: 1", viewer, "no reserved concurrency"},
		{"a VPC", ", VpcConfig: {SubnetIds: [s], SecurityGroupIds: [g]}", viewer, "a function with VpcConfig: F has it"},
		{"large /tmp", ", EphemeralStorage: {Size: 1024}", viewer, "512 MB of /tmp"},
		{"memory at a viewer's event", ", MemorySize: 256", viewer, "at most 128 MB: the MemorySize of F is 256"},
		{"memory at an origin's event", ", MemorySize: 256", back, ""},
		{"6 s at a viewer's event", ", Timeout: 6", viewer, "at most 5 seconds: the Timeout of F is 6"},
		{"30 s at an origin's event", ", Timeout: 30", back, ""},
		{"31 s", ", Timeout: 31", back, "at most 30 seconds"},
		{"two at an event", "", viewer + ", " + viewer, "two functions for viewer-request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			results, err := load(t, atEdge(tt.properties, tt.association), Options{})
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "template.yaml:") {
					t.Errorf("got  %v\nwant %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			fns := results[0].Stack.Distributions[0].Default().Functions
			if len(fns) != 1 || !fns[0].Lambda || !strings.HasSuffix(fns[0].ARN, ":1") {
				t.Errorf("%+v", fns)
			}
		})
	}
}

func TestE5FunctionOfNoStack(t *testing.T) {
	text := atEdge("", "{EventType: viewer-request, LambdaFunctionARN: 'arn:aws:lambda:us-east-1:123456789012:function:elsewhere:4'}")
	results, err := load(t, text, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if fns := results[0].Stack.Distributions[0].Default().Functions; len(fns) != 0 {
		t.Errorf("%+v", fns)
	}
	var said bool
	for _, r := range results[0].Report.Resources {
		for _, n := range r.Notes {
			said = said || strings.Contains(n.Words, "requests pass without it")
		}
	}
	if !said {
		t.Error("the report does not say so")
	}
}

func TestE5Python(t *testing.T) {
	text := atEdge("", "{EventType: viewer-request, LambdaFunctionARN: !Ref V}")
	if _, err := load(t, strings.Replace(text, "nodejs22.x", "python3.13", 1), Options{}); err != nil {
		t.Error(err)
	}
	text = strings.Replace(text, "Runtime: nodejs22.x, Handler: a.b, Code: {ZipFile: x}", "Runtime: provided.al2023, Handler: bootstrap, Code: {S3Bucket: b, S3Key: k}", 1)
	if _, err := load(t, text, Options{}); err == nil || !strings.Contains(err.Error(), "the runtime of F is provided.al2023") {
		t.Errorf("%v", err)
	}
}

// TestE5OfAnotherRegion: CDK puts an edge function into a stack of us-east-1,
// writes its ARN into a parameter there, and reads that by a custom resource.
func TestE5OfAnotherRegion(t *testing.T) {
	stack := func(file, region, after string) string {
		return `{"type": "aws:cloudformation:stack", "environment": "aws://111122223333/` + region + `", "properties": {"templateFile": "` + file + `"}, "dependencies": [` + after + `]}`
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"manifest.json": `{"version": "39.0.0", "artifacts": {"Site": ` + stack("site.yaml", "eu-west-1", `"edge-lambda-stack-1"`) + `, "edge-lambda-stack-1": ` + stack("edge.yaml", "us-east-1", "") + `}}`,
		"edge.yaml": `Resources:
  Fn: {Type: AWS::Lambda::Function, Properties: {Role: r, Runtime: nodejs22.x, Handler: index.handler, Code: {ZipFile: x}}}
  FnCurrentVersion: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Fn}}
  FnParameter: {Type: AWS::SSM::Parameter, Properties: {Type: String, Name: /cdk/EdgeFunctionArn/eu-west-1/Site/Fn, Value: !Ref FnCurrentVersion}}
`,
		"site.yaml": strings.Replace(distribution, "CachePolicyId", "LambdaFunctionAssociations: [{EventType: origin-request, LambdaFunctionARN: !GetAtt Reader.FunctionArn}], CachePolicyId", 1) + `  Reader:
    Type: Custom::CrossRegionStringParameterReader
    Properties: {ServiceToken: arn:x, Region: us-east-1, ParameterName: /cdk/EdgeFunctionArn/eu-west-1/Site/Fn, RefreshToken: abc}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	results, err := Load(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	fns := results[1].Stack.Distributions[0].Default().Functions
	if len(fns) != 1 || fns[0].Event != model.OriginRequest || !strings.HasPrefix(fns[0].ARN, "arn:aws:lambda:us-east-1:") {
		t.Fatalf("%+v", fns)
	}
	if f, version := results[0].Stack.Function(fns[0].ARN); f == nil || f.LogicalID != "Fn" || version != "1" {
		t.Errorf("%s is no version of the function", fns[0].ARN)
	}
}
