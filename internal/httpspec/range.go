// SPDX-License-Identifier: Apache-2.0

package httpspec

import (
	"strconv"
	"strings"
)

// maxRanges bounds a Range field; with more of them it is ignored, which RFC
// 9110 14.2 allows against abuse.
const maxRanges = 64

// Span is a satisfiable range: both ends included.
type Span struct{ First, Last int64 }

// Len is the number of bytes.
func (s Span) Len() int64 { return s.Last - s.First + 1 }

// RangeKind says what to do about a Range field.
type RangeKind uint8

// The kinds.
const (
	RangeIgnored       RangeKind = iota // absent, another unit, malformed, too many: answer 200
	RangeSatisfiable                    // answer 206
	RangeUnsatisfiable                  // answer 416
)

// String is a word for records.
func (k RangeKind) String() string {
	switch k {
	case RangeSatisfiable:
		return "satisfiable"
	case RangeUnsatisfiable:
		return "unsatisfiable"
	}
	return "ignored"
}

// ParseRange reads a Range field for a representation of size bytes and
// appends its satisfiable ranges to dst (give it room for one, and a single
// range does not allocate). Members beyond the end are left out; when none is
// left the field is unsatisfiable.
func ParseRange(value string, size int64, dst []Span) ([]Span, RangeKind) {
	unit, set, ok := strings.Cut(trim(value), "=")
	if !ok || !equalFold(unit, "bytes") || size < 0 {
		return dst, RangeIgnored
	}
	start, members := len(dst), 0
	for set != "" {
		var item string
		item, set, _ = strings.Cut(set, ",")
		if item = trim(item); item == "" {
			continue
		}
		first, last, ok := rangeEnds(item)
		if members++; !ok || members > maxRanges {
			return dst[:start], RangeIgnored
		}
		if first < 0 { // a suffix of last bytes
			if last > 0 && size > 0 {
				dst = append(dst, Span{max(0, size-last), size - 1})
			}
		} else if first < size {
			dst = append(dst, Span{first, min(last, size-1)})
		}
	}
	switch {
	case members == 0:
		return dst, RangeIgnored
	case len(dst) == start:
		return dst, RangeUnsatisfiable
	}
	return dst, RangeSatisfiable
}

// rangeEnds reads one member: a-b, a- (last is then the largest number) or
// -n (first is then -1 and last is n).
func rangeEnds(item string) (first, last int64, ok bool) {
	a, b, dash := strings.Cut(item, "-")
	a, b = trim(a), trim(b)
	switch {
	case !dash || a == "" && b == "":
		return 0, 0, false
	case a == "":
		last, ok = position(b)
		return -1, last, ok
	case b == "":
		first, ok = position(a)
		return first, 1<<63 - 1, ok
	}
	first, ok1 := position(a)
	last, ok2 := position(b)
	return first, last, ok1 && ok2 && first <= last
}

// position is digits that reads a number too large as the largest one: a
// range far beyond the end is unsatisfiable, not malformed.
func position(s string) (n int64, ok bool) {
	if len(s) <= 18 {
		return digits(s)
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	return 1<<63 - 1, true
}

// Ascending tells whether ranges ascend and do not overlap. CloudFront
// answers others with the whole object and 200.
func Ascending(spans []Span) bool {
	for i := 1; i < len(spans); i++ {
		if spans[i].First <= spans[i-1].Last {
			return false
		}
	}
	return true
}

// AppendContentRange appends "bytes first-last/size"; a negative size is *.
func AppendContentRange(b []byte, s Span, size int64) []byte {
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, s.First, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.Last, 10)
	return appendSize(append(b, '/'), size)
}

// AppendUnsatisfied appends the "bytes */size" of a 416.
func AppendUnsatisfied(b []byte, size int64) []byte {
	return appendSize(append(b, "bytes */"...), size)
}

func appendSize(b []byte, size int64) []byte {
	if size < 0 {
		return append(b, '*')
	}
	return strconv.AppendInt(b, size, 10)
}

// ParseContentRange reads "bytes first-last/size"; size is -1 for *. The form
// of a 416 and everything that contradicts itself is not ok.
func ParseContentRange(value string) (s Span, size int64, ok bool) {
	unit, rest, found := strings.Cut(trim(value), " ")
	if !found || !equalFold(unit, "bytes") {
		return Span{}, 0, false
	}
	ends, total, found := strings.Cut(trim(rest), "/")
	a, b, dash := strings.Cut(ends, "-")
	if !found || !dash {
		return Span{}, 0, false
	}
	first, ok1 := digits(a)
	last, ok2 := digits(b)
	size = -1
	ok3 := total == "*"
	if !ok3 {
		size, ok3 = digits(total)
	}
	if !ok1 || !ok2 || !ok3 || first > last || size >= 0 && last >= size {
		return Span{}, 0, false
	}
	return Span{first, last}, size, true
}
