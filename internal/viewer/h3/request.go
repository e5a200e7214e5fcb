// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"errors"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// Why a stream has ended before its answer was complete.
var (
	errStalled = errors.New("h3: the viewer takes no more of the answer")
	errLength  = errors.New("h3: the body has another length than was told")
	errOrder   = errors.New("h3: the answer was given twice, or its body before its head")
	errClosed  = errors.New("h3: the body was closed, or its request is answered")
	errAborted = errors.New("h3: the answer was aborted")
)

var noTime time.Time

// stream is one request and its answer: the engine.Writer that its Handler is
// given, and (as *body) the request's body.
type stream struct {
	c    *conn
	str  *quic.Stream
	in   source
	dec  decoder
	head mux.Head
	rq   *httpmsg.Request
	sent answer

	prioritised bool        // by PRIORITY_UPDATE, which wins (RFC 9218 7); conn.mu guards it
	expect      atomic.Bool // 100-continue is still to be sent
	closed      atomic.Bool // nobody reads the body
	patient     atomic.Bool // the body comes when it comes: trailer.go
	hasBody     bool        // the Handler was given one

	reading sync.Mutex // of body and in, by readers of the body
	body    incoming
}

// init readies a stream whose memory may have been another's.
func (st *stream) init(c *conn, str *quic.Stream) {
	buf, text, out, rq := st.in.buf, st.dec.text, st.sent.buf[:0], st.rq
	if rq == nil {
		rq = new(httpmsg.Request)
	}
	st.c, st.str, st.rq = c, str, rq
	st.in = source{from: str, buf: buf}
	st.dec.text = text[:0]
	st.head.Limits = c.l.limits
	st.sent = answer{buf: out, length: -1}
	st.prioritised, st.hasBody = false, false
	st.expect.Store(false)
	st.closed.Store(false)
	st.patient.Store(false)
	st.body = incoming{length: -1}
}

// run serves the request to its end.
func (st *stream) run() {
	c := st.c
	err := st.read()
	reuse := false
	if err == nil {
		reuse = st.answer()
	} else {
		st.reject(err)
	}
	c.left(st, st.ending(err))
	if reuse {
		st.str, st.in.from = nil, nil
		c.l.streams.Put(st)
	}
}

// ending tells how it came to its end, given why it could not be read.
func (st *stream) ending(err error) ending {
	switch {
	case err == nil && st.sent.done:
		return answered
	case err == nil && (st.sent.err == errAborted || st.sent.err == errLength):
		return ours
	}
	return theirs
}

// ending is how a request stream ended, for guard.go.
type ending uint8

const (
	answered ending = iota
	ours            // we have broken the answer off
	theirs          // the viewer has left it, or made us
)

// reject ends a stream whose request cannot be read.
func (st *stream) reject(err error) {
	var f *fault
	code := RequestCancelled
	switch {
	case errors.As(err, &f) && f.whole:
		st.c.fail(f)
		return
	case f != nil:
		code = f.code
		st.c.l.log.Debug("h3: stream error", "code", f.code, "why", f.why, "viewer", st.c.viewer.Addr)
	case errors.Is(err, os.ErrDeadlineExceeded):
		code = RequestIncomplete
	}
	st.cancel(code)
}

// cancel resets both directions.
func (st *stream) cancel(code Code) {
	st.str.CancelRead(quic.StreamErrorCode(code))
	st.str.CancelWrite(quic.StreamErrorCode(code))
}

// framing turns the ends of a stream that come at the wrong place into faults.
func framing(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return connFault(FrameError, "a frame that is cut off")
	}
	return err
}

// read reads the head, up to where the body begins or the request ends.
func (st *stream) read() error {
	l := &st.c.l.limits
	_ = st.str.SetReadDeadline(now().Add(l.HeadTimeout)) // it never fails
	skipped := uint64(0)
	for {
		t, n, err := st.in.header()
		switch {
		case errors.Is(err, io.EOF):
			return streamFault(RequestIncomplete, "a stream without a request")
		case err != nil:
			return framing(err)
		case t == frameHeaders && n > uint64(2*l.Head+1<<14):
			st.head.Reset(st.rq)
			st.head.Status = http.StatusRequestHeaderFieldsTooLarge
			return nil
		case t == frameHeaders:
			return st.section(int(n))
		}
		if err := st.unknown(t, n, &skipped); err != nil {
			return err
		}
	}
}

