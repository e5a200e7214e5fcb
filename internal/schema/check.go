// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Steps that a check may take: a fixed number and some for each byte of the
// body. A step is one schema at one value, one name looked up, or eight bytes
// of text compared.
const (
	freeSteps    = 100_000
	stepsPerByte = 4
)

// maxMessages is how many faults are told.
const maxMessages = 20

// maxRecursion bounds schemas that refer to themselves without going deeper
// into the body.
const maxRecursion = 4 * maxDepth

// errBudget ends a check that would take too long.
var errBudget = errors.New("the check of the body takes too many steps")

// Check tells what is wrong with a body: empty when it is valid. The words are
// those of $context.error.validationErrorString, in brackets. A body that is
// no JSON, or empty, is invalid.
func (s *Schema) Check(body []byte) string {
	d := &document{data: body}
	d.nodes = make([]node, 0, d.guess())
	if err := d.parse(); err != nil {
		return "[" + err.Error() + "]"
	}
	w := &walk{document: d, steps: freeSteps + stepsPerByte*len(body), left: bodyTime}
	ok := w.check(s, 0, true)
	switch {
	case w.steps < 0:
		return "[" + errBudget.Error() + "]"
	case ok:
		return ""
	}
	return "[" + strings.Join(w.messages, ", ") + "]"
}

// walk is one check.
type walk struct {
	*document
	steps    int
	left     time.Duration // for patterns that backtrack
	depth    int
	messages []string
}

// spend takes steps; false: there are none left, and nothing is valid any more.
func (w *walk) spend(n int) bool {
	w.steps -= n
	return w.steps >= 0
}

// fault notes what is wrong, where it is told.
func (w *walk) fault(tell bool, format string, args ...any) bool {
	if tell && len(w.messages) < maxMessages {
		w.messages = append(w.messages, fmt.Sprintf(format, args...))
	}
	return false
}

// check applies a schema to a node. Inside of alternatives nothing is told.
func (w *walk) check(s *Schema, i uint32, tell bool) bool {
	for s.ref != nil {
		s = s.ref
	}
	if w.depth > maxRecursion || !w.spend(1) {
		w.steps = -1
		return false
	}
	if s.fail {
		return w.fault(tell, "instance is not allowed by the schema")
	}
	w.depth++
	defer func() { w.depth-- }()
	n := w.nodes[i]
	if s.types != 0 && s.types&n.kind == 0 {
		return w.fault(tell, "instance type (%s) does not match any allowed primitive type (allowed: %s)", typeName(n.kind), s.types)
	}
	ok := w.enum(s, i, tell)
	switch {
	case n.kind == typeObject && s.object != nil:
		ok = w.object(s.object, i, tell) && ok
	case n.kind == typeArray && s.array != nil:
		ok = w.array(s.array, i, tell) && ok
	case n.kind == typeString && s.text != nil:
		ok = w.text(s.text, i, tell) && ok
	case n.kind&(typeInteger|typeNumber) != 0 && s.numeric != nil:
		ok = w.numeric(s.numeric, i, tell) && ok
	}
	return w.combined(s, i, tell) && ok
}

func (w *walk) enum(s *Schema, i uint32, tell bool) bool {
	if s.enum == nil {
		return true
	}
	raw := w.raw(i)
	if !w.spend(len(raw)/8 + len(s.enum)) {
		return false
	}
	if slices.Contains(s.enum, string(w.canonical(nil, i))) {
		return true
	}
	return w.fault(tell, "instance value (%s) not found in enum (possible values: %s)", excerpt(raw), s.shown)
}

