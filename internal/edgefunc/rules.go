// SPDX-License-Identifier: Apache-2.0

package edgefunc

import (
	"strings"

	"github.com/forelane/forelane/internal/edgerule"
	"github.com/forelane/forelane/internal/httpspec"
)

// The rules of the guide, "Restrictions on all edge functions", "HTTP headers".

// What both kinds of edge functions share, by its name here.
const maxURI = edgerule.MaxURI

func disallowed(name string) bool { return edgerule.Disallowed(name) }

func badQuery(s string) bool { return edgerule.BadQuery(s) }

func canonical(name string) string { return edgerule.Canonical(name) }

func escapePath(s string) string { return edgerule.EscapePath(s) }

// readOnly headers can be seen but not added, changed or deleted.
func readOnly(name string, viewerRequest bool) bool {
	switch name {
	case "via":
		return true
	case "cdn-loop", "content-length", "host", "transfer-encoding":
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
