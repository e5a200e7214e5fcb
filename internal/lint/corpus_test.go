// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/forelane/forelane/internal/lint"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// TestCorpus lints the public templates of $CORPUS and counts what each rule
// finds in them: a rule that finds something everywhere tells nothing.
func TestCorpus(t *testing.T) {
	root := os.Getenv("CORPUS")
	if root == "" {
		t.Log("CORPUS is not set: nothing to do")
		return
	}
	count, templates := map[lint.Rule][3]int{}, map[lint.Rule]map[string]bool{}
	loaded, distributions, quiet := 0, 0, 0
	err := filepath.WalkDir(filepath.Join(root, "templates"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		results, err := template.Load(t.Context(), path, template.Options{Lenient: true})
		if err != nil {
			return nil // internal/template tells of those
		}
		loaded++
		var stacks []*model.Stack
		n := 0
		for _, r := range results {
			stacks, n = append(stacks, r.Stack), n+len(r.Stack.Distributions)
		}
		distributions += n
		all := lint.Check(stacks)
		if n > 0 && len(all) == 0 {
			quiet++
		}
		name, _ := filepath.Rel(root, path)
		for _, f := range all {
			c := count[f.Rule]
			c[f.Severity]++
			count[f.Rule] = c
			if templates[f.Rule] == nil {
				templates[f.Rule] = map[string]bool{}
			}
			templates[f.Rule][path] = true
			t.Logf("found: %s %s %s %s: %s", f.Severity, f.Rule, name, f.Property, f.What)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d templates load, %d distributions, %d templates with a distribution and no finding", loaded, distributions, quiet)
	t.Logf("%-24s %6s %8s %6s %10s", "rule", "errors", "warnings", "infos", "templates")
	for _, d := range lint.Rules() {
		c := count[d.Rule]
		t.Logf("%-24s %6d %8d %6d %10d", d.Rule, c[lint.Error], c[lint.Warning], c[lint.Info], len(templates[d.Rule]))
	}
	if loaded == 0 || distributions == 0 {
		t.Error("the corpus has no distribution")
	}
}
