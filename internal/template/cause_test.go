// SPDX-License-Identifier: Apache-2.0

package template

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCodeOfALayer: a layer of SAM is named as the template names it, not with
// the hash that the transform appends.
func TestCodeOfALayer(t *testing.T) {
	layer := t.TempDir()
	r := project(t, map[string]string{
		"template.yaml": `Transform: AWS::Serverless-2016-10-31
Resources:
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: ./gone}}
  F: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs22.x, Handler: a.b, CodeUri: ./src, Layers: [!Ref Shared]}}
`, "src/a.js": "",
	}, Options{Code: map[string]string{"Shared": layer}})
	if l := r.Stack.Functions[0].Layers; len(l) != 1 || l[0].Dir != layer {
		t.Errorf("%+v", l)
	}
}

// TestOnlyTheCauseIsTold: a property that cannot be evaluated is not missing,
// and a custom resource may have a Version.
func TestOnlyTheCauseIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.yaml")
	text := "Resources:\n  C: {Type: AWS::CloudFormation::CustomResource, Version: '1.0', Properties: {ServiceToken: t}}\n" +
		"  P: {Type: AWS::Lambda::Permission, Properties: {Action: 'lambda:InvokeFunction', Principal: p, FunctionName: !ImportValue gone}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(t.Context(), file, Options{})
	if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), `no running stack exports "gone"`) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(file, []byte("Resources:\n  B: {Type: AWS::S3::Bucket, Version: '1.0'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), `no attribute "Version"`) {
		t.Errorf("%v", err)
	}
}
