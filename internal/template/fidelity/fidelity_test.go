// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/tree"
)

func mustLoad(t *testing.T) *Table {
	t.Helper()
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestTablesAreWellFormed(t *testing.T) {
	table := mustLoad(t)
	if len(table.types) < 40 || len(table.families)+len(table.exact) < 120 {
		t.Errorf("%d running types, %d others", len(table.types), len(table.families)+len(table.exact))
	}
	used := map[string]bool{}
	var walk func(path string, s *spec)
	walk = func(path string, s *spec) {
		seen := map[string]bool{}
		for _, f := range s.fields {
			at := path + "." + f.name
			if seen[f.name] {
				t.Errorf("%s is given twice", at)
			}
			seen[f.name] = true
			if f.verdict != Exact && f.words == "" {
				t.Errorf("%s: %s without words", at, f.verdict)
			}
			used[f.words] = true
			for _, c := range f.cases {
				if c.verdict != Exact && c.words == "" {
					t.Errorf("%s: %v without words", at, c.values)
				}
				used[c.words] = true
				for _, v := range c.values {
					if f.enum != nil && !strings.HasSuffix(v, "*") && nearest(v, f.enum) != v {
						t.Errorf("%s: %q is no value of the list", at, v)
					}
				}
			}
			walk(at, f)
		}
	}
	for typ, s := range table.types {
		walk(typ, s)
	}
	for _, f := range table.families {
		used[f.words] = true
	}
	for typ, f := range table.exact {
		used[f.words] = true
		if f.verdict != Exact && f.words == "" {
			t.Errorf("%s: %s without words", typ, f.verdict)
		}
	}
	for name, words := range table.words {
		if !used[words] {
			t.Errorf("words.txt: nothing uses %s", name)
		}
	}
}

func TestType(t *testing.T) {
	table := mustLoad(t)
	tests := []struct {
		typ  string
		want Verdict
		word string
	}{
		{"AWS::CloudFront::Distribution", Exact, ""},
		{"AWS::EC2::Subnet", Unsupported, "another product"},
		{"AWS::IAM::Role", Ignored, "permissions"},
		{"AWS::CloudFront::SomethingNew", Unsupported, "this part of CloudFront"},
		{"Custom::Thing", Unsupported, "custom resource"},
		{"Custom::CDKBucketDeployment", Exact, ""},
		{"My::Own::Type", Unsupported, "not known"},
	}
	for _, tt := range tests {
		v, words := table.Type(tt.typ)
		if v != tt.want || !strings.Contains(words, tt.word) {
			t.Errorf("%s: %s, %q", tt.typ, v, words)
		}
	}
}

func check(t *testing.T, typ, props string) (*Resource, []*tree.Error) {
	t.Helper()
	n, err := tree.Parse("t.yaml", []byte(props))
	if err != nil {
		t.Fatal(err)
	}
	res := &Resource{LogicalID: "R", Type: typ}
	return res, mustLoad(t).Check(res, n)
}

func TestCheckRefuses(t *testing.T) {
	tests := []struct{ name, typ, props, want string }{
		{"unknown property", "AWS::S3::Bucket", "BuketName: x", "t.yaml:1:1: Resources.R.Properties: AWS::S3::Bucket has no property BuketName (did you mean BucketName?)"},
		{"unknown deep", "AWS::CloudFront::Function", "Name: n\nFunctionCode: c\nFunctionConfig:\n  Comment: x\n  Runtime: cloudfront-js-2.0\n  Runtimes: x", "t.yaml:6:3: Resources.R.Properties.FunctionConfig: there is no property Runtimes here (did you mean Runtime?)"},
		{"too deep", "AWS::CloudFront::KeyValueStore", "Name: n\nImportSource: {SourceArn: a, SourceType: S3, Comment: x}", "t.yaml:2:46: Resources.R.Properties.ImportSource: there is no property Comment here (it belongs to the resource's Properties)"},
		{"not deep enough", "AWS::CloudFront::CachePolicy", "CachePolicyConfig: {Name: n, MinTTL: 0, MaxTTL: 1, DefaultTTL: 1, ParametersInCacheKeyAndForwardedToOrigin: {EnableAcceptEncodingGzip: true, HeadersConfig: {HeaderBehavior: none}, CookiesConfig: {CookieBehavior: none}, QueryStringsConfig: {QueryStringBehavior: none}}}\nHeadersConfig: {}", "t.yaml:2:1: Resources.R.Properties: AWS::CloudFront::CachePolicy has no property HeadersConfig (it belongs to CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin)"},
		{"missing", "AWS::S3::BucketPolicy", "PolicyDocument: {}", "t.yaml:1:1: Resources.R.Properties: property Bucket is required (add Bucket)"},
		{"kind", "AWS::Lambda::EventInvokeConfig", "FunctionName: f\nQualifier: q\nMaximumRetryAttempts: many", `t.yaml:3:23: Resources.R.Properties.MaximumRetryAttempts: "many" is not a whole number (give a whole number)`},
		{"closed list", "AWS::Lambda::Url", "AuthType: none\nTargetFunctionArn: f", `t.yaml:1:11: Resources.R.Properties.AuthType: "none" is not a value of this property (it is one of AWS_IAM, NONE)`},
		{"map for a list", "AWS::ApiGateway::Method", "HttpMethod: GET\nResourceId: r\nRestApiId: a\nMethodResponses: {StatusCode: 200}", "t.yaml:4:18: Resources.R.Properties.MethodResponses: wants a list, not a map (write it as a list)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, errs := check(t, tt.typ, tt.props)
			if len(errs) != 1 || errs[0].Error() != tt.want {
				t.Errorf("got  %v\nwant %s", errs, tt.want)
			}
		})
	}
}

