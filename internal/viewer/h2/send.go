// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"net/http"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// The sending side. Frames other than DATA are appended to one buffer when
// they come into being. DATA waits in the streams and is moved there, most
// urgent stream first, only when a write is about to begin (pump), one batch
// at a time: so an urgent answer never stands behind megabytes of another.
const (
	batch     = 64 << 10  // bytes of a write that DATA fills up to
	mostOut   = 512 << 10 // bytes that wait for a write, before the viewer counts as a flood
	smallSize = 4 << 10   // writes below it are gathered until a Flush
	firstOut  = 16 << 10
)

// sender is what a connection has to send.
type sender struct {
	buf     []byte
	box     *[]byte // of buf, for the pool
	ready   []*stream
	window  int64
	pending int // bytes queued in streams

	writing  bool      // somebody is the writer
	byReader bool      // and it is the reading goroutine, now in Write
	since    time.Time // when the write began
	lastData time.Time
	slow     bool // a write of the reader has blocked: it writes no more itself
	broken   bool
	busy     bool // the reader answers a batch, and will flush when it is through
}

// flushMode is who flushes.
type flushMode uint8

const (
	flushOnce   flushMode = iota // one write; what is left gets a goroutine
	flushReader                  // the same, by the reading goroutine
	flushAll                     // the writer's own goroutine: until nothing is left
)

// flush sends what waits, unless somebody is about it. Called and returning
// with mu held. true: the reading role was given away meanwhile.
func (c *conn) flush(mode flushMode) (handed bool) {
	o := &c.out
	if o.writing || o.broken || o.busy && mode == flushOnce {
		return false
	}
	c.pump()
	if len(o.buf) == 0 {
		c.putBuffer()
		return false
	}
	o.writing = true
	if mode == flushReader && o.slow {
		go c.writer()
		return false
	}
	for {
		if c.write(mode == flushReader) {
			handed, mode = true, flushAll // no longer the reader
		}
		if c.pump(); len(o.buf) == 0 || o.broken {
			break
		}
		if mode != flushAll {
			go c.writer()
			return false
		}
	}
	o.writing = false
	c.putBuffer()
	c.wake()
	return handed
}

// writer is a goroutine that sends until nothing is left.
func (c *conn) writer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.writing = false
	c.flush(flushAll)
	c.kickWhenDone()
}

// write writes the buffer, without mu. true: the timer gave the reading role
// to another goroutine meanwhile.
func (c *conn) write(byReader bool) (handed bool) {
	o := &c.out
	b, box := o.buf, o.box
	o.buf, o.box = nil, nil
	o.since, o.byReader = c.now, byReader
	if byReader {
		c.arm(handOver)
	}
	c.arm(c.srv.limits.WriteStall)
	c.mu.Unlock()
	_, err := c.nc.Write(b)
	c.mu.Lock()
	handed = byReader && !o.byReader
	o.byReader = false
	c.srv.put(box, b)
	c.touch()
	if err != nil {
		o.broken = true
		c.abandon()
	}
	return handed
}

// touch sets the clock of the connection and gives it a buffer to append to.
func (c *conn) touch() {
	c.now = time.Now()
	if c.out.buf == nil {
		c.out.buf, c.out.box = c.srv.get()
	}
}

// putBuffer gives the buffer of a connection without output away.
func (c *conn) putBuffer() {
	if c.out.buf != nil && len(c.out.buf) == 0 {
		c.srv.put(c.out.box, c.out.buf)
		c.out.buf, c.out.box = nil, nil
	}
}

// pump moves DATA into the buffer until the batch is full, the windows are
// closed or nothing waits.
func (c *conn) pump() {
	for len(c.out.ready) > 0 && len(c.out.buf) < batch {
		i := c.pick()
		if i < 0 {
			return
		}
		c.emit(i)
	}
}

// pick is the place in ready of the stream to send next, -1: none can. Of
// streams equally urgent the first one is sent to its end, unless it is
// incremental (RFC 9218 10).
func (c *conn) pick() int {
	best := -1
	for i, st := range c.out.ready {
		if st.out.queued > 0 && (st.out.window <= 0 || c.out.window <= 0) {
			continue
		}
		if best < 0 || st.pri.Urgency < c.out.ready[best].pri.Urgency {
			best = i
		}
	}
	return best
}

// emit sends one DATA frame of a ready stream.
func (c *conn) emit(i int) {
	o, st := &c.out, c.out.ready[i]
	n := min(int64(st.out.queued), st.out.window, o.window, int64(c.peer.frame))
	n = max(n, 0)
	end := st.ending && int(n) == st.out.queued
	o.buf = appendHeader(o.buf, dataHeader(st.id, int(n), end))
	for left := int(n); left > 0; {
		p := st.out.pieces[st.out.first]
		if len(p) > left {
			o.buf = append(o.buf, p[:left]...)
			st.out.pieces[st.out.first] = p[left:]
			break
		}
		o.buf = append(o.buf, p...)
		left -= len(p)
		st.out.pieces[st.out.first] = nil
		st.out.first++
	}
	st.out.queued -= int(n)
	o.pending -= int(n)
	c.spend(st, n)
	switch {
	case st.out.queued == 0:
		st.out.pieces, st.out.first = st.out.pieces[:0], 0
		st.out.letGo()
		c.unready(i)
		st.cond.Broadcast()
		if end {
			c.sentEnd(st)
			c.release(st)
		}
		c.wake()
	case st.pri.Incremental:
		c.unready(i)
		st.ready = true
		o.ready = append(o.ready, st)
	}
}

