// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"fmt"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// byteMatch compares a component with a text, byte by byte.
type byteMatch struct {
	in   *inspect
	test func(string) bool
}

func (s *byteMatch) match(x *exam) bool { return s.in.any(x, s.test) }

func compileByte(m *model.ByteMatch) (*byteMatch, error) {
	in, err := compileInspect(&m.Inspect)
	if err != nil {
		return nil, err
	}
	want := m.Search
	s := &byteMatch{in: in}
	switch m.Position {
	case "EXACTLY":
		s.test = func(t string) bool { return t == want }
	case "STARTS_WITH":
		s.test = func(t string) bool { return strings.HasPrefix(t, want) }
	case "ENDS_WITH":
		s.test = func(t string) bool { return strings.HasSuffix(t, want) }
	case "CONTAINS":
		s.test = func(t string) bool { return strings.Contains(t, want) }
	case "CONTAINS_WORD":
		s.test = func(t string) bool { return containsWord(t, want) }
	default:
		return nil, fmt.Errorf("there is no positional constraint %q", m.Position)
	}
	return s, nil
}

// containsWord tells whether word stands in s with no letter, digit or _ on
// either side.
func containsWord(s, word string) bool {
	inWord := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' < 10 || c == '_' }
	for at := 0; word != ""; {
		i := strings.Index(s[at:], word)
		if i < 0 {
			break
		}
		i += at
		if end := i + len(word); (i == 0 || !inWord(s[i-1])) && (end == len(s) || !inWord(s[end])) {
			return true
		}
		at = i + 1
	}
	return false
}
