// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxSchemaDepth bounds how deep a model is nested.
const maxSchemaDepth = 200

// compiler reads one model.
type compiler struct {
	set   *Set
	model string
}

func (c *compiler) schema(v any, depth int) (*Schema, error) {
	s := &Schema{}
	return s, c.fill(s, v, depth)
}

// fill reads v into s. Keywords that draft 4 does not know say nothing.
func (c *compiler) fill(s *Schema, v any, depth int) error {
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("a schema must be an object, not %.40v", v)
	}
	if depth > maxSchemaDepth {
		return fmt.Errorf("it is nested deeper than %d levels", maxSchemaDepth)
	}
	if ref, ok := m["$ref"].(string); ok { // all else beside it is ignored in draft 4
		target, err := c.resolve(ref)
		if err != nil {
			return err
		}
		for t := target; t != nil; t = t.ref {
			if t == s {
				return fmt.Errorf("$ref %s refers to itself", ref)
			}
		}
		s.ref = target
		return nil
	}
	r := &reader{compiler: c, m: m, depth: depth + 1}
	s.types = r.types()
	s.enum, s.shown = r.enum()
	s.allOf, s.anyOf, s.oneOf = r.list("allOf"), r.list("anyOf"), r.list("oneOf")
	s.not = r.one("not")
	s.object, s.array, s.text, s.numeric = r.object(), r.array(), r.text(), r.numeric()
	return r.err
}

// reader reads the keywords of one schema; the first error stays.
type reader struct {
	*compiler
	m     map[string]any
	depth int
	err   error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := r.m[n]; return ok })
}

func (r *reader) types() types {
	var names []any
	switch v := r.m["type"].(type) {
	case nil:
		return 0
	case string:
		names = []any{v}
	case []any:
		names = v
	}
	var t types
	for _, n := range names {
		i := slices.Index(typeNames[:], fmt.Sprint(n))
		if i < 0 {
			r.fail("%v is no type", n)
			return 0
		}
		t |= 1 << i
	}
	if t == 0 {
		r.fail("type names no type")
	}
	if t&typeNumber != 0 {
		t |= typeInteger
	}
	return t
}

func (r *reader) enum() (canonical []string, shown string) {
	v, ok := r.m["enum"]
	if !ok {
		return nil, ""
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		r.fail("enum must be a list of values")
		return nil, ""
	}
	for _, e := range list {
		raw, err := json.Marshal(e)
		d := &document{data: raw}
		if err == nil {
			err = d.parse()
		}
		if err != nil {
			r.fail("enum: %w", err)
			return nil, ""
		}
		canonical = append(canonical, string(d.canonical(nil, 0)))
	}
	raw, _ := json.Marshal(list) // it was decoded from JSON
	return canonical, string(raw)
}

func (r *reader) one(name string) *Schema {
	v, ok := r.m[name]
	if !ok || r.err != nil {
		return nil
	}
	s, err := r.schema(v, r.depth)
	if err != nil {
		r.fail("%s: %w", name, err)
	}
	return s
}

// oneOrBool reads additionalProperties and additionalItems; nil: all pass.
func (r *reader) oneOrBool(name string) *Schema {
	if b, ok := r.m[name].(bool); ok {
		if b {
			return nil
		}
		return &Schema{fail: true}
	}
	return r.one(name)
}

func (r *reader) list(name string) []*Schema {
	v, ok := r.m[name]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		r.fail("%s must be a list of schemas", name)
		return nil
	}
	out := make([]*Schema, len(list))
	for i, e := range list {
		s, err := r.schema(e, r.depth)
		if err != nil {
			r.fail("%s: %w", name, err)
			return nil
		}
		out[i] = s
	}
	return out
}

func (r *reader) each(name string, f func(key string, v any)) {
	v, ok := r.m[name]
	if !ok {
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		r.fail("%s must be an object", name)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if r.err == nil {
			f(key, m[key])
		}
	}
}

