// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is read into dicts and lists that keep their order, and written compact.

var errJSON = errors.New("not JSON")

// jsonReader goes over a text once.
type jsonReader struct {
	s string
	i int
	r *renderer // what is made is charged to it
}

// parseJSON reads one value. errJSON says that it is none; other errors are
// those of the limits.
func (r *renderer) parseJSON(s string) (any, error) {
	p := &jsonReader{s: s, r: r}
	if err := r.charge(len(s)); err != nil {
		return nil, err
	}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i != len(s) {
		return nil, errJSON
	}
	return v, nil
}

func (p *jsonReader) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// next skips space and takes the byte, when it is c.
func (p *jsonReader) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *jsonReader) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, p.r.fail(TooDeep, "JSON of more than %d levels", maxDepth)
	}
	p.space()
	if p.i == len(p.s) {
		return nil, errJSON
	}
	switch c := p.s[p.i]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.text()
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, w := range [...]struct {
		word  string
		value any
	}{{"true", true}, {"false", false}, {"null", nil}} {
		if strings.HasPrefix(p.s[p.i:], w.word) {
			p.i += len(w.word)
			return w.value, nil
		}
	}
	return nil, errJSON
}

func (p *jsonReader) object(depth int) (any, error) {
	p.i++
	d := newDict()
	if p.next('}') {
		return d, nil
	}
	for {
		if p.space(); p.i == len(p.s) || p.s[p.i] != '"' {
			return nil, errJSON
		}
		k, err := p.text()
		if err != nil {
			return nil, err
		}
		if !p.next(':') {
			return nil, errJSON
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d.put(k, v)
		if err := p.r.charge(64); err != nil {
			return nil, err
		}
		if p.next(',') {
			continue
		}
		if p.next('}') {
			return d, nil
		}
		return nil, errJSON
	}
}

func (p *jsonReader) array(depth int) (any, error) {
	p.i++
	l := &list{json: true}
	if p.next(']') {
		return l, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, v)
		if err := p.r.charge(32); err != nil {
			return nil, err
		}
		if p.next(',') {
			continue
		}
		if p.next(']') {
			return l, nil
		}
		return nil, errJSON
	}
}

func (p *jsonReader) number() (any, error) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("+-.0123456789eE", p.s[p.i]) >= 0 {
		p.i++
	}
	text := p.s[start:p.i]
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || digits[0] == '.' || len(digits) > 1 && digits[0] == '0' && digits[1] != '.' && digits[1]|0x20 != 'e' {
		return nil, errJSON
	}
	v, ok := parseNumber(text)
	if !ok {
		return nil, errJSON
	}
	return v, nil
}

func (p *jsonReader) text() (string, error) {
	p.i++
	start := p.i
	for p.i < len(p.s) && p.s[p.i] != '"' && p.s[p.i] != '\\' {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == '"' {
		p.i++
		return p.s[start : p.i-1], nil
	}
	b := append([]byte(nil), p.s[start:p.i]...)
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch c {
		case '"':
			return string(b), nil
		case '\\':
			var ok bool
			if b, ok = p.escape(b); !ok {
				return "", errJSON
			}
		default:
			b = append(b, c)
		}
	}
	return "", errJSON
}

func (p *jsonReader) escape(b []byte) ([]byte, bool) {
	if p.i == len(p.s) {
		return b, false
	}
	c := p.s[p.i]
	p.i++
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return append(b, "\"\\/\b\f\n\r\t"[i]), true
	}
	if c != 'u' {
		return b, false
	}
	u, ok := p.hex()
	if !ok {
		return b, false
	}
	if utf16.IsSurrogate(u) && strings.HasPrefix(p.s[p.i:], `\u`) {
		at := p.i
		p.i += 2
		if low, ok := p.hex(); ok && utf16.DecodeRune(u, low) != utf8.RuneError {
			return utf8.AppendRune(b, utf16.DecodeRune(u, low)), true
		}
		p.i = at
	}
	return utf8.AppendRune(b, u), true // half a pair becomes U+FFFD
}

func (p *jsonReader) hex() (rune, bool) {
	if p.i+4 > len(p.s) {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 16)
	p.i += 4
	return rune(n), err == nil
}

// quoteJSON is a JSON string.
func quoteJSON(s string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		default:
			if c < 0x20 || c == 0x7f {
				b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
				continue
			}
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// toJSON writes a value as JSON, counted.
func (r *renderer) toJSON(v any) (string, error) {
	var b strings.Builder
	w := printer{b: &b, left: r.room()}
	w.json(v, 0)
	if w.bad {
		return "", r.fail(TooMuchMemory, "writing JSON")
	}
	return b.String(), r.charge(b.Len())
}