func (w *walk) combined(s *Schema, i uint32, tell bool) bool {
	ok := true
	for _, a := range s.allOf {
		ok = w.check(a, i, tell) && ok
	}
	if s.anyOf != nil && w.matching(s.anyOf, i, 1) == 0 {
		ok = w.fault(tell, "instance failed to match at least one required schema among %d", len(s.anyOf))
	}
	if s.oneOf != nil {
		if n := w.matching(s.oneOf, i, len(s.oneOf)); n != 1 {
			ok = w.fault(tell, "instance failed to match exactly one schema (matched %d out of %d)", n, len(s.oneOf))
		}
	}
	if s.not != nil && w.check(s.not, i, false) {
		ok = w.fault(tell, "instance matched a schema which it should not have")
	}
	return ok && w.steps >= 0
}

// matching counts the schemas that match, up to a number.
func (w *walk) matching(list []*Schema, i uint32, enough int) (n int) {
	for _, s := range list {
		if w.check(s, i, false) {
			if n++; n == enough {
				break
			}
		}
	}
	return n
}

func (w *walk) object(o *object, i uint32, tell bool) bool {
	ok, count := true, 0
	found := make([]bool, len(o.asked))
	var extra []string
	for c := i + 1; c < w.nodes[i].after; c = w.nodes[c+1].after {
		count++
		if !w.spend(1 + len(o.patterns) + len(w.raw(c))/8) {
			return false
		}
		name := w.decoded(c)
		if n, asked := o.asked[name]; asked {
			found[n] = true
		}
		known, fine := w.member(o, name, c+1, tell)
		ok = ok && fine
		if known || o.additional == nil {
			continue
		}
		if o.additional.fail {
			extra = append(extra, name)
		} else {
			ok = w.check(o.additional, c+1, tell) && ok
		}
	}
	if missing := o.absent(o.required, found); missing != nil {
		ok = w.fault(tell, "object has missing required properties (%s)", quoted(missing))
	}
	if extra != nil {
		slices.Sort(extra)
		ok = w.fault(tell, "object instance has properties which are not allowed by the schema: %s", quoted(extra))
	}
	if count < o.minProps {
		ok = w.fault(tell, "object has too few properties (found %d but schema requires at least %d)", count, o.minProps)
	}
	if o.maxProps >= 0 && count > o.maxProps {
		ok = w.fault(tell, "object has too many properties (found %d but schema requires at most %d)", count, o.maxProps)
	}
	return w.dependencies(o, i, found, tell) && ok
}

// member applies what a schema says about one name. A name that stands twice
// is checked twice: whichever the function takes, it is valid.
func (w *walk) member(o *object, name string, value uint32, tell bool) (known, ok bool) {
	ok = true
	if s := o.properties[name]; s != nil {
		known, ok = true, w.check(s, value, tell)
	}
	for _, p := range o.patterns {
		if w.matches(p.pattern, name) {
			known = true
			ok = w.check(p.schema, value, tell) && ok
		}
	}
	return known, ok
}

func (w *walk) dependencies(o *object, i uint32, found []bool, tell bool) bool {
	ok := true
	for _, d := range o.dependencies {
		if !found[o.asked[d.name]] {
			continue
		}
		if missing := o.absent(d.needs, found); missing != nil {
			ok = w.fault(tell, "property %q of object has missing property dependencies (schema requires %s; missing: %s)", d.name, quoted(d.needs), quoted(missing))
		}
		if d.schema != nil {
			ok = w.check(d.schema, i, tell) && ok
		}
	}
	return ok
}

func (w *walk) array(a *array, i uint32, tell bool) bool {
	ok, count := true, 0
	var seen map[string]bool
	if a.unique {
		seen = map[string]bool{}
	}
	for c := i + 1; c < w.nodes[i].after; c = w.nodes[c].after {
		if !w.spend(1) {
			return false
		}
		switch {
		case a.each != nil:
			ok = w.check(a.each, c, tell) && ok
		case count < len(a.items):
			ok = w.check(a.items[count], c, tell) && ok
		case a.items != nil && a.additional != nil:
			ok = w.check(a.additional, c, tell) && ok
		}
		count++
		if seen != nil {
			if !w.spend(len(w.raw(c)) / 8) {
				return false
			}
			value := string(w.canonical(nil, c))
			if seen[value] {
				ok, seen = w.fault(tell, "array must not contain duplicate elements"), nil
			} else {
				seen[value] = true
			}
		}
	}
	if count < a.min {
		ok = w.fault(tell, "array is too short: must have at least %d elements but instance has %d elements", a.min, count)
	}
	if a.max >= 0 && count > a.max {
		ok = w.fault(tell, "array is too long: must have at most %d elements but instance has %d elements", a.max, count)
	}
	return ok
}

