// SPDX-License-Identifier: Apache-2.0

// Package h3 speaks HTTP/3 (RFC 9114, QPACK of RFC 9204, priorities of RFC
// 9218, early data of RFC 8470) to viewers, behind the seam of package engine.
// QUIC itself is quic-go's; frames, field sections and their judgement are here.
//
// The flow: (1) Listen makes a QUIC listener of a UDP socket, Serve accepts
// connections before their handshake is complete; (2) each gets our control
// stream with SETTINGS, and a goroutine for each of the viewer's own streams
// (control.go); (3) a request stream gets a goroutine that reads HEADERS,
// decodes them with the static table only, and has mux.Head judge them
// (request.go); (4) the Handler is called there, and so is the rest of its
// work: nobody else waits for this goroutine; (5) an answer given by
// Writer.Whole goes to QUIC as one piece, head and body, with the end of the
// stream (writer.go); (6) Close sends GOAWAY, waits for what is under way, and
// cuts what is left (life.go).
//
// What it does not do: it keeps no dynamic table (SETTINGS offer none, so no
// field section waits for another stream), pushes nothing, forwards no
// trailers, and takes no extended CONNECT (RFC 9220).
//
// Concurrency: conn.mu guards what the streams of a connection share. A stream
// belongs to its goroutine; its body may be read by another one.
//
// Bounds: engine.Limits for heads, fields, streams, times and waiting bytes. A
// stream counts until its Handler has returned, not until the viewer resets it
// (RequireStreamCreditRelease), so opening and resetting runs no more Handlers
// than Limits.Streams. Frames that bring nobody an answer and streams that end
// before theirs are paid for from token buckets (guard.go). Floods of new
// connections have to prove their address by a Retry packet. Below that,
// quic-go bounds what is kept of handshakes, acknowledgements, gaps in streams
// and connection ids.
package h3
