// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"errors"
	"net/http"
	"os"
	"sync"

	"github.com/forelane/forelane/internal/httpmsg"
)

const (
	smallSize = 4 << 10  // writes below it are gathered until a Flush
	wholeSize = 16 << 10 // answers below it are handed to QUIC in one piece
)

// answer is what goes out on a stream. Its lock lets the body's reader send a
// 100 beside the Handler.
type answer struct {
	mu       sync.Mutex
	buf      []byte // head and small writes that wait
	length   int64  // of the body as the head has told, -1: not told
	given    int64  // of the body until now
	isHEAD   bool
	headSent bool
	bodyless bool // the answer has no body, whatever is written
	over     bool // nothing more is taken
	done     bool // all of it was sent
	err      error
}

// bodyless tells whether an answer of this status never has a body.
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// Head sends status and fields. An interim status (1xx) may be sent before the
// final one.
func (st *stream) Head(rs *httpmsg.Response) error {
	a := &st.sent
	if rs.Status >= http.StatusOK {
		st.expect.Store(false)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if rs.Status >= http.StatusOK {
		return st.begin(rs, rs.ContentLength)
	}
	switch {
	case a.err != nil:
		return a.err
	case a.headSent || rs.Status == http.StatusSwitchingProtocols: // RFC 9114 4.5
		return errOrder
	}
	if rs.Status == http.StatusContinue {
		st.expect.Store(false)
	}
	b, err := appendHead(a.buf, rs, -1)
	if a.buf = b; err != nil {
		return err
	}
	return st.push(nil)
}

// begin appends the final head to what waits.
func (st *stream) begin(rs *httpmsg.Response, length int64) error {
	a := &st.sent
	switch {
	case a.err != nil:
		return a.err
	case a.headSent:
		return errOrder
	}
	a.bodyless = a.isHEAD || bodyless(rs.Status)
	a.length = length
	told := length
	if bodyless(rs.Status) || st.patient.Load() {
		told = -1
	}
	b, err := appendHead(a.buf, rs, told)
	if a.buf = b; err != nil {
		return st.give(err)
	}
	a.headSent = true
	return nil
}

// Whole sends an answer whose body lies in memory. It waits for the viewer
// where it must: this goroutine has nothing else to do, and keeps no piece.
func (st *stream) Whole(rs *httpmsg.Response, body [][]byte, _ httpmsg.Hold) error {
	a := &st.sent
	st.expect.Store(false)
	a.mu.Lock()
	defer a.mu.Unlock()
	n := int64(0)
	for _, p := range body {
		n += int64(len(p))
	}
	length := rs.ContentLength
	if length < 0 {
		length = n
	}
	if err := st.begin(rs, length); err != nil {
		return err
	}
	a.over = true
	switch {
	case a.bodyless || length == 0 && n == 0:
		return nil
	case n != length:
		return st.give(errLength)
	}
	a.given = n
	a.buf = appendFrame(a.buf, frameData, int(n))
	if len(a.buf)+int(n) <= wholeSize { // finish sends it, with the end of the stream
		for _, p := range body {
			a.buf = append(a.buf, p...)
		}
		return nil
	}
	st.c.owe(n)
	left := n
	defer func() { st.c.owe(-left) }()
	for _, p := range body {
		if err := st.push(p); err != nil {
			return err
		}
		left -= int64(len(p))
		st.c.owe(-int64(len(p)))
	}
	return nil
}

// Write sends a piece of the body. Small pieces are gathered until a Flush.
func (st *stream) Write(p []byte) (int, error) {
	a := &st.sent
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.err != nil:
		return 0, a.err
	case !a.headSent || a.over:
		return 0, errOrder
	case a.bodyless || len(p) == 0:
		return len(p), nil
	case a.length >= 0 && a.given+int64(len(p)) > a.length:
		return 0, errLength
	}
	a.given += int64(len(p))
	a.buf = appendFrame(a.buf, frameData, len(p))
	if len(a.buf)+len(p) < smallSize {
		a.buf = append(a.buf, p...)
		return len(p), nil
	}
	if err := st.push(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush sends what is gathered.
func (st *stream) Flush() error {
	a := &st.sent
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || !a.headSent || a.over {
		return a.err
	}
	return st.push(nil)
}

// Abort resets the stream, so that the viewer knows the body for incomplete.
func (st *stream) Abort() {
	st.sent.mu.Lock()
	defer st.sent.mu.Unlock()
	_ = st.give(errAborted)
}

// push sends what waits, and then p.
func (st *stream) push(p []byte) error {
	a := &st.sent
	waits := a.buf
	a.buf = a.buf[:0]
	if err := st.write(waits); err != nil {
		return err
	}
	return st.write(p)
}

// write hands bytes to QUIC, and waits until the viewer has made room for
// them: for each step no longer than Limits.WriteStall.
func (st *stream) write(p []byte) error {
	for len(p) > 0 {
		_ = st.str.SetWriteDeadline(now().Add(st.c.l.limits.WriteStall)) // it never fails
		n, err := st.str.Write(p)
		p = p[n:]
		switch {
		case err == nil, n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, os.ErrDeadlineExceeded):
			return st.give(errStalled)
		default:
			return st.give(err)
		}
	}
	return nil
}

// end sends what waits with the end of the stream. It is the last that is
// done: Close ends the Handler's context.
func (st *stream) end() {
	a := &st.sent
	if st.str.TryWriteAll(a.buf) != nil && st.write(a.buf) != nil { // no credit for all of it, then gone
		return
	}
	a.buf, a.over = a.buf[:0], true
	a.done = st.str.Close() == nil
}

// give ends the answer before its time.
func (st *stream) give(err error) error {
	a := &st.sent
	if a.err == nil {
		a.err = err
	}
	a.over = true
	code := InternalError
	if errors.Is(err, errStalled) {
		code = RequestCancelled
	}
	st.cancel(code)
	return a.err
}

// finish completes the answer of a Handler that has returned, and tells a
// viewer whose request has not ended that nobody reads it (RFC 9114 4.1.1).
func (st *stream) finish() {
	a := &st.sent
	a.mu.Lock()
	switch {
	case a.err != nil:
	case !a.headSent, !a.bodyless && a.length >= 0 && a.given != a.length:
		_ = st.give(errLength)
	default:
		st.end()
	}
	a.mu.Unlock()
	if st.hasBody || !st.body.ended {
		_ = (*body)(st).Close() // it never fails
	}
}
