// SPDX-License-Identifier: Apache-2.0

// Package h1 asks origins by HTTP/1.1, on the goroutine of whoever asks.
//
// The flow: (1) Client.Do takes the connection that rested last, or dials one
// (pool.go); (2) the request is written with one system call (encode.go; a body
// that does not fit goes on in a goroutine of its own, upload.go); (3) the head
// of the answer is read and judged strictly (parse.go, frame.go); (4) the body
// is read by whoever asked, by its length, in chunks or until the connection
// closes (body.go, chunk.go); (5) with its last byte the connection goes back
// to rest, if both sides may go on.
//
// A connection at rest has no goroutine and no memory but its own: what the
// origin does to it meanwhile is seen when it is taken (probe.go), or in the
// answer's place. A request that can be sent twice is then sent once more.
//
// What it does not do: it follows no redirect, decodes no coding but chunked,
// adds no field but Host and those that frame the body, and speaks no HTTP/2.
//
// Concurrency: a Client may be used by many at once; an answer belongs to one
// goroutine, but its body may be closed by another.
package h1

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Client asks one origin. Its fields do not change once it is used.
type Client struct {
	// Dial connects, with TLS when secure is set. Required.
	Dial func(ctx context.Context, secure bool) (net.Conn, error)
	// Read bounds the wait for an answer's head, and between two reads of its
	// body. What is written of a request's body counts as progress.
	// Required.
	Read time.Duration
	// Completion bounds the whole, connecting included. 0: nothing does.
	Completion time.Duration
	// Idle is how many connections rest, and KeepAlive how long. 0: none.
	Idle      int
	KeepAlive time.Duration

	pool    [2]pool   // cleartext and TLS
	buffers sync.Pool // *buffer, bufferSize long
}

// Sizes of an answer.
const (
	bufferSize = 8 << 10
	maxHead    = 20480 + 4096 // of all lines, as they stand on the wire
	maxFields  = 1000
	maxInterim = 32 // interim answers before the final one
)

// ErrCompletion is the cause when the whole answer took longer than Completion.
var ErrCompletion = errors.New("origin: response completion timeout")

// Do sends rq and reads the head of the answer into rs. The texts of rs have
// memory of their own, one piece for all; its Body, nil when there is none,
// must be closed. After 101 the Body is an io.ReadWriteCloser: the connection.
//
// rq's Header has neither Host nor fields that frame; its body is closed when
// no more of it is read, which may be after Do. interim takes the answers of
// 1xx before the final one, on this goroutine; nil: they are dropped.
//
// When ctx ends, Do and reads of the body fail within a few milliseconds.
func (cl *Client) Do(ctx context.Context, rq *httpmsg.Request, rs *httpmsg.Response, interim func(*httpmsg.Response)) error {
	x := exchange{cl: cl, ctx: ctx, rq: rq, rs: rs, interim: interim}
	if cl.Completion > 0 {
		x.until = time.Now().Add(cl.Completion)
	}
	err := x.run()
	if err != nil && rq.Body != nil && !x.uploading {
		_ = rq.Body.Close()
	}
	return err
}

// exchange is one request on its way to an answer's head.
type exchange struct {
	cl        *Client
	ctx       context.Context
	rq        *httpmsg.Request
	rs        *httpmsg.Response
	interim   func(*httpmsg.Response)
	until     time.Time // the end of Completion, zero for none
	head      []byte    // the request as it is written; with its body, if that is small
	whole     bool      // head has the body
	uploading bool      // the body is another goroutine's
}

// run sends the request, over a second connection if the first one turns out
// to have been closed while it rested.
func (x *exchange) run() error {
	if err := x.ctx.Err(); err != nil {
		return context.Cause(x.ctx)
	}
	b := x.cl.buffer()
	var err error
	x.head, err = appendRequest(b.b[:0], x.rq)
	if err == nil {
		err = x.gather()
	}
	if err != nil {
		x.cl.release(b)
		return err
	}
	for fresh := false; ; {
		var c *conn
		if !fresh {
			c = x.cl.pool[index(x.secure())].get(x.cl.KeepAlive)
		}
		if c == nil {
			fresh = true
			if c, err = x.dial(); err != nil {
				x.cl.release(b)
				return err
			}
		}
		c.in, c.r, c.w = b, 0, 0
		if err = c.ask(x); err == nil {
			return nil
		}
		b = c.end() // closes it
		switch {
		case errors.Is(err, errStale): // nothing has been sent
		case !fresh && c.silent && x.replayable() && x.ctx.Err() == nil && !isTimeout(err):
			fresh = true
		default:
			x.cl.release(b)
			return c.cause(err)
		}
	}
}

func index(secure bool) int {
	if secure {
		return 1
	}
	return 0
}

func (x *exchange) secure() bool { return x.rq.Scheme == "https" }

// replayable tells whether the request may reach the origin twice (RFC 9110
// 9.2.2) and can be sent twice.
func (x *exchange) replayable() bool {
	switch x.rq.Method {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE":
		return x.rq.Body == nil || x.whole
	}
	return false
}

// dial makes a connection.
func (x *exchange) dial() (*conn, error) {
	ctx := x.ctx
	if !x.until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, x.until, ErrCompletion)
		defer cancel()
	}
	nc, err := x.cl.Dial(ctx, x.secure())
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrCompletion) {
			return nil, ErrCompletion
		}
		return nil, err
	}
	return newConn(x.cl, nc, x.secure()), nil
}

// CloseIdle ends the connections at rest.
func (cl *Client) CloseIdle() {
	cl.pool[0].closeAll()
	cl.pool[1].closeAll()
}

// buffer is pooled memory, of a connection in use.
type buffer struct{ b []byte }

func (cl *Client) buffer() *buffer {
	if b, _ := cl.buffers.Get().(*buffer); b != nil {
		return b
	}
	return &buffer{make([]byte, bufferSize)}
}

func (cl *Client) release(b *buffer) {
	if b != nil && len(b.b) == bufferSize {
		cl.buffers.Put(b)
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// unexpected makes an end that comes too early one that is known as such.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
