// SPDX-License-Identifier: Apache-2.0

// Package tree holds a template as data: scalars, lists and ordered maps,
// every one with the position it was written at.
//
// The flow: Parse reads YAML (with CloudFormation's short-form tags) or JSON
// into a Node; the SAM transform, the intrinsic evaluator and the builders of
// package template read and rewrite Nodes; JSON writes one back.
//
// A short-form tag is expanded while parsing (`!Ref X` becomes {"Ref": "X"}),
// so that the rest of the house knows one form of an intrinsic.
//
// What it does not do: it knows no resource type, evaluates nothing and reads
// no file. A Node tree is owned by one goroutine while it is changed.
package tree

import (
	"fmt"
	"slices"
	"strconv"
)

// Kind says what a Node is. The list is closed.
type Kind uint8

// The kinds of a Node.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Map
)

// String names the kind as JSON Schema does, for messages.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "boolean"
	case Number:
		return "number"
	case String:
		return "string"
	case List:
		return "list"
	case Map:
		return "map"
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Pos is a place in a source file. The zero Pos means "made by a transform".
type Pos struct {
	File string
	Line int // from 1
	Col  int // from 1, in characters
}

// String prints file:line:col, the form editors open.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Node is one value of a template.
type Node struct {
	Kind Kind
	Pos  Pos

	// Text is the value of a String, and the literal of a Number in JSON's
	// grammar (an octal or hexadecimal of YAML is converted while parsing).
	Text string
	// Bool is the value of a Bool.
	Bool bool
	// Items are the members of a List.
	Items []*Node
	// Entries are the members of a Map in the order written; keys are unique.
	Entries []Entry
}

// Entry is one key of a Map.
type Entry struct {
	Key    string
	KeyPos Pos
	Value  *Node
	// Earlier is where the key was given before: the last one counts, as for
	// CloudFormation. Its zero value says that it is given once.
	Earlier Pos
}

// Constructors for what a transform makes. They have no position.

// NewString makes a String.
func NewString(s string) *Node { return &Node{Kind: String, Text: s} }

// NewInt makes a Number.
func NewInt(i int) *Node { return &Node{Kind: Number, Text: strconv.Itoa(i)} }

// NewBool makes a Bool.
func NewBool(b bool) *Node { return &Node{Kind: Bool, Bool: b} }

// NewNull makes a Null.
func NewNull() *Node { return &Node{Kind: Null} }

// NewList makes a List of the given items.
func NewList(items ...*Node) *Node { return &Node{Kind: List, Items: items} }

// NewStrings makes a List of Strings.
func NewStrings(ss ...string) *Node {
	n := &Node{Kind: List}
	for _, s := range ss {
		n.Items = append(n.Items, NewString(s))
	}
	return n
}

// NewMap makes an empty Map; chain With to fill it.
func NewMap() *Node { return &Node{Kind: Map} }

// With sets key to v and returns n, so that maps can be written as one
// expression. A nil v is left out.
func (n *Node) With(key string, v *Node) *Node {
	if v != nil {
		n.Set(key, v)
	}
	return n
}

// Get returns the value of key, or nil if n is nil, is no Map or has no such key.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Map {
		return nil
	}
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			return n.Entries[i].Value
		}
	}
	return nil
}

// Has tells whether n is a Map with key.
func (n *Node) Has(key string) bool { return n.Get(key) != nil }

// At follows keys from n; nil where one is missing.
func (n *Node) At(keys ...string) *Node {
	for _, k := range keys {
		n = n.Get(k)
	}
	return n
}

// Set puts v under key, at the end if the key is new. n must be a Map.
func (n *Node) Set(key string, v *Node) {
	if n.Kind != Map {
		panic("tree: Set on a " + n.Kind.String())
	}
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			n.Entries[i].Value = v
			return
		}
	}
	n.Entries = append(n.Entries, Entry{Key: key, KeyPos: v.Pos, Value: v})
}

// Delete removes key and tells whether it was there.
func (n *Node) Delete(key string) bool {
	if n == nil || n.Kind != Map {
		return false
	}
	for i := range n.Entries {
		if n.Entries[i].Key == key {
			n.Entries = slices.Delete(n.Entries, i, i+1)
			return true
		}
	}
	return false
}

// Add appends items to a List.
func (n *Node) Add(items ...*Node) {
	if n.Kind != List {
		panic("tree: Add on a " + n.Kind.String())
	}
	n.Items = append(n.Items, items...)
}

