// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// met evaluates one condition. known is false for an operator that this
// package does not have, or when the request lacks the key that it needs.
// Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
//
// A key of this package's requests has one value at most, so ForAnyValue is
// the operator itself on a key that must be there, and ForAllValues is met
// when the key is absent.
func (c condition) met(ctx map[string]string) (met, known bool) {
	op, ifExists := strings.CutSuffix(c.operator, "IfExists")
	if set, plain, ok := strings.Cut(op, ":"); ok {
		op = plain
		_, present := ctx[c.key]
		switch {
		case set == "ForAllValues" && !present:
			return true, knownOperator(op)
		case set == "ForAnyValue" && !present && !ifExists:
			return false, knownOperator(op)
		case set != "ForAllValues" && set != "ForAnyValue":
			return false, false
		}
	}
	got, present := ctx[c.key]
	if op == "Null" {
		want, err := strconv.ParseBool(strings.ToLower(strings.Join(c.values, " ")))
		return err == nil && want != present, err == nil
	}
	if !present {
		// An absent key satisfies …IfExists and the negated operators.
		if ifExists || strings.Contains(op, "Not") {
			return true, knownOperator(op)
		}
		return false, knownOperator(op)
	}
	negated := strings.Contains(op, "Not")
	match, ok := matcher(strings.Replace(op, "Not", "", 1))
	if !ok {
		return false, false
	}
	any, values := false, c.values
	if c.variable {
		if values, ok = filled(values, ctx); !ok {
			return false, false
		}
	}
	for _, want := range values {
		if match(want, got) {
			any = true
			break
		}
	}
	return any != negated, true
}

func knownOperator(op string) bool {
	_, ok := matcher(strings.Replace(op, "Not", "", 1))
	return ok
}

// matcher is the comparison of a positive operator.
func matcher(op string) (func(want, got string) bool, bool) {
	switch op {
	case "StringEquals":
		return func(w, g string) bool { return w == g }, true
	case "StringEqualsIgnoreCase":
		return strings.EqualFold, true
	case "StringLike":
		return Glob, true
	case "ArnEquals", "ArnLike": // both take wildcards, segment by segment
		return arnMatch, true
	case "Bool":
		return strings.EqualFold, true
	case "IpAddress":
		return inNetwork, true
	case "NumericEquals":
		return numeric(func(w, g float64) bool { return g == w }), true
	case "NumericLessThan":
		return numeric(func(w, g float64) bool { return g < w }), true
	case "NumericLessThanEquals":
		return numeric(func(w, g float64) bool { return g <= w }), true
	case "NumericGreaterThan":
		return numeric(func(w, g float64) bool { return g > w }), true
	case "NumericGreaterThanEquals":
		return numeric(func(w, g float64) bool { return g >= w }), true
	case "DateEquals":
		return date(func(w, g time.Time) bool { return g.Equal(w) }), true
	case "DateLessThan":
		return date(func(w, g time.Time) bool { return g.Before(w) }), true
	case "DateLessThanEquals":
		return date(func(w, g time.Time) bool { return !g.After(w) }), true
	case "DateGreaterThanEquals":
		return date(func(w, g time.Time) bool { return !g.Before(w) }), true
	case "DateGreaterThan":
		return date(func(w, g time.Time) bool { return g.After(w) }), true
	}
	return nil, false
}

func numeric(cmp func(want, got float64) bool) func(string, string) bool {
	return func(w, g string) bool {
		a, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return false
		}
		b, err := strconv.ParseFloat(g, 64)
		return err == nil && cmp(a, b)
	}
}

func date(cmp func(want, got time.Time) bool) func(string, string) bool {
	return func(w, g string) bool {
		a, err := time.Parse(time.RFC3339, w)
		if err != nil {
			return false
		}
		b, err := time.Parse(time.RFC3339, g)
		return err == nil && cmp(a, b)
	}
}

func inNetwork(want, got string) bool {
	a, err := netip.ParseAddr(got)
	if err != nil {
		return false
	}
	a = a.Unmap()
	if p, err := netip.ParsePrefix(want); err == nil {
		return p.Contains(a)
	}
	w, err := netip.ParseAddr(want)
	return err == nil && w == a
}

// arnMatch compares the six parts of two ARNs; a wildcard does not cross a
// colon before the sixth.
func arnMatch(want, got string) bool {
	w, g := strings.SplitN(want, ":", 6), strings.SplitN(got, ":", 6)
	if len(w) != 6 || len(g) != 6 {
		return false
	}
	for i := range w {
		if !Glob(w[i], g[i]) {
			return false
		}
	}
	return true
}
