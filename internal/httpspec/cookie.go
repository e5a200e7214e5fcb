// SPDX-License-Identifier: Apache-2.0

package httpspec

// NextCookie cuts the first pair off a Cookie field (RFC 6265 5.4, read
// backwards): pairs stand between semicolons, white space around names and
// values does not count, a pair without = has an empty name and its text as
// the value, as browsers mean it. Quotes are part of the value.
//
//	for name, value, rest, ok := NextCookie(v); ok; name, value, rest, ok = NextCookie(rest) { … }
func NextCookie(field string) (name, value, rest string, ok bool) {
	for field != "" {
		pair := field
		field = ""
		for i := 0; i < len(pair); i++ {
			if pair[i] == ';' {
				pair, field = pair[:i], pair[i+1:]
				break
			}
		}
		if pair = trim(pair); pair == "" {
			continue
		}
		for i := 0; i < len(pair); i++ {
			if pair[i] == '=' {
				return trim(pair[:i]), trim(pair[i+1:]), field, true
			}
		}
		return "", pair, field, true
	}
	return "", "", "", false
}

// ParseSetCookie takes a Set-Cookie field apart: name, value, and what
// follows the first semicolon as it was written, without leading space.
func ParseSetCookie(field string) (name, value, attributes string) {
	pair := field
	for i := 0; i < len(field); i++ {
		if field[i] == ';' {
			pair, attributes = field[:i], trim(field[i+1:])
			break
		}
	}
	for i := 0; i < len(pair); i++ {
		if pair[i] == '=' {
			return trim(pair[:i]), trim(pair[i+1:]), attributes
		}
	}
	return "", trim(pair), attributes
}

// NextParam cuts the first parameter off a query string, whose delimiter is &
// alone (CloudFront's). Nothing is decoded. raw is the parameter as written;
// empty parameters (as in a&&b) are skipped.
func NextParam(query string) (name, value, raw, rest string, ok bool) {
	for query != "" {
		raw, rest = query, ""
		for i := 0; i < len(query); i++ {
			if query[i] == '&' {
				raw, rest = query[:i], query[i+1:]
				break
			}
		}
		if raw == "" {
			query = rest
			continue
		}
		for i := 0; i < len(raw); i++ {
			if raw[i] == '=' {
				return raw[:i], raw[i+1:], raw, rest, true
			}
		}
		return raw, "", raw, rest, true
	}
	return "", "", "", "", false
}
