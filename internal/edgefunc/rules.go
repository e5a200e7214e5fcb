// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"strings"

	"github.com/forelane/forelane/internal/httpspec"
)

// The rules of the guide, "Restrictions on all edge functions", "HTTP headers".

// maxURI bounds path and query string together.
const maxURI = 8192

// disallowed headers are hidden from functions and cannot be added. name is
// in lower case.
func disallowed(name string) bool {
	switch name {
	case "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer",
		"upgrade", "x-accel-buffering", "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-amzn-auth",
		"x-amzn-cf-billing", "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile", "x-amzn-header-count",
		"x-amzn-header-order", "x-amzn-lambda-integration-tag", "x-amzn-requestid", "x-cache", "x-forwarded-proto", "x-real-ip":
		return true
	}
	return strings.HasPrefix(name, "x-amz-cf-") || strings.HasPrefix(name, "x-edge-")
}

// readOnly headers can be seen but not added, changed or deleted.
func readOnly(name string, viewerRequest bool) bool {
	switch name {
	case "via":
		return true
	case "content-length", "host", "transfer-encoding":
		return viewerRequest
	case "warning":
		return !viewerRequest
	}
	return false
}

// checkHeaders judges what a function did to headers. made is true for an
// answer that the function made itself: it has no read-only headers but those
// that would break the message.
func checkHeaders(changes []change, viewerRequest, made bool) error {
	for _, c := range changes {
		switch {
		case c.name != strings.ToLower(c.name):
			return invalid("header %q must be in lower case", clip(c.name, 60))
		case !httpspec.ValidName(c.name):
			return invalid("%q is not a header name", clip(c.name, 60))
		case disallowed(c.name):
			return invalid("header %s is not allowed", c.name)
		case made && (c.name == "transfer-encoding" || c.name == "via"), !made && readOnly(c.name, viewerRequest):
			return invalid("header %s is read-only; the function tried to add, delete or change it", c.name)
		case c.name == "cookie" && viewerRequest && !made:
			return invalid("cookies belong in request.cookies, not in headers.cookie")
		case c.name == "set-cookie" && (made || !viewerRequest):
			return invalid("cookies belong in response.cookies, not in headers['set-cookie']")
		}
		for _, it := range c.items {
			if !httpspec.ValidValue(it.value) {
				return invalid("the value of header %s has characters that are not allowed", c.name)
			}
		}
	}
	return nil
}

// checkQuery judges names and values of a changed query string.
func checkQuery(changes []change) error {
	for _, c := range changes {
		if badQuery(c.name) {
			return invalid("query string %q has spaces, control characters or #", clip(c.name, 60))
		}
		for _, it := range c.items {
			if badQuery(it.value) {
				return invalid("the value of query string %q has spaces, control characters or #", clip(c.name, 60))
			}
		}
	}
	return nil
}

func badQuery(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '#' {
			return true
		}
	}
	return false
}

// checkCookies judges names and values of changed cookies.
func checkCookies(changes []change) error {
	for _, c := range changes {
		if strings.ContainsAny(c.name, "=;, \t\r\n") || !httpspec.ValidValue(c.name) {
			return invalid("%q is not a cookie name", clip(c.name, 60))
		}
		for _, it := range c.items {
			if strings.ContainsAny(it.value, ";\r\n") || !httpspec.ValidValue(it.value) || !httpspec.ValidValue(it.attributes) {
				return invalid("cookie %s has characters that are not allowed", c.name)
			}
		}
	}
	return nil
}

// canonical capitalises the first letter of each word, as CloudFront does.
func canonical(name string) string {
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

// escapePath percent-encodes what cannot stand in a path: a uri that a
// function made may hold any character.
func escapePath(s string) string {
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
