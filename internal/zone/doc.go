// SPDX-License-Identifier: Apache-2.0

// Package zone is authoritative DNS: it answers for the names of the zones of
// running stacks, by Route 53's routing policies.
//
// The flow of a question:
//
//  1. serve.go takes it from UDP or TCP, wire.go reads it: one question, EDNS,
//     the subnet of the viewer (RFC 7871), or else the resolver's address.
//  2. find.go finds the zone and the node in it: exact, by wildcard, or a
//     delegation. A name of nobody's zone is refused, never asked for elsewhere.
//  3. policy.go chooses among the record sets of a name and type: by health,
//     and by weight, latency, role, place or prefix. A CNAME is followed inside
//     the zones, an alias (alias.go) is replaced by what it stands for.
//  4. wire.go writes the answer, cut to what UDP carries, with the number of bits
//     of the subnet that it depends on; limit.go may hold it back.
//
// An answer is a function of the question, the subnet, the state of health
// checks, the table of latencies and a random number; nothing else is kept.
// Members (member.go) tells the same records to the edge, which asks origins
// whose name leads to several places.
//
// Rooms: health checks endpoints, latency keeps how far viewers are.
//
// What it does not do: it resolves nothing for others, signs nothing (DNSSEC),
// transfers no zone and takes no update.
//
// Concurrency: Zones are immutable and may be used by many at once.
package zone
