// SPDX-License-Identifier: Apache-2.0

package forward

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// Selector is the running form of a model.Selection of query strings or
// cookies, whose names compare exactly.
type Selector struct {
	mode  model.SelectMode
	names []string
}

// NewSelector is that of s.
func NewSelector(s model.Selection) Selector { return Selector{s.Mode, s.Names} }

// None tells whether nothing is selected.
func (s Selector) None() bool {
	return s.mode == model.SelectNone || s.mode == model.SelectList && len(s.names) == 0
}

// All tells whether everything is selected, as it came.
func (s Selector) All() bool {
	return s.mode == model.SelectAll || s.mode == model.SelectAllExcept && len(s.names) == 0
}

// Has tells whether a name is selected.
func (s Selector) Has(name string) bool {
	switch s.mode {
	case model.SelectNone:
		return false
	case model.SelectList:
		return slices.Contains(s.names, name)
	case model.SelectAllExcept:
		return !slices.Contains(s.names, name)
	}
	return true
}

// AppendQuery appends the parameters of query that keep is true for, with a ?
// in front, in the viewer's order and writing (row K3).
func AppendQuery(b []byte, query string, keep func(name string) bool) []byte {
	sep := byte('?')
	for name, _, raw, rest, ok := httpspec.NextParam(query); ok; name, _, raw, rest, ok = httpspec.NextParam(rest) {
		if keep(name) {
			b = append(append(b, sep), raw...)
			sep = '&'
		}
	}
	return b
}

// AppendCookies appends the cookies that keep is true for, sorted by name as
// CloudFront forwards them (row K4). Cookies of one name stay in their order.
func AppendCookies(b []byte, field string, keep func(name string) bool) []byte {
	type pair struct{ name, value string }
	var room [10]pair // as many as a policy names
	pairs := room[:0]
	for name, value, rest, ok := httpspec.NextCookie(field); ok; name, value, rest, ok = httpspec.NextCookie(rest) {
		if keep(name) {
			pairs = append(pairs, pair{name, value})
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.name, b.name) })
	for i, p := range pairs {
		if i > 0 {
			b = append(b, "; "...)
		}
		if p.name != "" {
			b = append(append(b, p.name...), '=')
		}
		b = append(b, p.value...)
	}
	return b
}

// Lowered is names in lower case, sorted, each once.
func Lowered(names []string) []string {
	l := make([]string, len(names))
	for i, n := range names {
		l[i] = strings.ToLower(n)
	}
	slices.Sort(l)
	return slices.Compact(l)
}
