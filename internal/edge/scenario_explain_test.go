// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"strings"
)

// explain asks why a request would be answered as it would be.
func (s *script) explain(a []string) {
	fetch := len(a) > 0 && a[len(a)-1] == "fetch"
	if fetch {
		a = a[:len(a)-1]
	}
	target, fields := s.parse(a)
	records, calls := s.w.recordCount(), s.w.originCalls()
	how := AskNobody
	if fetch {
		how = AskOrigin
	}
	e := s.w.edge.Explain(context.Background(), request(target, fields...), how)
	s.settle()
	if n := s.w.recordCount(); n != records {
		s.errorf("an explanation left %d records", n-records)
	}
	if n := s.w.originCalls(); n != calls && !fetch {
		s.errorf("an explanation asked the origin")
	}
	var b strings.Builder
	if err := e.Text(&b); err != nil {
		s.fatalf("%v", err)
	}
	s.explained = b.String()
}

// says checks a line of the last explanation, its white space made single
// blanks.
func (s *script) says(a []string) { s.said(a, true) }

func (s *script) saysNot(a []string) { s.said(a, false) }

func (s *script) said(a []string, want bool) {
	text := strings.Join(strings.Fields(s.explained), " ")
	if strings.Contains(text, strings.Join(a, " ")) != want {
		s.errorf("explanation (want %v: %q):\n%s", want, strings.Join(a, " "), s.explained)
	}
}
