// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"net/http"
	"slices"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Head sends status and fields. An interim status (1xx) may be sent before
// the final one.
func (st *stream) Head(rs *httpmsg.Response) error {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.touch()
	if rs.Status < http.StatusOK {
		return c.interim(st, rs)
	}
	_, err := c.startHead(st, rs, rs.ContentLength)
	return err
}

// interim sends an answer that is not the final one (RFC 9110 15.2).
func (c *conn) interim(st *stream, rs *httpmsg.Response) error {
	switch {
	case st.err != nil:
		return st.err
	case st.headSent || rs.Status == http.StatusSwitchingProtocols: // RFC 9113 8.6
		return errOrder
	}
	st.in.expect = st.in.expect && rs.Status != http.StatusContinue
	err := c.appendHeaders(st, rs, -1, false)
	if !st.inline {
		c.flush(flushOnce)
	}
	return err
}

// startHead appends the final head; end tells that nothing follows it.
func (c *conn) startHead(st *stream, rs *httpmsg.Response, length int64) (end bool, err error) {
	switch {
	case st.err != nil:
		return false, st.err
	case st.headSent:
		return false, errOrder
	}
	st.bodyless = bodyless(rs.Status) || st.isHEAD
	st.out.length = length
	told := length
	if bodyless(rs.Status) || st.tunnel || st.patient {
		told = -1
	}
	if st.tunnel && !st.bodyless {
		st.out.length = -1
	}
	end = st.bodyless || st.out.length == 0
	if err := c.appendHeaders(st, rs, told, end); err != nil {
		c.reset(st, InternalError, err)
		return false, err
	}
	st.headSent = true
	if end {
		st.ending = true
		c.sentEnd(st)
		if !st.inline {
			c.flush(flushOnce)
		}
	}
	return end, nil
}

// Whole sends an answer whose body lies in memory; it never blocks.
func (st *stream) Whole(rs *httpmsg.Response, body [][]byte, hold httpmsg.Hold) error {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !st.inline || c.out.buf == nil {
		c.touch()
	}
	n := int64(0)
	for _, p := range body {
		n += int64(len(p))
	}
	length := rs.ContentLength
	if length < 0 {
		length = n
	}
	end, err := c.startHead(st, rs, length)
	if err != nil || end {
		return err
	}
	if n != length {
		c.reset(st, InternalError, errLength)
		return errLength
	}
	c.sendWhole(st, body, n, hold)
	if !st.inline {
		c.flush(flushOnce)
	}
	return nil
}

// Write sends a piece of the body and waits until it is on its way. Small
// pieces are gathered until a Flush.
func (st *stream) Write(p []byte) (int, error) {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case st.err != nil:
		return 0, st.err
	case !st.headSent:
		return 0, errOrder
	case st.bodyless:
		return len(p), nil
	case st.out.length >= 0 && st.out.given+int64(len(p)) > st.out.length:
		return 0, errLength
	case st.ending:
		return 0, errOrder
	}
	c.touch()
	st.out.given += int64(len(p))
	if st.inline { // must not wait: what does not fit is refused
		if c.out.pending+len(p) > c.srv.limits.Pending {
			c.reset(st, InternalError, errPending)
			return 0, errPending
		}
		c.queue(st, slices.Clone(p))
		c.makeReady(st)
		return len(p), nil
	}
	if len(st.out.buf)+len(p) < smallSize {
		st.out.buf = append(st.out.buf, p...)
		return len(p), nil
	}
	if err := c.sendAndWait(st, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// sendAndWait sends the gathered bytes and p, and waits until none of them is
// needed any more.
func (c *conn) sendAndWait(st *stream, p []byte) error {
	c.queue(st, st.out.buf)
	c.queue(st, p)
	c.makeReady(st)
	c.flush(flushOnce)
	for st.out.queued > 0 && st.err == nil {
		st.cond.Wait()
	}
	st.out.buf = st.out.buf[:0]
	return st.err
}

// Flush sends what is gathered.
func (st *stream) Flush() error {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.err != nil || st.inline || !st.headSent || st.sentAll {
		return st.err
	}
	c.touch()
	if len(st.out.buf) > 0 {
		return c.sendAndWait(st, nil)
	}
	c.flush(flushOnce)
	return nil
}

// Abort resets the stream, so that the viewer knows the body for incomplete.
func (st *stream) Abort() {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.touch()
	c.reset(st, InternalError, errAborted)
	if !st.inline {
		c.flush(flushOnce)
	}
}
