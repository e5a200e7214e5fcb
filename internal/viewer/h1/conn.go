// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/socket"
)

// smallBuffer is the input buffer of a connection, unless a head needs more.
const smallBuffer = 4 << 10

// buffer is pooled memory.
type buffer struct{ b []byte }

// Where a connection is in the eyes of Drain and CloseIdle.
const (
	busy    uint32 = iota // a request is there or on its way
	waiting               // for the first byte of a request
	waking                // one of them is changing the deadline of a waiting one
	woken                 // it is changed
)

// conn is one connection. Its goroutine owns it; what others touch is named:
// idle (Drain), the body (body.mu), the input buffer (the body's reader while
// the rest of a Handler runs, then the watch).
type conn struct {
	parser
	srv    *Server
	nc     net.Conn
	ctx    context.Context
	cancel context.CancelFunc
	viewer httpmsg.Viewer
	idle   atomic.Uint32 // busy, waiting or woken
	since  atomic.Int64  // of waiting, in ns

	in      *buffer
	r, w    int  // unread input is in.b[r:w]
	owned   bool // the Request in hand does not point into in
	fresh   bool // no request has come yet
	doubt   bool // Peer.Doubtful
	skipped bool // an empty line before the request line has been passed over
	headBy  time.Time
	yielded int64     // the span in which the connection went without yielding
	now     time.Time // when the input in hand came; later where a Handler took its time
	readBy  time.Time // the deadlines that are set; zero: not known
	writeBy time.Time

	hd   head
	rq   httpmsg.Request
	body *body // of the request in hand, or nil
	wr   writer
	wt   watch
	output

	tunnel atomic.Pointer[tunnel] // once upgraded
}

func newConn(s *Server, nc net.Conn, p Peer) *conn {
	c := &conn{srv: s, nc: nc, viewer: p.Viewer, fresh: true, doubt: p.Doubtful}
	c.parser = parser{limits: &s.limits, scheme: p.Scheme}
	if c.scheme == "" {
		c.scheme = "http"
		if p.Viewer.TLS != nil {
			c.scheme = "https"
		}
	}
	c.wr.c = c
	switch nc := nc.(type) {
	case socket.Gatherer:
		c.gather = nc.Gather
	case *net.TCPConn, *net.UnixConn:
		c.gather = func(b *net.Buffers) (int64, error) { return b.WriteTo(nc) }
	}
	return c
}

// serve is the connection's life.
func (c *conn) serve(first []byte) {
	defer c.end()
	c.start(first)
	scanned := 0 // bytes of in[r:w] that are known to hold no complete head
	for {
		if !c.skipped && c.w-c.r >= 2 && c.in.b[c.r] == '\r' && c.in.b[c.r+1] == '\n' {
			c.skipped, c.r, scanned = true, c.r+2, 0 // RFC 9112 2.2: one empty line
		}
		b := c.in.b[c.r:c.w]
		if len(b) >= c.limits.Head || bytes.IndexByte(b[scanned:], '\n') >= 0 {
			n, why := c.parse(b, &c.rq, &c.hd)
			if why != ReasonNone {
				c.refuse(why)
				return
			}
			if n > 0 {
				c.r, scanned, c.skipped = c.r+n, 0, false
				if !c.answer(n) {
					return
				}
				continue
			}
		}
		scanned = len(b)
		if c.flush() != nil || !c.fill() {
			return
		}
	}
}

// start takes what was read before.
func (c *conn) start(first []byte) {
	if len(first) > smallBuffer {
		c.in = &buffer{b: make([]byte, len(first)+smallBuffer)}
	} else {
		c.in = c.srv.small.Get().(*buffer)
	}
	c.w = copy(c.in.b, first)
	c.now = time.Now()
	c.headBy = c.now.Add(c.limits.HeadTimeout)
}

// end gives the memory back and closes.
func (c *conn) end() {
	c.cancel()
	_ = c.nc.Close()
	if c.body == nil { // else a late reader may still look at the buffer
		c.release(c.in)
	}
	c.in = nil
	c.drop()
}

func (c *conn) release(b *buffer) {
	switch len(b.b) {
	case smallBuffer:
		c.srv.small.Put(b)
	case c.limits.Head + smallBuffer:
		c.srv.large.Put(b)
	}
}

