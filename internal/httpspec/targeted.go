// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"strings"
	"time"
)

// A targeted field (RFC 9213), CDN-Cache-Control, is a dictionary of
// structured fields (RFC 9651): names in lower case, numbers that are numbers,
// strings in quotes, and nothing at all of a field with one fault. Example:
// "max-age=600, must-revalidate" is read, "max-age=600, &&" is ignored whole.

// ParseTargeted reads the joined values of a targeted field. ok is false when
// the field is empty or malformed: Cache-Control and Expires then hold.
func ParseTargeted(values string) (cc CacheControl, ok bool) {
	s := sfScanner{strings.Trim(values, " ")}
	if s.rest == "" {
		return CacheControl{}, false
	}
	for {
		name, ok := s.key()
		if !ok {
			return CacheControl{}, false
		}
		m := member{kind: sfTrue}
		if s.take('=') {
			if m, ok = s.value(); !ok {
				return CacheControl{}, false
			}
		}
		if !s.parameters() {
			return CacheControl{}, false
		}
		cc.setTargeted(name, m)
		s.space()
		if s.rest == "" {
			return cc, true
		}
		if !s.take(',') {
			return CacheControl{}, false
		}
		if s.space(); s.rest == "" { // a comma at the end
			return CacheControl{}, false
		}
	}
}

// setTargeted takes a directive over. One of the wrong type is ignored; of
// several of a name the last one counts (RFC 9651 3.2).
func (cc *CacheControl) setTargeted(name string, m member) {
	for _, n := range []struct {
		name string
		at   *Seconds
	}{
		{"max-age", &cc.MaxAge},
		{"s-maxage", &cc.SMaxAge},
		{"stale-while-revalidate", &cc.StaleWhileRevalidate},
		{"stale-if-error", &cc.StaleIfError},
	} {
		if n.name == name {
			*n.at = Seconds{}
			if m.kind == sfInteger && m.n >= 0 {
				*n.at = Seconds{Value: time.Duration(min(m.n, maxSeconds)) * time.Second, Set: true}
			}
			return
		}
	}
	switch {
	case m.kind == sfTrue:
		cc.add(name, "", false)
	case m.kind == sfString && (name == "no-cache" || name == "private"):
		cc.add(name, m.text, true)
	}
}

// member is the value of a dictionary's member, as far as it is of use here.
type member struct {
	kind sfKind
	n    int64
	text string
}

type sfKind uint8

const (
	sfOther sfKind = iota // a decimal, token, byte sequence, list, ?0
	sfTrue
	sfInteger
	sfString
)

type sfScanner struct{ rest string }

func (s *sfScanner) take(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *sfScanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

// cut takes the longest front whose bytes are in; it may be empty.
func (s *sfScanner) cut(in func(byte) bool) string {
	i := 0
	for i < len(s.rest) && in(s.rest[i]) {
		i++
	}
	front := s.rest[:i]
	s.rest = s.rest[i:]
	return front
}

func (s *sfScanner) key() (string, bool) {
	k := s.cut(func(c byte) bool {
		return 'a' <= c && c <= 'z' || isDigit(c) || strings.IndexByte("_-.*", c) >= 0
	})
	return k, k != "" && (k[0] == '*' || 'a' <= k[0] && k[0] <= 'z')
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// value is an item, or an inner list, without parameters of its own.
func (s *sfScanner) value() (member, bool) {
	if !s.take('(') {
		return s.item()
	}
	for {
		s.rest = strings.TrimLeft(s.rest, " ")
		if s.take(')') {
			return member{}, true
		}
		if _, ok := s.item(); !ok || !s.parameters() || s.rest == "" || s.rest[0] != ' ' && s.rest[0] != ')' {
			return member{}, false
		}
	}
}

func (s *sfScanner) item() (member, bool) {
	if s.rest == "" {
		return member{}, false
	}
	switch c := s.rest[0]; {
	case c == '"':
		return s.quoted()
	case c == '-' || isDigit(c):
		return s.number()
	case s.take('?'):
		yes := s.take('1')
		if yes {
			return member{kind: sfTrue}, true
		}
		return member{}, s.take('0')
	case s.take(':'):
		s.cut(func(c byte) bool { return tokenByte[c] && c < 0x7f || c == '/' || c == '=' })
		return member{}, s.take(':')
	case c == '*' || 'a' <= c|0x20 && c|0x20 <= 'z':
		s.cut(func(c byte) bool { return tokenByte[c] || c == ':' || c == '/' })
		return member{}, true
	}
	return member{}, false
}

func (s *sfScanner) number() (member, bool) {
	neg := s.take('-')
	whole := s.cut(isDigit)
	if s.take('.') {
		part := s.cut(isDigit)
		return member{}, whole != "" && len(whole) <= 12 && part != "" && len(part) <= 3
	}
	n, ok := digits(whole)
	if neg {
		n = -n
	}
	return member{kind: sfInteger, n: n}, ok && len(whole) <= 15
}

func (s *sfScanner) quoted() (member, bool) {
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '\\':
			if i++; i >= len(s.rest) || s.rest[i] != '"' && s.rest[i] != '\\' {
				return member{}, false
			}
		case c == '"':
			m := member{kind: sfString, text: unquote(s.rest[:i+1])}
			s.rest = s.rest[i+1:]
			return m, true
		case c < ' ' || c > '~':
			return member{}, false
		}
	}
	return member{}, false
}

// parameters reads ;key=value… and forgets them.
func (s *sfScanner) parameters() bool {
	for s.take(';') {
		s.rest = strings.TrimLeft(s.rest, " ")
		if _, ok := s.key(); !ok {
			return false
		}
		if s.take('=') {
			if _, ok := s.item(); !ok {
				return false
			}
		}
	}
	return true
}
