// SPDX-License-Identifier: Apache-2.0

// Package shape says what the properties of a resource must look like, and
// finds the first place where they do not.
//
// The flow: a room writes the Shape of its resource as one expression (maps
// with named fields, lists, scalars); Check walks the properties with it.
// Shapes are closed: a property that the shape does not name is a mistake,
// which is how AWS treats the younger SAM resources.
//
// What it does not do: it changes nothing and knows no resource. Shapes are
// values without state and may be used by many goroutines.
package shape

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Shape tells what is wrong with n, which stands at path, or nil.
type Shape func(path string, n *tree.Node) *tree.Error

// Field is one property of a closed map.
type Field struct {
	Name  string
	Must  bool // a missing or null value is a mistake
	Shape Shape
}

// Check applies s to n; path is how n is called in the message, such as
// "Auth"; it may be empty.
func Check(s Shape, path string, n *tree.Node) *tree.Error { return s(path, n) }

// May makes an optional field, Must a required one.
func May(name string, s Shape) Field { return Field{Name: name, Shape: s} }

// Must makes a required field.
func Must(name string, s Shape) Field { return Field{Name: name, Must: true, Shape: s} }

// Any accepts everything: a value CloudFormation itself will judge.
func Any(string, *tree.Node) *tree.Error { return nil }

// Text accepts a string, and the other scalars, which become strings.
func Text(path string, n *tree.Node) *tree.Error {
	if _, ok := n.Scalar(); !ok {
		return wrong(path, n, "a string")
	}
	return nil
}

// Flag accepts a boolean or one of its spellings.
func Flag(path string, n *tree.Node) *tree.Error {
	if _, ok := Bool(n); !ok {
		return wrong(path, n, "a boolean")
	}
	return nil
}

// Bool reads a boolean in any spelling AWS accepts for one.
func Bool(n *tree.Node) (value, ok bool) {
	s, ok := n.Scalar()
	if !ok {
		return false, false
	}
	switch strings.ToLower(s) {
	case "true", "t", "yes", "y", "on", "1":
		return true, true
	case "false", "f", "no", "n", "off", "0":
		return false, true
	}
	return false, false
}

// Integer accepts a whole number, written as one or as text.
func Integer(path string, n *tree.Node) *tree.Error {
	if s, ok := n.Scalar(); ok && n.Kind != tree.Bool {
		if _, err := strconv.Atoi(strings.TrimSpace(s)); err == nil {
			return nil
		}
	}
	return wrong(path, n, "a whole number or an intrinsic function")
}

// Real accepts a number, written as one or as text.
func Real(path string, n *tree.Node) *tree.Error {
	if s, ok := n.Scalar(); ok && n.Kind != tree.Bool {
		if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return nil
		}
	}
	return wrong(path, n, "a number or an intrinsic function")
}

// OneOf accepts one of words.
func OneOf(words ...string) Shape {
	return func(path string, n *tree.Node) *tree.Error {
		if s, ok := n.Str(); ok && slices.Contains(words, s) {
			return nil
		}
		return wrong(path, n, "one of "+strings.Join(words, ", "))
	}
}

// OrMap accepts any map, such as an intrinsic function, besides what s accepts.
func OrMap(s Shape) Shape {
	return func(path string, n *tree.Node) *tree.Error {
		if n.IsMap() {
			return nil
		}
		return s(path, n)
	}
}

// OrFlag accepts a boolean besides what s accepts.
func OrFlag(s Shape) Shape {
	return func(path string, n *tree.Node) *tree.Error {
		if _, ok := Bool(n); ok {
			return nil
		}
		return s(path, n)
	}
}

// List accepts a list of which every item is an s.
func List(s Shape) Shape {
	return func(path string, n *tree.Node) *tree.Error {
		if !n.IsList() {
			return wrong(path, n, "a list")
		}
		for i, it := range n.Items {
			if err := s(join(path, strconv.Itoa(i)), it); err != nil {
				return err
			}
		}
		return nil
	}
}

// Dict accepts a map with any keys of which every value is an s.
func Dict(s Shape) Shape {
	return func(path string, n *tree.Node) *tree.Error {
		if !n.IsMap() {
			return wrong(path, n, "a map")
		}
		for _, e := range n.Entries {
			if err := s(join(path, e.Key), e.Value); err != nil {
				return err
			}
		}
		return nil
	}
}

// Map accepts a map of these fields and no others.
func Map(fields ...Field) Shape {
	return func(path string, n *tree.Node) *tree.Error {
		if !n.IsMap() {
			return wrong(path, n, "a map")
		}
		for _, f := range fields {
			v := n.Get(f.Name)
			if v.IsNull() {
				if f.Must {
					return at(n, "property '%s' is required", join(path, f.Name))
				}
				continue
			}
			if err := f.Shape(join(path, f.Name), v); err != nil {
				return err
			}
		}
		for _, e := range n.Entries {
			if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == e.Key }) {
				err := at(e.Value, "there is no property '%s' here", join(path, e.Key))
				err.Pos = e.KeyPos
				return err
			}
		}
		return nil
	}
}

// IsID tells whether s can be a logical id: it is made of the letters and
// digits of ASCII.
func IsID(s string) bool {
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}

func wrong(path string, n *tree.Node, want string) *tree.Error {
	return at(n, "property '%s' must be %s", path, want)
}

func at(n *tree.Node, format string, args ...any) *tree.Error {
	e := &tree.Error{Msg: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Pos = n.Pos
	}
	return e
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
