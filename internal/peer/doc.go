// SPDX-License-Identifier: Apache-2.0

// Package peer joins the nodes of one region. Between edges, a miss asks the
// node that owns its key, and that node asks the origin once for all. An edge
// without a gateway gives its requests for APIs to nodes that have one
// (errand.go).
//
// The flow of a miss:
//
//  1. Set.Ask finds the owner of a key among the live nodes (rendezvous.go). Is
//     it this node, or none is there, the caller asks the origin itself.
//  2. The Question goes to the owner over HTTP/2 and mutual TLS (client.go). The
//     owner must say at once that it takes it: if it does not within Patience,
//     it is left out for a while (health.go), and the caller asks the origin. So
//     a node that is dead or stopped costs its share of the keys one wait.
//  3. The owner (server.go) hands the Question to its Relay, which answers from
//     its own cache, where requests for a key wait for one another. A relay
//     never asks a peer: there is no way round in circles.
//
// A Question says which revision of the configuration it is of, and how much of
// the log of invalidations its node has applied. An owner with another revision,
// or that has applied less, refuses: so no answer is made by two revisions, and
// what comes from a peer is not older than an invalidation that the asking node
// has acknowledged.
//
// What it does not do: it stores nothing, and decides nothing about freshness.
// Who is live beyond that is the Members' affair.
//
// Concurrency: a Set and a Server may be used by many at once.
package peer
