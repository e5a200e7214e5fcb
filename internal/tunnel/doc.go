// SPDX-License-Identifier: Apache-2.0

// Package tunnel reaches private targets without a way in: an agent beside the
// target dials out to the edge, and the edge opens streams to it over the
// connection that the agent made.
//
// The flow: (1) the operator has a node issue a token that names origins
// (Hub.Issue); (2) an agent joins with it: the token names the edge's
// authority, the edge signs the agent's key (join.go, room identity); (3) the
// agent dials, by QUIC or else by HTTP/2 over TLS with its roles reversed, and
// shows its certificate (agent.go, room carrier); (4) the edge asks it on a
// first stream which origins it serves, lets those count that the roll allows,
// and pings it (link.go); (5) Route.Take chooses the agent with the fewest
// requests under way among those that answer pings (route.go); (6) Link.Dial
// opens a stream, names the origin, and the agent connects the stream with its
// target (splice.go); (7) an agent that is to stop says so, gets no new streams
// and leaves when the last one has ended.
//
// What passes through a stream is what the target and its peer say to each
// other: HTTP is spoken by who dials (package origin), not here.
//
// What it does not do: it never dials from the edge to an agent, and takes no
// connection from a target. It does not encrypt between agent and target but by
// TLS where the target's URL says https.
//
// Concurrency: everything may be used by many at once. Of locks, Hub.mu comes
// before Link.mu.
package tunnel
