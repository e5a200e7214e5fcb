// SPDX-License-Identifier: Apache-2.0

// Package edgerule has the rules that CloudFront Functions and Lambda@Edge
// share: which header fields are kept from edge functions, and how texts pass
// to them and back.
//
// Source: CloudFront Developer Guide, "Restrictions on all edge functions".
//
// What it does not do: it runs nothing and knows neither kind of function;
// what is read-only differs between them and stands there. It imports the
// standard library only; its functions are pure.
package edgerule

import (
	"strings"
	"unicode/utf8"
)

// MaxURI bounds path and query string together.
const MaxURI = 8192

// Disallowed tells header fields that are hidden from functions and that they
// cannot add. name is in lower case.
func Disallowed(name string) bool {
	switch name {
	case "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer",
		"upgrade", "x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-amzn-auth",
		"x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile", "x-amzn-header-count",
		"x-amzn-header-order", "x-amzn-lambda-integration-tag", "x-amzn-requestid", "x-cache", "x-forwarded-proto", "x-real-ip":
		return true
	}
	return strings.HasPrefix(name, "x-amz-cf-") || strings.HasPrefix(name, "x-edge-")
}

// BadQuery tells what cannot stand in a query string.
func BadQuery(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '#' {
			return true
		}
	}
	return false
}

// Canonical capitalises the first letter of each word, as CloudFront does.
func Canonical(name string) string {
	b := []byte(name)
	up := true
	for i, c := range b {
		if up && 'a' <= c && c <= 'z' {
			b[i] = c - 0x20
		}
		up = c == '-'
	}
	return string(b)
}

// EscapePath percent-encodes what cannot stand in a path: a uri that a
// function made may hold any character.
func EscapePath(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		bad := c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>?#\\^`{|}", c) >= 0
		if bad && b == nil {
			b = append(make([]byte, 0, len(s)+16), s[:i]...)
		}
		switch {
		case bad:
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		case b != nil:
			b = append(b, c)
		}
	}
	if b == nil {
		return s
	}
	return string(b)
}

// UTF8 is s as functions see it: what is no UTF-8 is taken for ISO 8859-1.
func UTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	r := make([]rune, len(s))
	for i := 0; i < len(s); i++ {
		r[i] = rune(s[i])
	}
	return string(r)
}
