// SPDX-License-Identifier: Apache-2.0

// Package vtl runs mapping templates: the Velocity Template Language as API
// Gateway runs it, which is Velocity 1.7 with habits of its own (row A8).
//
// The flow:
//  1. Parse reads a template once into a tree (parse.go, reference.go,
//     expression.go) and finds every mistake that API Gateway refuses a
//     template for.
//  2. The caller fills an Input: the body, the parameters, the $context and
//     the stage variables, and the Overrides of this request.
//  3. Template.Render walks the tree (render.go, compute.go, assign.go) and
//     returns the output. What the template wrote into $context.requestOverride
//     and responseOverride stands in the Overrides then.
//
// Habits of API Gateway, as far as they can be seen from outside:
//   - A reference without a value is the empty string: it prints nothing, it
//     equals "" and $null, and it is true in #if, for Velocity 1.7 takes all
//     but null and false for true. Quiet references ($!x) are no different.
//   - $input.path prints an object as Java prints a map, {a=b, c=[1,2]}, and an
//     array as JSON.
//   - $input.body of a request without a body is {}.
//   - #foreach ends after 1,000 rounds, without an error.
//
// A template is the operator's, but what it works on is the viewer's: Limits
// bound steps, output, memory, depth and time, and what exceeds one ends with
// an *Error that names it. No reference leads out of the values: there are no
// classes, no files (#include, #parse and #evaluate are refused when parsed).
//
// What it does not do: it chooses no template and knows no HTTP (package
// integration). Differences from Velocity 1.7 are listed in differences.md.
//
// Concurrency: a Template is immutable and may be rendered by any number of
// goroutines; an Input and its Overrides belong to one rendering at a time.
package vtl
