// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"

	"github.com/forelane/forelane/internal/template/tree"
)

// patternTime bounds the match of an AllowedPattern that needs backtracking.
const patternTime = 200 * time.Millisecond

// constrain checks the members of a value against AllowedValues,
// AllowedPattern, the lengths and the bounds, as CloudFormation does: for a
// list type each member, lengths for String only, bounds for Number only.
func (sc *scope) constrain(p *Parameter, typ string, items []string) (errs []error) {
	report := func(key, format string, args ...any) {
		mend, _ := p.decl.Get("ConstraintDescription").Scalar()
		if mend == "" {
			mend = "give another --param " + p.Name + "=…"
			if !p.Given {
				mend = "change Default, or give --param " + p.Name + "=…"
			}
		}
		pos := p.Pos
		if n := p.decl.Get(key); n != nil {
			pos = n.Pos
		}
		errs = append(errs, at(pos, "Parameters."+p.Name, mend, "%s %s", p.shown(items), fmt.Sprintf(format, args...)))
	}
	isNumber := typ == "Number" || typ == "List<Number>"
	for _, it := range items {
		if isNumber && !numeral(it) {
			report("Type", "is no number")
			continue
		}
		if allowed := p.decl.Get("AllowedValues"); allowed.IsList() && !allows(allowed.Items, it, isNumber) {
			report("AllowedValues", "is none of the AllowedValues: %s", listed(allowed.Items))
		}
		if err := sc.pattern(p, it); err != "" {
			report("AllowedPattern", "%s", err)
		}
		if isNumber {
			bound(p, "MinValue", it, func(v, lim float64) bool { return v >= lim }, report)
			bound(p, "MaxValue", it, func(v, lim float64) bool { return v <= lim }, report)
		}
	}
	if typ == "String" {
		chars := strconv.Itoa(utf8.RuneCountInString(items[0]))
		bound(p, "MinLength", chars, func(v, lim float64) bool { return v >= lim }, report)
		bound(p, "MaxLength", chars, func(v, lim float64) bool { return v <= lim }, report)
	}
	return errs
}

// shown names the value for a message.
func (p *Parameter) shown(items []string) string {
	s := strings.Join(items, ",")
	if p.NoEcho || len(s) > 100 {
		return "the value"
	}
	return strconv.Quote(s)
}

// bound compares got with the number under key.
func bound(p *Parameter, key, got string, fits func(v, lim float64) bool, report func(key, format string, args ...any)) {
	n := p.decl.Get(key)
	if n == nil {
		return
	}
	s, _ := n.Scalar()
	lim, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		report(key, "cannot be checked: %s must be a number", key)
		return
	}
	if v, err := strconv.ParseFloat(strings.TrimSpace(got), 64); err == nil && !fits(v, lim) {
		report(key, "breaks %s %s", key, s)
	}
}

// numeral tells whether s is a decimal number: no hexadecimal, no Inf.
func numeral(s string) bool {
	if strings.Trim(s, "+-.0123456789eE") != "" || len(s) > 64 {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func allows(allowed []*tree.Node, v string, isNumber bool) bool {
	for _, a := range allowed {
		s, ok := a.Scalar()
		if ok && s == v {
			return true
		}
		if isNumber && ok && numeral(s) {
			x, _ := strconv.ParseFloat(s, 64)
			y, _ := strconv.ParseFloat(v, 64)
			if x == y {
				return true
			}
		}
	}
	return false
}

func listed(items []*tree.Node) string {
	var parts []string
	for i, it := range items {
		if i == 12 {
			parts = append(parts, "…")
			break
		}
		s, _ := it.Scalar()
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

// pattern matches v with AllowedPattern, which is a Java expression that must
// match the whole value. RE2 matches it where it can; an expression with
// lookaround or back references goes to a backtracking engine, for a bounded
// time. The result is what is wrong, or "".
func (sc *scope) pattern(p *Parameter, v string) string {
	n := p.decl.Get("AllowedPattern")
	expr, ok := n.Scalar()
	if !ok || n == nil {
		return ""
	}
	if len(expr) > maxParamBytes {
		return "cannot be checked: AllowedPattern is too long"
	}
	whole := `^(?:` + expr + `)$`
	if re, err := regexp.Compile(whole); err == nil {
		if re.MatchString(v) {
			return ""
		}
		return "does not match AllowedPattern " + expr
	}
	re, err := regexp2.Compile(whole)
	if err != nil {
		return "cannot be checked: AllowedPattern " + expr + " is no regular expression"
	}
	re.MatchTimeout = patternTime
	matched, err := re.MatchString(v)
	switch {
	case err != nil:
		return "cannot be checked: AllowedPattern takes too long to match"
	case !matched:
		return "does not match AllowedPattern " + expr
	}
	return ""
}
