// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"html"
	"strings"
	"unicode/utf8"
)

// transform changes a text before it is compared (row W3; Developer Guide,
// "Text transformations"). It never fails: what cannot be decoded stays.
type transform func(string) string

// transformNamed is the transformation with AWS's name, or nil.
func transformNamed(name string) transform {
	switch name {
	case "COMPRESS_WHITE_SPACE":
		return compressSpace
	case "HTML_ENTITY_DECODE":
		return html.UnescapeString
	case "LOWERCASE":
		return lower
	case "CMD_LINE":
		return cmdLine
	case "URL_DECODE":
		return func(s string) string { return urlDecode(s, false) }
	case "URL_DECODE_UNI":
		return func(s string) string { return urlDecode(s, true) }
	case "BASE64_DECODE":
		return base64Decode
	case "BASE64_DECODE_EXT":
		return base64Forgiving
	case "HEX_DECODE":
		return hexDecode
	case "MD5":
		return func(s string) string { sum := md5.Sum([]byte(s)); return string(sum[:]) }
	case "REPLACE_COMMENTS":
		return replaceComments
	case "ESCAPE_SEQ_DECODE":
		return escapeDecode
	case "SQL_HEX_DECODE":
		return sqlHexDecode
	case "CSS_DECODE":
		return cssDecode
	case "JS_DECODE":
		return jsDecode
	case "NORMALIZE_PATH":
		return normalizePath
	case "NORMALIZE_PATH_WIN":
		return func(s string) string { return normalizePath(strings.ReplaceAll(s, `\`, "/")) }
	case "REMOVE_NULLS":
		return func(s string) string { return strings.ReplaceAll(s, "\x00", "") }
	case "REPLACE_NULLS":
		return func(s string) string { return strings.ReplaceAll(s, "\x00", " ") }
	case "UTF8_TO_UNICODE":
		return utf8ToUnicode
	}
	return nil
}

// Transforms are the names of the transformations, NONE first.
func Transforms() []string {
	return []string{
		"NONE", "COMPRESS_WHITE_SPACE", "HTML_ENTITY_DECODE", "LOWERCASE", "CMD_LINE", "URL_DECODE", "BASE64_DECODE",
		"HEX_DECODE", "MD5", "REPLACE_COMMENTS", "ESCAPE_SEQ_DECODE", "SQL_HEX_DECODE", "CSS_DECODE", "JS_DECODE",
		"NORMALIZE_PATH", "NORMALIZE_PATH_WIN", "REMOVE_NULLS", "REPLACE_NULLS", "BASE64_DECODE_EXT", "URL_DECODE_UNI",
		"UTF8_TO_UNICODE",
	}
}

// lower is ASCII only, as bytes are compared.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c-'A' < 26 {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i]-'A' < 26 {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0xa0 }

func compressSpace(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if !isSpace(s[i]) {
			b = append(b, s[i])
		} else if len(b) == 0 || b[len(b)-1] != ' ' {
			b = append(b, ' ')
		}
	}
	return string(b)
}

// cmdLine undoes what shells skip: \ " ' ^ go, a space before / and ( goes, , ;
// and runs of spaces become one space, letters become small.
func cmdLine(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' || c == '"' || c == '\'' || c == '^':
		case c == ',' || c == ';' || isSpace(c):
			if len(b) == 0 || b[len(b)-1] != ' ' {
				b = append(b, ' ')
			}
		case c == '/' || c == '(':
			if n := len(b); n > 0 && b[n-1] == ' ' {
				b = b[:n-1]
			}
			b = append(b, c)
		case c-'A' < 26:
			b = append(b, c|0x20)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func unhex(c byte) (byte, bool) {
	switch {
	case c-'0' < 10:
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// hexAt reads n hex digits at i.
func hexAt(s string, i, n int) (v int, ok bool) {
	if i+n > len(s) {
		return 0, false
	}
	for ; n > 0; n-- {
		d, ok := unhex(s[i])
		if !ok {
			return 0, false
		}
		v = v<<4 | int(d)
		i++
	}
	return v, true
}

// urlDecode decodes %XX and +, and with uni also %uXXXX: the low byte of a code
// point, full-width ASCII being its ASCII.
func urlDecode(s string, uni bool) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
			continue
		case s[i] != '%':
		case uni && i+1 < len(s) && s[i+1]|0x20 == 'u':
			if v, ok := hexAt(s, i+2, 4); ok {
				b = append(b, narrow(v))
				i += 5
				continue
			}
		default:
			if v, ok := hexAt(s, i+1, 2); ok {
				b = append(b, byte(v))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// narrow is the byte that stands for a code point of a script.
func narrow(v int) byte {
	if v >= 0xff01 && v <= 0xff5e {
		return byte(v-0xff00) + 0x20
	}
	return byte(v)
}

func base64Decode(s string) string {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(s); err == nil {
			return string(b)
		}
	}
	return s
}

// base64Forgiving skips what is not of the alphabet.
func base64Forgiving(s string) string {
	kept := make([]byte, 0, len(s))
	for i := 0; i < len(s) && s[i] != '='; i++ {
		c := s[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c-'0' < 10 || c == '+' || c == '/':
			kept = append(kept, c)
		case c == '-':
			kept = append(kept, '+')
		case c == '_':
			kept = append(kept, '/')
		}
	}
	if len(kept)%4 == 1 {
		kept = kept[:len(kept)-1]
	}
	b, err := base64.RawStdEncoding.DecodeString(string(kept))
	if err != nil {
		return s
	}
	return string(b)
}

func hexDecode(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		return s
	}
	return string(b)
}

func utf8ToUnicode(s string) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if n < 2 {
			b = append(b, s[i])
			i++
			continue
		}
		i += n
		b = append(b, '%', 'u')
		for shift := 12; shift >= 0; shift -= 4 {
			b = append(b, digits[r>>shift&15])
		}
	}
	return string(b)
}
