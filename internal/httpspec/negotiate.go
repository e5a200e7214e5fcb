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
	Deflate // of APIs only: AcceptedEncodings does not tell it
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
		if weightIsZero(params) {
			refused |= f
		} else {
			e |= f
		}
	}
	return e &^ refused
}

// weightIsZero tells whether parameters hold a q of zero, or a q that cannot
// be read, which counts as a refusal.
func weightIsZero(params string) bool {
	for params != "" {
		var p string
		p, params = cutOutsideQuotes(params, ';')
		p = trim(p)
		if len(p) < 2 || lower(p[0]) != 'q' || p[1] != '=' {
			continue
		}
		return !positiveWeight(p[2:])
	}
	return false
}

// positiveWeight reads a qvalue (RFC 9110 12.4.2): 0 or 1 with at most three
// decimals.
func positiveWeight(q string) bool {
	if q == "" || len(q) > 5 || q[0] != '0' && q[0] != '1' || len(q) > 1 && q[1] != '.' {
		return false
	}
	positive := q[0] == '1'
	for i := 2; i < len(q); i++ {
		switch {
		case q[i] < '0' || q[i] > '9' || q[0] == '1' && q[i] != '0':
			return false
		case q[i] != '0':
			positive = true
		}
	}
	return positive
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
