// SPDX-License-Identifier: Apache-2.0

package webacl

import "slices"

// and, or and not stop as soon as they know. What a statement that was not
// asked would have done (a label of a country) is not done, as at AWS.
type (
	and []statement
	or  []statement
	not struct{ of statement }
)

func (s and) match(x *exam) bool {
	was := x.trace.mark()
	if slices.ContainsFunc(s, func(of statement) bool { return !of.match(x) }) {
		x.trace.forget(was)
		return false
	}
	return true
}

func (s or) match(x *exam) bool {
	return slices.ContainsFunc(s, func(of statement) bool { return of.match(x) })
}

func (s not) match(x *exam) bool {
	was := x.trace.mark()
	match := !s.of.match(x)
	x.trace.forget(was)
	return match
}

// never is a statement that is not built.
type never struct{}

func (never) match(*exam) bool { return false }

// labelMatch asks for a label that an earlier rule added.
type labelMatch struct {
	key       string // fully qualified
	namespace bool
}

func (s labelMatch) match(x *exam) bool { return x.hasLabel(s.key, s.namespace) }
