// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/template/fidelity"
)

// TestCorpus loads every public template under $CORPUS/templates without what
// belongs to it: parameter values are invented, code may be missing. It prints
// the table of `make corpus`.
func TestCorpus(t *testing.T) {
	root := os.Getenv("CORPUS")
	if root == "" {
		t.Log("CORPUS is not set: nothing to do")
		return
	}
	var files []string
	scratch := t.TempDir()
	err := filepath.WalkDir(filepath.Join(root, "templates"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var loaded, stacks, broken int
	var counts fidelity.Counts
	types, words := map[string]int{}, map[string]int{}
	for _, file := range files {
		name, _ := filepath.Rel(root, file)
		results, err := Load(context.Background(), render(t, scratch, file), Options{Lenient: true})
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			t.Errorf("%s: %v", name, strings.ReplaceAll(first, root, ""))
			continue
		}
		loaded++
		for _, r := range results {
			stacks++
			if len(r.Report.Broken) > 0 {
				broken++
			}
			for _, e := range r.Report.Broken {
				t.Logf("refused: %s: %s", name, strings.ReplaceAll(e.Error(), root, ""))
			}
			c := r.Report.Counts()
			for i := range c.Resources {
				counts.Resources[i] += c.Resources[i]
				counts.Properties[i] += c.Properties[i]
			}
			tally(r.Report, types, words)
		}
	}
	t.Logf("%d of %d templates load, %d stacks; in %d of them CloudFormation would refuse something", loaded, len(files), stacks, broken)
	t.Logf("%-12s %9s %10s", "verdict", "resources", "properties")
	for i := range counts.Resources {
		t.Logf("%-12s %9d %10d", fidelity.Verdict(i), counts.Resources[i], counts.Properties[i])
	}
	t.Logf("unsupported most:\n%s", most(types, 15))
	t.Logf("properties that differ most:\n%s", most(words, 25))
}

func tally(r *Report, types, words map[string]int) {
	for _, res := range r.Resources {
		if res.Verdict == fidelity.Unsupported {
			types[res.Type]++
		}
		for _, n := range res.Notes {
			if n.Verdict == fidelity.Unsupported {
				words[res.Type+": "+n.Words]++
			}
		}
	}
}

func most(m map[string]int, n int) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, k := range keys[:min(n, len(keys))] {
		fmt.Fprintf(&b, "  %5d  %s\n", m[k], k)
	}
	return b.String()
}

// cookiecutter matches the marks that a project generator fills in.
var cookiecutter = regexp.MustCompile(`\{\{[^}]*\}\}`)

// render fills in the marks of a generator's template as the generator would,
// into a scratch copy; other templates are taken as they are.
func render(t *testing.T, scratch, file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "cookiecutter") {
		return file
	}
	var out, skip []string // skip: the open conditions, "" when the branch counts
	for _, line := range strings.Split(string(text), "\n") {
		mark := strings.Trim(strings.TrimSpace(line), "{%-} ")
		switch {
		case !strings.Contains(line, "{%"):
			if !slices.Contains(skip, "no") {
				out = append(out, line)
			}
		case strings.HasPrefix(mark, "if"):
			skip = append(skip, "yes")
		case strings.HasPrefix(mark, "el") && len(skip) > 0:
			skip[len(skip)-1] = "no" // the first branch is taken
		case strings.HasPrefix(mark, "endif") && len(skip) > 0:
			skip = skip[:len(skip)-1]
		}
	}
	rendered := cookiecutter.ReplaceAllStringFunc(strings.Join(out, "\n"), func(m string) string {
		switch {
		case strings.Contains(m, "memory"):
			return "128"
		case strings.Contains(m, "runtime"):
			return "python3.13"
		case strings.Contains(m, "arch"):
			return "x86_64"
		case strings.Contains(m, "path"):
			return "/path"
		}
		return "project"
	})
	path := filepath.Join(scratch, "template.yaml")
	if err := os.WriteFile(path, []byte(rendered), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
