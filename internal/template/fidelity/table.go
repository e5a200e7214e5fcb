// SPDX-License-Identifier: Apache-2.0

package fidelity

// The form of the tables, by example:
//
//	shape tags                          a shape that several properties share
//	  Key! s
//	AWS::S3::Thing                      a type that runs
//	  Name! s                           required text, exact
//	  Mode s:on|off = ; off: x @words   closed list; the value off is unsupported
//	  Tags []{tags} - @label            list of a shape, ignored; words from words.txt
//	  Config {}                         a map with the properties below it
//	    Size i ~ rounded up             a whole number, approximated: how
//
// Kinds: s text, i whole number, n number, b boolean, j anything, {} map with
// the properties indented below, {name} map of a shape; [] before a kind makes
// a list of it, map: a map with free keys. Marks: = exact, ~ approximated,
// - ignored, x unsupported. A mark on a map covers all that is in it.
//
// In types.txt a line is a type or family, a mark and words.

import (
	"embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed tables/*.txt
var tables embed.FS

// spec is one property of a shape.
type spec struct {
	name     string
	required bool
	list     bool // []kind
	free     bool // map:kind
	kind     byte // s i n b j {
	enum     []string
	fields   []*spec // of {
	marked   bool    // the line has a mark of its own
	verdict  Verdict
	words    string
	cases    []valueCase
}

// valueCase is the verdict of some values.
type valueCase struct {
	values  []string // * at the end matches a prefix
	verdict Verdict
	words   string
}

// field finds a property by name.
func (s *spec) field(name string) *spec {
	for _, f := range s.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// family is a line of types.txt.
type family struct {
	pattern string
	verdict Verdict
	words   string
}

// Table holds all verdicts.
type Table struct {
	types    map[string]*spec
	exact    map[string]family
	families []family // patterns with *
	words    map[string]string
}

// load parses the embedded tables once; a mistake in them is found by the
// package's own test, never by a user.
var load = sync.OnceValues(func() (*Table, error) {
	t := &Table{types: map[string]*spec{}, exact: map[string]family{}, words: map[string]string{}}
	text, err := tables.ReadFile("tables/words.txt")
	if err != nil {
		return nil, err
	}
	if err := t.readWords(string(text)); err != nil {
		return nil, err
	}
	entries, err := tables.ReadDir("tables")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		text, err := tables.ReadFile("tables/" + e.Name())
		if err != nil {
			return nil, err
		}
		switch e.Name() {
		case "words.txt":
		case "types.txt":
			err = t.readTypes(string(text))
		default:
			err = t.readShapes(string(text))
		}
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", e.Name(), err)
		}
	}
	return t, nil
})

// Load returns the tables.
func Load() (*Table, error) { return load() }

