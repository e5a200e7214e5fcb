// SPDX-License-Identifier: Apache-2.0

// Package edgelambda lets Lambda functions stand at the four events of the
// edge (Lambda@Edge): it makes the event, asks the function, and reads what it
// gives back.
//
// The flow of one run:
//
//  1. The message becomes an event (event.go, origin.go): what functions may
//     not see is left out, and what is kept back is kept in the message. Where
//     the association includes the body, its beginning is read (body.go).
//  2. The function is invoked with the event as JSON (invoke.go).
//  3. What it returned is taken apart (result.go) and judged against the rules
//     of its event (rule.go): any fault is an *Error, which says which status
//     the viewer gets.
//  4. The differences to the event are applied to the message (apply.go), or
//     the answer that the function made is returned (answer.go). What a
//     function did not change stays as it was sent, byte by byte. On an error
//     the message is unchanged.
//
// Sources: CloudFront Developer Guide, "Lambda@Edge event structure", "Work
// with requests and responses", "Restrictions on edge functions", "Quotas on
// Lambda@Edge".
//
// What it does not do: it runs no code and sends nothing, the Invoker does; it
// knows no step of the edge: who calls decides when a function runs, and what
// an answer or an error means there. What CloudFront refuses to associate is
// refused by package template.
//
// A Function is safe for concurrent use.
package edgelambda
