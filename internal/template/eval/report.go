// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// join makes one error of many: *tree.Error values in the order of the file,
// a repeated one once, at most MaxErrors.
func join(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	sort.SliceStable(errs, func(i, j int) bool { return before(errs[i], errs[j]) })
	seen := map[string]bool{}
	var out []error
	more := 0
	for _, err := range errs {
		text := err.Error()
		if seen[text] {
			continue
		}
		seen[text] = true
		if len(out) == MaxErrors {
			more++
			continue
		}
		out = append(out, err)
	}
	if more > 0 {
		out = append(out, fmt.Errorf("and %d more errors", more))
	}
	if len(out) == 1 {
		return out[0]
	}
	return errors.Join(out...)
}

func before(a, b error) bool {
	var x, y *tree.Error
	if !errors.As(a, &x) || !errors.As(b, &y) {
		return false
	}
	if x.Pos.File != y.Pos.File {
		return false
	}
	if x.Pos.Line != y.Pos.Line {
		return x.Pos.Line < y.Pos.Line
	}
	return x.Pos.Col < y.Pos.Col
}

// at makes an error of a place in the template.
func at(pos tree.Pos, path, mend, format string, args ...any) *tree.Error {
	return &tree.Error{Pos: pos, Path: path, Mend: mend, Msg: fmt.Sprintf(format, args...)}
}

// joinPath writes keys as a.b[0].c.
func joinPath(keys []string) string {
	var b strings.Builder
	for i, k := range keys {
		if i > 0 && !strings.HasPrefix(k, "[") {
			b.WriteByte('.')
		}
		b.WriteString(k)
	}
	return b.String()
}

// didYouMean returns a mend that names the candidate nearest to name, or
// fallback if none is near.
func (sc *scope) didYouMean(name string, candidates []string, fallback string) string {
	if sc.suggested++; sc.suggested > 2*MaxErrors {
		return fallback // a file full of errors: comparing names costs more than it helps
	}
	if c := nearest(name, candidates); c != "" {
		return fmt.Sprintf("did you mean %q?", c)
	}
	return fallback
}

// nearest returns the candidate with the smallest edit distance to name, if
// that is at most a third of the length of name (and at least one). Case
// counts little: "bucket" is near "Bucket".
func nearest(name string, candidates []string) string {
	if len(name) > 100 || len(candidates) > 2*MaxResources {
		return ""
	}
	best, at := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		if c == name || len(c) > 150 || len(c) >= len(name)+at || len(name) >= len(c)+at {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < at {
			best, at = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a.
func distance(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

// alnum tells whether s is a logical id: letters and digits of ASCII.
func alnum(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}
