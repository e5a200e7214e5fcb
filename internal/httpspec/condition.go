// SPDX-License-Identifier: Apache-2.0

package httpspec

import "time"

// ETag is an entity tag with its quotes, and W/ when it is weak; "" for none.
type ETag string

// ParseETag reads an ETag field; "" when it is no entity tag (RFC 9110 8.8.3).
func ParseETag(value string) ETag {
	tag, rest := cutETag(trim(value))
	if trim(rest) != "" {
		return ""
	}
	return tag
}

// cutETag takes an entity tag off the front of s; "" when there is none.
func cutETag(s string) (tag ETag, rest string) {
	i := 0
	if len(s) > 2 && s[0] == 'W' && s[1] == '/' { // case-sensitive by the grammar
		i = 2
	}
	if i >= len(s) || s[i] != '"' {
		return "", s
	}
	for j := i + 1; j < len(s); j++ {
		switch c := s[j]; {
		case c == '"':
			return ETag(s[:j+1]), s[j+1:]
		case c <= ' ' || c == 0x7f:
			return "", s
		}
	}
	return "", s
}

// Weak tells whether t is a weak tag.
func (t ETag) Weak() bool { return len(t) > 2 && t[0] == 'W' }

func (t ETag) opaque() ETag {
	if t.Weak() {
		return t[2:]
	}
	return t
}

// StrongEqual is the strong comparison of RFC 9110 8.8.3.2.
func (t ETag) StrongEqual(u ETag) bool { return t != "" && t == u && !t.Weak() }

// WeakEqual is the weak comparison of RFC 9110 8.8.3.2.
func (t ETag) WeakEqual(u ETag) bool { return t != "" && u != "" && t.opaque() == u.opaque() }

// matchList tells whether list (an If-Match or If-None-Match) is * or has a
// tag that equals t. Reading stops at the first malformed member.
func matchList(list string, t ETag, equal func(a, b ETag) bool) bool {
	list = trim(list)
	if list == "*" {
		return true
	}
	for list != "" {
		if list[0] == ',' || isSpace(list[0]) {
			list = list[1:]
			continue
		}
		var tag ETag
		if tag, list = cutETag(list); tag == "" {
			return false
		}
		if equal(tag, t) {
			return true
		}
		if list = trim(list); list != "" && list[0] != ',' {
			return false
		}
	}
	return false
}

// Conditions are the precondition fields of a request, joined; "" is absent.
type Conditions struct {
	IfMatch           string
	IfNoneMatch       string
	IfModifiedSince   string
	IfUnmodifiedSince string
}

// Any tells whether there is a precondition at all.
func (c *Conditions) Any() bool {
	return c.IfMatch != "" || c.IfNoneMatch != "" || c.IfModifiedSince != "" || c.IfUnmodifiedSince != ""
}

// Validators are those of the selected representation, as its fields say.
type Validators struct {
	ETag         string
	LastModified string
	// Date stands in for a missing Last-Modified when If-Modified-Since is
	// judged (RFC 9111 4.3.2). Empty: the condition does not apply then.
	Date string
}

// Condition is the outcome of preconditions.
type Condition uint8

// The outcomes. With PreconditionFailed the answer is 412, with NotModified
// 304.
const (
	Proceed Condition = iota
	NotModified
	PreconditionFailed
)

// String is a word for records.
func (c Condition) String() string {
	switch c {
	case NotModified:
		return "not-modified"
	case PreconditionFailed:
		return "precondition-failed"
	}
	return "proceed"
}

// Evaluate judges preconditions in the order of RFC 9110 13.2.2, for a
// representation that exists and would be answered with 2xx (otherwise they
// are not to be judged at all, 13.2.1). Range and If-Range come after it.
func Evaluate(method string, c Conditions, v Validators) Condition {
	read := method == "GET" || method == "HEAD"
	tag := ParseETag(v.ETag)
	switch {
	case c.IfMatch != "":
		if !matchList(c.IfMatch, tag, ETag.StrongEqual) {
			return PreconditionFailed
		}
	case c.IfUnmodifiedSince != "":
		if since, modified, ok := dates(c.IfUnmodifiedSince, v.LastModified); ok && modified.After(since) {
			return PreconditionFailed
		}
	}
	switch {
	case c.IfNoneMatch != "":
		if matchList(c.IfNoneMatch, tag, ETag.WeakEqual) {
			if read {
				return NotModified
			}
			return PreconditionFailed
		}
	case c.IfModifiedSince != "" && read:
		last := v.LastModified
		if last == "" {
			last = v.Date
		}
		if since, modified, ok := dates(c.IfModifiedSince, last); ok && !modified.After(since) {
			return NotModified
		}
	}
	return Proceed
}

func dates(a, b string) (x, y time.Time, ok bool) {
	x, ok1 := ParseDate(trim(a))
	y, ok2 := ParseDate(trim(b))
	return x, y, ok1 && ok2
}

// IfRange tells whether the Range of a request is to be applied: there is no
// If-Range, or it is the representation's strong tag, or its exact
// Last-Modified that is strong by RFC 9110 8.8.2.2 (a minute older than Date;
// without a Date it is not strong).
func IfRange(value string, v Validators) bool {
	value = trim(value)
	if value == "" {
		return true
	}
	if tag := ParseETag(value); tag != "" {
		return tag.StrongEqual(ParseETag(v.ETag))
	}
	since, modified, ok := dates(value, v.LastModified)
	if !ok || !since.Equal(modified) {
		return false
	}
	date, ok := ParseDate(v.Date)
	return ok && date.Sub(modified) >= time.Minute
}
