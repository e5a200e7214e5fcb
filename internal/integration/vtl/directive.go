// SPDX-License-Identifier: Apache-2.0

package vtl

import "strings"

// directiveWord is the directive at the position, and how long "#word" is. It
// is "" for what is text: #ff00aa, #foo without parentheses.
func (p *parser) directiveWord() (word string, size int) {
	rest := p.src[p.pos+1:]
	braced := strings.HasPrefix(rest, "{")
	if braced {
		rest = rest[1:]
	}
	n := directiveName(rest)
	size = 1 + n
	if braced {
		if n == 0 || n == len(rest) || rest[n] != '}' {
			return "", 0
		}
		size += 2
	}
	word = rest[:n]
	switch word {
	case "else", "end", "stop", "break":
		return word, size
	}
	if word == "" || !p.parenthesis(p.pos+size) {
		return "", 0
	}
	return word, size
}

// directiveName is the length of the name that s begins with. A dash belongs
// to the names of macros only: #end-1 is #end and text.
func directiveName(s string) int {
	n := 0
	for n < len(s) && isNamePart(s[n]) && s[n] != '-' && (n > 0 || isLetter(s[n])) {
		n++
	}
	if known(s[:n]) {
		return n
	}
	for n > 0 && n < len(s) && isNamePart(s[n]) {
		n++
	}
	return n
}

// known tells whether a word is one of Velocity's own.
func known(word string) bool {
	switch word {
	case "set", "if", "elseif", "else", "end", "foreach", "break", "stop", "macro", "define", "include", "parse", "evaluate":
		return true
	}
	return false
}

// ownWord is the length of "#word" when the word is one of Velocity's own,
// whatever follows; else 0.
func (p *parser) ownWord() int {
	rest := p.src[p.pos+1:]
	braced := strings.HasPrefix(rest, "{")
	if braced {
		rest = rest[1:]
	}
	n := directiveName(rest)
	switch {
	case !known(rest[:n]):
		return 0
	case !braced:
		return n + 1
	case n < len(rest) && rest[n] == '}':
		return n + 3
	}
	return 0
}

// bareCall reads #name without parentheses, which is a macro's call when there
// is one of the name, and text otherwise; nil: no name.
func (p *parser) bareCall() node {
	start, line := p.pos, p.line()
	p.pos++
	braced := p.pos < len(p.src) && p.src[p.pos] == '{'
	if braced {
		p.pos++
	}
	name := p.word()
	if name == "" || known(name) || braced && (p.pos == len(p.src) || p.src[p.pos] != '}') {
		p.pos = start
		return nil
	}
	if braced {
		p.pos++
	}
	return callNode{name: name, source: p.src[start:p.pos], line: line}
}

// parenthesis tells whether a parenthesis opens at i, behind blanks.
func (p *parser) parenthesis(i int) bool {
	for i < len(p.src) && (p.src[i] == ' ' || p.src[i] == '\t') {
		i++
	}
	return i < len(p.src) && p.src[i] == '('
}

// directive reads a directive whose word is known; nil: it is text.
func (p *parser) directive(word string, size int) (node, error) {
	if word == "" {
		return nil, nil
	}
	start, line := p.pos, p.line()
	p.pos += size
	switch word {
	case "break":
		p.gobble()
		return breakNode{}, nil
	case "stop":
		p.gobble()
		return stopNode{}, nil
	}
	p.blanks()
	p.pos++ // the parenthesis
	switch word {
	case "set":
		return p.set(line)
	case "if":
		return p.ifs()
	case "foreach":
		return p.foreach(line)
	case "define":
		return p.define()
	case "macro":
		return p.macro()
	case "include", "parse", "evaluate":
		return nil, p.fail("#%s is not allowed in a mapping template", word)
	}
	return p.call(word, start, line)
}

// closeParen reads the closing parenthesis of a directive.
func (p *parser) closeParen(of string) error {
	p.space()
	if p.pos >= len(p.src) || p.src[p.pos] != ')' {
		return p.fail("#%s( is not closed where it should be", of)
	}
	p.pos++
	p.gobble()
	return nil
}

