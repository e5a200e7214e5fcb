// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/lint"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// TestMendOfFallback puts the printed function and association into the
// template instead of the error page: the finding is gone, and the function asks
// for the page where a path names no file.
func TestMendOfFallback(t *testing.T) {
	f := of(check(t, errorPage(403, 200)...), lint.FallbackCoversAPI)[0]
	function, association, ok := strings.Cut(f.Code, "# in DefaultCacheBehavior (*):\n")
	if !ok || !strings.Contains(function, "request.uri = '/index.html';") {
		t.Fatalf("printed:\n%s", f.Code)
	}
	b, err := os.ReadFile("testdata/clean.yaml")
	if err != nil {
		t.Fatal(err)
	}
	indent := func(n int, s string) string {
		pad := strings.Repeat(" ", n)
		return pad + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n"+pad) + "\n"
	}
	text := strings.Replace(string(b), "  D:\n", indent(2, function)+"  D:\n", 1) + indent(10, association)
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	results, err := template.Load(t.Context(), file, template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := results[0].Stack
	if got := s.Distributions[0].Default().Functions; len(got) != 1 || len(s.EdgeFunctions) != 1 || got[0].ARN != s.EdgeFunctions[0].ARN {
		t.Errorf("functions %+v", got)
	}
	for _, f := range lint.Check([]*model.Stack{s}) {
		t.Errorf("still found: %+v", f)
	}
	set, err := edgefunc.Compile(s.EdgeFunctions, nil, edgefunc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	run, _ := set.Function(s.EdgeFunctions[0].Name)
	for path, want := range map[string]string{"/": "/index.html", "/orders/12": "/index.html", "/app.v2.js": "/app.v2.js", "/v1.2/about": "/index.html"} {
		rq := &httpmsg.Request{Method: "GET", Path: path}
		if answer, _, err := run.ViewerRequest(t.Context(), &edgefunc.Event{RequestID: "1"}, rq); err != nil || answer != nil || rq.Path != want {
			t.Errorf("%s becomes %s, want %s (%v)", path, rq.Path, want, err)
		}
	}
}
