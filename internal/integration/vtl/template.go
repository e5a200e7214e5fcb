// SPDX-License-Identifier: Apache-2.0

package vtl

import (
	"fmt"
	"time"
)

// MaxSource is the longest template that API Gateway takes.
const MaxSource = 300 << 10

// Kind is what ended a template: a closed list.
type Kind uint8

// The kinds.
const (
	Syntax    Kind = iota // the template cannot be read
	Exception             // a method failed where Java's throws: substring(9) of a short string
	TooManySteps
	TooMuchOutput
	TooMuchMemory
	TooDeep
	TooSlow
)

// String is the word of the log.
func (k Kind) String() string {
	if int(k) < len(kindWords) {
		return kindWords[k]
	}
	return "?"
}

var kindWords = [...]string{
	"syntax", "exception", "too many steps", "too much output", "too much memory", "nested too deep", "too slow",
}

// Error is why a template was refused or ended.
type Error struct {
	Kind Kind
	Line int // in the template, from 1; 0: not known
	Msg  string
}

// Error is the kind, the line and the words.
func (e *Error) Error() string {
	s := "mapping template"
	if e.Line > 0 {
		s += fmt.Sprintf(", line %d", e.Line)
	}
	s += ": " + e.Kind.String()
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	return s
}

// Limits bound one rendering. The zero value of each field is its default.
type Limits struct {
	Steps  int           // nodes evaluated and values visited; 2,000,000
	Output int           // bytes; 10 MB, the payload limit of an API
	Memory int           // bytes of all values made along the way; 64 MB
	Depth  int           // of blocks, macros and values inside each other; 100
	Loops  int           // rounds of one #foreach, which then ends; 1,000
	Time   time.Duration // 2 s
}

func (l Limits) withDefaults() Limits {
	set := func(n *int, or int) {
		if *n <= 0 {
			*n = or
		}
	}
	set(&l.Steps, 2_000_000)
	set(&l.Output, 10<<20)
	set(&l.Memory, 64<<20)
	set(&l.Depth, maxDepth)
	set(&l.Loops, 1000)
	if l.Time <= 0 {
		l.Time = 2 * time.Second
	}
	return l
}

// maxDepth is also how deep a template, a JSON text or a JSONPath may nest.
const maxDepth = 100

// Template is a template that has been read.
type Template struct {
	body   []node
	macros map[string]*macro
}

// Pair is a parameter.
type Pair struct{ Name, Value string }

// Variables is the $context.
type Variables interface {
	// ContextVar is the value of a dotted name, such as identity.sourceIp.
	ContextVar(name string) (string, bool)
	// ContextNames lists the dotted names that have a value.
	ContextNames() []string
}

// Input is what a template can see.
type Input struct {
	Body string
	// The parameters of the method request, decoded; a name stands once.
	Path, Query, Header []Pair
	Context             Variables // nil: none
	Stage               map[string]string
	// Overrides is written by the template; the response's template sees what
	// the request's wrote. nil: what is written is dropped.
	Overrides *Overrides
	Limits    Limits
}
