// SPDX-License-Identifier: Apache-2.0

package lint_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/forelane/forelane/internal/lint"
)

var update = flag.Bool("update", false, "write the rules into docs/check.md")

// TestDocs compares the rules with docs/check.md.
func TestDocs(t *testing.T) {
	const file, end = "../../docs/check.md", "<!-- end of rules -->"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), " -update` -->\n")
	_, tail, ends := strings.Cut(rest, end)
	if !ok || !ends {
		t.Fatal("docs/check.md has no place for the rules")
	}
	var w strings.Builder
	w.WriteString(head + " -update` -->\n\n| rule | severity | what, and why it matters |\n|---|---|---|\n")
	for _, d := range lint.Rules() {
		fmt.Fprintf(&w, "| `%s` | %s | %s %s |\n", d.Rule, d.Severity, d.What, d.Why)
	}
	w.WriteString("\n" + end + tail)
	if *update {
		if err := os.WriteFile(file, []byte(w.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if w.String() != string(b) {
		t.Error("docs/check.md has other rules: run go test ./internal/lint -update")
	}
}
