// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"strconv"
	"strings"
)

// pathParser reads a path.
type pathParser struct {
	r     *renderer
	s     string
	i     int
	depth int
}

func (r *renderer) parsePath(path string) ([]pathStep, error) {
	if len(path) > 4<<10 {
		return nil, r.fail(Exception, "a JSONPath of %d bytes", len(path))
	}
	if err := r.charge(16 * len(path)); err != nil {
		return nil, err
	}
	p := &pathParser{r: r, s: strings.TrimSpace(path)}
	if strings.HasPrefix(p.s, "$") {
		p.i = 1
	} else {
		p.s = "$." + p.s
		p.i = 1
	}
	steps, err := p.steps()
	if err == nil && p.i != len(p.s) {
		err = p.fail()
	}
	return steps, err
}

func (p *pathParser) fail() error {
	return p.r.fail(Exception, "JSONPath %s: cannot be read at %d", clip(p.s), p.i)
}

func (p *pathParser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *pathParser) space() {
	for p.peek() == ' ' {
		p.i++
	}
}

// steps reads segments as long as there are some.
func (p *pathParser) steps() ([]pathStep, error) {
	var steps []pathStep
	for {
		var s pathStep
		switch p.peek() {
		case '.':
			p.i++
			if p.peek() == '.' {
				p.i++
				s.deep = true
			}
			if p.peek() == '[' {
				if err := p.bracket(&s); err != nil {
					return nil, err
				}
				break
			}
			if p.peek() == '*' {
				p.i++
				s.all = true
				break
			}
			start := p.i
			for p.i < len(p.s) && strings.IndexByte(".[()]=<>!&|, ", p.s[p.i]) < 0 {
				p.i++
			}
			name := p.s[start:p.i]
			if name == "" {
				return nil, p.fail()
			}
			if (name == "length" || name == "size") && strings.HasPrefix(p.s[p.i:], "()") {
				p.i += 2
				s.length = true
				break
			}
			s.names = []string{name}
		case '[':
			if err := p.bracket(&s); err != nil {
				return nil, err
			}
		default:
			return steps, nil
		}
		steps = append(steps, s)
	}
}

// bracket reads what stands in [ ].
func (p *pathParser) bracket(s *pathStep) error {
	p.i++
	p.space()
	switch c := p.peek(); {
	case c == '*':
		p.i++
		s.all = true
	case c == '\'' || c == '"':
		for {
			name, err := p.quoted()
			if err != nil {
				return err
			}
			s.names = append(s.names, name)
			if p.space(); p.peek() != ',' {
				break
			}
			p.i++
			p.space()
		}
	case c == '?':
		p.i++
		if p.space(); p.peek() != '(' {
			return p.fail()
		}
		p.i++
		var err error
		if s.where, err = p.or(); err != nil {
			return err
		}
		if p.space(); p.peek() != ')' {
			return p.fail()
		}
		p.i++
	default:
		if err := p.numbers(s); err != nil {
			return err
		}
	}
	if p.space(); p.peek() != ']' {
		return p.fail()
	}
	p.i++
	return nil
}

// numbers reads indices or a slice.
func (p *pathParser) numbers(s *pathStep) error {
	var slice [3]*int64
	at, colon := 0, false
	for {
		p.space()
		start := p.i
		if p.peek() == '-' {
			p.i++
		}
		for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
			p.i++
		}
		if p.i > start {
			n, err := strconv.ParseInt(p.s[start:p.i], 10, 32)
			if err != nil {
				return p.fail()
			}
			slice[at] = &n
		}
		p.space()
		switch c := p.peek(); {
		case c == ':' && at < 2:
			p.i++
			at++
			colon = true
		case c == ',' && !colon && slice[0] != nil:
			p.i++
			s.indices = append(s.indices, *slice[0])
			slice[0] = nil
		case colon:
			s.slice = &slice
			return nil
		case slice[0] != nil:
			s.indices = append(s.indices, *slice[0])
			return nil
		default:
			return p.fail()
		}
	}
}

func (p *pathParser) quoted() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.fail()
	}
	p.i++
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch {
		case c == quote:
			return b.String(), nil
		case c == '\\' && p.i < len(p.s):
			b.WriteByte(p.s[p.i])
			p.i++
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail()
}
