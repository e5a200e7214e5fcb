// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"strings"

	"github.com/corazawaf/libinjection-go"

	"github.com/forelane/forelane/internal/model"
)

// sqliMatch looks for SQL that was put into a value, by the fingerprints of
// libinjection. With HIGH it also asks about what stands behind each of the
// first marks that can end a literal, which finds more of what is harmless, too.
type sqliMatch struct {
	in   *inspect
	high bool
}

// maxMarks is how many places of a text HIGH asks about.
const maxMarks = 16

func (s *sqliMatch) match(x *exam) bool {
	if x.trace == nil {
		return s.in.any(x, s.found)
	}
	sensitivity := "LOW"
	if s.high {
		sensitivity = "HIGH"
	}
	return s.in.any(x, func(t string) bool {
		if !s.found(t) {
			return false
		}
		x.trace.found(detail{"SQL_INJECTION", sensitivity, s.in, t})
		return true
	})
}

func (s *sqliMatch) found(t string) bool {
	if found, _ := libinjection.IsSQLi(t); found || !s.high {
		return found
	}
	for n := 0; n < maxMarks; n++ {
		i := strings.IndexAny(t, "'\"`;),")
		if i < 0 {
			break
		}
		t = t[i+1:]
		if found, _ := libinjection.IsSQLi(t); found {
			return true
		}
	}
	return false
}

func compileSQLi(m *model.SQLiMatch) (*sqliMatch, error) {
	in, err := compileInspect(&m.Inspect)
	return &sqliMatch{in, m.High}, err
}

// xssMatch looks for HTML that runs scripts.
type xssMatch struct{ in *inspect }

func (s *xssMatch) match(x *exam) bool {
	if x.trace == nil {
		return s.in.any(x, libinjection.IsXSS)
	}
	return s.in.any(x, func(t string) bool {
		if !libinjection.IsXSS(t) {
			return false
		}
		x.trace.found(detail{"XSS", "", s.in, t})
		return true
	})
}

func compileXSS(m *model.XSSMatch) (*xssMatch, error) {
	in, err := compileInspect(&m.Inspect)
	return &xssMatch{in}, err
}
