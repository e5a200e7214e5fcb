// SPDX-License-Identifier: Apache-2.0

package base

import (
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// Check tells what a value should be ("a map") if it is not, else "".
type Check func(n *tree.Node) string

// The checks of property types. A value that is a map of one key may be an
// intrinsic and passes CheckProps unless the Prop says Plain.

// AnyType passes everything.
func AnyType(*tree.Node) string { return "" }

// IsMap passes a map.
func IsMap(n *tree.Node) string { return ofKind(n, tree.Map, "a map") }

// IsList passes a list.
func IsList(n *tree.Node) string { return ofKind(n, tree.List, "a list") }

// IsString passes a string.
func IsString(n *tree.Node) string { return ofKind(n, tree.String, "a string") }

// IsBool passes a boolean.
func IsBool(n *tree.Node) string { return ofKind(n, tree.Bool, "a boolean") }

// IsNumber passes a number.
func IsNumber(n *tree.Node) string { return ofKind(n, tree.Number, "a number") }

// IsInt passes an integer, and a boolean, which counts as one.
func IsInt(n *tree.Node) string {
	if n == nil || n.Kind != tree.Bool && (n.Kind != tree.Number || strings.ContainsAny(n.Text, ".eE")) {
		return "an integer"
	}
	return ""
}

func ofKind(n *tree.Node, k tree.Kind, name string) string {
	if n == nil || n.Kind != k {
		return name
	}
	return ""
}

// OneOf passes what one of the checks passes.
func OneOf(checks ...Check) Check {
	return func(n *tree.Node) string {
		var want []string
		for _, c := range checks {
			w := c(n)
			if w == "" {
				return ""
			}
			want = append(want, w)
		}
		return strings.Join(want, " or ")
	}
}

// ListOf passes a list all of whose items pass.
func ListOf(item Check) Check {
	return func(n *tree.Node) string {
		if !n.IsList() {
			return "a list"
		}
		for _, it := range n.Items {
			if w := item(it); w != "" {
				return "a list each item of which is " + w
			}
		}
		return ""
	}
}

// MapOf passes a map all of whose values pass.
func MapOf(item Check) Check {
	return func(n *tree.Node) string {
		if !n.IsMap() {
			return "a map"
		}
		for _, e := range n.Entries {
			if w := item(e.Value); w != "" {
				return "a map each value of which is " + w
			}
		}
		return ""
	}
}

// Enum passes the given strings.
func Enum(values ...string) Check {
	return func(n *tree.Node) string {
		if s, ok := n.Str(); ok {
			for _, v := range values {
				if s == v {
					return ""
				}
			}
		}
		return "one of " + strings.Join(values, ", ")
	}
}

// Prop describes one property of a serverless resource or event.
type Prop struct {
	Name     string
	Check    Check // nil: anything
	Required bool
	Plain    bool // an intrinsic is checked like any other value
}

// CheckProps checks props (which may be nil) against the closed list specs:
// unknown names, required ones that are absent, and types. fail makes the
// error, so that an event can name itself.
func CheckProps(props *tree.Node, specs []Prop, fail func(at *tree.Node, format string, args ...any) *tree.Error) error {
	if !props.IsNull() && !props.IsMap() {
		return fail(props, "Properties must be a map, not a %s", props.Kind)
	}
	known := make(map[string]bool, len(specs))
	for _, s := range specs {
		known[s.Name] = true
	}
	if props.IsMap() {
		for _, e := range props.Entries {
			if !known[e.Key] {
				err := fail(e.Value, "property %s is not known here", e.Key)
				if e.KeyPos.Line > 0 {
					err.Pos = e.KeyPos
				}
				err.Mend = "remove it, or correct its spelling"
				return err
			}
		}
	}
	for _, s := range specs {
		v := props.Get(s.Name)
		switch {
		case !s.Plain && v.IsMap() && len(v.Entries) == 1:
		case v.IsNull():
			if s.Required {
				return fail(props, "property %s is required", s.Name)
			}
		case s.Check != nil:
			if want := s.Check(v); want != "" {
				return fail(v, "property %s must be %s", s.Name, want)
			}
		}
	}
	return nil
}

// CheckResource checks the logical id, the form and the properties of res.
func CheckResource(id string, res *tree.Node, specs []Prop) error {
	if !alphanumeric(id) {
		return Errorf(id, res, "a logical id is made of letters and digits only")
	}
	return CheckProps(res.Get("Properties"), specs, func(at *tree.Node, format string, args ...any) *tree.Error {
		if at == nil {
			at = res
		}
		return Errorf(id, at, format, args...)
	})
}

func alphanumeric(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			return false
		}
	}
	return s != ""
}

// Expect checks the type of one value, absent values included.
func Expect(id string, v *tree.Node, path string, check Check) error {
	if v == nil {
		v = tree.NewNull()
	}
	if want := check(v); want != "" {
		return Errorf(id, v, "property %s must be %s", path, want)
	}
	return nil
}
