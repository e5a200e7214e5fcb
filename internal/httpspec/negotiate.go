// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"slices"
	"strings"
)

// Encodings is a set of content codings.
type Encodings uint8

// The codings that an edge compresses with, and that of APIs.
const (
	Gzip Encodings = 1 << iota
	Brotli
	Deflate // of APIs only: PreferredEncoding tells it
)

// Has tells whether all of f are in e.
func (e Encodings) Has(f Encodings) bool { return e&f == f }

// String is the normalised Accept-Encoding that CloudFront puts in the cache
// key and sends to the origin; "" for none.
func (e Encodings) String() string {
	switch e & (Gzip | Brotli) {
	case Gzip:
		return "gzip"
	case Brotli:
		return "br"
	case Gzip | Brotli:
		return "br,gzip"
	}
	if e == Deflate {
		return "deflate"
	}
	return ""
}

// AcceptedEncodings tells which codings the joined values of Accept-Encoding
// name with a weight above zero. As at CloudFront * stands for none of them,
// and weights do not rank.
func AcceptedEncodings(values string) Encodings {
	var e, refused Encodings
	for item, rest, ok := NextItem(values); ok; item, rest, ok = NextItem(rest) {
		coding, params := cutOutsideQuotes(item, ';')
		var f Encodings
		switch coding = trim(coding); {
		case equalFold(coding, "gzip"):
			f = Gzip
		case equalFold(coding, "br"):
			f = Brotli
		default:
			continue
		}
		if weight(params) == 0 {
			refused |= f
		} else {
			e |= f
		}
	}
	return e &^ refused
}

// PreferredEncoding is the coding of APIs, Gzip or Deflate, that the joined
// values of Accept-Encoding rank first, Gzip where both are equal; 0: none, or
// identity before it. Unlike AcceptedEncodings * stands for what is not named.
func PreferredEncoding(values string) Encodings {
	gzip, deflate, any, identity := -1, -1, 0, 0
	for item, rest, ok := NextItem(values); ok; item, rest, ok = NextItem(rest) {
		coding, params := cutOutsideQuotes(item, ';')
		switch coding = trim(coding); {
		case equalFold(coding, "gzip"):
			gzip = weight(params)
		case equalFold(coding, "deflate"):
			deflate = weight(params)
		case equalFold(coding, "identity"):
			identity = weight(params)
		case coding == "*":
			any = weight(params)
		}
	}
	if gzip < 0 {
		gzip = any
	}
	if deflate < 0 {
		deflate = any
	}
	switch best := max(gzip, deflate); {
	case best == 0 || identity > best:
		return 0
	case best == gzip:
		return Gzip
	}
	return Deflate
}

// weight is the q of parameters in thousandths: 1000 without one, 0 when it
// cannot be read, which counts as a refusal.
func weight(params string) int {
	for params != "" {
		var p string
		p, params = cutOutsideQuotes(params, ';')
		p = trim(p)
		if len(p) < 2 || lower(p[0]) != 'q' || p[1] != '=' {
			continue
		}
		return qvalue(p[2:])
	}
	return 1000
}

// qvalue reads a qvalue (RFC 9110 12.4.2), 0 or 1 with at most three decimals,
// in thousandths; 0 for what is none.
func qvalue(q string) int {
	if q == "" || len(q) > 5 || q[0] != '0' && q[0] != '1' || len(q) > 1 && q[1] != '.' {
		return 0
	}
	n := 1000 * int(q[0]-'0')
	for i, unit := 2, 100; i < len(q); i, unit = i+1, unit/10 {
		if q[i] < '0' || q[i] > '9' {
			return 0
		}
		n += unit * int(q[i]-'0')
	}
	if n > 1000 {
		return 0
	}
	return n
}

// AppendNormalised appends the joined values of a selecting field (Vary) in a
// form in which values that ask for the same are equal (RFC 9111 4.1): without
// white space and empty members in lists; languages, codings and character
// sets also in lower case and, with media ranges, sorted, for their order
// means nothing.
func AppendNormalised(b []byte, name, value string) []byte {
	sorted := equalFold(name, "Accept-Language") || equalFold(name, "Accept-Encoding") || equalFold(name, "Accept-Charset")
	if !sorted && !equalFold(name, "Accept") {
		start := len(b)
		for item, rest, ok := NextItem(value); ok; item, rest, ok = NextItem(rest) {
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(b, item...)
		}
		return b
	}
	var room [16]string
	items := room[:0]
	for item, rest, ok := NextItem(value); ok; item, rest, ok = NextItem(rest) {
		if strings.IndexByte(item, ' ') >= 0 {
			item = strings.ReplaceAll(item, " ", "")
		}
		if sorted {
			item = strings.ToLower(item)
		}
		items = append(items, item)
	}
	slices.Sort(items)
	return append(b, strings.Join(items, ",")...)
}
