// SPDX-License-Identifier: Apache-2.0

// Package crs finds attacks in requests: the OWASP Core Rule Set at paranoia
// level 1, run by Coraza, with a memory.
//
// The flow:
//
//  1. New reads the rules of the wanted families (rules.go) and parts them
//     (locality.go): a rule is local if it looks at one element at a time (one
//     argument, one header, the path), so that what it says of an element does
//     not depend on the others; the rest are chains that join several
//     components, and counts.
//  2. Screen takes a request without a body whose whole head was seen before
//     from the memory of heads. Else a transaction of Coraza takes the request
//     apart and runs the rest; its elements are looked up in the memory of
//     elements, and only those that are new there are shown to the local rules,
//     all in one transaction. Where that one finds nothing, none of them has
//     anything; where it does, each half is asked, down to single ones.
//  3. The Result is the hits: rule, place, and points of the anomaly score.
//
// Both memories hold the whole text that a verdict is about and compare it byte
// by byte, in tables of fixed size whose order depends on a secret of the
// process: nobody can make a text that is taken for another one (memory.go).
//
// What it does not do: it blocks nothing, and it looks at no answer. Which hits
// make which rule of which AWS group, package webacl says.
//
// Concurrency: an Engine may be used by many at once; a Result belongs to its
// caller. Close ends it, when no Screen runs any more.
package crs
