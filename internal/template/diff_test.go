// SPDX-License-Identifier: Apache-2.0

package template

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rooted loads a template from a folder of its own, outside of which it may
// name nothing.
func rooted(t *testing.T, text string) (*Result, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "site"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	rs, err := Load(t.Context(), file, Options{Root: dir, StackName: "shop"})
	if err != nil {
		return nil, err
	}
	return rs[0], nil
}

func TestDiff(t *testing.T) {
	before, err := rooted(t, `
Resources:
  Gone: {Type: AWS::S3::Bucket}
  Site: {Type: AWS::S3::Bucket, Metadata: {Forelane: {Content: ./site}}}
  Fn:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Handler: a.b, Role: r, Timeout: 3, Code: {ZipFile: x}, Environment: {Variables: {DB: s3cret}}, Tags: [{Key: a, Value: b}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	after, err := rooted(t, `
Resources:
  Site: {Type: AWS::S3::Bucket, Metadata: {Forelane: {Content: ./site}}}
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      {Runtime: python3.13, Handler: a.b, Role: r, MemorySize: 256, Code: {ZipFile: x}, Environment: {Variables: {DB: oth3r}}, Tags: []}
  New: {Type: AWS::S3::Bucket}
`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(Diff(before, after))
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"modify","logicalId":"Fn","type":"AWS::Lambda::Function","pos":"template.yaml:4:3","properties":[` +
		`{"op":"add","path":"MemorySize","after":"256","pos":"template.yaml:7:64"},` +
		`{"op":"modify","path":"Environment.Variables.DB","before":"…","after":"…","pos":"template.yaml:7:119"},` +
		`{"op":"modify","path":"Tags","before":"[{\"Key\":\"a\",\"Value\":\"b\"}]","after":"[]","pos":"template.yaml:7:134"},` +
		`{"op":"remove","path":"Timeout","before":"3"}]},` +
		`{"op":"add","logicalId":"New","type":"AWS::S3::Bucket","pos":"template.yaml:8:3"},` +
		`{"op":"remove","logicalId":"Gone","type":"AWS::S3::Bucket","pos":"template.yaml:3:3"}]`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	if n := len(Diff(nil, after)); n != 3 {
		t.Errorf("against nothing: %d", n)
	}
	if d := Diff(after, after); d != nil {
		t.Errorf("against itself: %v", d)
	}
}

func TestRoot(t *testing.T) {
	for name, text := range map[string]string{
		"absolute code":    `{Resources: {Fn: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, Handler: a.b, CodeUri: /etc}}}, Transform: AWS::Serverless-2016-10-31}`,
		"content above":    `{Resources: {B: {Type: AWS::S3::Bucket, Metadata: {Forelane: {Content: ../}}}}}`,
		"an include above": `{Resources: {B: {Type: AWS::S3::Bucket, Properties: {"Fn::Transform": {Name: AWS::Include, Parameters: {Location: ../../../../../../etc/hostname}}}}}}`,
	} {
		if _, err := rooted(t, text); err == nil || strings.Contains(err.Error(), "root:") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
