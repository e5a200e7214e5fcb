// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	drainBytes = 256 << 10 // of an unread body that are read to keep the connection
	drainTime  = 5 * time.Second
)

var (
	errBodyClosed = errors.New("h1: read of a request body after it was closed")
	errNotAsked   = errors.New("h1: read of a request body that the viewer was not asked for: the answer has begun")
)

// BodyError tells why a request's body could not be read to its end.
type BodyError struct {
	Why Reason
	Err error // of the connection; nil when the bytes were wrong
}

// Error names the reason.
func (e *BodyError) Error() string {
	if e.Err != nil {
		return "h1: request body: " + e.Why.String() + ": " + e.Err.Error()
	}
	return "h1: request body: " + e.Why.String()
}

// Unwrap is the connection's error.
func (e *BodyError) Unwrap() error { return e.Err }

// HTTPStatus is the answer that fits: 400 or 408.
func (e *BodyError) HTTPStatus() int { return e.Why.Status() }

// bodyState is what a body is when its request is over.
type bodyState uint8

const (
	bodyDone   bodyState = iota // read to its end: the next request follows
	bodyUnread                  // not read to its end
	bodyBroken                  // not readable: the connection is of no more use
)

// body is the body of one request. It is not reused, for a transport may hold
// it longer than the request lasts.
type body struct {
	c      *conn
	expect bool // the viewer waits for 100 Continue
	closed atomic.Bool
	rest   atomic.Int64 // of a body of known length: how much is unread; -1: not known

	mu    sync.Mutex // held while reading
	err   error      // what ended it: io.EOF or a *BodyError
	left  int64      // bytes of the body, or of the chunk
	by    time.Time  // when draining: the end of all reads
	chunk chunkReader
}

func newBody(c *conn, h *head) *body {
	b := &body{c: c, expect: h.expect}
	b.rest.Store(h.length)
	if h.length > 0 {
		b.left = h.length
	} else {
		b.chunk.state = chunkSize
	}
	return b
}

// Read reads on; the first one asks the viewer for the body if it waits for
// that (RFC 9110 10.1.1).
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, errBodyClosed
	}
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.expect {
		if !b.c.wr.goAhead() {
			return 0, errNotAsked
		}
		b.expect = false
	}
	n, err := b.read(p)
	if errors.Is(err, io.EOF) {
		b.c.arm()
	}
	return n, err
}

// Close lets later reads fail. What is unread is left to the connection.
func (b *body) Close() error {
	b.closed.Store(true)
	return nil
}

// read is Read without the manners. b.mu is held.
func (b *body) read(p []byte) (n int, err error) {
	if b.chunk.state != chunkNone {
		n, err = b.readChunked(p)
	} else {
		n, err = b.data(p, true)
		b.rest.Store(b.left)
		if b.left == 0 && err == nil {
			err = io.EOF
		}
	}
	if err == nil {
		return n, nil
	}
	b.err = err
	b.rest.Store(0)
	if be := (*BodyError)(nil); errors.As(err, &be) {
		b.rest.Store(math.MaxInt64)
		b.c.note(be.Why)
		if be.Why == ReasonBodyCut {
			b.c.cancel()
		}
	}
	return n, err
}

// data takes bytes of the body or of the chunk, at most left. direct: what is
// not buffered goes straight into p.
func (b *body) data(p []byte, direct bool) (int, error) {
	c := b.c
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	if c.r == c.w && !direct {
		if err := b.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.in.b[c.r:c.w])
	c.r += n
	if n == 0 {
		var err error
		if n, err = b.sock(p); err != nil {
			return 0, err
		}
	}
	b.left -= int64(n)
	return n, nil
}

// more reads into the input buffer, which moves only when the Request does not
// point into it.
func (b *body) more() error {
	c := b.c
	switch {
	case c.owned && c.r == c.w:
		c.r, c.w = 0, 0
	case c.w < len(c.in.b):
	case c.owned:
		c.w = copy(c.in.b, c.in.b[c.r:c.w])
		c.r = 0
	default: // the Request keeps the old one; the collector takes it
		nb := c.srv.small.Get().(*buffer)
		c.r, c.w, c.in = 0, copy(nb.b, c.in.b[c.r:c.w]), nb
	}
	n, err := b.sock(c.in.b[c.w:])
	c.w += n
	return err
}

// sock reads from the connection.
func (b *body) sock(p []byte) (int, error) {
	c := b.c
	if b.by.IsZero() {
		c.readWithin(time.Now(), c.limits.BodyTimeout)
		if b.closed.Load() { // finish sets its deadline after closed: it was not undone
			return 0, &BodyError{Why: ReasonBodyCut, Err: errBodyClosed}
		}
	} else {
		c.readUntil(b.by)
	}
	for range 100 {
		n, err := c.nc.Read(p)
		if n > 0 {
			return n, nil
		}
		switch {
		case err == nil:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, &BodyError{Why: ReasonBodyTimeout, Err: err}
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		return 0, &BodyError{Why: ReasonBodyCut, Err: err}
	}
	return 0, &BodyError{Why: ReasonBodyCut, Err: io.ErrNoProgress}
}

// keeps tells, while the answer begins, whether the connection can be kept:
// false when the body is broken, or too much of it is left.
func (b *body) keeps() bool { return b.rest.Load() <= drainBytes }

// finish takes the body from whoever still reads it.
func (b *body) finish() bodyState {
	b.closed.Store(true)
	if !b.mu.TryLock() { // somebody reads: it may wait for the viewer
		_ = b.c.nc.SetReadDeadline(time.Unix(1, 0))
		b.c.wr.close = true
		b.mu.Lock()
		defer b.mu.Unlock()
		return bodyBroken
	}
	defer b.mu.Unlock()
	switch {
	case errors.Is(b.err, io.EOF):
		return bodyDone
	case b.err != nil, b.expect:
		return bodyBroken
	}
	return bodyUnread
}

// drain reads what is left, within bounds; false: too much, or not readable.
func (b *body) drain() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	scratch := b.c.srv.small.Get().(*buffer)
	defer b.c.srv.small.Put(scratch)
	b.by = time.Now().Add(drainTime)
	for left := drainBytes; left > 0; {
		n, err := b.read(scratch.b)
		left -= n
		if err != nil {
			return errors.Is(err, io.EOF)
		}
	}
	return false
}
