// SPDX-License-Identifier: Apache-2.0

package asset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/build/base"
)

func TestLocate(t *testing.T) {
	sha := strings.Repeat("a1", 32)
	s := New("", map[string]string{"Given": "/given"})
	s.Add(sha, "/asset")
	s.Add("v1/key.zip", "/key")
	tests := []struct {
		owner, bucket, key, want string
	}{
		{"Given", "b", "anything", "/given"},
		{"F", Local, "/local/path", "/local/path"},
		{"F", "b", "v1/key.zip", "/key"},
		{"F", "cdk-assets", "assets/" + sha + ".zip", "/asset"},
		{"F", "b", "other.zip", ""},
		{"F", "", "", ""},
	}
	for _, tt := range tests {
		got, ok := s.Locate(tt.owner, tt.bucket, tt.key)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s s3://%s/%s: %q %v, want %q", tt.owner, tt.bucket, tt.key, got, ok, tt.want)
		}
	}
	if p, ok := s.LocateURL("F", "https://s3.amazonaws.com/bucket/"+sha+".json"); !ok || p != "/asset" {
		t.Errorf("by URL: %q %v", p, ok)
	}
}

func TestReadAndKind(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.txt")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := New("", nil)
	if text, err := s.Read(file); err != nil || string(text) != "x" {
		t.Errorf("%q %v", text, err)
	}
	if _, err := s.Read(dir); err == nil {
		t.Error("a folder was read")
	}
	if _, err := s.Read(filepath.Join(dir, "none")); err == nil {
		t.Error("nothing was read")
	}
	if err := os.Truncate(file, MaxRead+1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(file); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a large file: %v", err)
	}
	if got := s.Files(); len(got) != 3 || got[1] != file {
		t.Errorf("files: %v", got)
	}
	for path, want := range map[string]base.PathKind{file: base.File, dir: base.Folder, filepath.Join(dir, "none"): base.NoPath, os.DevNull: base.NoPath} {
		if got := s.Kind(path); got != want {
			t.Errorf("%s is a %s, want %s", path, got, want)
		}
	}
}

func TestShow(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got := Show(filepath.Join(wd, "a", "b.yaml")); got != filepath.Join("a", "b.yaml") {
		t.Errorf("below: %s", got)
	}
	if got := Show(filepath.Dir(wd)); got != filepath.Dir(wd) {
		t.Errorf("above: %s", got)
	}
}
