// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// Events are appended to one buffer: an object is begun with '{', each member
// is written with a comma before it but for the first, which openObject and
// the member functions find out by looking at the last byte.

const hexDigits = "0123456789abcdef"

// safeJSON tells for each ASCII byte whether it stands for itself in a string.
var safeJSON = func() (t [utf8.RuneSelf]bool) {
	for i := range t {
		t[i] = i >= 0x20 && i != '"' && i != '\\' && i != 0x7f
	}
	return t
}()

// appendString appends s as a JSON string. Bytes that are no UTF-8 become
// U+FFFD.
func appendString[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if safeJSON[c] {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			b = appendEscape(b, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			i++
			start = i
			continue
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendLower appends s as a JSON string in ASCII lower case.
func appendLower(b []byte, s string) []byte {
	start := len(b)
	b = appendString(b, s)
	for i := start; i < len(b); i++ {
		if c := b[i]; 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return b
}

// key appends the name of the next member and its colon.
func key(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// text appends a member that is a string.
func text(b []byte, name, value string) []byte {
	return appendString(key(b, name), value)
}

// textOrNull appends a member that is a string, or null when it is empty.
func textOrNull(b []byte, name, value string) []byte {
	if value == "" {
		return null(b, name)
	}
	return text(b, name, value)
}

func null(b []byte, name string) []byte { return append(key(b, name), "null"...) }

func number(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(key(b, name), n, 10)
}

// comma separates the elements of a list or object whose first byte is open.
func comma(b []byte) []byte {
	if c := b[len(b)-1]; c != '{' && c != '[' {
		b = append(b, ',')
	}
	return b
}

// bodyMembers appends body and isBase64Encoded.
func bodyMembers(b, body []byte, binary bool) []byte {
	b = key(b, "body")
	if binary {
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, body)
		b = append(b, '"')
		return append(b, `,"isBase64Encoded":true`...)
	}
	b = appendString(b, body)
	return append(b, `,"isBase64Encoded":false`...)
}
