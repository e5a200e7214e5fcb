// SPDX-License-Identifier: Apache-2.0

// Package invalidation is the book of invalidations: what was asked for, under
// which id, and whether it is done.
//
// The flow:
//
//  1. Create checks the paths, and knows a CallerReference again: the same
//     paths have the same id, other paths are an error.
//  2. The entry is written to the book's file and handed to the Carrier, which
//     sees to it that every node does it. When the Carrier's Wait returns, the
//     entry is completed.
//  3. Get and List answer from the book, also after a restart. What was not
//     completed then is handed to the Carrier once more: to drop twice is to
//     drop.
//
// The book is bounded (Kept entries, with KeptPaths paths): the oldest that are
// completed leave it. A file that another process of the same folder appends to
// is read on, so that a predecessor and its successor have one book.
//
// What it does not do: it drops nothing itself, and knows no distribution.
//
// Concurrency: everything may be called from any goroutine. No lock is held
// while the Carrier works.
package invalidation
