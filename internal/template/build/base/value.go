// SPDX-License-Identifier: Apache-2.0

package base

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/template/tree"
)

// Value is one evaluated value of a resource, with the place it stands at. The
// zero Value is absent. Kinds were checked before: a reader that finds another
// kind answers as if the value were absent.
type Value struct {
	n    *tree.Node
	path string
	sink *Sink
	near tree.Pos // of what holds it; where an absent or generated value is said to be
}

// Sink collects the errors of a build, a bounded number of them.
type Sink struct {
	Errs []*tree.Error
}

const maxErrors = 100

// NewValue makes the root of a resource's values; near is where the resource is.
func NewValue(n *tree.Node, path string, sink *Sink, near tree.Pos) Value {
	return Value{n, path, sink, near}
}

// Node is the value itself; nil when absent.
func (v Value) Node() *tree.Node { return v.n }

// Pos is the place of the value, or of what holds it.
func (v Value) Pos() tree.Pos {
	if v.n == nil || v.n.Pos.Line == 0 {
		return v.near
	}
	return v.n.Pos
}

// Exists tells whether there is a value and it is not null.
func (v Value) Exists() bool { return !v.n.IsNull() }

// Get is the value of a key.
func (v Value) Get(keys ...string) Value {
	for _, k := range keys {
		v = Value{v.n.Get(k), v.path + "." + k, v.sink, v.Pos()}
	}
	return v
}

// Text is the value as text; empty when absent.
func (v Value) Text() string {
	s, _ := v.n.Scalar()
	return s
}

// TextOr is the value as text, or another when it is absent or empty.
func (v Value) TextOr(or string) string {
	if s := v.Text(); s != "" {
		return s
	}
	return or
}

// Int is the value as a whole number, or another when absent.
func (v Value) Int(or int) int {
	if f, err := strconv.ParseFloat(v.Text(), 64); err == nil {
		return int(f)
	}
	return or
}

// IntPtr is the value as a whole number, nil when absent.
func (v Value) IntPtr() *int {
	if v.Text() == "" {
		return nil
	}
	i := v.Int(0)
	return &i
}

// Float is the value as a number, or another when absent.
func (v Value) Float(or float64) float64 {
	if f, err := strconv.ParseFloat(v.Text(), 64); err == nil {
		return f
	}
	return or
}

// Seconds is the value as a duration in seconds, or another when absent.
func (v Value) Seconds(or time.Duration) time.Duration {
	if f, err := strconv.ParseFloat(v.Text(), 64); err == nil {
		const most = float64(1<<62) / float64(time.Second)
		return time.Duration(min(max(f, -most), most) * float64(time.Second))
	}
	return or
}

// Bool is the value as a boolean; false when absent.
func (v Value) Bool() bool { return strings.EqualFold(v.Text(), "true") }

// List are the members of a list; a single value is a list of one.
func (v Value) List() []Value {
	if !v.Exists() {
		return nil
	}
	if !v.n.IsList() {
		return []Value{v}
	}
	out := make([]Value, len(v.n.Items))
	for i, it := range v.n.Items {
		out[i] = Value{it, v.path + "[" + strconv.Itoa(i) + "]", v.sink, v.Pos()}
	}
	return out
}

// Texts are the members of a list as text.
func (v Value) Texts() []string {
	var out []string
	for _, it := range v.List() {
		if s, ok := it.n.Scalar(); ok {
			out = append(out, s)
		}
	}
	return out
}

// Pair is one key of a map.
type Pair struct {
	Key   string
	Value Value
}

// Pairs are the keys of a map in the order of the template.
func (v Value) Pairs() []Pair {
	if !v.n.IsMap() {
		return nil
	}
	out := make([]Pair, len(v.n.Entries))
	for i, e := range v.n.Entries {
		out[i] = Pair{e.Key, Value{e.Value, v.path + "." + e.Key, v.sink, v.Pos()}}
	}
	return out
}

// TextMap is a map of texts; nil when absent. What is no text is written as JSON.
func (v Value) TextMap() map[string]string {
	pairs := v.Pairs()
	if len(pairs) == 0 {
		return nil
	}
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		s, ok := p.Value.n.Scalar()
		if !ok && !p.Value.n.IsNull() {
			s = string(tree.JSON(p.Value.n))
		}
		m[p.Key] = s
	}
	return m
}

// JSON is the value as JSON text. A text is taken to be JSON already.
func (v Value) JSON() string {
	if !v.Exists() {
		return ""
	}
	if s, ok := v.n.Str(); ok {
		return s
	}
	return string(tree.JSON(v.n))
}

// Fail notes an error at the value; mend says how to set it right.
func (v Value) Fail(mend, format string, args ...any) {
	if len(v.sink.Errs) >= maxErrors {
		return
	}
	v.sink.Errs = append(v.sink.Errs, &tree.Error{Pos: v.Pos(), Path: v.path, Msg: fmt.Sprintf(format, args...), Mend: mend})
}

// Path is where the value stands, as errors name it.
func (v Value) Path() string { return v.path }

// In is the value with its errors going to another sink.
func (v Value) In(sink *Sink) Value { return Value{v.n, v.path, sink, v.near} }
