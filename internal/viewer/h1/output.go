// SPDX-License-Identifier: Apache-2.0

package h1

// What goes to the viewer is one row of bytes: out, with pieces kept by
// reference cut into it.
//
//	out:   head1 body1 head2 | head3 body3
//	cuts:                    ^ body2 (64 KB, shared with the cache)
//
// A flush sends the row with one write, or one writev where the socket has it.
// TLS makes a record, and a write, of at most 16 KB: pieces fill up the record
// that is begun, so that a head does not travel alone.

import (
	"errors"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

const (
	copyMax    = 4 << 10  // shorter pieces are copied rather than referred to
	gatherMax  = 24 << 10 // copied output that is gathered before it is sent
	recordSize = 16 << 10 // of TLS
	poolMax    = 64 << 10 // longer output buffers are not kept
)

// cut is a piece by reference, to be sent when at bytes of out have been.
type cut struct {
	at    int
	piece []byte
	hold  httpmsg.Hold // of the piece, or nil
}

// output is what waits for the viewer.
type output struct {
	gather  func(*net.Buffers) (int64, error) // writev; nil: pieces are sent one by one
	out     *buffer
	cuts    []cut
	vec     [][]byte
	bufs    net.Buffers // the part of vec that is unsent
	pending int         // bytes of answers that wait
	lost    error       // the viewer takes no more
}

// buf is the output buffer, taken from the pool when there is none.
func (c *conn) buf() *buffer {
	if c.out == nil {
		c.out = c.srv.out.Get().(*buffer)
	}
	return c.out
}

// push appends text.
func (c *conn) push(s string) {
	b := c.buf()
	b.b = append(b.b, s...)
}

// refer appends a piece that stays as it is while it is held.
func (c *conn) refer(p []byte, hold httpmsg.Hold) {
	b := c.buf()
	c.pending += len(p)
	n := 0
	switch {
	case len(p) <= copyMax:
		n = len(p)
	case c.gather == nil:
		begun := len(b.b)
		if k := len(c.cuts); k > 0 {
			begun -= c.cuts[k-1].at
		}
		n = min(len(p), recordSize-begun%recordSize)
	}
	b.b = append(b.b, p[:n]...)
	if n < len(p) {
		if hold != nil {
			hold.Retain()
		}
		c.cuts = append(c.cuts, cut{len(b.b), p[n:], hold})
	}
}

// piece appends a part of a streamed body. The caller may change p afterwards,
// so what is not copied is sent before it returns.
func (c *conn) piece(p []byte, chunked bool) error {
	b := c.buf()
	if chunked {
		b.b = strconv.AppendInt(b.b, int64(len(p)), 16)
		b.b = append(b.b, "\r\n"...)
	}
	gather := len(b.b)+len(p) <= gatherMax
	if gather {
		b.b = append(b.b, p...)
	} else {
		c.cuts = append(c.cuts, cut{len(b.b), p, nil})
	}
	if chunked {
		b.b = append(b.b, "\r\n"...)
	}
	if gather {
		return nil
	}
	return c.flush()
}

// flush sends all that waits.
func (c *conn) flush() error {
	if c.out == nil {
		return c.lost
	}
	if c.lost == nil {
		if err := c.send(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.note(ReasonStall)
			}
			c.lost = err
			c.cancel()
		}
	}
	c.drop()
	return c.lost
}

// drop forgets what waits and gives the memory back.
func (c *conn) drop() {
	for _, k := range c.cuts {
		if k.hold != nil {
			k.hold.Release()
		}
	}
	clear(c.cuts)
	c.cuts, c.pending = c.cuts[:0], 0
	if c.out != nil && cap(c.out.b) <= poolMax {
		c.out.b = c.out.b[:0]
		c.srv.out.Put(c.out)
	}
	c.out = nil
}

func (c *conn) send() error {
	if len(c.cuts) == 0 {
		return c.write(c.out.b)
	}
	if c.gather != nil {
		return c.writev()
	}
	from := 0
	for _, k := range c.cuts {
		if err := c.write(c.out.b[from:k.at]); err != nil {
			return err
		}
		c.now = time.Now()
		if err := c.write(k.piece); err != nil {
			return err
		}
		c.now = time.Now()
		from = k.at
	}
	return c.write(c.out.b[from:])
}

// write sends p; a viewer that takes a part of it within the time is waited
// for again.
func (c *conn) write(p []byte) error {
	for len(p) > 0 {
		part := p
		if c.gather == nil && len(part) > recordSize {
			part = part[:recordSize]
		}
		c.writeWithin()
		n, err := c.nc.Write(part)
		if p = p[n:]; len(p) > 0 {
			c.now = time.Now() // it may have waited
		}
		if err != nil && !c.goesOn(err, int64(n)) {
			return err
		}
	}
	return nil
}

func (c *conn) writev() error {
	vec, from := c.vec[:0], 0
	for _, k := range c.cuts {
		if k.at > from {
			vec = append(vec, c.out.b[from:k.at])
		}
		vec, from = append(vec, k.piece), k.at
	}
	if from < len(c.out.b) {
		vec = append(vec, c.out.b[from:])
	}
	c.vec, c.bufs = vec, vec
	defer func() {
		clear(c.vec)
		c.bufs = nil
	}()
	for len(c.bufs) > 0 {
		c.writeWithin()
		n, err := c.gather(&c.bufs)
		if len(c.bufs) > 0 {
			c.now = time.Now()
		}
		if err != nil && !c.goesOn(err, n) {
			return err
		}
	}
	return nil
}

// goesOn tells whether a write that ended after n bytes may go on: a deadline
// passed while the viewer took something. TLS is of no use after that.
func (c *conn) goesOn(err error, n int64) bool {
	if n == 0 || c.gather == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.writeBy = time.Time{}
	return true
}

// writeWithin lets the next write stall for Limits.WriteStall, or down to
// three quarters of it.
func (c *conn) writeWithin() {
	now, d := c.now, c.limits.WriteStall
	if c.owned { // a Handler is at work, for how long already nobody knows
		now = time.Now()
	}
	if c.writeBy.Sub(now) < d-d/4 {
		c.writeBy = now.Add(d)
		_ = c.nc.SetWriteDeadline(c.writeBy)
	}
}