func TestNewPropertiesOfAWSAreReported(t *testing.T) {
	res, errs := check(t, "AWS::S3::Bucket", "QuantumStorage: {Level: 9}")
	if len(errs) > 0 || len(res.Notes) != 1 || res.Notes[0].Verdict != Unsupported || res.Notes[0].Path != "QuantumStorage" {
		t.Errorf("%v %v", errs, res.Notes)
	}
}

func TestCheckVerdicts(t *testing.T) {
	res, errs := check(t, "AWS::Lambda::Function", `
Role: arn
Runtime: nodejs22.x
Handler: a.b
MemorySize: "128"
Code: {ZipFile: x}
DeadLetterConfig: {TargetArn: q}
Layers: []
Tags: [{Key: a, Value: b}]
`)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := [4]int{3, 2, 2, 1} // Handler, ZipFile, Layers | Runtime, MemorySize | Role, Tags | DeadLetterConfig
	if res.Counts != want {
		t.Errorf("got %v, want %v: %v", res.Counts, want, res.Notes)
	}
	if res.Worst() != Unsupported {
		t.Errorf("worst is %s", res.Worst())
	}
	res, _ = check(t, "AWS::ApiGateway::Method", "HttpMethod: GET\nResourceId: r\nRestApiId: a\nAuthorizationType: AWS_IAM\nApiKeyRequired: false")
	if res.Counts != [4]int{4, 1, 0, 0} {
		t.Errorf("got %v: %v", res.Counts, res.Notes)
	}
}

func TestReportOfManyNotes(t *testing.T) {
	r := &Report{Resources: []*Resource{{LogicalID: "R", Type: "T", From: "S", Notes: []Note{
		{Verdict: Ignored, Path: "A", Words: "w"}, {Verdict: Unsupported, Words: "whole", Pos: tree.Pos{File: "f", Line: 1, Col: 2}}, {Verdict: Ignored, Path: "B", Words: "w"},
	}}}}
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	want := "unsupported   R  T (of S)\n  ignored       A, B: w\n  unsupported   whole (f:1:2)\n1 resources: 1 unsupported; 0 properties: none\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	if err := r.Strict(); err == nil || err.Error() != "f:1:2: Resources.R: unsupported: whole" {
		t.Errorf("strict: %v", err)
	}
}

func TestReport(t *testing.T) {
	res, _ := check(t, "AWS::CloudFront::CloudFrontOriginAccessIdentity", "CloudFrontOriginAccessIdentityConfig: {Comment: x}")
	vpc, _ := check(t, "AWS::EC2::VPC", "CidrBlock: 10.0.0.0/16")
	r := &Report{Stack: "s", Resources: []*Resource{res, vpc}}
	var b strings.Builder
	if err := r.Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"unsupported   R  AWS::EC2::VPC", "another product", "2 resources: 1 exact, 1 unsupported; 2 properties: 1 ignored, 1 unsupported"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	js, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(js), `"verdict":"unsupported"`) || !strings.Contains(string(js), `"strict":false`) {
		t.Errorf("%s %v", js, err)
	}
	if err := r.Strict(); err == nil || !strings.Contains(err.Error(), "Resources.R: AWS::EC2::VPC is unsupported") {
		t.Errorf("strict: %v", err)
	}
	if err := (&Report{Resources: []*Resource{res}}).Strict(); err != nil {
		t.Errorf("strict refuses %v", err)
	}
}
