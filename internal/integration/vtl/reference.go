// SPDX-License-Identifier: Apache-2.0

package vtl

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// isNamePart tells what a name goes on with; a dash belongs to it, so that
// $a-1 is the variable "a-1".
func isNamePart(c byte) bool {
	return isLetter(c) || '0' <= c && c <= '9' || c == '-'
}

// word reads a name, or nothing.
func (p *parser) word() string {
	start := p.pos
	if p.pos < len(p.src) && isLetter(p.src[p.pos]) {
		for p.pos < len(p.src) && isNamePart(p.src[p.pos]) {
			p.pos++
		}
	}
	return p.src[start:p.pos]
}

// blanks skips blanks; space skips line ends too.
func (p *parser) blanks() {
	for p.pos < len(p.src) && (p.src[p.pos] == ' ' || p.src[p.pos] == '\t') {
		p.pos++
	}
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// textReference reads a reference in text; nil: the $ is text.
func (p *parser) textReference() (node, error) {
	ref, err := p.reference()
	if ref == nil || err != nil {
		return nil, err
	}
	return refNode{ref}, nil
}

// reference reads $a.b(c)[d], $!a, ${a.b}. It returns nil, and stays, where
// there is none.
func (p *parser) reference() (*reference, error) {
	start := p.pos
	if p.pos >= len(p.src) || p.src[p.pos] != '$' {
		return nil, nil
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	if p.pos < len(p.src) && p.src[p.pos] == '!' {
		p.pos++
	}
	braced := p.pos < len(p.src) && p.src[p.pos] == '{'
	if braced {
		p.pos++
	}
	name := p.word()
	if name == "" {
		p.pos = start
		return nil, nil
	}
	ref := &reference{name: name, line: p.line()}
	if err := p.steps(ref); err != nil {
		return nil, err
	}
	if braced {
		if p.pos >= len(p.src) || p.src[p.pos] != '}' {
			return nil, p.fail("${%s is not closed", name)
		}
		p.pos++
	}
	return ref, nil
}

// steps reads the properties, methods and indices behind a name.
func (p *parser) steps(ref *reference) error {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case '.':
			if p.pos+1 >= len(p.src) || !isLetter(p.src[p.pos+1]) {
				return nil
			}
			p.pos++
			s := refStep{kind: property, name: p.word()}
			if p.pos < len(p.src) && p.src[p.pos] == '(' {
				p.pos++
				s.kind = method
				var err error
				if s.args, err = p.list(')'); err != nil {
					return err
				}
			}
			ref.steps = append(ref.steps, s)
		case '[':
			p.pos++
			at, err := p.expression()
			if err != nil {
				return err
			}
			if p.space(); p.pos >= len(p.src) || p.src[p.pos] != ']' {
				return p.fail("an index is not closed")
			}
			p.pos++
			ref.steps = append(ref.steps, refStep{kind: index, args: []expression{at}})
		default:
			return nil
		}
	}
	return nil
}

// list reads expressions between commas, up to the closing byte.
func (p *parser) list(end byte) ([]expression, error) {
	var items []expression
	for {
		p.space()
		if p.pos >= len(p.src) {
			return nil, p.fail("%q is missing", end)
		}
		if p.src[p.pos] == end {
			p.pos++
			return items, nil
		}
		if len(items) > 0 {
			if p.src[p.pos] != ',' {
				return nil, p.fail("want a comma or %q", end)
			}
			p.pos++
		}
		e, err := p.argument(end)
		if err != nil {
			return nil, err
		}
		items = append(items, e)
	}
}

// argument reads an item; between parentheses a bare word is one, without a
// value.
func (p *parser) argument(end byte) (expression, error) {
	if p.space(); end == ')' && p.pos < len(p.src) && isLetter(p.src[p.pos]) {
		start := p.pos
		if w := p.word(); w != "true" && w != "false" && w != "not" {
			return literal{nil}, nil
		}
		p.pos = start
	}
	return p.expression()
}
