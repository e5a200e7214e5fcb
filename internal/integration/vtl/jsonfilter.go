// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"strings"
)

// Filters of JSONPath: ?(@.price < 10 && (@.kind == 'a' || !@.sold)).

// pathTest tells whether a value passes.
type pathTest interface {
	test(r *renderer, v, root any) (bool, error)
}

type (
	testOr  struct{ left, right pathTest }
	testAnd struct{ left, right pathTest }
	testNot struct{ of pathTest }
	// testOp compares two sides; op "" asks whether left exists.
	testOp struct {
		op          string
		left, right pathSide
	}
)

// pathSide is a path from @ or $, or a value.
type pathSide struct {
	isPath bool
	root   bool
	steps  []pathStep
	value  any
}

func (t testOr) test(r *renderer, v, root any) (bool, error) {
	ok, err := t.left.test(r, v, root)
	if err != nil || ok {
		return ok, err
	}
	return t.right.test(r, v, root)
}

func (t testAnd) test(r *renderer, v, root any) (bool, error) {
	ok, err := t.left.test(r, v, root)
	if err != nil || !ok {
		return false, err
	}
	return t.right.test(r, v, root)
}

func (t testNot) test(r *renderer, v, root any) (bool, error) {
	ok, err := t.of.test(r, v, root)
	return !ok, err
}

func (s *pathSide) get(r *renderer, v, root any) (any, bool, error) {
	if !s.isPath {
		return s.value, true, nil
	}
	if s.root {
		v = root
	}
	found, err := r.walk([]any{v}, s.steps, root)
	if err != nil {
		return nil, false, err
	}
	if isDefinite(s.steps) {
		if len(found) == 0 {
			return nil, false, nil
		}
		return found[0], true, nil
	}
	return &list{items: found, json: true}, len(found) > 0, nil
}

func (t testOp) test(r *renderer, v, root any) (bool, error) {
	if err := r.step(1); err != nil {
		return false, err
	}
	left, ok, err := t.left.get(r, v, root)
	if err != nil || t.op == "" {
		return ok, err
	}
	right, ok2, err := t.right.get(r, v, root)
	if err != nil {
		return false, err
	}
	switch t.op {
	case "==", "!=":
		same := ok && ok2
		if same && isNumber(left) && isNumber(right) {
			same = compareNumbers(left, right) == 0
		} else if same {
			if same, err = r.same(left, right); err != nil {
				return false, err
			}
		}
		return same == (t.op == "=="), nil
	case "=~":
		return r.testRegex(left, right)
	case "in", "nin":
		l, isList := right.(*list)
		if !ok || !isList {
			return t.op == "nin", nil
		}
		i, err := r.find(l, left, false)
		return (i >= 0) == (t.op == "in"), err
	}
	if !ok || !ok2 {
		return false, nil
	}
	return orderedAny(t.op, left, right), nil
}

// orderedAny compares numbers with numbers and strings with strings.
func orderedAny(op string, left, right any) bool {
	c := 0
	a, text := left.(string)
	b, text2 := right.(string)
	switch {
	case isNumber(left) && isNumber(right):
		c = compareNumbers(left, right)
	case text && text2:
		c = strings.Compare(a, b)
	default:
		return false
	}
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func (r *renderer) testRegex(left, right any) (bool, error) {
	s, ok := left.(string)
	expr, ok2 := right.(string)
	if !ok || !ok2 {
		return false, nil
	}
	v, err := r.matches(s, expr)
	return v == true, err
}

// or, and, not read a filter by precedence.
func (p *pathParser) or() (pathTest, error) {
	left, err := p.and()
	for err == nil {
		if p.space(); !strings.HasPrefix(p.s[p.i:], "||") {
			return left, nil
		}
		p.i += 2
		var right pathTest
		right, err = p.and()
		left = testOr{left, right}
	}
	return nil, err
}

func (p *pathParser) and() (pathTest, error) {
	left, err := p.not()
	for err == nil {
		if p.space(); !strings.HasPrefix(p.s[p.i:], "&&") {
			return left, nil
		}
		p.i += 2
		var right pathTest
		right, err = p.not()
		left = testAnd{left, right}
	}
	return nil, err
}

func (p *pathParser) not() (pathTest, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.r.fail(TooDeep, "JSONPath %s", clip(p.s))
	}
	defer func() { p.depth-- }()
	p.space()
	switch p.peek() {
	case '!':
		p.i++
		of, err := p.not()
		return testNot{of}, err
	case '(':
		p.i++
		t, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.space(); p.peek() != ')' {
			return nil, p.fail()
		}
		p.i++
		return t, nil
	}
	return p.comparison()
}

func (p *pathParser) comparison() (pathTest, error) {
	left, err := p.side()
	if err != nil {
		return nil, err
	}
	p.space()
	for _, op := range [...]string{"==", "!=", "<=", ">=", "=~", "<", ">", "in ", "nin "} {
		if strings.HasPrefix(p.s[p.i:], op) {
			p.i += len(op)
			right, err := p.side()
			return testOp{strings.TrimSpace(op), left, right}, err
		}
	}
	return testOp{left: left}, nil
}

func (p *pathParser) side() (pathSide, error) {
	p.space()
	switch c := p.peek(); {
	case c == '@' || c == '$':
		p.i++
		if p.depth++; p.depth > maxDepth {
			return pathSide{}, p.r.fail(TooDeep, "JSONPath %s", clip(p.s))
		}
		steps, err := p.steps()
		p.depth--
		return pathSide{isPath: true, root: c == '$', steps: steps}, err
	case c == '\'' || c == '"':
		s, err := p.quoted()
		return pathSide{value: s}, err
	case c == '/':
		return p.regex()
	case c == '[':
		return p.listSide()
	}
	start := p.i
	for p.i < len(p.s) && strings.IndexByte(" )&|,]=<>!", p.s[p.i]) < 0 {
		p.i++
	}
	switch w := p.s[start:p.i]; w {
	case "true", "false":
		return pathSide{value: w == "true"}, nil
	case "null":
		return pathSide{}, nil
	default:
		n, ok := parseNumber(w)
		if !ok {
			return pathSide{}, p.fail()
		}
		return pathSide{value: n}, nil
	}
}

// regex reads /expression/i.
func (p *pathParser) regex() (pathSide, error) {
	p.i++
	end := strings.IndexByte(p.s[p.i:], '/')
	if end < 0 {
		return pathSide{}, p.fail()
	}
	expr := p.s[p.i : p.i+end]
	if p.i += end + 1; p.peek() == 'i' {
		p.i++
		expr = "(?i)" + expr
	}
	return pathSide{value: expr}, nil
}

func (p *pathParser) listSide() (pathSide, error) {
	p.i++
	l := &list{json: true}
	for {
		if p.space(); p.peek() == ']' {
			p.i++
			return pathSide{value: l}, nil
		}
		if len(l.items) > 0 {
			if p.peek() != ',' {
				return pathSide{}, p.fail()
			}
			p.i++
		}
		if p.depth++; p.depth > maxDepth {
			return pathSide{}, p.r.fail(TooDeep, "JSONPath %s", clip(p.s))
		}
		v, err := p.side()
		p.depth--
		if err != nil {
			return pathSide{}, err
		}
		l.items = append(l.items, v.value)
	}
}
