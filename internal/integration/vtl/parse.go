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

// piece is what block reads at a $, # or backslash.
type piece struct {
	node node
	text string // instead of a node
	own  bool   // the text is a token of its own: #set takes no blanks from it
	lone bool   // it is a $ or # that begins nothing
	end  string // the directive that ends the block
}

// block reads up to the directive that ends it, which is returned: "else",
// "elseif", "end", or "" at the end of the source.
func (p *parser) block() (body []node, end string, err error) {
	if err := p.enter(); err != nil {
		return nil, "", err
	}
	defer p.leave()
	var text blockText
	for p.pos < len(p.src) {
		text.WriteString(p.plain())
		if p.pos == len(p.src) {
			break
		}
		x, err := p.piece(&text)
		if err != nil {
			return nil, "", err
		}
		if x.end != "" {
			return text.flush(body), x.end, nil
		}
		if x.node == nil {
			if text.WriteString(x.text); x.own {
				text.run, text.lone = text.Len(), x.lone
			}
			continue
		}
		body = append(text.flush(body), x.node)
		if p.behindProperty(x.node) {
			if p.pos++; p.ownWord() == 0 {
				text.WriteString("##")
				p.pos++
			}
		}
	}
	return text.flush(body), "", nil
}

// plain reads text up to what may be more than text.
func (p *parser) plain() string {
	i := strings.IndexAny(p.src[p.pos:], "$#\\")
	if i < 0 {
		i = len(p.src) - p.pos
	}
	p.pos += i
	return p.src[p.pos-i : p.pos]
}

// piece reads what begins with a $, # or backslash.
func (p *parser) piece(text *blockText) (piece, error) {
	var n node
	var err error
	switch p.src[p.pos] {
	case '\\':
		return piece{text: p.escape(), own: true}, nil
	case '$':
		n, err = p.textReference()
	case '#':
		if strings.HasPrefix(p.src[p.pos:], "#*") {
			text.dropLone(false)
		}
		if raw, ok, err := p.comment(); ok || err != nil {
			return piece{text: raw, own: true}, err
		}
		word, size := p.directiveWord()
		if known(word) && word != "stop" {
			text.dropLone(word == "set")
		}
		switch word {
		case "else", "elseif", "end":
			if p.pos += size; word != "elseif" {
				p.gobble()
			}
			return piece{end: word}, nil
		case "":
			n = p.bareCall()
		default:
			n, err = p.directive(word, size)
		}
	}
	if err != nil {
		return piece{}, err
	}
	if t, ok := n.(textNode); ok {
		return piece{text: string(t), own: true}, nil
	}
	if n == nil { // no reference and no directive
		p.pos++
		return piece{text: p.src[p.pos-1 : p.pos], own: true, lone: true}, nil
	}
	return piece{node: n}, nil
}

// blockText is text on its way into a block.
type blockText struct {
	strings.Builder
	run  int  // where the text begins that #set may take blanks from
	lone bool // right before run stands a $ or # that begins nothing
}

// flush appends the text to a block, as a node.
func (t *blockText) flush(body []node) []node {
	if t.Len() > 0 {
		body = append(body, textNode(t.String()))
		t.Reset()
	}
	t.run, t.lone = 0, false
	return body
}

// dropLone takes away what Velocity loses before a directive: a lone $ or #
// and, before #set, the blanks since the last token.
func (t *blockText) dropLone(set bool) {
	s := t.String()
	blanks := strings.Trim(s[t.run:], " \t") == ""
	if s[t.run:] != "" && !(set && blanks) {
		return
	}
	cut := t.run
	if t.lone {
		cut--
	}
	t.Reset()
	t.WriteString(s[:cut])
	t.run, t.lone = cut, false
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
