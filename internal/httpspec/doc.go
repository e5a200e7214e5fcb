// SPDX-License-Identifier: Apache-2.0

// Package httpspec is the grammar of HTTP fields and the arithmetic of
// freshness: pure functions over strings. It is the only place of the program
// that parses a field.
//
// The flow through it, for one exchange:
//
//  1. The viewer engines ask ValidName, ValidValue and ContentLength whether
//     to refuse a message, and HopByHop what to drop from it.
//  2. The edge reads the request: NextCookie, NextParam, AcceptedEncodings.
//  3. For an origin's answer, ParseCacheControl and TTL (ErrorTTL for an
//     error) say how long it may be served, and by which rule.
//  4. For a stored answer, Age tells how old it is, Evaluate judges the
//     viewer's preconditions and ParseRange its ranges; a Cutter makes the body
//     of several.
//
// Where it departs from an RFC, in favour of what CloudFront does or of
// safety, the comment of the function says so.
//
// What it does not do: no I/O, no clock (times are parameters), no memory of
// its own. In the common case nothing allocates; results point into the
// strings that were given. All functions are safe for concurrent use.
package httpspec
