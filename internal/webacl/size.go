// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"fmt"

	"github.com/forelane/forelane/internal/model"
)

// sizeMatch compares the length of a component, in bytes after the
// transformations.
type sizeMatch struct {
	in   *inspect
	test func(string) bool
}

func (s *sizeMatch) match(x *exam) bool { return s.in.any(x, s.test) }

func compileSize(m *model.SizeMatch) (*sizeMatch, error) {
	in, err := compileInspect(&m.Inspect)
	if err != nil {
		return nil, err
	}
	n := m.Size
	s := &sizeMatch{in: in}
	switch m.Operator {
	case "EQ":
		s.test = func(t string) bool { return int64(len(t)) == n }
	case "NE":
		s.test = func(t string) bool { return int64(len(t)) != n }
	case "LE":
		s.test = func(t string) bool { return int64(len(t)) <= n }
	case "LT":
		s.test = func(t string) bool { return int64(len(t)) < n }
	case "GE":
		s.test = func(t string) bool { return int64(len(t)) >= n }
	case "GT":
		s.test = func(t string) bool { return int64(len(t)) > n }
	default:
		return nil, fmt.Errorf("there is no comparison %q", m.Operator)
	}
	return s, nil
}
