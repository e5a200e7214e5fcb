// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// callString is the part of java.lang.String that templates use. Positions
// count UTF-16 units, as Java's do.
func (r *renderer) callString(s, name string, args []any) (any, error) {
	if err := r.step(1 + len(s)>>10); err != nil {
		return nil, err
	}
	switch len(args) {
	case 0:
		return r.callString0(s, name)
	case 1:
		switch name {
		case "substring", "charAt", "repeat", "codePointAt":
			if n, ok := toInt(args[0]); ok {
				return r.callPosition(s, name, n)
			}
			return nil, nil
		}
		other, err := r.text(args[0])
		if err != nil {
			return nil, err
		}
		return r.callString1(s, name, other, args[0])
	case 2:
		return r.callString2(s, name, args)
	}
	return nil, nil
}

func (r *renderer) callString0(s, name string) (any, error) {
	switch name {
	case "length":
		return int64(utf16Len(s)), nil
	case "isEmpty":
		return s == "", nil
	case "isBlank":
		return strings.TrimSpace(s) == "", nil
	case "trim", "strip":
		return strings.TrimFunc(s, func(c rune) bool { return c <= ' ' }), nil
	case "toLowerCase":
		return strings.ToLower(s), r.charge(len(s))
	case "toUpperCase":
		return strings.ReplaceAll(strings.ToUpper(s), "ß", "SS"), r.charge(len(s))
	case "intern":
		return s, nil
	case "hashCode":
		h := int32(0)
		for _, u := range utf16.Encode([]rune(s)) {
			h = 31*h + int32(u)
		}
		return int64(h), nil
	case "getBytes", "toCharArray":
		l := &list{}
		for i := range len(s) {
			l.items = append(l.items, int64(int8(s[i])))
		}
		return l, r.charge(16 * len(s))
	}
	return nil, nil
}

func (r *renderer) callString1(s, name, other string, arg any) (any, error) {
	switch name {
	case "contains":
		return strings.Contains(s, other), nil
	case "startsWith":
		return strings.HasPrefix(s, other), nil
	case "endsWith":
		return strings.HasSuffix(s, other), nil
	case "equalsIgnoreCase":
		return strings.EqualFold(s, other), nil
	case "concat":
		return s + other, r.charge(len(s) + len(other))
	case "indexOf":
		return utf16Index(s, strings.Index(s, other)), nil
	case "lastIndexOf":
		return utf16Index(s, strings.LastIndex(s, other)), nil
	case "compareTo":
		return compareText(s, other), nil
	case "compareToIgnoreCase":
		return compareText(strings.ToLower(s), strings.ToLower(other)), nil
	case "matches":
		return r.matches(s, other)
	case "split":
		return r.split(s, other, 0)
	case "valueOf":
		return other, nil
	case "format":
		if l, ok := arg.(*list); ok && len(l.items) == 0 {
			return s, nil
		}
	}
	return nil, nil
}

func (r *renderer) callString2(s, name string, args []any) (any, error) {
	n, isNumber := toInt(args[1])
	switch name {
	case "substring", "subSequence":
		from, ok := toInt(args[0])
		if !ok || !isNumber {
			return nil, nil
		}
		return r.substring(s, from, n)
	case "indexOf":
		if isNumber {
			return r.indexFrom(s, toText(args[0]), n), nil
		}
		return nil, nil
	case "split":
		if isNumber {
			return r.split(s, toText(args[0]), int(max(-1, min(n, 1<<20))))
		}
		return nil, nil
	}
	a, err := r.text(args[0])
	if err != nil {
		return nil, err
	}
	b, err := r.text(args[1])
	if err != nil {
		return nil, err
	}
	switch name {
	case "replace":
		if err := r.charge(len(s) + strings.Count(s, a)*len(b)); err != nil {
			return nil, err
		}
		return strings.ReplaceAll(s, a, b), nil
	case "replaceAll":
		return r.replace(s, a, b, -1)
	case "replaceFirst":
		return r.replace(s, a, b, 1)
	case "join":
		if l, ok := args[1].(*list); ok {
			return r.join(l, a)
		}
	}
	return nil, nil
}

// join is the static String.join.
func (r *renderer) join(l *list, separator string) (any, error) {
	parts := make([]string, len(l.items))
	size := 0
	for i, v := range l.items {
		var err error
		if parts[i], err = r.text(v); err != nil {
			return nil, err
		}
		size += len(parts[i]) + len(separator)
	}
	if err := r.charge(size + 16*len(parts)); err != nil {
		return nil, err
	}
	return strings.Join(parts, separator), nil
}

func (r *renderer) callPosition(s, name string, n int64) (any, error) {
	switch name {
	case "substring":
		return r.substring(s, n, int64(utf16Len(s)))
	case "charAt", "codePointAt":
		c, err := r.substring(s, n, n+1)
		if text, ok := c.(string); ok && name == "codePointAt" && err == nil {
			u, _ := utf8.DecodeRuneInString(text)
			return int64(u), nil
		}
		return c, err
	case "repeat":
		if n < 0 {
			return nil, r.fail(Exception, "repeat(%d)", n)
		}
		if len(s) > 0 && n > int64(r.limits.Memory/len(s)) {
			return nil, r.fail(TooMuchMemory, "repeat(%d)", n)
		}
		return strings.Repeat(s, int(min(n, 1<<30)*int64(min(1, len(s))))), r.charge(len(s) * int(min(n, 1<<30)))
	}
	return nil, nil
}

// substring cuts between two positions in UTF-16 units.
func (r *renderer) substring(s string, from, to int64) (any, error) {
	if isASCII(s) {
		if from < 0 || to < from || to > int64(len(s)) {
			return nil, r.fail(Exception, "substring(%d, %d) of a string of %d", from, to, len(s))
		}
		return s[from:to], nil
	}
	if err := r.charge(4 * len(s)); err != nil {
		return nil, err
	}
	units := utf16.Encode([]rune(s))
	if from < 0 || to < from || to > int64(len(units)) {
		return nil, r.fail(Exception, "substring(%d, %d) of a string of %d", from, to, len(units))
	}
	return string(utf16.Decode(units[from:to])), nil
}

func (r *renderer) indexFrom(s, what string, from int64) int64 {
	start, units := 0, int64(0)
	for i, c := range s {
		if units >= from {
			break
		}
		units += int64(utf16.RuneLen(c))
		start = i + utf8.RuneLen(c)
	}
	if from > units {
		return -1
	}
	start = min(start, len(s))
	i := strings.Index(s[start:], what)
	if i < 0 {
		return -1
	}
	return utf16Index(s, start+i)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func utf16Len(s string) int {
	n := 0
	for _, c := range s {
		n += max(1, utf16.RuneLen(c))
	}
	return n
}

func utf16Index(s string, i int) int64 {
	if i < 0 {
		return -1
	}
	return int64(utf16Len(s[:i]))
}

// compareText is compareTo: the difference of the first units that differ.
func compareText(a, b string) int64 {
	x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] != y[i] {
			return int64(x[i]) - int64(y[i])
		}
	}
	return int64(len(x) - len(y))
}
