// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// Why a stream has ended before its answer was complete.
var (
	errReset   = errors.New("h2: the viewer has reset the stream")
	errClosed  = errors.New("h2: the connection has ended")
	errStalled = errors.New("h2: the viewer takes no more of the answer")
	errSlow    = errors.New("h2: the viewer sends no more of the body")
	errAborted = errors.New("h2: the answer was aborted")
	errLength  = errors.New("h2: the body has another length than was told")
	errOrder   = errors.New("h2: the answer was given twice, or its body before its head")
	errPending = errors.New("h2: too many bytes wait for the viewer")
	errRequest = errors.New("h2: the request is malformed")
	errQuiet   = fmt.Errorf("h2: the server drains, and nothing moves on the tunnel: %w", os.ErrDeadlineExceeded)
)

// stream is one request and its answer: the engine.Writer and the context
// that its Handler is given, and (as *body) the request's body. conn.mu guards
// all of it.
type stream struct {
	c   *conn
	id  uint32
	err error // why it ended before its time, nil: it has not
	pri mux.Priority

	inline   bool // the Handler runs on the reading goroutine
	running  bool // a rest of the Handler runs
	orphan   bool // it runs, and its stream has ended before its time
	isHEAD   bool
	tunnel   bool // extended CONNECT: the body has no end of its own
	patient  bool // the body comes when it comes: trailer.go
	headSent bool
	bodyless bool // the answer has no body, whatever is written
	ending   bool // the last piece has been queued
	sentAll  bool // END_STREAM or RST_STREAM went out
	gotAll   bool // END_STREAM or RST_STREAM came in
	lingers  bool // sentAll, but what the viewer still sends is waited for: linger.go
	listed   bool // in conn.streams
	ready    bool // in sender.ready
	watched  bool // somebody holds the context: the memory is not used again

	out  outgoing
	in   incoming
	cond sync.Cond // of what the Handler waits for: room to send, or body

	done  chan struct{}
	after []*func()
}

// outgoing is what a stream has to send.
type outgoing struct {
	pieces [][]byte // by reference; those before first are sent
	first  int
	queued int   // bytes in pieces
	window int64 // what the viewer takes; negative after a SETTINGS
	since  time.Time
	length int64        // of the body as the head has told, -1: not told
	given  int64        // of the body until now
	buf    []byte       // small writes that wait for a Flush
	hold   httpmsg.Hold // of the pieces, or nil
}

// letGo ends the hold over pieces that are not needed any more.
func (o *outgoing) letGo() {
	if o.hold != nil {
		o.hold.Release()
		o.hold = nil
	}
}

// incoming is the body of a request.
type incoming struct {
	data    []byte // arrived and not read
	at      int    // read until here
	receipt        // the stream's window
	length  int64  // content-length, -1: not told
	got     int64
	expect  bool // 100-continue is still to be sent
	closed  bool
	waiting bool      // the Handler is in Read
	since   time.Time // of the wait, or of the last DATA in it
}

// Deadline is the context's: none but the connection's.
func (st *stream) Deadline() (time.Time, bool) { return st.c.ctx.Deadline() }

// Value is the context's.
func (st *stream) Value(key any) any { return st.c.ctx.Value(key) }

// Done is the context's: closed when the viewer resets the stream, the
// connection ends or the Handler has returned. The channel is made when
// somebody asks, so that a hit costs none.
func (st *stream) Done() <-chan struct{} {
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	st.watched = true
	if st.done == nil {
		st.done = make(chan struct{})
		if st.cancelled() {
			close(st.done)
		}
	}
	return st.done
}

// Err is the context's.
func (st *stream) Err() error {
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	if st.cancelled() {
		return context.Canceled
	}
	return nil
}

// AfterFunc runs f in a goroutine when the context ends. It is what saves
// package context a goroutine for each context derived from this one.
func (st *stream) AfterFunc(f func()) (stop func() bool) {
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	st.watched = true
	if st.cancelled() {
		go f()
		return func() bool { return false }
	}
	p := &f
	st.after = append(st.after, p)
	return func() bool {
		st.c.mu.Lock()
		defer st.c.mu.Unlock()
		for i, q := range st.after {
			if q == p {
				st.after = append(st.after[:i], st.after[i+1:]...)
				return true
			}
		}
		return false
	}
}

