// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"strings"
)

// Transformations that undo what languages write in place of characters.

// replaceComments puts a space in place of each C comment, also of one that
// does not end; a */ alone stays.
func replaceComments(s string) string {
	if !strings.Contains(s, "/*") {
		return s
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "/*")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteByte(' ')
		if _, s, ok = strings.Cut(after, "*/"); !ok {
			return b.String()
		}
	}
}

// octalAt reads up to three octal digits at i.
func octalAt(s string, i int) (v, n int) {
	for n < 3 && i+n < len(s) && s[i+n]-'0' < 8 {
		v = v<<3 | int(s[i+n]-'0')
		n++
	}
	return v, n
}

// simpleEscape is the byte of an escape of one letter.
func simpleEscape(c byte) (byte, bool) {
	switch c {
	case 'a':
		return '\a', true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'v':
		return '\v', true
	case '\\', '?', '\'', '"':
		return c, true
	}
	return 0, false
}

// escapeDecode decodes the escapes of C: \n, \x41, \101. What is none stays.
func escapeDecode(s string) string {
	return decodeBackslash(s, func(b []byte, s string, i int) ([]byte, int) {
		if c, ok := simpleEscape(s[i]); ok {
			return append(b, c), i + 1
		}
		if s[i]|0x20 == 'x' {
			if v, ok := hexAt(s, i+1, 2); ok {
				return append(b, byte(v)), i + 3
			}
		}
		if v, n := octalAt(s, i); n > 0 {
			return append(b, byte(v)), i + n
		}
		return append(b, '\\', s[i]), i + 1
	})
}

// jsDecode decodes the escapes of JavaScript: \u0041, \x41, \101, \n; of any
// other only the character stays.
func jsDecode(s string) string {
	return decodeBackslash(s, func(b []byte, s string, i int) ([]byte, int) {
		switch s[i] {
		case 'u':
			if v, ok := hexAt(s, i+1, 4); ok {
				return append(b, narrow(v)), i + 5
			}
		case 'x':
			if v, ok := hexAt(s, i+1, 2); ok {
				return append(b, byte(v)), i + 3
			}
		}
		if v, n := octalAt(s, i); n > 0 {
			if v > 255 { // \400 is \40 and a 0
				v, n = v>>3, n-1
			}
			return append(b, byte(v)), i + n
		}
		if c, ok := simpleEscape(s[i]); ok {
			return append(b, c), i + 1
		}
		return append(b, s[i]), i + 1
	})
}

// cssDecode decodes the escapes of CSS 2: up to six hex digits, of which the
// last two count, with one space after them; a line end goes.
func cssDecode(s string) string {
	return decodeBackslash(s, func(b []byte, s string, i int) ([]byte, int) {
		n := 0
		for n < 6 && i+n < len(s) {
			if _, ok := unhex(s[i+n]); !ok {
				break
			}
			n++
		}
		if n == 0 {
			if s[i] == '\n' {
				return b, i + 1
			}
			return append(b, s[i]), i + 1
		}
		v, _ := hexAt(s, i, n)
		if i += n; i < len(s) && isSpace(s[i]) {
			i++
		}
		return append(b, narrow(v)), i
	})
}

// decodeBackslash calls f behind each backslash, with the place after it.
func decodeBackslash(s string, f func(b []byte, s string, i int) ([]byte, int)) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			i++
			continue
		}
		b, i = f(b, s, i+1)
	}
	return string(b)
}

// sqlHexDecode decodes the hex literals of SQL: 0x414243 is ABC.
func sqlHexDecode(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] == '0' && i+1 < len(s) && s[i+1]|0x20 == 'x' {
			at := i + 2
			for {
				v, ok := hexAt(s, at, 2)
				if !ok {
					break
				}
				b = append(b, byte(v))
				at += 2
			}
			if at > i+2 {
				i = at
				continue
			}
		}
		b = append(b, s[i])
		i++
	}
	return string(b)
}

// normalizePath drops empty segments, . and .. with what stands before it; a ..
// that leaves the beginning of a relative path stays.
func normalizePath(s string) string {
	if !strings.Contains(s, "//") && !strings.Contains(s, ".") {
		return s
	}
	rooted, slash := strings.HasPrefix(s, "/"), strings.HasSuffix(s, "/")
	var kept []string
	for seg := range strings.SplitSeq(s, "/") {
		switch {
		case seg == "" || seg == ".":
		case seg == ".." && len(kept) > 0 && kept[len(kept)-1] != "..":
			kept = kept[:len(kept)-1]
		case seg == ".." && rooted:
		default:
			kept = append(kept, seg)
		}
	}
	out := strings.Join(kept, "/")
	if rooted {
		out = "/" + out
	}
	if slash && !strings.HasSuffix(out, "/") {
		out += "/"
	}
	return out
}
