// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/engine"
)

// mode is how an answer's body ends.
type mode uint8

const (
	modeNone       mode = iota // no answer has begun
	modeBodyless               // HEAD, 204, 304
	modeCounted                // Content-Length
	modeChunked                // HTTP/1.1, length not known
	modeUntilClose             // HTTP/1.0, length not known
	modeUpgraded               // 101: the connection is the Handler's
)

var (
	errNoHead   = errors.New("h1: body before head")
	errTwice    = errors.New("h1: a request has one answer")
	errTooLong  = errors.New("h1: body longer than its Content-Length")
	errLength   = errors.New("h1: the pieces are not as long as Content-Length says")
	errAborted  = errors.New("h1: the answer was aborted")
	errUpgrade  = errors.New("h1: this request cannot be upgraded")
	errTooOld   = errors.New("h1: interim answers need HTTP/1.1")
	errBadState = errors.New("h1: no status of a final answer")
)

// writer takes one answer; it implements engine.Writer and Upgrader.
type writer struct {
	c      *conn
	mode   mode
	close  bool  // the connection ends with this answer
	failed bool  // panic, Abort
	left   int64 // modeCounted: bytes still to come

	mu    sync.Mutex // orders 100 Continue before the answer
	begun bool       // the answer's head has been made
	asked bool       // 100 Continue was sent
}

var _ engine.Writer = (*writer)(nil)

// begin makes w ready for the request in hand.
func (w *writer) begin() {
	w.mode, w.failed, w.left, w.begun, w.asked = modeNone, false, 0, false, false
	w.close = w.c.hd.options.Close
}

// Head sends status and fields. A status of 1xx but 101 is an interim answer,
// after which the final one follows.
func (w *writer) Head(rs *httpmsg.Response) error {
	if rs.Status >= 100 && rs.Status < 200 && rs.Status != 101 {
		return w.interim(rs)
	}
	if err := w.start(rs, rs.ContentLength); err != nil {
		return err
	}
	return w.c.lost
}

// start appends the head of the answer.
func (w *writer) start(rs *httpmsg.Response, length int64) error {
	switch {
	case w.mode != modeNone:
		return errTwice
	case rs.Status < 200 || rs.Status > 999:
		return fmt.Errorf("%w: %d", errBadState, rs.Status)
	}
	c := w.c
	if c.hd.expect {
		w.mu.Lock()
		w.begun = true
		w.close = w.close || !w.asked
		w.mu.Unlock()
	}
	if c.srv.draining.Load() || c.body != nil && !c.body.keeps() || wantsClose(rs) {
		w.close = true
	}
	switch {
	case rs.Status == 204 || rs.Status == 304:
		w.mode, length = modeBodyless, -1
	case c.rq.Method == "HEAD":
		w.mode = modeBodyless
	case length >= 0:
		w.mode, w.left = modeCounted, length
	case c.rq.Proto == httpmsg.HTTP10:
		w.mode, w.close = modeUntilClose, true
	default:
		w.mode = modeChunked
	}
	b := c.buf()
	b.b = w.appendHead(b.b, rs, length)
	return nil
}

// interim sends a 1xx answer at once; HTTP/1.0 knows none (RFC 9110 15.2).
func (w *writer) interim(rs *httpmsg.Response) error {
	c := w.c
	if w.mode != modeNone {
		return errTwice
	}
	if c.rq.Proto == httpmsg.HTTP10 {
		return errTooOld
	}
	b := c.buf()
	b.b = appendBare(b.b, rs, false)
	return c.flush()
}

// goAhead sends 100 Continue, unless the answer has begun.
func (w *writer) goAhead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		return false
	}
	w.asked = true
	nc := w.c.nc
	_ = nc.SetWriteDeadline(time.Now().Add(w.c.limits.WriteStall))
	_, err := nc.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	return err == nil
}

// Write sends a piece of the body: small pieces are gathered, large ones go
// out before it returns.
func (w *writer) Write(p []byte) (int, error) {
	n := len(p)
	switch {
	case w.failed:
		return 0, errAborted
	case w.c.lost != nil:
		return 0, w.c.lost
	case n == 0:
		return 0, nil
	}
	switch w.mode {
	case modeNone, modeUpgraded:
		return 0, errNoHead
	case modeBodyless:
		return n, nil
	case modeCounted:
		if int64(n) > w.left {
			n = int(w.left)
		}
		w.left -= int64(n)
	}
	if err := w.c.piece(p[:n], w.mode == modeChunked); err != nil {
		return 0, err
	}
	if n < len(p) {
		return n, errTooLong
	}
	return n, nil
}

// Flush sends what is buffered.
func (w *writer) Flush() error { return w.c.flush() }

// Whole sends an answer whose body lies in memory. It goes out when the
// requests that came with this one are answered too.
func (w *writer) Whole(rs *httpmsg.Response, body [][]byte, hold httpmsg.Hold) error {
	total := int64(0)
	for _, p := range body {
		total += int64(len(p))
	}
	length := rs.ContentLength
	if w.c.rq.Method != "HEAD" && rs.Status != 204 && rs.Status != 304 {
		if length >= 0 && length != total {
			return errLength
		}
		length = total
	}
	if err := w.start(rs, length); err != nil {
		return err
	}
	if w.mode == modeCounted {
		for _, p := range body {
			w.c.refer(p, hold)
		}
		w.left = 0
	}
	return w.c.lost
}

// Abort tells that the body cannot be completed.
func (w *writer) Abort() { w.failed = true }

// complete ends the answer; false: the viewer must see that it is not whole.
func (w *writer) complete() bool {
	if w.mode == modeNone { // nobody answered: fail closed
		w.mode, w.close, w.failed = modeBodyless, true, false
		w.c.push(refusal(500, w.c.rq.Method != "HEAD"))
		return true
	}
	if w.failed || w.left > 0 {
		return false
	}
	if w.mode == modeChunked {
		w.c.push("0\r\n\r\n")
	}
	return true
}

// appendLength appends a Content-Length field.
func appendLength(b []byte, n int64) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, "\r\n"...)
}
