// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// patience is how long a read waits before it is worth the cost of watching
// the context. Most answers are there before.
const patience = 5 * time.Millisecond

// errStale: a connection that rested was closed, or spoke unasked, before
// anything was written to it.
var errStale = errors.New("origin: the connection was closed while it rested")

// conn is one connection. While it rests it has no buffer; in use it belongs
// to the goroutine that asks, but for what the upload touches: nc's writing
// side and last.
type conn struct {
	cl     *Client
	nc     net.Conn
	sock   net.Conn        // nc, or what lies under its TLS
	raw    syscall.RawConn // of sock, nil when it is no socket
	secure bool
	rested time.Time // since when; zero: it has never been used

	in    *buffer
	r, w  int // unread input is in.b[r:w]
	ctx   context.Context
	until time.Time
	last  atomic.Int64 // when something was written, or a read of the body began
	up    *upload

	silent bool // no byte of the answer has come
	armed  bool // ctx is watched
	disarm func() bool
	sys    sysCall
	spare  [1]byte // for looks
}

func newConn(cl *Client, nc net.Conn, secure bool) *conn {
	c := &conn{cl: cl, nc: nc, sock: nc, secure: secure}
	if t, ok := nc.(*tls.Conn); ok {
		c.sock = t.NetConn()
	}
	c.system()
	return c
}

// ask sends the request and reads the head of the answer.
func (c *conn) ask(x *exchange) error {
	c.ctx, c.until, c.silent, c.up = x.ctx, x.until, true, nil
	used := !c.rested.IsZero()
	c.touch(time.Now())
	if c.direct() && (x.rq.Body == nil || x.whole) {
		if err := c.turn(x.head, used); err != nil {
			return err
		}
		return c.answer(x)
	}
	if used && !c.alive() {
		return errStale
	}
	if err := c.write(x.head); err != nil {
		return err
	}
	if x.rq.Body != nil && !x.whole && x.rq.ContentLength != 0 {
		_ = c.nc.SetWriteDeadline(time.Time{}) // whoever reads sees to it
		x.uploading = true
		c.up = startUpload(c, x.rq)
	}
	return c.answer(x)
}

// answer reads heads until the final one.
func (c *conn) answer(x *exchange) error {
	from := 0
	for interim := 0; ; {
		end, next, why := scan(c.in.b[c.r:c.w], from)
		if why != FaultNone {
			return &Fault{why}
		}
		if from = next; end == 0 {
			if err := c.more(); err != nil {
				return err
			}
			continue
		}
		text := string(c.in.b[c.r : c.r+end])
		c.r, from = c.r+end, 0
		h, why := parse(text, x.rs)
		if why != FaultNone {
			return &Fault{why}
		}
		if x.rs.Status >= 200 || x.rs.Status == 101 {
			return c.final(x, &h)
		}
		if interim++; interim > maxInterim {
			return &Fault{FaultInterim}
		}
		if x.rs.Status == 100 {
			c.up.proceed(true)
		} else if x.interim != nil {
			x.interim(x.rs)
		}
	}
}

// final makes what follows the final head the body of the answer.
func (c *conn) final(x *exchange, h *head) error {
	c.up.proceed(false)
	if x.rs.Status == 101 {
		return c.switchProtocols(x, h)
	}
	m := h.frame(x.rq.Method, x.rs)
	keep := h.persists() && m != modeUntilClose && !httpmsg.EqualFold(x.rq.Header.Get("Connection"), "close")
	if x.rs.Status == 204 && (h.chunked || h.length > 0) {
		keep = false // RFC 9110 8.6: an origin that says so may send it, too
	}
	if m == modeNone {
		c.done(keep)
		return nil
	}
	b := &body{c: c, sock: c.sock, mode: m, keep: keep, left: h.length}
	if m == modeChunked {
		b.left, b.chunk.state = 0, chunkSize
	}
	x.rs.Body = b
	return nil
}

// more reads more of a head, making room for it.
func (c *conn) more() error {
	if c.r > 0 {
		c.w = copy(c.in.b, c.in.b[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.in.b) {
		large := &buffer{make([]byte, maxHead+bufferSize)}
		c.w = copy(large.b, c.in.b[:c.w])
		c.cl.release(c.in)
		c.in = large
	}
	return c.fill()
}

// fill reads what comes next into the buffer.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	n, err := c.read(c.in.b[c.w:])
	c.w += n
	if !c.silent {
		err = unexpected(err)
	}
	return err
}

// touch says that there was progress.
func (c *conn) touch(now time.Time) { c.last.Store(now.UnixNano()) }

// limit is when the present wait is over.
func (c *conn) limit() time.Time {
	t := time.Unix(0, c.last.Load()).Add(c.cl.Read)
	if !c.until.IsZero() && c.until.Before(t) {
		return c.until
	}
	return t
}

// read reads at least one byte, or tells why not. It watches the context only
// when that takes a while.
func (c *conn) read(p []byte) (int, error) {
	for empty := 0; ; {
		by := c.limit()
		if !c.armed {
			if soon := time.Now().Add(patience); soon.Before(by) {
				by = soon
			}
		}
		if err := c.nc.SetReadDeadline(by); err != nil {
			return 0, err
		}
		n, err := c.nc.Read(p)
		switch {
		case n > 0:
			c.silent = false
			return n, nil
		case err == nil:
			if empty++; empty > 100 {
				return 0, io.ErrNoProgress
			}
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return 0, err
		case !c.armed:
			if err := c.arm(); err != nil {
				return 0, err
			}
		case !time.Now().Before(c.limit()): // else the upload made progress
			return 0, err
		}
	}
}

// write sends all of p.
func (c *conn) write(p []byte) error {
	if err := c.nc.SetWriteDeadline(c.limit()); err != nil {
		return err
	}
	_, err := c.nc.Write(p)
	c.touch(time.Now())
	return err
}

// arm lets the end of the context cut the connection.
func (c *conn) arm() error {
	if err := c.ctx.Err(); err != nil {
		return context.Cause(c.ctx)
	}
	c.armed = true
	if c.ctx.Done() != nil {
		c.disarm = context.AfterFunc(c.ctx, func() { _ = c.sock.Close() })
	}
	return nil
}

// settle ends the watch over the context; false: it has cut the connection.
func (c *conn) settle() bool {
	ok := c.disarm == nil || c.disarm()
	c.armed, c.disarm = false, nil
	return ok
}

// done ends an answer: the connection rests, or is closed.
func (c *conn) done(keep bool) {
	clean := c.r == c.w && c.up.sent()
	if !c.settle() || !keep || !clean || c.cl.Idle <= 0 {
		c.cl.release(c.end())
		return
	}
	b := c.in
	c.in, c.ctx, c.up = nil, nil, nil
	c.cl.release(b)
	c.cl.pool[index(c.secure)].put(c, c.cl.Idle, c.cl.KeepAlive)
}

// end closes the connection and hands its buffer over.
func (c *conn) end() *buffer {
	c.settle()
	_ = c.nc.Close()
	b := c.in
	c.in = nil
	return b
}

// cause is why a connection in use failed with err.
func (c *conn) cause(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if e := c.up.fault(); e != nil {
		return e
	}
	if !c.until.IsZero() && isTimeout(err) && !time.Now().Before(c.until) {
		return ErrCompletion
	}
	return err
}
