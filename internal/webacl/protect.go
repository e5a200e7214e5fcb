// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
)

// protection hides a part of a request in the log: RedactedFields of the
// logging configuration and DataProtectionConfig of the web ACL.
type protection struct {
	*model.ACLProtection
	account string
}

const redacted = "REDACTED"

// hide is what stands in place of a text. A digest is that of the account and
// the text, in Base64 (Developer Guide, "Data protection"): who guesses a text
// can make sure of it.
func (p protection) hide(text string) string {
	if !p.Hash {
		return redacted
	}
	sum := sha256.Sum256([]byte(p.account + text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// about tells whether a name is one of the keys. Names of headers and arguments
// are compared as rules compare them.
func (p protection) about(name string) bool {
	if len(p.Keys) == 0 {
		return true
	}
	return slices.ContainsFunc(p.Keys, func(k string) bool { return strings.EqualFold(k, name) })
}

// whole hides a part that has no names.
func (l *logger) whole(f model.ACLProtectedField, text string) string {
	for _, p := range l.protect {
		if p.Field == f {
			return p.hide(text)
		}
	}
	return text
}

// query is the query string as it is shown.
func (l *logger) query(text string) string {
	for _, p := range l.protect {
		switch p.Field {
		case model.ProtectQuery:
			return p.hide(text)
		case model.ProtectArgument:
			text = p.pairs(text, "&", func(name string) string {
				if plain, err := url.QueryUnescape(name); err == nil {
					return plain
				}
				return name
			})
		default:
		}
	}
	return text
}

// header is the value of a header as it is shown.
func (l *logger) header(name, value string) string {
	for _, p := range l.protect {
		switch {
		case p.Field == model.ProtectHeader && p.about(name):
			return p.hide(value)
		case p.Field == model.ProtectCookie && strings.EqualFold(name, "Cookie"):
			value = p.pairs(value, ";", strings.TrimSpace)
		}
	}
	return value
}

// pairs hides the values of the pairs whose names are keys.
func (p protection) pairs(text, sep string, clean func(string) string) string {
	parts := strings.Split(text, sep)
	for i, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		if ok && p.about(clean(name)) {
			parts[i] = name + "=" + p.hide(value)
		}
	}
	return strings.Join(parts, sep)
}

// matched is the text that a statement found, as it is shown: what is protected
// anywhere in the component that the statement reads is not, whole.
func (l *logger) matched(in *inspect, text string) string {
	for _, p := range l.protect {
		if !p.KeepMatch && p.within(in) {
			return p.hide(text)
		}
	}
	return text
}

// within tells whether a component can show what is protected.
func (p protection) within(in *inspect) bool {
	switch p.Field {
	case model.ProtectHeader:
		cookie := in.kind == model.FieldCookies && p.about("Cookie")
		return cookie || in.kind == model.FieldHeaders || in.kind == model.FieldHeader && p.about(in.name)
	case model.ProtectCookie:
		return in.kind == model.FieldCookies || in.kind == model.FieldHeaders || in.kind == model.FieldHeader && strings.EqualFold(in.name, "Cookie")
	case model.ProtectArgument:
		return in.kind == model.FieldQuery || in.kind == model.FieldQueryArguments || in.kind == model.FieldQueryArgument && p.about(in.name)
	case model.ProtectQuery:
		return in.kind == model.FieldQuery || in.kind == model.FieldQueryArguments || in.kind == model.FieldQueryArgument
	case model.ProtectBody:
		return in.kind == model.FieldBody || in.kind == model.FieldJSON
	case model.ProtectPath:
		return in.kind == model.FieldPath
	case model.ProtectMethod:
		return in.kind == model.FieldMethod
	}
	return false
}

// rated is the value of a part of the key of a rate-based rule, as it is shown.
func (l *logger) rated(s *rateMatch, part *ratePart, value string) string {
	in := inspect{name: part.name}
	switch part.kind {
	case model.RateByHeader:
		in.kind = model.FieldHeader
	case model.RateByForwardedIP:
		in.kind = model.FieldHeader
		if s.from != nil {
			in.name = s.from.header
		}
	case model.RateByCookie:
		for _, p := range l.protect { // a single cookie has a name, which a component has not
			if p.Field == model.ProtectCookie && !p.KeepRate && p.about(part.name) || p.Field == model.ProtectHeader && !p.KeepRate && p.about("Cookie") {
				return p.hide(value)
			}
		}
		return value
	case model.RateByQueryArgument:
		in.kind = model.FieldQueryArgument
	case model.RateByQueryString:
		in.kind = model.FieldQuery
	case model.RateByPath:
		in.kind = model.FieldPath
	case model.RateByMethod:
		in.kind = model.FieldMethod
	default:
		return value
	}
	for _, p := range l.protect {
		if !p.KeepRate && p.within(&in) {
			return p.hide(value)
		}
	}
	return value
}
