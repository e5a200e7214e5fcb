// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestReferencePage compares docs/node.md with the table of settings; -update
// writes it anew.
func TestReferencePage(t *testing.T) {
	const page, begin, end = "../../docs/node.md", "<!-- settings -->\n", "<!-- end -->"
	var b strings.Builder
	b.WriteString("| setting | default | what it is |\n|---|---|---|\n")
	var rows func(settings []setting, path string)
	rows = func(settings []setting, path string) {
		for _, s := range settings {
			if s.sub != nil {
				fmt.Fprintf(&b, "| **%s** | | %s |\n", path+s.key, s.doc)
				rows(s.sub, path+s.key+".")
				continue
			}
			def := written(s, "")
			if def != "" {
				def = "`" + def + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", path+s.key, def, s.doc)
			if list, ok := s.to.(*[]Certificate); ok && len(*list) == 0 {
				rows(certificateTable(&Certificate{}), path+s.key+"[].")
			}
		}
	}
	rows(table(Default()), "")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no marks")
	}
	if have == b.String() {
		return
	}
	if !*update {
		t.Fatal("docs/node.md is older than the table of settings (go test ./internal/config -update)")
	}
	if err := os.WriteFile(page, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
