// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A function's answer is read by going over its bytes once: encoding/json says
// whether they are JSON at all, and what follows here only finds the members
// of an object in bytes that are known to be good. Names are compared exactly,
// which encoding/json does not do; a member that stands twice counts the last
// time, as everywhere.

var errNotJSON = errors.New("not JSON")

// rawValue is one JSON value as it stands in the text.
type rawValue []byte

func (v rawValue) isNull() bool   { return len(v) == 0 || v[0] == 'n' }
func (v rawValue) isString() bool { return len(v) > 0 && v[0] == '"' }
func (v rawValue) isObject() bool { return len(v) > 0 && v[0] == '{' }
func (v rawValue) isArray() bool  { return len(v) > 0 && v[0] == '[' }

// parseValue checks that data is one JSON value and trims it.
func parseValue(data []byte) (rawValue, error) {
	if !json.Valid(data) {
		return nil, errNotJSON
	}
	i := skipSpace(data, 0)
	return rawValue(data[i:valueEnd(data, i)]), nil
}

// members calls f for each member of an object.
func (v rawValue) members(f func(name string, value rawValue) error) error {
	i := skipSpace(v, 1)
	for v[i] != '}' {
		end := valueEnd(v, i)
		name := rawValue(v[i:end]).str()
		i = skipSpace(v, end) // at the colon
		i = skipSpace(v, i+1) // at the value
		end = valueEnd(v, i)  // after it
		if err := f(name, rawValue(v[i:end])); err != nil {
			return err
		}
		if i = skipSpace(v, end); v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
	return nil
}

// elements calls f for each element of an array.
func (v rawValue) elements(f func(value rawValue) error) error {
	i := skipSpace(v, 1)
	for v[i] != ']' {
		end := valueEnd(v, i)
		if err := f(rawValue(v[i:end])); err != nil {
			return err
		}
		if i = skipSpace(v, end); v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
	return nil
}

// str is the text of a string value.
func (v rawValue) str() string {
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(v, &s) // it is valid: json.Valid saw it
	return s
}

// scalar is the text of a string, number or boolean; false for the rest.
func (v rawValue) scalar() (string, bool) {
	switch {
	case v.isNull() || v.isObject() || v.isArray():
		return "", false
	case v.isString():
		return v.str(), true
	}
	return string(v), true
}

// integer reads 200, 200.0, 2e2 and "200".
func (v rawValue) integer() (int, bool) {
	s, ok := v.scalar()
	if !ok {
		return 0, false
	}
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != float64(int(f)) {
		return 0, false
	}
	return int(f), true
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// valueEnd is the index after the value that begins at i.
func valueEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

func itoa(n int) string { return strconv.Itoa(n) }
