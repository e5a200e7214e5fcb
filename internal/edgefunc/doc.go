// SPDX-License-Identifier: Apache-2.0

// Package edgefunc runs CloudFront Functions: JavaScript of the runtimes
// cloudfront-js-1.0 and cloudfront-js-2.0, at viewer-request and
// viewer-response, with key value stores.
//
// The flow:
//
//  1. Compile reads the code of every function once: size, syntax, imports
//     (source.go), and the items of the stores (kvs.go).
//  2. ViewerRequest or ViewerResponse takes a machine (machine.go): a
//     JavaScript runtime whose globals have been frozen, so that nothing a
//     function does outlives its run. The code runs as the body of a fresh
//     JavaScript function each time; then its handler is called.
//  3. The event (event.go) is built from the message as the function looks at
//     it: headers, cookies and query parameters become JavaScript objects
//     when they are touched.
//  4. What the handler returns is compared with what it was given, checked
//     against the rules (rules.go), and applied to the message (apply.go), or
//     read as an answer (answer.go). Errors are of type *Error and say which
//     status the viewer gets.
//
// Sources: CloudFront Developer Guide, "Write function code", "Restrictions
// on edge functions", "Helper methods".
//
// Test does all that with an event that somebody wrote (testresult.go).
//
// What it does not do: Lambda@Edge; connection functions. It applies no origin
// override, it judges it (originread.go) and hands it over in the Outcome. It
// does not measure CloudFront's own clock: the engine is another, so Utilization
// is a share of a wall-clock budget.
//
// Bounds: a run is stopped after Options.Timeout, or when memory grows too
// fast. Both are noticed between JavaScript instructions; single built-in
// calls that could take long or large are bounded one by one (guard.js).
// Regular expressions with look-around or back-references can overrun.
//
// A Set and its Functions are safe for concurrent use.
package edgefunc
