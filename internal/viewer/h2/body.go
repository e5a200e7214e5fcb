// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"errors"
	"io"

	"github.com/forelane/forelane/internal/httpmsg"
)

// The receiving half of flow control (RFC 9113 5.2). A window is given back
// when half of it has been read by the Handler. As long as the Handler keeps
// up with what arrives, the window doubles, so that an upload over a long way
// gets fast while a viewer whose body nobody reads can make us hold no more
// than the first window.
const (
	mostStreamWindow = 256 << 10
	mostConnWindow   = 512 << 10
	connWindow       = 2 * firstWindow
)

var (
	errBodyClosed = errors.New("h2: the body was closed, or its request is answered")
	errBodyInline = errors.New("h2: the body has not arrived, and an inline handler must not wait")
)

// receipt is the window of one direction as we keep it.
type receipt struct {
	window int64 // what the viewer may still send
	full   int64 // what the window is filled up to
	credit int64 // read and not given back
}

// read notes n bytes as read; it returns the increment to announce now, 0 for
// none. drained tells that nothing waits to be read, most is the limit of growth.
func (r *receipt) read(n int64, drained bool, most int64) int64 {
	r.credit += n
	if r.credit < r.full/2 {
		return 0
	}
	inc := r.credit
	if drained && r.full < most {
		grown := min(2*r.full, most)
		inc += grown - r.full
		r.full = grown
	}
	r.window += inc
	r.credit = 0
	return inc
}

// body is a stream seen as the body of its request.
type body stream

// Read waits for a piece of the body, for Limits.BodyTimeout at most.
func (b *body) Read(p []byte) (int, error) {
	st := (*stream)(b)
	c, in := st.c, &st.in
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for in.at == len(in.data) || in.closed {
		switch {
		case in.closed || st.sentAll && st.err == nil:
			return 0, errBodyClosed
		case st.err != nil:
			return 0, st.err
		case st.gotAll:
			return 0, io.EOF
		case st.inline:
			return 0, errBodyInline
		}
		c.touch()
		if in.expect && !st.headSent {
			in.expect = false
			_ = c.appendHeaders(st, &httpmsg.Response{Status: 100}, -1, false)
			c.flush(flushOnce)
			continue
		}
		in.waiting, in.since = true, c.now
		if !st.tunnel && !st.patient {
			c.arm(c.srv.limits.BodyTimeout)
		}
		st.cond.Wait()
		in.waiting = false
	}
	n := copy(p, in.data[in.at:])
	if in.at += n; in.at == len(in.data) {
		in.data, in.at = in.data[:0], 0
	}
	if c.giveBack(st, n) {
		c.touch()
		c.flush(flushOnce)
	}
	return n, nil
}

// Close tells that nobody reads on.
func (b *body) Close() error {
	st := (*stream)(b)
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	st.in.closed = true
	st.dropBody()
	st.cond.Broadcast() // another goroutine may be in Read
	st.c.touch()
	st.c.flush(flushOnce)
	return nil
}

// awaitBody waits for the first byte of a body; false: it ended without one.
// mu is held.
func (c *conn) awaitBody(st *stream) bool {
	in := &st.in
	c.touch()
	in.waiting, in.since = true, c.now
	c.arm(c.srv.limits.BodyTimeout)
	for len(in.data) == 0 && !st.gotAll && st.err == nil {
		st.cond.Wait()
	}
	in.waiting = false
	return len(in.data) > 0
}

// dropBody forgets what nobody will read.
func (st *stream) dropBody() {
	n := len(st.in.data) - st.in.at
	st.in.data, st.in.at = nil, 0
	st.c.giveBack(nil, n)
}

// giveBack notes n bytes of DATA as read, of st when it is not nil; true: a
// WINDOW_UPDATE waits to be sent.
func (c *conn) giveBack(st *stream, n int) bool {
	if n == 0 {
		return false
	}
	told := false
	if st != nil && !st.gotAll && !st.sentAll {
		if inc := st.in.read(int64(n), len(st.in.data) == 0, mostStreamWindow); inc > 0 {
			c.out.buf = appendWord(c.out.buf, frameWindow, st.id, uint32(inc))
			told = true
		}
	}
	if inc := c.recv.read(int64(n), st != nil && len(st.in.data) == 0, mostConnWindow); inc > 0 {
		c.out.buf = appendWord(c.out.buf, frameWindow, 0, uint32(inc))
		told = true
	}
	return told
}

// data takes a DATA frame.
func (c *conn) data(h frameHeader, p []byte) *fault {
	if h.id == 0 {
		return &fault{ProtocolError, "DATA on stream 0"}
	}
	cost := int64(len(p)) // padding counts (RFC 9113 6.1)
	p, ok := unpad(h, p)
	if !ok {
		return &fault{ProtocolError, "padding longer than its frame"}
	}
	if c.idleID(h.id) {
		return &fault{ProtocolError, "DATA on an idle stream"}
	}
	if c.recv.window -= cost; c.recv.window < 0 {
		return &fault{FlowControlError, "more DATA than the connection's window"}
	}
	if len(p) == 0 && !h.has(flagEndStream) && !c.control.Take(c.now) {
		return &fault{EnhanceYourCalm, "empty DATA"}
	}
	st := c.streams[h.id]
	if st == nil || st.gotAll {
		c.giveBack(nil, int(cost))
		return c.lateFrame(h.id, st, "DATA on a closed stream")
	}
	if st.in.window -= cost; st.in.window < 0 {
		c.giveBack(nil, int(cost))
		return c.streamFault(st, FlowControlError, "more DATA than the stream's window")
	}
	if pad := int(cost) - len(p); pad > 0 {
		c.giveBack(st, pad)
	}
	return c.store(st, p, h.has(flagEndStream))
}

// store keeps a piece of a body for its Handler.
func (c *conn) store(st *stream, p []byte, end bool) *fault {
	in := &st.in
	in.got += int64(len(p))
	if in.length >= 0 && (in.got > in.length || end && in.got != in.length) {
		c.giveBack(nil, len(p))
		return c.streamFault(st, ProtocolError, "DATA and content-length differ")
	}
	if !st.lingers {
		in.since = c.now
	}
	if in.closed {
		c.giveBack(st, len(p))
	} else {
		in.data = append(in.data, p...)
	}
	if end {
		st.gotAll = true
	}
	st.cond.Broadcast()
	c.lingered(st)
	return nil
}
