// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"fmt"
	"strings"
)

// The parser goes over the source once. White space is as in Velocity 1.7: a
// directive takes the blanks and the line end that follow its closing
// parenthesis (or #else, #end) with it, #set also the blanks before it, and a
// ## comment takes its line end. Blanks before all other directives stay.

// parser reads one template, or the inside of one string.
type parser struct {
	src   string
	pos   int
	depth int
	line0 int // line of the string's beginning
	// lines is how many line ends there are before counted.
	lines, counted int
	macros         map[string]*macro
	inWord         bool // inside an interpolated string: macros are not defined there
}

// Parse reads a template. Its error is an *Error of kind Syntax or TooDeep.
func Parse(src string) (*Template, error) {
	if len(src) > MaxSource {
		return nil, &Error{Kind: Syntax, Msg: fmt.Sprintf("%d bytes, the limit is %d", len(src), MaxSource)}
	}
	p := &parser{src: src, macros: map[string]*macro{}, line0: 1}
	body, end, err := p.block()
	if err != nil {
		return nil, err
	}
	if end != "" {
		return nil, p.fail("#%s without a block", end)
	}
	return &Template{body: body, macros: p.macros}, nil
}

func (p *parser) fail(format string, args ...any) *Error {
	return &Error{Kind: Syntax, Line: p.line(), Msg: fmt.Sprintf(format, args...)}
}

// line is where the parser is. It counts on from where it was asked last.
func (p *parser) line() int {
	at := min(p.pos, len(p.src))
	if at < p.counted {
		p.lines, p.counted = 0, 0
	}
	p.lines += strings.Count(p.src[p.counted:at], "\n")
	p.counted = at
	return p.line0 + p.lines
}

// enter counts how deep blocks and expressions stand inside each other.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return &Error{Kind: TooDeep, Line: p.line(), Msg: fmt.Sprintf("more than %d levels", maxDepth)}
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// block reads up to the directive that ends it, which is returned: "else",
// "elseif", "end", or "" at the end of the source.
func (p *parser) block() (body []node, end string, err error) {
	if err := p.enter(); err != nil {
		return nil, "", err
	}
	defer p.leave()
	var text strings.Builder
	run := 0 // where the text begins that #set may take blanks from
	flush := func() {
		if text.Len() > 0 {
			body = append(body, textNode(text.String()))
			text.Reset()
		}
		run = 0
	}
	for p.pos < len(p.src) {
		i := strings.IndexAny(p.src[p.pos:], `$#\`)
		if i < 0 {
			i = len(p.src) - p.pos
		}
		text.WriteString(p.src[p.pos : p.pos+i])
		p.pos += i
		if p.pos == len(p.src) {
			break
		}
		var n node
		switch p.src[p.pos] {
		case '\\':
			text.WriteString(p.escape())
			run = text.Len()
			continue
		case '$':
			n, err = p.textReference()
		case '#':
			if raw, ok, failed := p.comment(); failed != nil {
				return nil, "", failed
			} else if ok {
				text.WriteString(raw)
				run = text.Len()
				continue
			}
			word, size := p.directiveWord()
			if word == "else" || word == "elseif" || word == "end" {
				p.pos += size
				flush()
				if word != "elseif" {
					p.gobble()
				}
				return body, word, nil
			}
			if word == "set" {
				trimBlanks(&text, run)
			}
			if n, err = p.directive(word, size); word == "" {
				n = p.bareCall()
			}
		}
		if err != nil {
			return nil, "", err
		}
		if n == nil { // no reference and no directive: text
			text.WriteByte(p.src[p.pos])
			p.pos++
			continue
		}
		flush()
		if t, ok := n.(textNode); ok {
			text.WriteString(string(t))
			continue
		}
		body = append(body, n)
		if p.behindProperty(n) {
			if p.pos++; p.ownWord() == 0 {
				text.WriteString("##")
				p.pos++
			}
		}
	}
	flush()
	return body, "", nil
}

// behindProperty tells whether ## stands right behind $a.b, where Velocity reads
// no comment: it is text, and before a directive one # is lost.
func (p *parser) behindProperty(n node) bool {
	r, ok := n.(refNode)
	if !ok || p.src[p.pos-1] == '}' || !strings.HasPrefix(p.src[p.pos:], "##") {
		return false
	}
	last := len(r.ref.steps) - 1
	return last >= 0 && r.ref.steps[last].kind == property
}

// trimBlanks takes the blanks before a #set away, where there is nothing else
// since the last reference, directive or comment.
func trimBlanks(text *strings.Builder, run int) {
	s := text.String()
	if len(s) > run && strings.Trim(s[run:], " 	") == "" {
		text.Reset()
		text.WriteString(s[:run])
	}
}

// escape reads backslashes. Before a reference or a directive each pair stands
// for one, and one left over makes it text.
func (p *parser) escape() string {
	n := 0
	for p.pos+n < len(p.src) && p.src[p.pos+n] == '\\' {
		n++
	}
	start := p.pos
	p.pos += n
	rest := p.src[p.pos:]
	size := 0 // of what a backslash makes text
	switch {
	case strings.HasPrefix(rest, "$"):
		if ref, err := p.reference(); err == nil && ref != nil {
			size = p.pos - start - n
		}
		p.pos = start + n
	case strings.HasPrefix(rest, "#"):
		size = p.ownWord()
	}
	if size == 0 {
		return p.src[start:p.pos]
	}
	if n%2 == 0 && strings.HasPrefix(rest, "#set") { // Velocity leaves these alone
		return p.src[start:p.pos]
	}
	out := strings.Repeat(`\`, n/2)
	if n%2 == 1 {
		out += p.src[p.pos : p.pos+size]
		p.pos += size
	}
	return out
}

// comment skips a comment, or reads #[[text]]#.
func (p *parser) comment() (raw string, ok bool, err error) {
	rest := p.src[p.pos:]
	switch {
	case strings.HasPrefix(rest, "##"):
		i := strings.IndexAny(rest, "\r\n")
		if i < 0 {
			p.pos = len(p.src)
			return "", true, nil
		}
		p.pos += i
		p.lineEnd()
		return "", true, nil
	case strings.HasPrefix(rest, "#*"):
		i := strings.Index(rest[2:], "*#")
		if i < 0 { // as Velocity does: the rest is comment
			p.pos = len(p.src)
			return "", true, nil
		}
		p.pos += i + 4
		return "", true, nil
	case strings.HasPrefix(rest, "#[["):
		i := strings.Index(rest, "]]#")
		if i < 0 {
			return "", false, p.fail("#[[ is not closed")
		}
		p.pos += i + 3
		return rest[3:i], true, nil
	}
	return "", false, nil
}

// lineEnd skips one line end.
func (p *parser) lineEnd() {
	rest := p.src[p.pos:]
	switch {
	case strings.HasPrefix(rest, "\r\n"):
		p.pos += 2
	case strings.HasPrefix(rest, "\n"), strings.HasPrefix(rest, "\r"):
		p.pos++
	}
}

// gobble skips blanks and the line end behind them, when there is one.
func (p *parser) gobble() {
	i := p.pos
	for i < len(p.src) && (p.src[i] == ' ' || p.src[i] == '\t') {
		i++
	}
	if i < len(p.src) && (p.src[i] == '\n' || p.src[i] == '\r') {
		p.pos = i
		p.lineEnd()
	}
}
