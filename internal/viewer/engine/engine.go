// SPDX-License-Identifier: Apache-2.0

// Package engine is the seam between what speaks HTTP to viewers and what
// answers them: the rooms h1, h2 and h3 call a Handler, and give it a Writer.
//
// The flow: (1) an engine parses one request into an httpmsg.Request whose
// texts point into the connection's buffer; (2) it calls the Handler on the
// connection's own goroutine with inline set; (3) a hit is answered there, by
// one call of Writer.Whole, which appends to the connection's output buffer;
// (4) a Handler that would have to block returns the rest of its work: the
// engine then gives the Request memory of its own and runs the rest elsewhere
// (or, in HTTP/1.1, on the spot: the connection has nothing else to do).
//
// What it does not do: it holds no code that runs on the way to an answer.
package engine

import (
	"cmp"
	"context"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Handler answers one viewer request: it calls w.Head or w.Whole once.
//
// With inline set it must not block. Where it would, it returns the rest of
// its work without having called w; rq is then copied (Request.Own) before the
// rest runs. Without inline, and when the answer is given, rest is nil.
type Handler func(ctx context.Context, rq *httpmsg.Request, w Writer, inline bool) (rest func())

// Writer takes one answer to its viewer. It belongs to the goroutine that
// runs the Handler.
type Writer interface {
	// Head sends status and fields; rs.ContentLength is the length of the
	// body to come (-1: not known). The body of rs is not read.
	Head(rs *httpmsg.Response) error
	// Write sends a piece of the body; it may block until the viewer takes
	// it. An error means that the viewer is gone.
	Write(p []byte) (int, error)
	// Flush sends what is buffered.
	Flush() error
	// Whole sends an answer whose body lies in memory, without blocking: what
	// cannot be sent at once is kept by reference and sent as the viewer takes
	// it. The pieces are shared and immutable; where hold is not nil they stay
	// so only as long as it is held, and the caller holds it until Whole
	// returns.
	Whole(rs *httpmsg.Response, body [][]byte, hold httpmsg.Hold) error
	// Abort tells that the body cannot be completed, so that the viewer does
	// not take the piece for the whole.
	Abort()
}

// Limits bound what a viewer can make large or slow. New engines take them
// as they are: Defaults has the values.
type Limits struct {
	Head        int           // bytes of request line and fields; more: 431, of the target alone: 414
	Target      int           // bytes of the request target
	Fields      int           // number of fields
	HeadTimeout time.Duration // from the first byte of a request, or the handshake, to the end of its head
	BodyTimeout time.Duration // between two reads of a body
	IdleTimeout time.Duration // of a connection without a request
	WriteStall  time.Duration // a viewer that takes no byte for so long is left
	Streams     int           // concurrent streams of a multiplexed connection
	Pending     int           // bytes of answers that may wait for a viewer, per connection
}

// Defaults are CloudFront's sizes (quotas page: 20,480 B of request line and
// fields, 8,192 B of URL) and times that serve.
func Defaults() Limits {
	return Limits{
		Head: 20480, Target: 8192, Fields: 256,
		HeadTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second, IdleTimeout: 60 * time.Second, WriteStall: 30 * time.Second,
		Streams: 128, Pending: 4 << 20,
	}
}

// OrDefaults is l with the values of Defaults where it has none.
func (l Limits) OrDefaults() Limits {
	d := Defaults()
	l.Head, l.Target, l.Fields = cmp.Or(l.Head, d.Head), cmp.Or(l.Target, d.Target), cmp.Or(l.Fields, d.Fields)
	l.HeadTimeout, l.BodyTimeout = cmp.Or(l.HeadTimeout, d.HeadTimeout), cmp.Or(l.BodyTimeout, d.BodyTimeout)
	l.IdleTimeout, l.WriteStall = cmp.Or(l.IdleTimeout, d.IdleTimeout), cmp.Or(l.WriteStall, d.WriteStall)
	l.Streams, l.Pending = cmp.Or(l.Streams, d.Streams), cmp.Or(l.Pending, d.Pending)
	return l
}
