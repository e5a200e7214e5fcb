// SPDX-License-Identifier: Apache-2.0

// Package h2 speaks HTTP/2 (RFC 9113, HPACK of RFC 7541, priorities of RFC
// 9218) to viewers, behind the seam of package engine.
//
// The flow: (1) one goroutine a connection reads what the socket has; (2) it
// takes every complete frame in its buffer, and calls the Handler for every
// complete request head, inline: texts of the request point into the buffer;
// (3) an answer given by Writer.Whole is appended to one output buffer, its
// head as static-table HPACK without a dynamic table; (4) when the buffer
// holds no further complete frame, one write sends everything; (5) a Handler
// that would block returns the rest of its work, which gets a goroutine, a
// context of its own and a blocking Writer; (6) bodies larger than the windows
// or than one batch wait by reference in the send queue, most urgent first.
//
// What it does not do: it accepts nothing, speaks no TLS, negotiates no
// protocol and knows no route. It never pushes, and drops the trailers of
// requests; those of answers are sent by stream.Trailers (trailer.go).
//
// Concurrency: conn.mu guards what streams share: windows, send queue, output
// buffer, stream table. It is never held while foreign code runs or while the
// socket is read or written. Who finds output and no writer at work becomes
// the writer. The reading role has one holder: when its write blocks because
// the viewer does not read, a fresh goroutine takes over the reading, so that
// two ends that both write never wait for each other.
//
// Bounds: streams, head size and fields, CONTINUATION frames, bytes that wait
// (engine.Limits); frames that cost more than they bring are paid from a
// token bucket (guard.go); each wait has a deadline (deadline.go).
package h2
