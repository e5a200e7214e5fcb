// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// clf is the time format of events: the Common Log Format's.
const clf = "02/Jan/2006:15:04:05 -0700"

// queryPair is a name and its values, decoded, in the order of appearance.
type queryPair struct {
	name   string
	values []string
}

// parseQuery takes a query string apart. Names keep the order in which they
// first appear; a part that cannot be decoded is taken as it stands. REST APIs
// also split at semicolons ("important notes" of the developer guide).
func parseQuery(query string, style Style) []queryPair {
	if query == "" {
		return nil
	}
	var pairs []queryPair
	separators := "&"
	if style == RESTAPI {
		separators = "&;"
	}
	for query != "" {
		part := query
		if i := strings.IndexAny(query, separators); i >= 0 {
			part, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, value = unescape(name), unescape(value)
		if i := findPair(pairs, name); i >= 0 {
			pairs[i].values = append(pairs[i].values, value)
			continue
		}
		pairs = append(pairs, queryPair{name, []string{value}})
	}
	return pairs
}

// QueryValues are the values of one name of the query string, decoded.
func (c *Call) QueryValues(name string) []string {
	pairs := parseQuery(c.Query, c.API.Style)
	if i := findPair(pairs, name); i >= 0 {
		return pairs[i].values
	}
	return nil
}

// findPair looks through the pairs: there are few, and the limit on the length
// of a request line bounds how many there can be.
func findPair(pairs []queryPair, name string) int {
	for i := range pairs {
		if pairs[i].name == name {
			return i
		}
	}
	return -1
}

// unescape decodes a part of a query string, '+' included.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// unescapePath decodes a path or a part of it.
func unescapePath(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}

// splitCookies is the cookies member of payload 2.0: each pair by itself.
func splitCookies(values []string) []string {
	var out []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ";") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// forwardedFor is the X-Forwarded-For that an integration sees: what came in,
// and the last hop.
func (c *Call) forwardedFor() string {
	ip := c.sourceIP()
	if len(c.Header["X-Forwarded-For"]) == 0 {
		return ip
	}
	if had := strings.Join(c.Header["X-Forwarded-For"], ", "); had != "" {
		return had + ", " + ip
	}
	return ip
}

func (c *Call) sourceIP() string {
	if c.sourceText == "" {
		c.sourceText = "127.0.0.1"
		if c.Caller.SourceIP.IsValid() {
			c.sourceText = c.Caller.SourceIP.Unmap().String()
		}
	}
	return c.sourceText
}

func (c *Call) scheme() string {
	if c.Caller.Scheme != "" {
		return c.Caller.Scheme
	}
	return "https"
}

func (c *Call) port() string {
	switch {
	case c.Caller.Port != 0:
		return strconv.Itoa(c.Caller.Port)
	case c.Caller.Scheme == "http":
		return "80"
	}
	return "443"
}

// domainPrefix is the first label of the domain.
func (c *Call) domainPrefix() string {
	prefix, _, _ := strings.Cut(c.Domain, ".")
	return prefix
}

// textTypes are the media types whose bodies an HTTP API and a function URL
// hand over as text, besides text/*. All others, no type and
// application/x-www-form-urlencoded among them, are base64.
func isTextType(contentType string) bool {
	t := mediaType(contentType)
	if strings.HasPrefix(t, "text/") {
		return true
	}
	switch t {
	case "application/json", "application/xml", "application/javascript":
		return true
	}
	return false
}

// mediaType is the type without its parameters, lower case.
func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// binaryBody tells whether a request's body goes into an event as base64.
func (c *Call) binaryBody(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	contentType := first(c.Header["Content-Type"])
	if c.API.Style == RESTAPI {
		return matchesMediaTypes(c.API.BinaryMediaTypes, contentType)
	}
	return !isTextType(contentType) || !utf8.Valid(body)
}

// matchesMediaTypes tells whether a media type is among the patterns of
// binaryMediaTypes: exact, type/* or */*.
func matchesMediaTypes(patterns []string, contentType string) bool {
	if len(patterns) == 0 {
		return false
	}
	t := mediaType(contentType)
	major, _, _ := strings.Cut(t, "/")
	for _, p := range patterns {
		p = strings.ToLower(p)
		if p == "*/*" || p == t && t != "" {
			return true
		}
		if m, ok := strings.CutSuffix(p, "/*"); ok && m == major && m != "" {
			return true
		}
	}
	return false
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
