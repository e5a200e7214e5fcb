// SPDX-License-Identifier: Apache-2.0

package runtimeapi

// Row L10: a function that streams sends raw bytes, or, with the content type
// application/vnd.awslambda.http-integration-response, a head: one JSON object
// (statusCode, headers, cookies), eight NUL bytes, and then the body.
//
//	{"statusCode":201}\0\0\0\0\0\0\0\0hello
//
// A relay takes the pieces as they come. It looks for the head first, then
// gives the caller a Stream and copies on; it is the process's own goroutine
// that writes, so a slow viewer slows the function down and nothing piles up.

import (
	"bytes"
	"errors"
	"io"
)

// streamType marks an answer that begins with a head.
const streamType = "application/vnd.awslambda.http-integration-response"

// maxHead bounds the head of a streamed answer.
const maxHead = 1 << 20

var headEnd = make([]byte, 8)

var errClosedByCaller = errors.New("the caller is gone")

// relay is one streamed answer on its way.
type relay struct {
	desk *Desk
	call *Call

	hold  []byte // the head until it is whole, or all of it when collecting
	seek  bool   // the head is still being looked for
	w     *io.PipeWriter
	end   chan Result
	size  int64
	fault error // why the rest is dropped
}

func newRelay(d *Desk, c *Call, contentType string) *relay {
	r := &relay{desk: d, call: c}
	if !c.Stream {
		return r
	}
	if r.seek = contentType == streamType; !r.seek {
		r.open(nil)
	}
	return r
}

// open gives the caller the stream; what follows goes to its body.
func (r *relay) open(head []byte) {
	pr, pw := io.Pipe()
	r.w, r.end = pw, make(chan Result, 1)
	r.desk.mu.Lock()
	r.desk.abort = func(err error) { pw.CloseWithError(err) }
	if r.desk.closed {
		pw.CloseWithError(io.ErrUnexpectedEOF)
	}
	r.desk.mu.Unlock()
	r.call.done <- Result{Stream: &Stream{Head: head, Body: pr, End: r.end}}
}

// Write takes one piece. It never fails towards the process: what cannot be
// passed on is dropped, and the function runs to its end as it does on AWS.
func (r *relay) Write(p []byte) (int, error) {
	n := len(p)
	r.size += int64(n)
	switch {
	case r.fault != nil:
	case r.w != nil:
		r.pass(p)
	case r.seek:
		r.look(p)
	case r.size <= MaxPayload:
		r.hold = append(r.hold, p...)
	default:
		r.hold = nil
	}
	return n, nil
}

func (r *relay) look(p []byte) {
	from := max(0, len(r.hold)-len(headEnd)+1)
	r.hold = append(r.hold, p...)
	i := bytes.Index(r.hold[from:], headEnd)
	if i < 0 {
		if len(r.hold) > maxHead {
			r.seek = false
			r.open(nil)
			r.pass(r.hold)
			r.hold = nil
		}
		return
	}
	head, rest := r.hold[:from+i], r.hold[from+i+len(headEnd):]
	r.seek, r.hold = false, nil
	r.open(head)
	r.pass(rest)
}

func (r *relay) pass(p []byte) {
	if len(p) == 0 {
		return
	}
	if r.size > MaxStream {
		r.fault = errors.New("the streamed answer is larger than 200 MB")
		r.w.CloseWithError(r.fault)
		return
	}
	if _, err := r.w.Write(p); err != nil {
		r.fault = errClosedByCaller
	}
}

// close ends the answer. failed is the error that the function reported in
// the middle of it, nil when it finished.
func (r *relay) close(failed *Result, again port) {
	if r.w == nil && r.seek { // it ended before its head did
		r.seek = false
		if failed == nil {
			r.open(nil)
			r.pass(r.hold)
		}
	}
	res := Result{Size: r.size}
	if failed != nil {
		res = *failed
	}
	if r.w == nil {
		if failed == nil {
			res.TooLarge = r.size > MaxPayload
			res.Payload = r.hold
		}
		r.desk.finish(r.call, res, again)
		return
	}
	if failed != nil {
		r.w.CloseWithError(errors.New("the function failed while it answered: " + failed.ErrorType))
	} else {
		r.w.Close()
	}
	r.desk.settle(r.call, again)
	r.end <- res
}
