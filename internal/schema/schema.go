// SPDX-License-Identifier: Apache-2.0

// Package schema checks JSON bodies against JSON Schema draft 4, the language
// of a REST API's models (row A10).
//
// The flow:
//  1. New reads the models of an API, JSON texts by name.
//  2. Set.Compile makes a Schema of one of them and of all that it refers to:
//     places in itself, and models of the same API. There is no loader: no
//     file and no address is ever read, and a reference to anything else is
//     an error.
//  3. Schema.Check parses a body into a flat list of nodes (parse.go), walks
//     it with the schema (check.go) and says what is wrong, in the words that
//     API Gateway's validator has ($context.error.validationErrorString).
//
// Bounds: a body of n bytes costs at most a constant plus a multiple of n in
// steps, whatever the schema is (recursive alternatives would else take time
// exponential in the body's depth), 16 bytes a value in memory and maxDepth
// levels; numbers are compared as decimal text, so 1e999999999 costs nothing.
// Patterns run on RE2 where it means the same as ECMA 262, else on a
// backtracking engine under a time limit (regex.go). What exceeds a bound is
// invalid.
//
// What it does not do: other drafts; it fills in no default and changes no
// body.
//
// Concurrency: a Set belongs to one goroutine; a Schema is immutable.
package schema

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// types is a set of primitive types.
type types uint8

const (
	typeNull types = 1 << iota
	typeBoolean
	typeInteger
	typeNumber
	typeString
	typeArray
	typeObject
)

var typeNames = [...]string{"null", "boolean", "integer", "number", "string", "array", "object"}

// Schema is a compiled schema. The zero Schema takes everything.
type Schema struct {
	ref  *Schema // the only member that counts when it is set
	fail bool    // additionalProperties: false and the like, as a schema

	types types // 0: all
	enum  []string
	shown string // enum, as messages show it

	allOf, anyOf, oneOf []*Schema
	not                 *Schema

	object  *object
	array   *array
	text    *text
	numeric *numeric
}

// object, array, text and numeric are nil where a schema says nothing about them.
type object struct {
	properties   map[string]*Schema
	patterns     []patternSchema
	additional   *Schema // nil: all
	required     []string
	dependencies []dependency
	asked        map[string]int // names of required and dependencies, numbered
	minProps     int
	maxProps     int // -1: none
}

type patternSchema struct {
	pattern *pattern
	schema  *Schema
}

type dependency struct {
	name   string
	needs  []string
	schema *Schema
}

type array struct {
	each       *Schema   // items as one schema
	items      []*Schema // items as a list
	additional *Schema   // for what is behind the list; nil: all
	min, max   int       // max -1: none
	unique     bool
}

type text struct {
	min, max int // characters; max -1: none
	pattern  *pattern
	format   string
}

type numeric struct {
	min, max                 *decimal
	exclusiveMin, exclusiveM bool
	multiple                 *decimal
}

// Set is the models of one API.
type Set struct {
	api    string
	models map[string]any
	broken map[string]error
	known  map[string]*Schema // by model and pointer
}

// New reads the models of the API with this id. A model that is no JSON is an
// error of the Compile that needs it.
func New(api string, models map[string]string) *Set {
	s := &Set{api: api, models: map[string]any{}, broken: map[string]error{}, known: map[string]*Schema{}}
	for name, textOf := range models {
		d := json.NewDecoder(strings.NewReader(textOf))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			s.broken[name] = fmt.Errorf("model %s is no JSON: %w", name, err)
			continue
		}
		s.models[name] = v
	}
	return s
}

// Compile makes the Schema of a model.
func (s *Set) Compile(model string) (*Schema, error) {
	return s.at(model, "")
}

// at is the schema at a JSON pointer of a model.
func (s *Set) at(model, pointer string) (*Schema, error) {
	if err := s.broken[model]; err != nil {
		return nil, err
	}
	doc, ok := s.models[model]
	if !ok {
		return nil, fmt.Errorf("the API has no model %q", model)
	}
	key := model + "#" + pointer
	if known := s.known[key]; known != nil {
		return known, nil
	}
	v, ok := follow(doc, pointer)
	if !ok {
		return nil, fmt.Errorf("model %s has no %s", model, pointer)
	}
	out := &Schema{}
	s.known[key] = out // before its parts are read: they may refer to it
	c := &compiler{set: s, model: model}
	if err := c.fill(out, v, 0); err != nil {
		delete(s.known, key)
		return nil, fmt.Errorf("model %s: %w", model, err)
	}
	return out, nil
}

// follow goes along a JSON pointer.
func follow(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for _, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch w := v.(type) {
		case map[string]any:
			next, ok := w[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(w) {
				return nil, false
			}
			v = w[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// models of an API are named by an address that is never read.
const modelAddress = "https://apigateway.amazonaws.com/restapis/"

// resolve finds what a reference means.
func (c *compiler) resolve(ref string) (*Schema, error) {
	if rest, ok := strings.CutPrefix(ref, modelAddress); ok {
		api, rest, _ := strings.Cut(rest, "/models/")
		name, pointer, _ := strings.Cut(rest, "#")
		if api != c.set.api {
			return nil, fmt.Errorf("$ref %s: it is a model of another API", ref)
		}
		return c.set.at(name, pointer)
	}
	pointer, ok := strings.CutPrefix(ref, "#")
	if p, err := url.PathUnescape(pointer); err == nil {
		pointer = p
	}
	if !ok {
		return nil, fmt.Errorf("$ref %s: only places in the model and models of the API can be referred to (%s{id}/models/{name})", ref, modelAddress)
	}
	if _, found := follow(c.set.models[c.model], pointer); found {
		return c.set.at(c.model, pointer)
	}
	// an imported definition refers to its models as places in the definition
	for _, prefix := range [...]string{"/definitions/", "/components/schemas/"} {
		if name, ok := strings.CutPrefix(pointer, prefix); ok {
			name, below, deep := strings.Cut(name, "/")
			if deep {
				below = "/" + below
			}
			return c.set.at(name, below)
		}
	}
	return nil, fmt.Errorf("$ref %s: the model has no such place", ref)
}
