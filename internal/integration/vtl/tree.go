// SPDX-License-Identifier: Apache-2.0

package vtl

// node is a piece of a template.
type node interface{}

// The nodes.
type (
	textNode string

	// refNode prints a reference.
	refNode struct{ ref *reference }

	setNode struct {
		to    *reference
		value expression
		line  int
	}

	ifNode struct {
		arms []arm
		or   []node // #else
	}

	arm struct {
		when expression
		body []node
	}

	foreachNode struct {
		name string
		in   expression
		body []node
		line int
	}

	// defineNode gives a block a name; it is rendered where the name is used.
	defineNode struct {
		name string
		body []node
	}

	// callNode calls a macro, or prints itself when there is none of the name.
	callNode struct {
		name   string
		args   []expression
		source string
		line   int
	}

	breakNode struct{}
	stopNode  struct{}
)

// macro is a #macro.
type macro struct {
	params []string
	body   []node
}

// reference is $a.b(c)[d].
type reference struct {
	name  string
	steps []refStep
	line  int
}

type refStep struct {
	kind stepKind
	name string       // of a property or method
	args []expression // of a method; of an index: one
}

type stepKind uint8

const (
	property stepKind = iota
	method
	index
)

// expression is what stands in #set, #if and between the parentheses of a
// method.
type expression interface{}

// The expressions.
type (
	// literal is a string, number, boolean or nil.
	literal struct{ value any }

	// interpolated is a string in double quotes with references in it.
	interpolated struct{ body []node }

	listExpr  struct{ items []expression }
	mapExpr   struct{ keys, values []expression }
	rangeExpr struct{ from, to expression }

	notExpr struct{ of expression }

	binary struct {
		op          operator
		left, right expression
	}
)

type operator uint8

const (
	opNone operator = iota
	opOr
	opAnd
	opEQ
	opNE
	opLT
	opLE
	opGT
	opGE
	opAdd
	opSub
	opMul
	opDiv
	opMod
)
