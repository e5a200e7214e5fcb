// SPDX-License-Identifier: Apache-2.0

package h2

import "github.com/forelane/forelane/internal/httpmsg"

// Calls that stream both ways, such as gRPC's: request and answer last as long
// as both sides like, and fields behind the answer's body say how it went
// (RFC 9113 8.1). An answer without a body has such fields in its head, which
// ends the stream; its length is not told, for it is none of a body.

// Stream tells, before the head, that the body comes when the viewer has
// something to say: no wait for it is too long. Who calls it bounds the call.
func (st *stream) Stream() {
	st.c.mu.Lock()
	defer st.c.mu.Unlock()
	st.patient = true
}

// Trailers sends fields behind the body, and ends the answer.
func (st *stream) Trailers(h *httpmsg.Header) error {
	c := st.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case st.err != nil:
		return st.err
	case !st.headSent || st.ending || st.inline:
		return errOrder
	}
	c.touch()
	if len(st.out.buf) > 0 {
		if err := c.sendAndWait(st, nil); err != nil {
			return err
		}
		c.touch() // the buffer went with the body
	}
	if st.out.length >= 0 && st.out.given != st.out.length {
		c.reset(st, InternalError, errLength)
		c.flush(flushOnce)
		return errLength
	}
	f := frameHeader{kind: frameHeaders, flags: flagEndHeaders | flagEndStream, id: st.id}
	at, b := c.beginBlock(f)
	var err error
	for _, field := range h.Fields() {
		if b, err = appendField(b, field); err != nil {
			break
		}
	}
	if err = c.endBlock(at, b, f, err); err != nil {
		c.reset(st, InternalError, err)
		c.flush(flushOnce)
		return err
	}
	st.ending = true
	c.sentEnd(st)
	c.flush(flushOnce)
	return nil
}
