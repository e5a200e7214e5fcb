// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"math"
	"strconv"
	"strings"
)

// Values are nil, bool, int64, float64, decimal, string, *list, *dict, *entry,
// *block, *loop and host objects ($input, $util, $context).

// decimal is a number that neither int64 nor float64 holds exactly, as text.
type decimal string

// list is a Java list. One that came out of JSON prints as JSON, as json-smart's
// arrays do; one that the template made prints as Java's do.
type list struct {
	items []any
	json  bool
}

// dict is a Java map that keeps the order in which keys came.
type dict struct {
	keys   []any
	values map[any]any
}

func newDict() *dict { return &dict{values: map[any]any{}} }

// keyOf makes a value fit to be a key.
func keyOf(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, decimal, string:
		return v
	}
	return toText(v)
}

func (d *dict) get(k any) (any, bool) {
	v, ok := d.values[keyOf(k)]
	return v, ok
}

// put sets a value and returns the one before.
func (d *dict) put(k, v any) any {
	k = keyOf(k)
	old, had := d.values[k]
	if !had {
		d.keys = append(d.keys, k)
	}
	d.values[k] = v
	return old
}

func (d *dict) remove(k any) any {
	k = keyOf(k)
	old, had := d.values[k]
	if had {
		delete(d.values, k)
		for i := range d.keys {
			if d.keys[i] == k {
				d.keys = append(d.keys[:i], d.keys[i+1:]...)
				break
			}
		}
	}
	return old
}

// entry is a pair of entrySet().
type entry struct{ key, value any }

// object is a value with properties and methods of its own.
type object interface {
	// property returns a member, or nil.
	property(r *renderer, name string) (any, error)
	// call calls a method; false: there is no such method.
	call(r *renderer, name string, args []any) (any, bool, error)
}

// toText prints a value as Java does, up to 64 KB: it is for names, keys and
// fields. renderer.text counts what it prints.
func toText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	var b strings.Builder
	w := printer{b: &b, left: 64 << 10}
	w.print(v, 0)
	return b.String()
}

// printer writes values up to a limit.
type printer struct {
	b    *strings.Builder
	left int
	bad  bool // the limit or the depth was exceeded
}

func (w *printer) write(s string) {
	if len(s) > w.left {
		w.bad = true
		return
	}
	w.left -= len(s)
	w.b.WriteString(s)
}

func (w *printer) print(v any, depth int) {
	if depth > maxDepth {
		w.bad = true
	}
	if w.bad {
		return
	}
	switch v := v.(type) {
	case nil:
		w.write("null")
	case bool:
		w.write(strconv.FormatBool(v))
	case int64:
		w.write(strconv.FormatInt(v, 10))
	case float64:
		w.write(javaFloat(v))
	case decimal:
		w.write(string(v))
	case string:
		w.write(v)
	case *entry:
		w.print(v.key, depth+1)
		w.write("=")
		w.print(v.value, depth+1)
	case *list:
		if v.json {
			w.json(v, depth)
			return
		}
		w.write("[")
		for i, item := range v.items {
			if i > 0 {
				w.write(", ")
			}
			w.print(item, depth+1)
		}
		w.write("]")
	case *dict:
		w.write("{")
		for i, k := range v.keys {
			if i > 0 {
				w.write(", ")
			}
			w.print(k, depth+1)
			w.write("=")
			w.print(v.values[k], depth+1)
		}
		w.write("}")
	default:
		w.write("{}") // a host object has no text of its own
	}
}

// json writes a value as compact JSON.
func (w *printer) json(v any, depth int) {
	if depth > maxDepth {
		w.bad = true
	}
	if w.bad {
		return
	}
	switch v := v.(type) {
	case *list:
		w.write("[")
		for i, item := range v.items {
			if i > 0 {
				w.write(",")
			}
			w.json(item, depth+1)
		}
		w.write("]")
	case *dict:
		w.write("{")
		for i, k := range v.keys {
			if i > 0 {
				w.write(",")
			}
			w.write(quoteJSON(toText(k)))
			w.write(":")
			w.json(v.values[k], depth+1)
		}
		w.write("}")
	case nil, bool, int64, float64, decimal:
		w.print(v, depth)
	default:
		w.write(quoteJSON(toText(v)))
	}
}

// javaFloat is Double.toString.
func javaFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		if math.Signbit(f) {
			return "-0.0"
		}
		return "0.0"
	}
	if a := math.Abs(f); a >= 1e-3 && a < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exp, _ := strings.Cut(s, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exp) // strconv wrote it
	return mantissa + "E" + strconv.Itoa(n)
}

// truthy is what #if makes of a value: all but null and false is true.
func truthy(v any) bool {
	b, isBool := v.(bool)
	return v != nil && (!isBool || b)
}
