// SPDX-License-Identifier: Apache-2.0

// Package webacl is AWS WAFv2: web ACLs that decide about requests.
//
// The flow:
//
//  1. Compile makes the running ACLs of a snapshot's model.WebACLs: a Set. A
//     kind of statement is one file; what the managed groups share, the engine
//     of room crs, is one for all ACLs of the Set. Close gives it back.
//  2. A plane calls ACL.Screen once a request. Where the ACL looks into bodies
//     (ReadsBody), as much of the body is read as is inspected, and put back.
//  3. The rules are tried in ascending priority. A rule that matches adds its
//     labels; Count goes on, every other action ends it. The rules of a group
//     are tried in the group's place. Where none ends it, the default action
//     holds.
//  4. The Verdict says what was decided and, for what is refused, the answer.
//
// What it does not do: it sends nothing and changes nothing but the Body of the
// request; the plane answers and inserts headers. It has no database of
// addresses: countries are unknown unless Options say them, and no viewer has
// a token, so that Captcha and Challenge always answer.
//
// Concurrency: a Set and its ACLs may be used by many at once. What is mutable
// is the counters of rate-based rules (rate.go) and the memory of verdicts
// (crs), each with its own lock. A Verdict belongs to its caller.
package webacl