func dataHeader(id uint32, n int, end bool) frameHeader {
	h := frameHeader{length: n, kind: frameData, id: id}
	if end {
		h.flags = flagEndStream
	}
	return h
}

// spend takes n bytes of DATA off the windows.
func (c *conn) spend(st *stream, n int64) {
	st.out.window -= n
	c.out.window -= n
	st.out.since, c.out.lastData = c.now, c.now
	c.control.Earn(earnedByData)
}

// queue keeps a piece of a body by reference.
func (c *conn) queue(st *stream, p []byte) {
	if len(p) > 0 {
		st.out.pieces = append(st.out.pieces, p)
		st.out.queued += len(p)
		c.out.pending += len(p)
	}
}

// makeReady enters a stream with something to send.
func (c *conn) makeReady(st *stream) {
	if st.ready || st.out.queued == 0 && !st.ending {
		return
	}
	if len(c.out.ready) == 0 {
		c.out.lastData = c.now
	}
	st.ready = true
	st.out.since = c.now
	c.out.ready = append(c.out.ready, st)
	c.arm(c.srv.limits.WriteStall)
}

func (c *conn) unready(i int) {
	o := &c.out
	o.ready[i].ready = false
	copy(o.ready[i:], o.ready[i+1:])
	o.ready[len(o.ready)-1] = nil
	o.ready = o.ready[:len(o.ready)-1]
}

// dropQueue forgets what a stream had to send.
func (c *conn) dropQueue(st *stream) {
	c.out.pending -= st.out.queued
	clear(st.out.pieces)
	st.out.pieces, st.out.first, st.out.queued, st.out.buf = st.out.pieces[:0], 0, 0, nil
	st.out.letGo()
	if st.ready {
		for i, r := range c.out.ready {
			if r == st {
				c.unready(i)
				break
			}
		}
	}
	c.wake()
}

// sendWhole sends a body that lies in memory: at once where the windows, the
// batch and the order of others allow it, by reference else.
func (c *conn) sendWhole(st *stream, body [][]byte, n int64, hold httpmsg.Hold) {
	o := &c.out
	st.out.given = n
	if len(o.ready) > 0 || len(o.buf) >= batch || n > min(st.out.window, o.window, int64(c.peer.frame)) {
		for _, p := range body {
			c.queue(st, p)
		}
		if hold != nil && st.out.queued > 0 {
			hold.Retain()
			st.out.hold = hold
		}
		st.ending = true
		c.makeReady(st)
		return
	}
	o.buf = appendHeader(o.buf, dataHeader(st.id, int(n), true))
	for _, p := range body {
		o.buf = append(o.buf, p...)
	}
	c.spend(st, n)
	c.sentEnd(st)
}

// appendHeaders writes the head of an answer as HEADERS, and CONTINUATION
// when the viewer takes no frame of that size.
func (c *conn) appendHeaders(st *stream, rs *httpmsg.Response, length int64, end bool) error {
	h := frameHeader{kind: frameHeaders, flags: flagEndHeaders, id: st.id}
	if end {
		h.flags |= flagEndStream
	}
	at, b := c.beginBlock(h)
	b, err := appendHead(b, rs, length)
	return c.endBlock(at, b, h, err)
}

// beginBlock appends the frame that a field block begins with.
func (c *conn) beginBlock(h frameHeader) (at int, b []byte) {
	at = len(c.out.buf)
	b = appendHeader(c.out.buf, h)
	if c.peer.shrunk { // RFC 7541 4.2: we use no table; tell it once
		b = append(b, 0x20)
	}
	return at, b
}

// endBlock gives the frame that begins at at its length, or takes it back when
// err says that its block cannot be sent.
func (c *conn) endBlock(at int, b []byte, h frameHeader, err error) error {
	if err != nil {
		c.out.buf = b[:at]
		return err
	}
	c.peer.shrunk = false
	n := len(b) - at - headerSize
	if n > c.peer.frame {
		b = splitHeaders(b, at, h, c.peer.frame)
	} else {
		b[at], b[at+1], b[at+2] = byte(n>>16), byte(n>>8), byte(n)
	}
	c.out.buf = b
	return nil
}

// splitHeaders turns one HEADERS frame at the end of b, which is too large,
// into one of the size most and CONTINUATIONs.
func splitHeaders(b []byte, at int, h frameHeader, most int) []byte {
	block := append([]byte(nil), b[at+headerSize:]...)
	b = b[:at]
	h.flags &^= flagEndHeaders
	for len(block) > 0 {
		n := min(len(block), most)
		h.length = n
		if n == len(block) {
			h.flags |= flagEndHeaders
		}
		b = append(appendHeader(b, h), block[:n]...)
		block = block[n:]
		h.kind, h.flags = frameContinuation, 0
	}
	return b
}

// bodyless tells whether an answer of this status never has a body.
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}
