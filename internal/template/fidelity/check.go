// SPDX-License-Identifier: Apache-2.0

package fidelity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/template/tree"
)

// maxNotes bounds what one resource can add to a report.
const maxNotes = 2000

// Check walks the evaluated properties of a resource. It fills the verdicts of
// res and returns what CloudFormation would refuse. Properties of a type that
// does not run are counted under the verdict of the type and not looked at.
func (t *Table) Check(res *Resource, props *tree.Node) []*tree.Error {
	res.Verdict, res.Words = t.Type(res.Type)
	shape := t.types[res.Type]
	if shape == nil {
		res.Counts[res.Verdict&3] += props.Len()
		return nil
	}
	c := &checker{res: res, root: shape}
	c.fields(shape, props, "", false)
	return c.errs
}

type checker struct {
	res  *Resource
	root *spec
	errs []*tree.Error
}

func (c *checker) fail(n *tree.Node, path, mend, format string, args ...any) {
	if len(c.errs) >= 50 {
		return
	}
	e := &tree.Error{Pos: c.res.Pos, Msg: fmt.Sprintf(format, args...), Mend: mend}
	if n != nil && n.Pos.Line > 0 {
		e.Pos = n.Pos
	}
	e.Path = "Resources." + c.res.LogicalID + ".Properties"
	if path != "" {
		e.Path += "." + path
	}
	c.errs = append(c.errs, e)
}

// fields checks a map against the fields of s. covered says that a verdict was
// already given for the whole map.
func (c *checker) fields(s *spec, n *tree.Node, path string, covered bool) {
	if n == nil {
		n = tree.NewMap()
	}
	if !n.IsMap() {
		c.fail(n, path, "give a map of properties", "wants a map, not a %s", n.Kind)
		return
	}
	for _, e := range n.Entries {
		f := s.field(e.Key)
		if f == nil {
			c.unknown(s, e, path)
			continue
		}
		if !e.Value.IsNull() {
			c.value(f, e, join(path, e.Key), covered)
		}
	}
	for _, f := range s.fields {
		if f.required && n.Get(f.name).IsNull() {
			c.fail(n, path, "add "+f.name, "property %s is required", f.name)
		}
	}
}

// unknown judges a property that the shape has not. A misspelled one and one
// that belongs elsewhere in the resource are refused, as CloudFormation does.
// Any other may be newer than the tables: AWS adds properties every week, and
// refusing those would stop stacks that deploy. It is unsupported, aloud.
func (c *checker) unknown(s *spec, e tree.Entry, path string) {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	mend := ""
	if near := nearest(e.Key, names); near != "" {
		mend = fmt.Sprintf("did you mean %s?", near)
	} else if home := home(c.root, e.Key, "", 0); home != "" {
		mend = "it belongs to " + home
	} else if strings.EqualFold(e.Key, "Type") || strings.EqualFold(e.Key, "Properties") {
		mend = "check the indentation: it belongs to a resource"
	}
	at := &tree.Node{Pos: e.KeyPos}
	switch {
	case mend == "":
		c.res.Add(Note{Verdict: Unsupported, Path: join(path, e.Key), Words: "this property is not known here; AWS may refuse it, too", Pos: e.KeyPos})
	case path == "":
		c.fail(at, path, mend, "%s has no property %s", c.res.Type, e.Key)
	default:
		c.fail(at, path, mend, "there is no property %s here", e.Key)
	}
}

