// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"strconv"
	"strings"
)

// Precedence, from weak to strong: or, and, equality, order, sum, product, not.
var levels = [...][]struct {
	text string
	op   operator
}{
	{{"||", opOr}, {"or", opOr}},
	{{"&&", opAnd}, {"and", opAnd}},
	{{"==", opEQ}, {"eq", opEQ}, {"!=", opNE}, {"ne", opNE}},
	{{"<=", opLE}, {"le", opLE}, {"<", opLT}, {"lt", opLT}, {">=", opGE}, {"ge", opGE}, {">", opGT}, {"gt", opGT}},
	{{"+", opAdd}, {"-", opSub}},
	{{"*", opMul}, {"/", opDiv}, {"%", opMod}},
}

func (p *parser) expression() (expression, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.level(0)
}

func (p *parser) level(n int) (expression, error) {
	if n == len(levels) {
		return p.unary()
	}
	left, err := p.level(n + 1)
	for err == nil {
		op := p.operator(n)
		if op == opNone {
			return left, nil
		}
		var right expression
		right, err = p.level(n + 1)
		left = binary{op, left, right}
	}
	return nil, err
}

// operator reads an operator of a level. A word must end where it ends.
func (p *parser) operator(n int) operator {
	p.space()
	rest := p.src[p.pos:]
	for _, o := range levels[n] {
		if !strings.HasPrefix(rest, o.text) {
			continue
		}
		if isLetter(o.text[0]) && len(rest) > len(o.text) && isNamePart(rest[len(o.text)]) {
			continue
		}
		p.pos += len(o.text)
		return o.op
	}
	return opNone
}

func (p *parser) unary() (expression, error) {
	p.space()
	rest := p.src[p.pos:]
	size := 0
	switch {
	case strings.HasPrefix(rest, "!"):
		size = 1
	case strings.HasPrefix(rest, "not") && (len(rest) == 3 || !isNamePart(rest[3])):
		size = 3
	default:
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos += size
	of, err := p.unary()
	return notExpr{of}, err
}

// primary reads a value.
func (p *parser) primary() (expression, error) {
	p.space()
	if p.pos >= len(p.src) {
		return nil, p.fail("a value is missing at the end")
	}
	switch c := p.src[p.pos]; {
	case c == '$':
		ref, err := p.reference()
		if err == nil && ref == nil {
			err = p.fail("a $ without a name")
		}
		if err != nil {
			return nil, err
		}
		return ref, nil
	case c == '"' || c == '\'':
		return p.text(c)
	case c == '[':
		return p.listOrRange()
	case c == '{':
		return p.mapLiteral()
	case c == '(':
		p.pos++
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.pos >= len(p.src) || p.src[p.pos] != ')' {
			return nil, p.fail("a parenthesis is not closed")
		}
		p.pos++
		return e, nil
	case '0' <= c && c <= '9' || c == '-' || c == '.':
		return p.number()
	}
	start := p.pos
	if w := p.word(); w == "true" || w == "false" {
		return literal{w == "true"}, nil
	}
	p.pos = start
	return nil, p.fail("want a value before %q", clip(p.src[p.pos:]))
}

// text reads a string. A quote stands doubled inside; double quotes are
// interpolated.
func (p *parser) text(quote byte) (expression, error) {
	start, line := p.pos+1, p.line()
	q := string(quote)
	i := start
	for {
		j := strings.IndexByte(p.src[i:], quote)
		if j < 0 {
			return nil, p.fail("a string is not closed")
		}
		i += j + 1
		if i >= len(p.src) || p.src[i] != quote {
			break
		}
		i++ // a doubled quote
	}
	raw := p.src[start : i-1]
	p.pos = i
	s := strings.ReplaceAll(raw, q+q, q)
	if quote == '\'' {
		return literal{s}, nil
	}
	s = unicodeEscapes(s)
	if !strings.ContainsAny(s, "$#") {
		return literal{s}, nil
	}
	inner := &parser{src: s, depth: p.depth, macros: p.macros, inWord: true, line0: line}
	body, end, err := inner.block()
	if err != nil {
		return nil, err
	}
	if end != "" {
		return nil, p.fail("#%s in a string, without a block", end)
	}
	return interpolated{body}, nil
}

// unicodeEscapes writes \u0041 out.
func unicodeEscapes(s string) string {
	if !strings.Contains(s, `\u`) {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, `\u`)
		if i < 0 || i+6 > len(s) {
			b.WriteString(s)
			return b.String()
		}
		n, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
		if err != nil {
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteRune(rune(n))
		s = s[i+6:]
	}
}

// number reads an integer or a float; "1..3" is an integer before a range.
func (p *parser) number() (expression, error) {
	start := p.pos
	digits := func() int {
		n := p.pos
		for p.pos < len(p.src) && '0' <= p.src[p.pos] && p.src[p.pos] <= '9' {
			p.pos++
		}
		return p.pos - n
	}
	if p.src[p.pos] == '-' {
		p.pos++
	}
	whole, float := digits(), false
	if p.pos+1 < len(p.src) && p.src[p.pos] == '.' && '0' <= p.src[p.pos+1] && p.src[p.pos+1] <= '9' {
		float = true
		p.pos++
		digits()
		if p.pos < len(p.src) && p.src[p.pos]|0x20 == 'e' {
			at := p.pos
			if p.pos++; p.pos < len(p.src) && (p.src[p.pos] == '-' || p.src[p.pos] == '+') {
				p.pos++
			}
			if digits() == 0 {
				p.pos = at
			}
		}
	}
	if whole == 0 && !float {
		p.pos = start
		return nil, p.fail("want a value before %q", clip(p.src[p.pos:]))
	}
	v, ok := parseNumber(p.src[start:p.pos])
	if !ok {
		return nil, p.fail("%s is no number", clip(p.src[start:p.pos]))
	}
	return literal{v}, nil
}

func (p *parser) listOrRange() (expression, error) {
	p.pos++
	p.space()
	if p.pos < len(p.src) && p.src[p.pos] == ']' {
		p.pos++
		return listExpr{}, nil
	}
	first, err := p.expression()
	if err != nil {
		return nil, err
	}
	p.space()
	if strings.HasPrefix(p.src[p.pos:], "..") {
		p.pos += 2
		to, err := p.expression()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.pos >= len(p.src) || p.src[p.pos] != ']' {
			return nil, p.fail("a range is not closed")
		}
		p.pos++
		return rangeExpr{first, to}, nil
	}
	items := []expression{first}
	if p.pos < len(p.src) && p.src[p.pos] == ',' {
		p.pos++
		more, err := p.list(']')
		if err != nil {
			return nil, err
		}
		return listExpr{append(items, more...)}, nil
	}
	if p.pos >= len(p.src) || p.src[p.pos] != ']' {
		return nil, p.fail("a list is not closed")
	}
	p.pos++
	return listExpr{items}, nil
}

func (p *parser) mapLiteral() (expression, error) {
	p.pos++
	var m mapExpr
	for {
		p.space()
		if p.pos < len(p.src) && p.src[p.pos] == '}' {
			p.pos++
			return m, nil
		}
		if len(m.keys) > 0 {
			if p.pos >= len(p.src) || p.src[p.pos] != ',' {
				return nil, p.fail("want a comma or } in a map")
			}
			p.pos++
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.pos >= len(p.src) || p.src[p.pos] != ':' {
			return nil, p.fail("want a colon in a map")
		}
		p.pos++
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		m.keys, m.values = append(m.keys, k), append(m.values, v)
	}
}

// clip shortens text for a message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
