// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad: whatever the text is, Load ends with a result or an error, in
// bounded time and without a panic; a strict result is a lenient result too.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "*", "template.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range seeds {
		text, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(distribution))
	f.Add([]byte("a: &a [*a]\nResources: *a"))
	f.Add([]byte(`{"Resources": {"A": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": {"swagger": "2.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}}}}}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(dir, "template.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		strict, err := Load(context.Background(), file, Options{})
		lenient, lerr := Load(context.Background(), file, Options{Lenient: true})
		if err == nil && lerr != nil {
			t.Fatalf("loads, but not leniently: %v", lerr)
		}
		if err == nil && (len(strict) != 1 || strict[0].Stack == nil || strict[0].Report == nil || len(lenient) != 1) {
			t.Fatal("a result is missing")
		}
	})
}