// home finds the place in a shape that has a property of this name; Resource
// properties as a whole are "Properties".
func home(s *spec, name, path string, depth int) string {
	if s.field(name) != nil {
		if path == "" {
			return "the resource's Properties"
		}
		return path
	}
	for _, f := range s.fields {
		if f.kind == '{' && depth < 8 {
			if h := home(f, name, join(path, f.name), depth+1); h != "" {
				return h
			}
		}
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// value checks one property and gives its verdict, unless one was given for
// all of what holds it.
func (c *checker) value(f *spec, e tree.Entry, path string, covered bool) {
	n := e.Value
	if !covered && (f.marked || f.kind != '{' && !(f.free && f.kind == '{')) {
		c.note(f, n, path)
		covered = true
	}
	switch {
	case f.list:
		items := n.Items
		if !n.IsList() {
			if f.kind == '{' || n.IsMap() && f.kind != 'j' {
				c.fail(n, path, "write it as a list", "wants a list, not a %s", n.Kind)
				return
			}
			items = []*tree.Node{n} // CloudFormation takes a single text for a list of one
		}
		for i, it := range items {
			c.single(f, it, path+"["+strconv.Itoa(i)+"]", covered)
		}
	case f.free:
		if !n.IsMap() {
			c.fail(n, path, "write it as a map", "wants a map, not a %s", n.Kind)
			return
		}
		for _, en := range n.Entries {
			c.single(f, en.Value, join(path, en.Key), covered)
		}
	default:
		c.single(f, n, path, covered)
	}
}

// single checks one value of the kind of f.
func (c *checker) single(f *spec, n *tree.Node, path string, covered bool) {
	switch f.kind {
	case 'j':
		return
	case '{':
		if n.IsNull() || n.IsString() && strings.TrimSpace(n.Text) == "" {
			return
		}
		c.fields(f, n, path, covered)
		return
	}
	s, ok := n.Scalar()
	if !ok {
		if n.IsNull() {
			return
		}
		c.fail(n, path, "give "+kindWord(f.kind), "wants %s, not a %s", kindWord(f.kind), n.Kind)
		return
	}
	if !fits(f.kind, s) {
		c.fail(n, path, "give "+kindWord(f.kind), "%q is not %s", clip(s), kindWord(f.kind))
		return
	}
	if f.enum != nil && !slices.Contains(f.enum, s) {
		mend := "it is one of " + strings.Join(f.enum, ", ")
		if near := nearest(s, f.enum); near != "" && len(f.enum) > 4 {
			mend = fmt.Sprintf("did you mean %s?", near)
		}
		c.fail(n, path, mend, "%q is not a value of this property", clip(s))
	}
}

func kindWord(kind byte) string {
	switch kind {
	case 'i':
		return "a whole number"
	case 'n':
		return "a number"
	case 'b':
		return "true or false"
	}
	return "a text"
}

// fits tells whether CloudFormation converts the text to the kind.
func fits(kind byte, s string) bool {
	switch kind {
	case 'i':
		f, err := strconv.ParseFloat(s, 64)
		return err == nil && f == float64(int64(f))
	case 'n':
		_, err := strconv.ParseFloat(s, 64)
		return err == nil
	case 'b':
		return strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
	}
	return true
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// note adds the verdict on a property. A value that asks for nothing (false,
// an empty text, list or map) is exact, whatever the line says.
func (c *checker) note(f *spec, n *tree.Node, path string) {
	v, words := f.verdict, f.words
	if v == Unsupported || v == Approximated {
		if asksNothing(n) {
			v, words = Exact, ""
		}
	}
	for _, vc := range f.cases {
		if hit(vc.values, n) {
			v, words = vc.verdict, vc.words
			break
		}
	}
	if len(c.res.Notes) >= maxNotes {
		return
	}
	if v == Exact {
		words = ""
	}
	c.res.Add(Note{Verdict: v, Path: path, Words: words, Pos: n.Pos})
}

func asksNothing(n *tree.Node) bool {
	switch n.Kind {
	case tree.Null:
		return true
	case tree.Bool:
		return !n.Bool
	case tree.String:
		return n.Text == ""
	case tree.List, tree.Map:
		return n.Len() == 0
	}
	return false
}

// hit tells whether n, or a member of the list n, is one of the values.
func hit(values []string, n *tree.Node) bool {
	if n.IsList() {
		return slices.ContainsFunc(n.Items, func(it *tree.Node) bool { return hit(values, it) })
	}
	s, ok := n.Scalar()
	if !ok {
		return false
	}
	return slices.ContainsFunc(values, func(v string) bool {
		if p, star := strings.CutSuffix(v, "*"); star {
			return strings.HasPrefix(s, p)
		}
		return strings.EqualFold(v, s)
	})
}
