// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/forelane/forelane/internal/model"
)

// regexMatch asks whether one of some expressions is found in a component. They
// run in linear time (RE2), whatever a viewer sends. What AWS's library has and
// this one has not (possessive quantifiers, atomic groups) is refused when the
// ACL is compiled.
type regexMatch struct {
	in *inspect
	of []*regexp.Regexp
}

func (s *regexMatch) match(x *exam) bool { return s.in.any(x, s.found) }

func (s *regexMatch) found(t string) bool {
	return slices.ContainsFunc(s.of, func(r *regexp.Regexp) bool { return r.MatchString(t) })
}

func compileRegex(m *model.RegexMatch) (*regexMatch, error) {
	in, err := compileInspect(&m.Inspect)
	if err != nil {
		return nil, err
	}
	s := &regexMatch{in: in}
	for _, p := range m.Patterns {
		r, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("regular expression: %w", err)
		}
		s.of = append(s.of, r)
	}
	return s, nil
}