// fill reads more input; false means that the connection is over. No request
// is in hand, so the input may move.
func (c *conn) fill() bool {
	idle := c.w == c.r
	c.room(idle)
	now := c.now
	switch {
	case idle && !c.fresh:
		c.readWithin(now, c.limits.IdleTimeout)
	default:
		if c.headBy.IsZero() {
			c.headBy = now.Add(c.limits.HeadTimeout)
		}
		c.readUntil(c.headBy)
	}
	if idle {
		c.since.Store(now.UnixNano())
		c.idle.Store(waiting)
		if c.srv.draining.Load() { // set before idle was seen: Drain has not reached this one
			c.readUntil(now.Add(time.Duration(c.srv.grace.Load())))
		}
	}
	if idle && !c.fresh {
		c.yield()
	}
	n, err := c.nc.Read(c.in.b[c.w:])
	c.now = time.Now()
	if idle && !c.idle.CompareAndSwap(waiting, busy) {
		for c.idle.Load() == waking {
			runtime.Gosched()
		}
		c.idle.Store(busy)
		c.readBy = time.Time{} // it is another one now
	}
	c.w += n
	if n > 0 || err == nil {
		return true
	}
	if !idle && errors.Is(err, os.ErrDeadlineExceeded) {
		c.refuse(ReasonHeadTimeout)
	}
	return false
}

// yield lets others run before the next read. The viewer has its answer, and its
// next request is on its way: on a busy machine it is there when the others have
// had their turn, and costs no wait; on an idle one this returns at once.
//
// The scheduler looks for what has come from the network when nobody wants to
// run. Were all connections to do nothing but this, it would never: so each goes
// without it once a yieldSpan, and waits.
func (c *conn) yield() {
	if span := c.now.UnixNano() >> yieldSpan; span != c.yielded {
		c.yielded = span
		return
	}
	runtime.Gosched()
}

// yieldSpan is about half a millisecond, in bits of nanoseconds.
const yieldSpan = 19

// room makes place for more input.
func (c *conn) room(idle bool) {
	if idle {
		c.r, c.w = 0, 0
		if len(c.in.b) != smallBuffer {
			c.release(c.in)
			c.in = c.srv.small.Get().(*buffer)
		}
		return
	}
	if c.w < len(c.in.b) {
		return
	}
	to := c.in
	if c.r == 0 {
		to = c.srv.large.Get().(*buffer)
	}
	n := copy(to.b, c.in.b[c.r:c.w])
	if to != c.in {
		c.release(c.in)
		c.in = to
	}
	c.r, c.w = 0, n
}

// readWithin lets the next read take d, or down to three quarters of it: a
// deadline that is good enough is not set again.
func (c *conn) readWithin(now time.Time, d time.Duration) {
	if left := c.readBy.Sub(now); left < d-d/4 || left > d {
		c.readUntil(now.Add(d))
	}
}

func (c *conn) readUntil(t time.Time) {
	if !t.Equal(c.readBy) {
		c.readBy = t
		_ = c.nc.SetReadDeadline(t)
	}
}

// answer runs the Handler for the request in hand, whose head is the n bytes
// before r. False: the connection is over.
func (c *conn) answer(n int) bool {
	c.fresh, c.headBy, c.owned = false, time.Time{}, false
	c.rq.Viewer = c.viewer
	c.rq.Body, c.body = nil, nil
	if c.hd.length != 0 {
		c.body = newBody(c, &c.hd)
		c.rq.Body = c.body
	}
	c.wr.begin()
	if rest := c.inline(); rest != nil {
		own(&c.rq, c.in.b[c.r-n:c.r])
		c.owned = true
		_ = c.flush() // a failure shows in the answer's own writes
		if c.body == nil {
			c.arm()
		}
		c.outline(rest)
		c.now = time.Now()
	}
	return c.finish()
}

func (c *conn) inline() func() {
	defer c.caught()
	return c.srv.handle(c.ctx, &c.rq, &c.wr, true)
}

func (c *conn) outline(rest func()) {
	defer c.caught()
	rest()
}

// caught keeps a panic of one Handler from ending the process.
func (c *conn) caught() {
	if v := recover(); v != nil {
		c.wr.failed = true
		c.srv.log.Error("handler panicked", "viewer", c.viewer.Addr, "panic", v, "stack", string(debug.Stack()))
	}
}
