// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Calls that stream both ways, as in room h2: they last as long as both sides
// like, and fields behind the answer's body say how it went (RFC 9114 4.1).

// Stream tells, before the head, that the body comes when the viewer has
// something to say: no wait for it is too long. Who calls it bounds the call.
func (st *stream) Stream() { st.patient.Store(true) }

// setPatience bounds the next wait for the body.
func (st *stream) setPatience() {
	var until time.Time
	if !st.patient.Load() {
		until = now().Add(st.c.l.limits.BodyTimeout)
	}
	_ = st.str.SetReadDeadline(until) // it never fails
}

// Trailers sends fields behind the body, and ends the answer.
func (st *stream) Trailers(h *httpmsg.Header) error {
	a := &st.sent
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.err != nil:
		return a.err
	case !a.headSent || a.over:
		return errOrder
	case a.length >= 0 && a.given != a.length:
		return st.give(errLength)
	}
	section := []byte{0, 0}
	var err error
	for _, f := range h.Fields() {
		if section, err = appendField(section, f); err != nil {
			return st.give(err)
		}
	}
	a.buf = append(appendFrame(a.buf, frameHeaders, len(section)), section...)
	a.over = true // finish sends it, with the end of the stream
	return nil
}