// unknown skips a frame of an unknown type, and judges known ones that no
// request stream has at this place (RFC 9114 4.1, 7.2).
func (st *stream) unknown(t frameType, n uint64, skipped *uint64) error {
	switch t {
	case frameData, frameHeaders, frameCancelPush, frameSettings, framePushPromise, frameGoAway, frameMaxPushID,
		framePriorityUpdate, framePriorityPush:
		return connFault(FrameUnexpected, "a frame that is not at its place")
	}
	if t.ofHTTP2() {
		return connFault(FrameUnexpected, "a frame of HTTP/2")
	}
	if *skipped += n; *skipped > mostSkipped {
		return streamFault(ExcessiveLoad, "too many bytes of unknown frames")
	}
	if err := st.c.payControl(); err != nil {
		return err
	}
	return framing(st.in.skip(n))
}

// section decodes and judges the field section of the request.
func (st *stream) section(n int) error {
	block, err := st.in.take(n)
	if err != nil {
		return framing(err)
	}
	h := &st.head
	h.Reset(st.rq)
	if err := st.dec.decode(block, h); err != nil {
		return connFault(DecompressionFailed, err.Error())
	}
	if !st.in.done() {
		st.in.keep()
	}
	if st.unclear() {
		if err := st.advance(); err != nil {
			return err
		}
	}
	end := st.body.ended || st.in.done()
	if h.Finish(end); h.Bad != "" {
		return streamFault(MessageError, h.Bad)
	}
	st.body.length, st.body.ended = h.Length, end
	if h.Priority != "" {
		st.prioritise()
	}
	return nil
}

// unclear tells that it must be waited for the next frame to know whether the
// request has a body: HTTP/3 says so only by what follows, and a GET with a
// body is another request than one without.
func (st *stream) unclear() bool {
	if st.in.done() || st.head.Length >= 0 {
		return false
	}
	switch st.rq.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		return false
	}
	return st.head.Bad == ""
}

func (st *stream) prioritise() {
	p := mux.ParsePriority(st.head.Priority)
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	if !st.prioritised {
		st.str.SetPriority(int8(p.Urgency), p.Incremental)
	}
}

// answer gives the request to the Handler. reuse tells that nobody refers to
// the stream's memory any more.
func (st *stream) answer() (reuse bool) {
	defer st.finish()
	c, rq, h := st.c, st.rq, &st.head
	if h.Status == 0 && c.inEarlyData() && !st.early() {
		h.Status = http.StatusTooEarly
	}
	st.sent.isHEAD = rq.Method == http.MethodHead
	if h.Status != 0 {
		_ = st.Whole(&httpmsg.Response{Status: h.Status}, nil, nil) // an error has reset the stream
		return false
	}
	rq.Scheme, rq.Proto, rq.Viewer = "https", httpmsg.HTTP3, c.viewer
	if !st.body.ended {
		st.expect.Store(h.Expect)
		_ = st.str.SetReadDeadline(noTime)
		st.hasBody, rq.Body = true, (*body)(st)
	}
	c.wait(st)
	return st.call(rq)
}

// early readies a request that came in early data: safe methods are served,
// and what is behind us is told (RFC 8470 5.1); others have to come again.
func (st *stream) early() bool {
	switch st.rq.Method {
	case http.MethodGet, http.MethodHead:
		st.rq.Header.Set("early-data", "1")
		return true
	}
	return false
}

// call runs the Handler and what it leaves; a panic of it costs its stream only.
func (st *stream) call(rq *httpmsg.Request) (reuse bool) {
	defer func() {
		if v := recover(); v != nil {
			reuse = false
			st.c.l.log.Error("h3: the handler panicked", "panic", v, "viewer", st.c.viewer.Addr, "stack", string(debug.Stack()))
			st.Abort()
		}
	}()
	rest := st.c.l.handle(st.str.Context(), rq, st, true)
	if rest == nil {
		return !st.hasBody
	}
	rq.Own()
	rest()
	return false
}
