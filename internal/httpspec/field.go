// SPDX-License-Identifier: Apache-2.0

package httpspec

import "strings"

// tokenByte has true for the bytes of a token (RFC 9110 5.6.2).
var tokenByte = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-0x20] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] = true
	}
	return t
}()

// ValidName tells whether s can be the name of a field: a token, not empty.
func ValidName(s string) bool {
	for i := 0; i < len(s); i++ {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return s != ""
}

// ValidValue tells whether s can be the value of a field (RFC 9110 5.5): no
// control byte but tab, no white space at the ends. Bytes above 0x7f pass.
func ValidValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return s == "" || !isSpace(s[0]) && !isSpace(s[len(s)-1])
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// trim removes optional white space (OWS) from both ends.
func trim(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// equalFold compares without regard to ASCII case.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// NextItem cuts the first member off a comma-separated list (RFC 9110 5.6.1).
// Commas in quoted strings do not count, empty members are skipped. ok is
// false when there was no member left.
//
//	for item, rest, ok := NextItem(v); ok; item, rest, ok = NextItem(rest) { … }
func NextItem(list string) (item, rest string, ok bool) {
	for list != "" {
		item, list = cutOutsideQuotes(list, ',')
		if item = trim(item); item != "" {
			return item, list, true
		}
	}
	return "", "", false
}

// cutOutsideQuotes is strings.Cut that leaves quoted strings whole. A quoted
// string that never ends runs to the end of s.
func cutOutsideQuotes(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquote is the content of a quoted string, or s when it is none. Without a
// backslash inside nothing is copied.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// ListHas tells whether a comma-separated list (Vary, Connection, a list of
// tokens in general) has a member, without regard to ASCII case.
func ListHas(list, member string) bool {
	for item, rest, ok := NextItem(list); ok; item, rest, ok = NextItem(rest) {
		if equalFold(item, member) {
			return true
		}
	}
	return false
}

// HopByHop tells whether a field concerns one connection only and must not be
// forwarded: the fixed names of RFC 9110 7.6.1 and 11.7, RFC 9112 and the
// old Proxy-Connection and Keep-Alive, and what the message's Connection
// field (connection, joined) lists. A Connection field cannot take away
// fields that the message is useless or dangerous without.
func HopByHop(name, connection string) bool {
	switch len(name) {
	case 2:
		if equalFold(name, "TE") {
			return true
		}
	case 7:
		if equalFold(name, "Trailer") || equalFold(name, "Upgrade") {
			return true
		}
	case 10:
		if equalFold(name, "Connection") || equalFold(name, "Keep-Alive") {
			return true
		}
	case 16:
		if equalFold(name, "Proxy-Connection") {
			return true
		}
	case 17:
		if equalFold(name, "Transfer-Encoding") {
			return true
		}
	case 18:
		if equalFold(name, "Proxy-Authenticate") {
			return true
		}
	case 19:
		if equalFold(name, "Proxy-Authorization") {
			return true
		}
	}
	return connection != "" && !endToEnd(name) && ListHas(connection, name)
}

// endToEnd are fields that Connection must not remove: taking Cache-Control
// off an answer, or Host and Cookie off a request, has been an attack.
func endToEnd(name string) bool {
	for _, n := range [...]string{
		"Host", "Authorization", "Cookie", "Set-Cookie", "Cache-Control", "Content-Length",
		"Content-Type", "Content-Encoding", "X-Forwarded-For", "Date", "Expires", "Vary", "ETag",
	} {
		if equalFold(n, name) {
			return true
		}
	}
	return false
}

// ContentLength reads the joined values of Content-Length. Several equal
// values count as one (RFC 9112 6.3 allows it); anything else than digits,
// or values that differ, is not ok and the message must be refused.
func ContentLength(values string) (n int64, ok bool) {
	n = -1
	for more := true; more; {
		var item string
		item, values, more = strings.Cut(values, ",")
		v, good := digits(trim(item))
		if !good || n >= 0 && v != n {
			return 0, false
		}
		n = v
	}
	return n, n >= 0
}

// digits reads a decimal number without sign. More than 18 digits is not ok.
func digits(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	return n, true
}

// MediaType is the type/subtype of a Content-Type, without parameters and
// white space, in the case it came in. Compare it with EqualMediaType.
func MediaType(value string) string {
	t, _ := cutOutsideQuotes(value, ';')
	return trim(t)
}

// EqualMediaType compares the essence of a Content-Type with type/subtype.
func EqualMediaType(value, essence string) bool { return equalFold(MediaType(value), essence) }
