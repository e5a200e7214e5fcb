// SPDX-License-Identifier: Apache-2.0

// Package cluster is what nodes share: a log of numbered entries (deploys,
// settings, invalidations), the bundles that deploys name, and small values.
//
// The flow: (1) Open starts a NATS server inside the process, or joins a
// cluster by URL, and returns at once: nobody waits for the others to serve;
// (2) Follow gives a Consumer what was in force when the node was last here, and
// then every entry it has missed, in order; (3) with each beat the node says how
// far it is; a beat that the log accepts as up to date begins a new tenure,
// during which the node may call what it has cached current (tenure.go);
// (4) Append puts an entry at the end of the log; (5) Wait tells when every node
// has applied it whose tenure is not surely over.
//
// What it does not do: it knows nothing of templates, caches or requests; bodies
// of cached objects never travel through it. Losing it stops no node: without it
// a node serves what was last in force, and revalidates what it has cached.
//
// Concurrency: a Cluster and a Follower may be used by many at once.
package cluster
