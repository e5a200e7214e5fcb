// SPDX-License-Identifier: Apache-2.0

// Package plain takes the secrets out of what is kept of a request for people to
// read, or shown in debug headers.
//
// Of headers the values of a closed list are plain; every other
// one (Authorization, Cookie, X-Api-Key, what nobody here has heard of) is
// hidden: a digest stands for it, by which two requests can be compared within
// one process, or the word "present". So are the parameters of query strings
// that carry signatures and tokens. The rest of a URL is what access logs have,
// too.
//
// The flow: Header, Param and Part tell what may be shown; a Hider appends query
// strings, cache keys and fields with the rest hidden. QueryHides and KeyHides
// spare the copy of what has nothing to hide.
//
// Concurrency: a Hider may be used by many at once.
package plain

import (
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// Hider hides by the digests of Recent; nil: "present" stands for every value.
type Hider struct{ Recent *record.Recent }

// Header tells whether the values of a header (lower case) may be shown.
func Header(name string) bool {
	switch name {
	case "accept", "accept-encoding", "accept-language", "cache-control", "connection", "content-length", "content-type", "host",
		"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "origin", "pragma", "priority", "range", "te",
		"upgrade", "user-agent", "x-forwarded-for", "x-forwarded-proto", "access-control-request-method", "access-control-request-headers":
		return true
	}
	return strings.HasPrefix(name, "cloudfront-") || strings.HasPrefix(name, "sec-fetch-") || strings.HasPrefix(name, "sec-ch-")
}

// secretParams are parameters of query strings whose values are hidden, in lower
// case: signatures (CloudFront's, S3's), tokens, codes and passwords.
var secretParams = []string{
	"signature", "policy", "x-amz-signature", "x-amz-security-token", "x-amz-credential", "awsaccesskeyid",
	"access_token", "id_token", "refresh_token", "token", "jwt", "code", "client_secret", "secret", "password", "passwd", "pwd",
	"api_key", "apikey", "api-key", "x-api-key", "key", "auth", "authorization", "session", "sessionid", "sid", "sig",
}

// Param tells whether the values of a parameter of query strings may be shown.
func Param(name string) bool {
	return !slices.ContainsFunc(secretParams, func(s string) bool { return httpmsg.EqualFold(s, name) })
}

// Part tells whether the values of a part of a key may be shown.
func Part(name string) bool {
	if n, ok := strings.CutPrefix(name, explain.HeaderPart); ok {
		return Header(n)
	}
	if n, ok := strings.CutPrefix(name, explain.QueryPart); ok {
		return Param(n)
	}
	return !strings.HasPrefix(name, explain.CookiePart)
}

// Append stands for a value that is not shown.
func (h Hider) Append(b []byte, value string) []byte {
	if h.Recent == nil {
		return append(b, "present"...)
	}
	b = append(b, mark...)
	return strconv.AppendUint(b, h.Recent.Digest(value), 16)
}

const mark = "digest:"

// Hidden tells whether a value stands for one that is hidden.
func Hidden(value string) bool { return strings.HasPrefix(value, mark) }

// QueryHides tells whether AppendQuery would hide something.
func QueryHides(query string) bool {
	for n, _, _, rest, ok := httpspec.NextParam(query); ok; n, _, _, rest, ok = httpspec.NextParam(rest) {
		if !Param(n) {
			return true
		}
	}
	return false
}

// AppendQuery appends a query string without secrets.
func (h Hider) AppendQuery(b []byte, query string) []byte {
	first := true
	for n, _, raw, rest, ok := httpspec.NextParam(query); ok; n, _, raw, rest, ok = httpspec.NextParam(rest) {
		if !first {
			b = append(b, '&')
		}
		first = false
		name, value, set := strings.Cut(raw, "=")
		if !set || Param(n) {
			b = append(b, raw...)
			continue
		}
		b = h.Append(append(append(b, name...), '='), value)
	}
	return b
}

// KeyHides tells whether AppendKey could hide something.
func KeyHides(key string) bool {
	_, rest, _ := strings.Cut(key, "\n")
	target, rest, _ := strings.Cut(rest, "\n")
	return strings.Contains(target, "?") || strings.IndexByte(rest, ':') >= 0 // else nothing but path, origin and encodings
}

// AppendKey appends a cache key (edge/key.go has its form) without secrets.
func (h Hider) AppendKey(b []byte, key string) []byte {
	key, variant, varies := strings.Cut(key, string(rune(cache.VariantSep)))
	for i := 0; ; i++ {
		line, rest, more := strings.Cut(key, "\n")
		if i > 0 {
			b = append(b, cache.KeySep)
		}
		switch name, value, header := strings.Cut(line, ":"); {
		case i == 1:
			path, query, _ := strings.Cut(line, "?")
			if b = append(b, path...); query != "" {
				b = h.AppendQuery(append(b, '?'), query)
			}
		case i < 2 || !header || strings.HasPrefix(line, "origin=") || Header(name):
			b = append(b, line...)
		case name == "cookie":
			b = h.appendCookies(append(append(b, name...), ':'), value)
		default:
			b = h.Append(append(append(b, name...), ':'), value)
		}
		if key = rest; !more {
			break
		}
	}
	if varies {
		b = h.appendVariant(b, variant)
	}
	return b
}

func (h Hider) appendCookies(b []byte, cookies string) []byte {
	first := true
	for n, v, rest, ok := httpspec.NextCookie(cookies); ok; n, v, rest, ok = httpspec.NextCookie(rest) {
		if !first {
			b = append(b, "; "...)
		}
		first = false
		b = h.Append(append(append(b, n...), '='), v)
	}
	return b
}

// appendVariant is what selects a variant: the marker with its names, and
// a value for each (vary.go).
func (h Hider) appendVariant(b []byte, variant string) []byte {
	marker, values, some := strings.Cut(variant, string(rune(cache.VariantSep)))
	b = append(append(b, cache.VariantSep), marker...)
	_, names, _ := strings.Cut(marker, ":")
	for some {
		var name, value string
		name, names, _ = strings.Cut(names, ",")
		value, values, some = strings.Cut(values, string(rune(cache.VariantSep)))
		b = append(b, cache.VariantSep)
		if text, sent := strings.CutPrefix(value, "="); sent && !Header(name) {
			b = h.Append(append(b, '='), text)
		} else {
			b = append(b, value...)
		}
	}
	return b
}

// AppendHeaders appends fields as lines "Name: value", without secrets.
func (h Hider) AppendHeaders(b []byte, fields []httpmsg.Field) []byte {
	for _, f := range fields {
		var room [64]byte
		name := room[:0]
		if len(f.Name) > len(room) || strings.HasPrefix(f.Name, "x-amzn-waf-") {
			continue
		}
		for i := range len(f.Name) {
			c := f.Name[i]
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			name = append(name, c)
		}
		b = append(append(b, f.Name...), ": "...)
		if Header(string(name)) {
			b = append(b, f.Value[:min(len(f.Value), 256)]...)
		} else {
			b = h.Append(b, f.Value)
		}
		b = append(b, '\n')
	}
	return b
}
