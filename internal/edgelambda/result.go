// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// What a function returns is read member by member: names are compared
// exactly, which encoding/json does not do for structs, and a member of the
// wrong kind breaks a rule instead of being left out.

// members are those of a JSON object.
type members map[string]json.RawMessage

// has tells whether a member is there and is not null.
func (m members) has(name string) bool {
	raw, ok := m[name]
	return ok && !isNull(raw)
}

// get is a member; nil when it is not there or null.
func (m members) get(name string) json.RawMessage {
	if m.has(name) {
		return m[name]
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// parse reads the result of a function.
func parse(payload []byte) (members, error) {
	if !json.Valid(payload) {
		return nil, invalid("the result is no JSON")
	}
	return object(payload, "the result")
}

// object reads an object; at says which.
func object(raw json.RawMessage, at string) (members, error) {
	var m members
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		return nil, invalid("%s is not an object", at)
	}
	return m, nil
}

// reader reads the members of an object and keeps the first error.
type reader struct {
	o   members
	at  string
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = invalid(format, args...)
	}
}

// text is a string; "" when it is not there.
func (r *reader) text(name string) (s string) {
	if raw := r.o.get(name); raw != nil && json.Unmarshal(raw, &s) != nil {
		r.fail("%s.%s is not a string", r.at, name)
	}
	return s
}

// must is a string that has to be there.
func (r *reader) must(name string) string {
	if !r.o.has(name) {
		r.fail("%s.%s is missing", r.at, name)
	}
	return r.text(name)
}

// number is a whole number.
func (r *reader) number(name string, fallback int) int {
	raw := r.o.get(name)
	if raw == nil {
		return fallback
	}
	var n float64
	if json.Unmarshal(raw, &n) != nil || n != math.Trunc(n) || math.Abs(n) > 1<<30 {
		r.fail("%s.%s is not a whole number", r.at, name)
		return fallback
	}
	return int(n)
}

func (r *reader) texts(name string) (list []string) {
	if raw := r.o.get(name); raw != nil && json.Unmarshal(raw, &list) != nil {
		r.fail("%s.%s is not a list of strings", r.at, name)
	}
	return list
}

// headers are fields: by name a list of objects with value and, if the
// function wants so, key. Names in other than lower case count as theirs.
func (r *reader) headers(name string) headers {
	raw := r.o.get(name)
	if raw == nil {
		return headers{}
	}
	all, err := object(raw, r.at+"."+name)
	if err != nil {
		r.fail("%s.%s is not an object", r.at, name)
		return nil
	}
	out := make(headers, len(all))
	for _, field := range sorted(all) {
		at := r.at + "." + name + "[" + clip(field) + "]"
		var list []json.RawMessage
		if json.Unmarshal(all[field], &list) != nil || isNull(all[field]) {
			r.fail("%s is not a list of objects with key and value", at)
			return nil
		}
		for _, item := range list {
			o, err := object(item, at)
			if err != nil {
				r.fail("%s: a member is not an object with key and value", at)
				return nil
			}
			in := reader{o, at, nil}
			p := pair{in.text("key"), in.must("value")}
			if in.err != nil {
				r.fail("%s", in.err.(*Error).Message)
				return nil
			}
			lower := strings.ToLower(field)
			out[lower] = append(out[lower], p)
		}
	}
	return out
}

// sorted are the keys of a map, so that the same result always does the same.
func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