// cancelled: it was ended from outside, or nothing of the Handler runs and
// everything is said.
func (st *stream) cancelled() bool { return st.err != nil || !st.inline && !st.running }

// cancel ends the context, once cancelled is true.
func (st *stream) cancel() {
	if st.done != nil {
		select {
		case <-st.done:
		default:
			close(st.done)
		}
	}
	for _, f := range st.after {
		go (*f)()
	}
	st.after = nil
}

// fail ends a stream from outside: what waits is dropped, who waits is woken.
func (st *stream) fail(err error) {
	if st.err != nil {
		return
	}
	st.err = err
	if st.running {
		st.orphan = true
		st.c.orphans++
	}
	st.c.dropQueue(st)
	st.dropBody()
	st.cancel()
	st.cond.Broadcast()
}

// newStream is a stream for a request; what it was before is forgotten.
func (c *conn) newStream(id uint32) *stream {
	st := c.spare
	c.spare = nil
	if st == nil {
		st = new(stream)
		st.cond.L = &c.mu
	}
	st.c, st.id, st.pri = c, id, mux.Normal
	st.out.window = c.peer.window
	st.in.receipt = receipt{window: firstWindow, full: firstWindow}
	st.in.length, st.out.length = -1, -1
	return st
}

// release lets the memory of an ended stream be used again.
func (c *conn) release(st *stream) {
	if st.watched || st.running || st.inline || !st.sentAll || st.ready || st.listed || c.spare != nil {
		return
	}
	clear(st.out.pieces)
	pieces := st.out.pieces[:0]
	*st = stream{cond: sync.Cond{L: &c.mu}}
	st.out.pieces = pieces
	c.spare = st
}

// list enters a stream that lives on after its first call.
func (c *conn) list(st *stream) {
	st.listed = true
	c.streams[st.id] = st
}

// closeStream ends a stream for the protocol: nothing more is sent on it.
func (c *conn) closeStream(st *stream) {
	st.sentAll, st.lingers = true, false
	st.dropBody()
	st.cond.Broadcast() // who still reads the body of an answered request
	if st.listed {
		st.listed = false
		delete(c.streams, st.id)
	}
	c.quietSince = c.now
}

// sentEnd notes that END_STREAM went out.
func (c *conn) sentEnd(st *stream) {
	c.control.Earn(earnedByReply)
	c.resets.Earn(1)
	if !st.gotAll {
		c.linger(st)
		return
	}
	c.closeStream(st)
}

// reset ends a stream by RST_STREAM.
func (c *conn) reset(st *stream, code Code, err error) {
	if !st.sentAll || st.lingers {
		c.out.buf = appendWord(c.out.buf, frameReset, st.id, uint32(code))
		if !st.gotAll {
			c.forgive(st.id)
		}
		c.closeStream(st)
	}
	st.fail(err)
}

// call runs the Handler inline; a panic of it costs its stream only.
func (c *conn) call(st *stream, rq *httpmsg.Request) (rest func()) {
	defer c.recovered(st)
	return c.srv.handle(st, rq, st, true)
}

// recovered turns a panic of the Handler into an ended stream.
func (c *conn) recovered(st *stream) {
	if v := recover(); v != nil {
		c.srv.log.Error("h2: the handler panicked", "panic", v, "viewer", c.viewer.Addr, "stack", string(debug.Stack()))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.reset(st, InternalError, errAborted)
	}
}

// finish completes the answer of a Handler that has returned.
func (c *conn) finish(st *stream) {
	switch {
	case st.sentAll || st.err != nil || st.ending:
	case !st.headSent || st.out.length >= 0 && st.out.given != st.out.length:
		c.reset(st, InternalError, errLength)
	default:
		st.ending = true
		if len(st.out.buf) > 0 {
			c.queue(st, st.out.buf)
			st.out.buf = nil
		}
		c.makeReady(st)
	}
}
