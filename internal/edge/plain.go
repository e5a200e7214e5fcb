// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/explain"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
)

// What is kept of a request for people to read, or shown in debug headers, must
// tell no secret. Of headers the values of a closed list are plain; every other
// one (Authorization, Cookie, X-Api-Key, what nobody here has heard of) is
// hidden: a digest stands for it, by which two requests can be compared within
// one process, or the word "present". So are the parameters of query strings
// that carry signatures and tokens. The rest of a URL is what access logs have,
// too.

// plainHeader tells whether the values of a header (lower case) may be shown.
func plainHeader(name string) bool {
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

func plainParam(name string) bool {
	return !slices.ContainsFunc(secretParams, func(s string) bool { return httpmsg.EqualFold(s, name) })
}

// plainPart tells whether the values of a part of a key may be shown.
func plainPart(name string) bool {
	if n, ok := strings.CutPrefix(name, explain.HeaderPart); ok {
		return plainHeader(n)
	}
	if n, ok := strings.CutPrefix(name, explain.QueryPart); ok {
		return plainParam(n)
	}
	return !strings.HasPrefix(name, explain.CookiePart)
}

// appendHidden stands for a value that is not shown.
func (x *Exchange) appendHidden(b []byte, value string) []byte {
	if x.edge.deps.Recent == nil {
		return append(b, "present"...)
	}
	b = append(b, hiddenMark...)
	return strconv.AppendUint(b, x.edge.deps.Recent.Digest(value), 16)
}

const hiddenMark = "digest:"

// plainQuery is a query string without secrets, in scratch where there are some.
func (x *Exchange) plainQuery(query string) string {
	hidden := false
	for n, _, _, rest, ok := httpspec.NextParam(query); ok && !hidden; n, _, _, rest, ok = httpspec.NextParam(rest) {
		hidden = !plainParam(n)
	}
	if !hidden {
		return query
	}
	at := len(x.scratch)
	x.scratch = x.appendPlainQuery(x.scratch, query)
	return view(x.scratch[at:])
}

func (x *Exchange) appendPlainQuery(b []byte, query string) []byte {
	first := true
	for n, _, raw, rest, ok := httpspec.NextParam(query); ok; n, _, raw, rest, ok = httpspec.NextParam(rest) {
		if !first {
			b = append(b, '&')
		}
		first = false
		name, value, set := strings.Cut(raw, "=")
		if !set || plainParam(n) {
			b = append(b, raw...)
			continue
		}
		b = x.appendHidden(append(append(b, name...), '='), value)
	}
	return b
}

// plainKey is a cache key (key.go) without secrets, in scratch where it differs.
func (x *Exchange) plainKey(key string) string {
	_, rest, _ := strings.Cut(key, "\n")
	target, rest, _ := strings.Cut(rest, "\n")
	if !strings.Contains(target, "?") && strings.IndexByte(rest, ':') < 0 {
		return key // nothing but path, origin and encodings
	}
	at := len(x.scratch)
	x.scratch = x.appendPlainKey(x.scratch, key)
	return view(x.scratch[at:])
}

func (x *Exchange) appendPlainKey(b []byte, key string) []byte {
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
				b = x.appendPlainQuery(append(b, '?'), query)
			}
		case i < 2 || !header || strings.HasPrefix(line, "origin=") || plainHeader(name):
			b = append(b, line...)
		case name == "cookie":
			b = x.appendPlainCookies(append(append(b, name...), ':'), value)
		default:
			b = x.appendHidden(append(append(b, name...), ':'), value)
		}
		if key = rest; !more {
			break
		}
	}
	if varies {
		b = x.appendPlainVariant(b, variant)
	}
	return b
}

func (x *Exchange) appendPlainCookies(b []byte, cookies string) []byte {
	first := true
	for n, v, rest, ok := httpspec.NextCookie(cookies); ok; n, v, rest, ok = httpspec.NextCookie(rest) {
		if !first {
			b = append(b, "; "...)
		}
		first = false
		b = x.appendHidden(append(append(b, n...), '='), v)
	}
	return b
}

// appendPlainVariant is what selects a variant: the marker with its names, and
// a value for each (vary.go).
func (x *Exchange) appendPlainVariant(b []byte, variant string) []byte {
	marker, values, some := strings.Cut(variant, string(rune(cache.VariantSep)))
	b = append(append(b, cache.VariantSep), marker...)
	_, names, _ := strings.Cut(marker, ":")
	for some {
		var name, value string
		name, names, _ = strings.Cut(names, ",")
		value, values, some = strings.Cut(values, string(rune(cache.VariantSep)))
		b = append(b, cache.VariantSep)
		if text, sent := strings.CutPrefix(value, "="); sent && !plainHeader(name) {
			b = x.appendHidden(append(b, '='), text)
		} else {
			b = append(b, value...)
		}
	}
	return b
}

// viewerHeaders are the viewer's headers as lines "Name: value", without secrets.
func (x *Exchange) viewerHeaders() string {
	at := len(x.scratch)
	b := x.scratch
	for _, f := range x.rq.Header.Fields() {
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
		if plainHeader(view(name)) {
			b = append(b, f.Value[:min(len(f.Value), 256)]...)
		} else {
			b = x.appendHidden(b, f.Value)
		}
		b = append(b, '\n')
	}
	x.scratch = b
	return view(x.scratch[at:])
}