// lines yields the lines that say something, with their number.
func lines(text string, each func(no int, line string) error) error {
	for i, l := range strings.Split(text, "\n") {
		if trimmed := strings.TrimSpace(l); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if err := each(i+1, l); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return nil
}

func (t *Table) readWords(text string) error {
	return lines(text, func(_ int, l string) error {
		name, words, ok := strings.Cut(l, ": ")
		if !ok {
			return fmt.Errorf("want NAME: WORDS, got %q", l)
		}
		t.words[name] = words
		return nil
	})
}

// phrase resolves @name.
func (t *Table) phrase(s string) (string, error) {
	s = strings.TrimSpace(s)
	if name, ok := strings.CutPrefix(s, "@"); ok {
		w, ok := t.words[name]
		if !ok {
			return "", fmt.Errorf("words.txt has no %q", name)
		}
		return w, nil
	}
	return s, nil
}

func (t *Table) readTypes(text string) error {
	return lines(text, func(_ int, l string) error {
		typ, rest, _ := strings.Cut(l, " ")
		mark, words, _ := strings.Cut(rest, " ")
		v, ok := verdictOf(mark)
		if !ok {
			return fmt.Errorf("%s: no mark %q", typ, mark)
		}
		words, err := t.phrase(words)
		if err != nil {
			return err
		}
		f := family{pattern: typ, verdict: v, words: words}
		if p, star := strings.CutSuffix(typ, "*"); star {
			f.pattern = p
			t.families = append(t.families, f)
		} else {
			t.exact[typ] = f
		}
		return nil
	})
}

// readShapes reads a table of types. Shapes belong to their own file.
func (t *Table) readShapes(text string) error {
	shapes := map[string]*spec{}
	var stack []*spec // the open parents, by depth
	return lines(text, func(_ int, l string) error {
		depth := (len(l) - len(strings.TrimLeft(l, " "))) / 2
		l = strings.TrimSpace(l)
		if depth == 0 {
			s := &spec{name: l, kind: '{'}
			if name, ok := strings.CutPrefix(l, "shape "); ok {
				shapes[name] = s
			} else {
				t.types[l] = s
			}
			stack = append(stack[:0], s)
			return nil
		}
		if depth > len(stack) {
			return fmt.Errorf("%q is indented too deep", l)
		}
		s, err := t.readSpec(l, shapes)
		if err != nil {
			return err
		}
		parent := stack[depth-1]
		if parent.kind != '{' {
			return fmt.Errorf("%s is no map, it has no %s", parent.name, s.name)
		}
		parent.fields = append(parent.fields, s)
		stack = append(stack[:depth], s)
		return nil
	})
}

func (t *Table) readSpec(l string, shapes map[string]*spec) (*spec, error) {
	clauses := strings.Split(l, " ; ")
	name, rest, _ := strings.Cut(clauses[0], " ")
	kind, rest, _ := strings.Cut(rest, " ")
	s := &spec{}
	s.name, s.required = strings.CutSuffix(name, "!")
	kind, s.list = strings.CutPrefix(kind, "[]")
	kind, s.free = strings.CutPrefix(kind, "map:")
	kind, enum, has := strings.Cut(kind, ":")
	if has {
		s.enum = strings.Split(enum, "|")
	}
	if kind == "" || !strings.Contains("sinbj{", kind[:1]) {
		return nil, fmt.Errorf("%s: no kind %q", s.name, kind)
	}
	s.kind = kind[0]
	if kind[0] == '{' && len(kind) > 2 {
		shape := shapes[kind[1:len(kind)-1]]
		if shape == nil {
			return nil, fmt.Errorf("%s: no shape %q", s.name, kind)
		}
		s.fields = shape.fields
	}
	if rest != "" {
		mark, words, _ := strings.Cut(rest, " ")
		v, ok := verdictOf(mark)
		if !ok {
			return nil, fmt.Errorf("%s: no mark %q", s.name, mark)
		}
		words, err := t.phrase(words)
		if err != nil {
			return nil, err
		}
		s.marked, s.verdict, s.words = v != Exact, v, words
	}
	for _, c := range clauses[1:] {
		vc, err := t.readCase(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		s.cases = append(s.cases, vc)
	}
	return s, nil
}

func (t *Table) readCase(c string) (valueCase, error) {
	values, rest, _ := strings.Cut(c, ": ")
	mark, words, _ := strings.Cut(rest, " ")
	v, ok := verdictOf(mark)
	if !ok {
		return valueCase{}, fmt.Errorf("no mark %q in %q", mark, c)
	}
	words, err := t.phrase(words)
	return valueCase{values: strings.Split(strings.TrimSpace(values), ","), verdict: v, words: words}, err
}

// Runs tells whether the properties of a type are known one by one.
func (t *Table) Runs(typ string) bool { return t.types[typ] != nil }

// Type returns the verdict on a resource type as such.
func (t *Table) Type(typ string) (Verdict, string) {
	if t.Runs(typ) {
		return Exact, ""
	}
	if f, ok := t.exact[typ]; ok {
		return f.verdict, f.words
	}
	best := family{verdict: Unsupported, words: "this type is not known here"}
	for _, f := range t.families {
		if strings.HasPrefix(typ, f.pattern) && (best.pattern == "" || len(f.pattern) > len(best.pattern)) {
			best = f
		}
	}
	return best.verdict, best.words
}
