// SPDX-License-Identifier: Apache-2.0

package cdk

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// folder reads from a map of files below out.
func folder(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, ok := files[strings.TrimPrefix(filepath.ToSlash(path), "out/")]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	}
}

func stack(file, more string) string {
	return fmt.Sprintf(`{"type": "aws:cloudformation:stack", "environment": "aws://123456789012/eu-west-1", "properties": {"templateFile": %q}%s}`, file, more)
}

func TestRead(t *testing.T) {
	old := `, "metadata": {"/A": [{"type": "aws:cdk:asset", "data": {"path": "asset.x", "id": "x", "sourceHash": "abc"}}, {"type": "other", "data": 1}]}`
	a, err := Read("out", folder(map[string]string{
		"manifest.json": `{"version": "36.0.0", "artifacts": {
			"A": ` + stack("A.json", `, "dependencies": ["B", "A.assets"]`+old) + `,
			"B": ` + stack("B.json", "") + `,
			"A.assets": {"type": "cdk:asset-manifest", "properties": {"file": "A.assets.json"}},
			"stage": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-prod"}},
			"Tree": {"type": "cdk:tree"}}}`,
		"A.assets.json": `{"version": "36.0.0", "files": {
			"f1": {"source": {"path": "asset.f1", "packaging": "zip"}, "destinations": {"d": {"bucketName": "b", "objectKey": "f1.zip"}}},
			"f2": {"source": {"executable": ["make"]}, "destinations": {"d": {"objectKey": "f2.zip"}}}}}`,
		"assembly-prod/manifest.json": `{"version": "36.0.0", "artifacts": {"P": ` + stack("P.json", "") + `}}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range a.Stacks {
		names = append(names, s.ID+" "+filepath.ToSlash(s.Template)+" "+s.Region)
	}
	if got := strings.Join(names, ", "); got != "B out/B.json eu-west-1, A out/A.json eu-west-1, P out/assembly-prod/P.json eu-west-1" {
		t.Errorf("stacks: %s", got)
	}
	for key, want := range map[string]string{"f1": "out/asset.f1", "f1.zip": "out/asset.f1", "abc": "out/asset.x", "f2.zip": ""} {
		if got := filepath.ToSlash(a.Assets[key]); got != want {
			t.Errorf("asset %s is at %q, want %q", key, got, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct{ name, manifest, want string }{
		{"no JSON", `{`, "bad manifest"},
		{"another manifest", `{"name": "app", "manifest_version": 3}`, `this is no cloud assembly: version is ""`},
		{"no stack", `{"version": "36.0.0"}`, "the assembly holds no stack"},
		{"no template", `{"version": "36.0.0", "artifacts": {"A": {"type": "aws:cloudformation:stack"}}}`, "artifact A: it names no templateFile"},
		{"missing assets", `{"version": "36.0.0", "artifacts": {"A": {"type": "cdk:asset-manifest", "properties": {"file": "a.json"}}}}`, "read the assets"},
		{"itself", `{"version": "36.0.0", "artifacts": {"A": {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}}}`, "nest deeper"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read("out", folder(map[string]string{"manifest.json": tt.manifest}))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"version": "36.0.0", "artifacts": {"A": ` + stack("A.json", `, "dependencies": ["A"]`) + `}}`)
	f.Fuzz(func(t *testing.T, manifest string) {
		a, err := Read("out", folder(map[string]string{"manifest.json": manifest}))
		if err == nil && len(a.Stacks) == 0 {
			t.Error("an assembly without stacks")
		}
	})
}
