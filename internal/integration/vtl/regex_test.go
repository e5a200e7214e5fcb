// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"strings"
	"testing"
)

func TestA6SelectionPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{`2\d{2}`, "204", true},
		{`2\d{2}`, "2040", false},
		{`.*Bad.*`, "a Bad thing", true},
		{`.*Bad.*`, "a Bad\nthing", false}, // Java's dot matches no line end
		{`(\n|.)+`, "a\nb", true},
		{`(\n|.)+`, "", false},
		{`.+`, "", false},
		{`.*`, "", true},
		{`(?!200).*`, "404", true}, // RE2 has no lookahead
		{`(?!200).*`, "200", false},
		{`(\w)\1`, "aa", true},
		{`(\w)\1`, "ab", false},
		{`a|b`, "ab", false},
		{`(?=a)(a+a?)+b`, strings.Repeat("a", 60) + "!", false}, // ends in time
	} {
		p, err := CompilePattern(tt.pattern)
		if err != nil || p.Match(tt.text) != tt.want {
			t.Errorf("%s on %q: want %v (%v)", tt.pattern, tt.text, tt.want, err)
		}
	}
	for _, bad := range []string{"(", "[a", strings.Repeat("a", maxPattern)} {
		if _, err := CompilePattern(bad); err == nil {
			t.Errorf("%s was read", clip(bad))
		}
	}
}
