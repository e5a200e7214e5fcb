// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/pattern"
)

// unreachable finds behaviors that no path comes to (rows C1, X9).
func (s *site) unreachable() {
	for i, f := range s.flows {
		if f.pattern.String() == "" {
			continue
		}
		if _, answer := pattern.Search([]pattern.Path{f.pattern}, f.before); answer != pattern.Nothing {
			continue
		}
		sev, where := Warning, at{property: f.at + ".PathPattern"}
		mend := "move it in front, or remove it"
		if f.isDefault {
			sev, where.property = Info, f.at
			mend = "nothing, if that is meant: CloudFront wants a default behavior"
		}
		path, _ := pattern.Search([]pattern.Path{f.pattern}, nil)
		s.add(UnreachableBehavior, sev, where, Finding{
			What: fmt.Sprintf("no request comes to %s: %s", f.name(), s.coveredBy(i)), Mend: mend, Path: path,
		})
	}
}

// coveredBy says which earlier behaviors match everything that the i-th does.
func (s *site) coveredBy(i int) string {
	f := s.flows[i]
	var some []string
	for _, e := range s.flows[:i] {
		if e.pattern.String() == "" {
			continue
		}
		if pattern.Shadows(e.pattern, f.pattern) {
			return e.b.PathPattern + " matches all of its paths before"
		}
		if _, ok := pattern.Overlap(e.pattern, f.pattern); ok && len(some) < 6 {
			some = append(some, e.b.PathPattern)
		}
	}
	return strings.Join(some, ", ") + " together match all of its paths before"
}

// signedBehind finds paths of a behavior with signed URLs that an earlier one
// without answers (row X9).
func (s *site) signedBehind() {
	for i, f := range s.flows {
		if !f.signed() || f.isDefault {
			continue
		}
		for j, e := range s.flows[:i] {
			if e.signed() || e.pattern.String() == "" {
				continue
			}
			path, answer := pattern.Search([]pattern.Path{e.pattern, f.pattern}, s.flows[j].before)
			if answer != pattern.Found {
				continue
			}
			sev, words := Error, ""
			if pattern.Shadows(f.pattern, e.pattern) {
				sev, words = Info, " (a part of it, perhaps meant to be open)"
			}
			s.add(SignedBehindUnsigned, sev, at{property: e.at + ".PathPattern"}, Finding{
				What: fmt.Sprintf("%s needs no signature and stands before %s, which does%s", e.b.PathPattern, f.b.PathPattern, words),
				Mend: fmt.Sprintf("move %s behind %s, or give it the same TrustedKeyGroups", e.b.PathPattern, f.b.PathPattern),
				Path: path,
			})
		}
	}
}