func (p *parser) set(line int) (node, error) {
	p.space()
	to, err := p.reference()
	if err != nil {
		return nil, err
	}
	if to == nil {
		return nil, p.fail("#set( wants a reference")
	}
	if n := len(to.steps); n > 0 && to.steps[n-1].kind == method {
		return nil, p.fail("#set( cannot give a value to a method")
	}
	p.space()
	if p.pos >= len(p.src) || p.src[p.pos] != '=' {
		return nil, p.fail("#set( wants an = behind the reference")
	}
	p.pos++
	value, err := p.expression()
	if err != nil {
		return nil, err
	}
	return setNode{to, value, line}, p.closeParen("set")
}

func (p *parser) ifs() (node, error) {
	var n ifNode
	word := "if"
	for {
		when, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.closeParen(word); err != nil {
			return nil, err
		}
		body, end, err := p.block()
		if err != nil {
			return nil, err
		}
		n.arms = append(n.arms, arm{when, body})
		switch end {
		case "elseif":
			if !p.parenthesis(p.pos) {
				return nil, p.fail("#elseif wants a parenthesis")
			}
			p.blanks()
			p.pos++
			word = end
			continue
		case "else":
			if n.or, end, err = p.block(); err != nil {
				return nil, err
			}
		}
		if end != "end" {
			return nil, p.fail("#if is not closed by #end")
		}
		return n, nil
	}
}

// body reads a block up to its #end.
func (p *parser) body(of string) ([]node, error) {
	body, end, err := p.block()
	if err != nil {
		return nil, err
	}
	if end != "end" {
		return nil, p.fail("#%s is not closed by #end", of)
	}
	return body, nil
}

// variable reads $name.
func (p *parser) variable(of string) (string, error) {
	p.space()
	ref, err := p.reference()
	if err != nil {
		return "", err
	}
	if ref == nil || len(ref.steps) > 0 {
		return "", p.fail("#%s( wants a name such as $x", of)
	}
	return ref.name, nil
}

func (p *parser) foreach(line int) (node, error) {
	n := foreachNode{line: line}
	var err error
	if n.name, err = p.variable("foreach"); err != nil {
		return nil, err
	}
	p.space()
	if !strings.HasPrefix(p.src[p.pos:], "in") {
		return nil, p.fail(`#foreach( wants "in" behind $%s`, n.name)
	}
	p.pos += 2
	if n.in, err = p.expression(); err != nil {
		return nil, err
	}
	if err := p.closeParen("foreach"); err != nil {
		return nil, err
	}
	n.body, err = p.body("foreach")
	return n, err
}

func (p *parser) define() (node, error) {
	name, err := p.variable("define")
	if err != nil {
		return nil, err
	}
	if err := p.closeParen("define"); err != nil {
		return nil, err
	}
	body, err := p.body("define")
	return defineNode{name, body}, err
}

func (p *parser) macro() (node, error) {
	if p.inWord {
		return nil, p.fail("#macro cannot stand in a string")
	}
	p.space()
	name := p.word()
	if name == "" {
		return nil, p.fail("#macro( wants a name")
	}
	m := &macro{}
	for {
		p.space()
		if p.pos < len(p.src) && p.src[p.pos] == ',' {
			p.pos++
			continue
		}
		if p.pos >= len(p.src) || p.src[p.pos] != '$' {
			break
		}
		param, err := p.variable("macro")
		if err != nil {
			return nil, err
		}
		m.params = append(m.params, param)
	}
	if err := p.closeParen("macro"); err != nil {
		return nil, err
	}
	var err error
	if m.body, err = p.body("macro"); err != nil {
		return nil, err
	}
	p.macros[name] = m // the last definition counts, wherever it stands
	return textNode(""), nil
}

// call reads #name(…): a macro's call when there is such a macro at the end.
func (p *parser) call(word string, start, line int) (node, error) {
	n := callNode{name: word, line: line}
	open := p.pos
	for {
		p.space()
		if p.pos < len(p.src) && p.src[p.pos] == ',' {
			p.pos++
			continue
		}
		if p.pos >= len(p.src) || p.src[p.pos] == ')' {
			break
		}
		arg, err := p.primary()
		if err != nil {
			p.pos = open
			return textNode(p.src[start:open]), nil //nolint:nilerr // what is no call is text
		}
		n.args = append(n.args, arg)
	}
	if p.pos >= len(p.src) {
		p.pos = open
		return textNode(p.src[start:open]), nil
	}
	p.pos++
	p.gobble()
	n.source = p.src[start:p.pos]
	return n, nil
}
