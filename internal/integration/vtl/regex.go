// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// Templates hold Java's regular expressions. RE2 reads most of them and takes
// time that grows with the text only; what it cannot read (lookaround, back
// references) goes to a backtracking engine, for a bounded time.

// maxPattern is the longest expression: the viewer may have written it.
const maxPattern = 1 << 10

// patternTime is what one match may take in the backtracking engine.
const patternTime = 100 * time.Millisecond

// matchCost is what a match is charged: its offsets, and the time to find it.
const matchCost = 256

// regex is an expression in one of the two engines.
type regex struct {
	fast *regexp.Regexp
	slow *regexp2.Regexp
}

// compileRegex reads an expression by the engine that can.
func compileRegex(expr string) (*regex, error) {
	if len(expr) > maxPattern {
		return nil, fmt.Errorf("a regular expression of %d bytes, the limit is %d", len(expr), maxPattern)
	}
	if fast, err := regexp.Compile(expr); err == nil {
		return &regex{fast: fast}, nil
	}
	slow, err := regexp2.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("regular expression %s: %w", clip(expr), err)
	}
	slow.MatchTimeout = patternTime
	return &regex{slow: slow}, nil
}

// wholly makes an expression match all of a text only.
func wholly(expr string) string { return "^(?:" + expr + `)\z` }

// Pattern is a selection pattern: an expression that must match all of a text.
type Pattern struct{ re *regex }

// CompilePattern reads an expression as Java does.
func CompilePattern(expr string) (Pattern, error) {
	re, err := compileRegex(wholly(expr))
	return Pattern{re}, err
}

// Match tells whether s matches. What takes too long does not.
func (p Pattern) Match(s string) bool {
	if p.re.fast != nil {
		return p.re.fast.MatchString(s)
	}
	matched, err := p.re.slow.MatchString(s)
	return matched && err == nil
}

func (r *renderer) compile(expr string) (*regex, error) {
	if err := r.charge(64 * min(len(expr), maxPattern)); err != nil {
		return nil, err
	}
	re, err := compileRegex(expr)
	if err != nil {
		return nil, r.fail(Exception, "%v", err)
	}
	return re, nil
}

// span is a match: pairs of byte offsets, group by group, -1 when a group took
// no part.
type span []int

// all finds up to n matches (-1: all).
func (x *regex) all(r *renderer, s string, n int) ([]span, error) {
	if err := r.charge(len(s)); err != nil {
		return nil, err
	}
	if err := r.step(len(s) >> 5); err != nil { // a pass over the text costs more than a copy
		return nil, err
	}
	if x.fast != nil {
		room := (r.limits.Memory - r.memory) / matchCost
		if n >= 0 {
			room = min(room, n)
		}
		found := x.fast.FindAllStringSubmatchIndex(s, room)
		out := make([]span, len(found))
		for i, m := range found {
			out[i] = m
		}
		return out, r.charge(matchCost*len(out) + 1)
	}
	var out []span
	m, err := x.slow.FindStringMatch(s)
	for ; err == nil && m != nil && (n < 0 || len(out) < n); m, err = x.slow.FindNextMatch(m) {
		var sp span
		for _, g := range m.Groups() {
			if len(g.Captures) == 0 {
				sp = append(sp, -1, -1)
				continue
			}
			at, n := g.ByteRange()
			sp = append(sp, at, at+n)
		}
		out = append(out, sp)
		if err := r.step(16); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, r.fail(TooSlow, "a regular expression took too long")
	}
	return out, nil
}

func (r *renderer) matches(s, expr string) (any, error) {
	x, err := r.compile(wholly(expr))
	if err != nil {
		return nil, err
	}
	found, err := x.all(r, s, 1)
	return len(found) > 0, err
}

// replace is replaceAll and replaceFirst; $1 and \ in the replacement are as
// in Java.
func (r *renderer) replace(s, expr, with string, n int) (any, error) {
	x, err := r.compile(expr)
	if err != nil {
		return nil, err
	}
	found, err := x.all(r, s, n)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	last := 0
	for _, m := range found {
		b.WriteString(s[last:m[0]])
		if err := r.expandGroups(&b, with, s, m); err != nil {
			return nil, err
		}
		last = m[1]
		if b.Len() > r.limits.Memory-r.memory {
			return nil, r.fail(TooMuchMemory, "replaceAll")
		}
	}
	b.WriteString(s[last:])
	return b.String(), r.charge(b.Len())
}

func (r *renderer) expandGroups(b *strings.Builder, with, s string, m span) error {
	for i := 0; i < len(with); i++ {
		switch with[i] {
		case '\\':
			if i++; i == len(with) {
				return r.fail(Exception, "a replacement ends in a backslash")
			}
			b.WriteByte(with[i])
		case '$':
			if i+1 == len(with) || with[i+1] < '0' || with[i+1] > '9' {
				return r.fail(Exception, "a $ without a group in a replacement")
			}
			i++
			g := int(with[i] - '0')
			if 2*g >= len(m) {
				return r.fail(Exception, "there is no group %d", g)
			}
			for i+1 < len(with) && '0' <= with[i+1] && with[i+1] <= '9' && 2*(10*g+int(with[i+1]-'0')) < len(m) {
				i++
				g = 10*g + int(with[i]-'0')
			}
			if m[2*g] >= 0 {
				b.WriteString(s[m[2*g]:m[2*g+1]])
			}
		default:
			b.WriteByte(with[i])
		}
	}
	return nil
}

// split is String.split: without a limit, empty strings at the end are dropped,
// and an empty match at the beginning yields none.
func (r *renderer) split(s, expr string, limit int) (any, error) {
	x, err := r.compile(expr)
	if err != nil {
		return nil, err
	}
	found, err := x.all(r, s, -1)
	if err != nil {
		return nil, err
	}
	l := &list{}
	last := 0
	for _, m := range found {
		if limit > 0 && len(l.items) == limit-1 {
			break
		}
		if m[1] == 0 || m[0] == m[1] && m[0] == len(s) {
			continue
		}
		l.items = append(l.items, s[last:m[0]])
		last = m[1]
	}
	if len(l.items) == 0 {
		l.items = []any{s}
		return l, r.charge(16)
	}
	l.items = append(l.items, s[last:])
	for limit == 0 && len(l.items) > 0 && l.items[len(l.items)-1] == "" {
		l.items = l.items[:len(l.items)-1]
	}
	return l, r.charge(16 * len(l.items))
}