func (w *walk) text(t *text, i uint32, tell bool) bool {
	raw := w.raw(i)
	if !w.spend(len(raw) / 8) {
		return false
	}
	s := w.decoded(i)
	n, ok := utf8.RuneCountInString(s), true
	if n < t.min {
		ok = w.fault(tell, "string %s is too short (length: %d, required minimum: %d)", excerpt(raw), n, t.min)
	}
	if t.max >= 0 && n > t.max {
		ok = w.fault(tell, "string %s is too long (length: %d, maximum allowed: %d)", excerpt(raw), n, t.max)
	}
	if t.pattern != nil {
		if !w.matches(t.pattern, s) {
			ok = w.fault(tell, "ECMA 262 regex %q does not match input string %s", t.pattern.source, excerpt(raw))
		}
	}
	if !formatted(t.format, s) {
		ok = w.fault(tell, "string %s is invalid against requested format %s", excerpt(raw), t.format)
	}
	return ok
}

func (w *walk) numeric(n *numeric, i uint32, tell bool) bool {
	raw := w.raw(i)
	if !w.spend(len(raw) / 8) {
		return false
	}
	v, ok := parseDecimal(raw), true
	if n.min != nil {
		switch c := v.compare(n.min); {
		case c < 0:
			ok = w.fault(tell, "numeric instance is lower than the required minimum (minimum: %s, found: %s)", n.min, excerpt(raw))
		case c == 0 && n.exclusiveMin:
			ok = w.fault(tell, "numeric instance is not strictly greater than the required minimum %s", n.min)
		}
	}
	if n.max != nil {
		switch c := v.compare(n.max); {
		case c > 0:
			ok = w.fault(tell, "numeric instance is greater than the required maximum (maximum: %s, found: %s)", n.max, excerpt(raw))
		case c == 0 && n.exclusiveM:
			ok = w.fault(tell, "numeric instance is not strictly lower than the required maximum %s", n.max)
		}
	}
	if n.multiple != nil && !v.multipleOf(n.multiple) {
		ok = w.fault(tell, "remainder of division is not zero (%s / %s)", excerpt(raw), n.multiple)
	}
	return ok
}

// matches applies a pattern; a body that uses up its time ends the check, for
// in patternProperties and not a mere mismatch could make it valid.
func (w *walk) matches(p *pattern, s string) bool {
	ok := p.match(s, &w.left)
	if w.left <= 0 {
		w.steps = -1
	}
	return ok
}

// absent are the names that were not found.
func (o *object) absent(names []string, found []bool) []string {
	var out []string
	for _, n := range names {
		if !found[o.asked[n]] {
			out = append(out, n)
		}
	}
	return out
}

// quoted is a list of names as JSON, cut after ten.
func quoted(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i == 10 {
			b.WriteString(",…")
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(string(excerpt([]byte(n)))))
	}
	return "[" + b.String() + "]"
}

// excerpt is the beginning of what a viewer sent.
func excerpt(b []byte) []byte {
	const most = 100
	if len(b) <= most {
		return b
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(b[cut]) {
		cut--
	}
	return append(slices.Clip(b[:cut]), "…"...)
}

// String lists the types as messages show them.
func (t types) String() string {
	var names []string
	for i, n := range typeNames {
		if t&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return quoted(names)
}

func typeName(t types) string {
	for i, n := range typeNames {
		if t == 1<<i {
			return n
		}
	}
	return "?"
}
