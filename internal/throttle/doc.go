// SPDX-License-Identifier: Apache-2.0

// Package throttle counts requests: token buckets for rates with a burst, and
// quotas for a day, a week or a month.
//
// The flow: (1) whoever is configured makes a Limit of a rate and a burst, and
// names its bucket with Table.Scope; where each viewer has a bucket of its own,
// Table.In gives the Key of one in the scope; (2) Take asks for one token and
// says whether there was one; (3) a Quota with a Counter does the same for a
// period.
//
// The buckets and counters belong to whoever outlives revisions of the
// configuration: a Key is the same for the same words as long as the Table
// lives, so that a reload neither fills a bucket nor empties one.
//
// What it does not do: it delays nobody, it has no clock (the time is handed
// in), and it shares nothing between processes.
//
// Concurrency: Table, Counts and Counter may be used by many at once; Limit and
// Quota are values.
package throttle