// Keys returns the keys of a Map in order; nil for anything else.
func (n *Node) Keys() []string {
	if n == nil || n.Kind != Map {
		return nil
	}
	keys := make([]string, len(n.Entries))
	for i := range n.Entries {
		keys[i] = n.Entries[i].Key
	}
	return keys
}

// Len is the number of members of a List or Map, else 0.
func (n *Node) Len() int {
	if n == nil {
		return 0
	}
	switch n.Kind {
	case List:
		return len(n.Items)
	case Map:
		return len(n.Entries)
	}
	return 0
}

// IsMap, IsList and IsString are false for nil.

// IsMap tells whether n is a Map.
func (n *Node) IsMap() bool { return n != nil && n.Kind == Map }

// IsList tells whether n is a List.
func (n *Node) IsList() bool { return n != nil && n.Kind == List }

// IsString tells whether n is a String.
func (n *Node) IsString() bool { return n != nil && n.Kind == String }

// IsNull tells whether n is absent or a Null.
func (n *Node) IsNull() bool { return n == nil || n.Kind == Null }

// Str returns the text of a String; ok is false for anything else.
func (n *Node) Str() (s string, ok bool) {
	if n.IsString() {
		return n.Text, true
	}
	return "", false
}

// Scalar returns a String, Number or Bool as the text CloudFormation passes
// on where a string is wanted (true, false, 42).
func (n *Node) Scalar() (s string, ok bool) {
	if n == nil {
		return "", false
	}
	switch n.Kind {
	case String, Number:
		return n.Text, true
	case Bool:
		return strconv.FormatBool(n.Bool), true
	}
	return "", false
}

// Intrinsic tells whether n is a Map with the single key Ref, Condition or
// Fn::…, the form of every intrinsic function, and returns that key and its
// argument.
func (n *Node) Intrinsic() (name string, arg *Node, ok bool) {
	if n == nil || n.Kind != Map || len(n.Entries) != 1 {
		return "", nil, false
	}
	e := n.Entries[0]
	if e.Key == "Ref" || e.Key == "Condition" || (len(e.Key) > 4 && e.Key[:4] == "Fn::") {
		return e.Key, e.Value, true
	}
	return "", nil, false
}

// IsIntrinsic tells whether n is an intrinsic function.
func (n *Node) IsIntrinsic() bool {
	_, _, ok := n.Intrinsic()
	return ok
}

// Clone copies n deeply, positions included. Clone of nil is nil.
func (n *Node) Clone() *Node {
	if n == nil {
		return nil
	}
	c := *n
	if n.Items != nil {
		c.Items = make([]*Node, len(n.Items))
		for i, it := range n.Items {
			c.Items[i] = it.Clone()
		}
	}
	if n.Entries != nil {
		c.Entries = make([]Entry, len(n.Entries))
		for i, e := range n.Entries {
			e.Value = e.Value.Clone()
			c.Entries[i] = e
		}
	}
	return &c
}

// Equal compares values: maps without regard to the order of keys, numbers by
// value, positions not at all. A nil Node equals a nil Node only.
func Equal(a, b *Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Null:
		return true
	case Bool:
		return a.Bool == b.Bool
	case String:
		return a.Text == b.Text
	case Number:
		return a.Text == b.Text || sameNumber(a.Text, b.Text)
	case List:
		return slices.EqualFunc(a.Items, b.Items, Equal)
	case Map:
		if len(a.Entries) != len(b.Entries) {
			return false
		}
		for _, e := range a.Entries {
			if !Equal(e.Value, b.Get(e.Key)) {
				return false
			}
		}
		return true
	}
	return false
}

func sameNumber(a, b string) bool {
	x, err := strconv.ParseFloat(a, 64)
	if err != nil {
		return false
	}
	y, err := strconv.ParseFloat(b, 64)
	return err == nil && x == y
}

// Error is a fault of the template: where, what, and how to mend it.
type Error struct {
	Pos  Pos
	Path string // resource path such as Resources.Api.Properties.Name; may be empty
	Msg  string // what is wrong
	Mend string // how to mend it; may be empty
}

// Error prints one line: file:line:col: path: message (mend).
func (e *Error) Error() string {
	s := e.Msg
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if p := e.Pos.String(); p != "" {
		s = p + ": " + s
	}
	if e.Mend != "" {
		s += " (" + e.Mend + ")"
	}
	return s
}

// Errorf makes an Error at n's position.
func (n *Node) Errorf(format string, args ...any) *Error {
	e := &Error{Msg: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Pos = n.Pos
	}
	return e
}