func (r *reader) texts(name string, v any) []string {
	list, ok := v.([]any)
	if !ok {
		r.fail("%s must be a list of names", name)
	}
	out := make([]string, 0, len(list))
	for _, e := range list {
		t, ok := e.(string)
		if !ok {
			r.fail("%s: %v is no name", name, e)
		}
		out = append(out, t)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *reader) count(name string, or int) int {
	v, ok := r.m[name]
	if !ok {
		return or
	}
	n, ok := v.(json.Number)
	i, err := n.Int64()
	if !ok || err != nil || i < 0 {
		r.fail("%s must be a whole number, 0 or more", name)
	}
	return int(min(i, 1<<31))
}

func (r *reader) number(name string) *decimal {
	v, ok := r.m[name]
	if !ok {
		return nil
	}
	n, ok := v.(json.Number)
	if !ok {
		r.fail("%s must be a number", name)
		return nil
	}
	d := parseDecimal([]byte(n))
	return &d
}

func (r *reader) object() *object {
	if !r.has("properties", "patternProperties", "additionalProperties", "required", "dependencies", "minProperties", "maxProperties") {
		return nil
	}
	o := &object{properties: map[string]*Schema{}, minProps: r.count("minProperties", 0), maxProps: r.count("maxProperties", -1)}
	r.each("properties", func(key string, v any) {
		s, err := r.schema(v, r.depth)
		if err != nil {
			r.fail("properties/%s: %w", key, err)
		}
		o.properties[key] = s
	})
	r.each("patternProperties", func(key string, v any) {
		p, err := compilePattern(key)
		if err != nil {
			r.fail("patternProperties: %w", err)
			return
		}
		s, err := r.schema(v, r.depth)
		if err != nil {
			r.fail("patternProperties/%s: %w", key, err)
		}
		o.patterns = append(o.patterns, patternSchema{p, s})
	})
	o.additional = r.oneOrBool("additionalProperties")
	if v, ok := r.m["required"].([]any); ok {
		o.required = r.texts("required", v)
	} // OpenAPI's own required: true on a property says nothing here
	r.each("dependencies", func(key string, v any) {
		d := dependency{name: key}
		if _, ok := v.([]any); ok {
			d.needs = r.texts("dependencies", v)
		} else {
			s, err := r.schema(v, r.depth)
			if err != nil {
				r.fail("dependencies/%s: %w", key, err)
			}
			d.schema = s
		}
		o.dependencies = append(o.dependencies, d)
	})
	o.number()
	return o
}

// number gives the names that a check must remember their places.
func (o *object) number() {
	o.asked = map[string]int{}
	add := func(names ...string) {
		for _, n := range names {
			if _, known := o.asked[n]; !known {
				o.asked[n] = len(o.asked)
			}
		}
	}
	add(o.required...)
	for _, d := range o.dependencies {
		add(d.name)
		add(d.needs...)
	}
}

func (r *reader) array() *array {
	if !r.has("items", "additionalItems", "minItems", "maxItems", "uniqueItems") {
		return nil
	}
	unique, _ := r.m["uniqueItems"].(bool)
	a := &array{min: r.count("minItems", 0), max: r.count("maxItems", -1), unique: unique}
	if _, ok := r.m["items"].([]any); ok {
		a.items = r.list("items")
		a.additional = r.oneOrBool("additionalItems")
	} else {
		a.each = r.one("items")
	}
	return a
}

func (r *reader) text() *text {
	if !r.has("minLength", "maxLength", "pattern", "format") {
		return nil
	}
	t := &text{min: r.count("minLength", 0), max: r.count("maxLength", -1)}
	t.format, _ = r.m["format"].(string)
	t.format = strings.ToLower(t.format)
	if expr, ok := r.m["pattern"].(string); ok {
		p, err := compilePattern(expr)
		if err != nil {
			r.fail("pattern: %w", err)
		}
		t.pattern = p
	}
	return t
}

func (r *reader) numeric() *numeric {
	if !r.has("minimum", "maximum", "multipleOf") {
		return nil
	}
	n := &numeric{min: r.number("minimum"), max: r.number("maximum"), multiple: r.number("multipleOf")}
	n.exclusiveMin, _ = r.m["exclusiveMinimum"].(bool)
	n.exclusiveM, _ = r.m["exclusiveMaximum"].(bool)
	if n.multiple != nil && (n.multiple.negative || n.multiple.digits == "") {
		r.fail("multipleOf must be above 0")
	}
	return n
}
