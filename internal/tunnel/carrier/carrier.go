// SPDX-License-Identifier: Apache-2.0

// Package carrier carries streams of bytes between an agent and the edge, over
// a connection that the agent has dialled and on which the edge opens streams.
//
// There are two: QUIC, and, where UDP does not get through, HTTP/2 with its
// roles reversed over TLS: the agent, who dialled, is the server. Both have
// flow control for each stream, so a reader who is slow slows its own writer
// and nobody else.
//
// What it does not do: it knows neither origins nor identities. Whoever uses it
// has checked the peer's certificate during the handshake.
//
// Concurrency: an Edge opens streams for many at once; a stream has one reader
// and one writer, its Close may come from anybody.
package carrier

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

// Kind is which carrier it is.
type Kind uint8

// The carriers.
const (
	QUIC Kind = iota
	HTTP2
)

// String is the carrier's word in logs and figures.
func (k Kind) String() string {
	if k == HTTP2 {
		return "h2"
	}
	return "quic"
}

// Edge is the end that opens streams.
type Edge interface {
	// Open opens a stream; it waits while there are too many.
	Open(ctx context.Context) (net.Conn, error)
	// Done is closed when the connection has ended.
	Done() <-chan struct{}
	Kind() Kind
	Remote() net.Addr
	Close() error
}

// Agent is the end that takes them.
type Agent interface {
	// Serve hands each stream to a goroutine of its own, until the connection
	// ends, and waits for these. The stream is closed when f returns.
	Serve(f func(Stream)) error
	Kind() Kind
	Close() error
}

// Stream is an agent's end of a stream.
type Stream interface {
	io.Reader
	io.Writer
	SetReadDeadline(time.Time) error
	// CloseWrite ends what is written; reading goes on.
	CloseWrite() error
	// Abort ends both directions at once; a Read or Write that waits fails.
	Abort()
}

// Bounds of a connection. Memory for what nobody reads is bounded by the
// windows: maxWindow for each of them.
const (
	MaxStreams   = 1024      // that are open at once
	streamWindow = 512 << 10 // of a stream, to begin with
	maxStream    = 4 << 20   // of a stream whose reader keeps up
	maxWindow    = 16 << 20  // of all streams of a connection
	idle         = 30 * time.Second
	keepAlive    = 10 * time.Second
)

// errEnded is a connection that has been closed.
var errEnded = errors.New("tunnel: the connection has ended")

// addr is where a stream of HTTP/2 comes from.
type addr struct {
	net.Addr
	n uint64
}

// String has the stream's number behind the connection's address.
func (a addr) String() string { return a.Addr.String() + "#" + strconv.FormatUint(a.n, 10) }
