// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"encoding/binary"

	"github.com/forelane/forelane/internal/viewer/mux"
)

// mostForgiven is how many streams with a body a viewer may have on the way
// that we refuse: twice the streams that it may have open by default.
const mostForgiven = 256

// ids tells what a stream identifier that is in no table stands for.
type ids struct {
	last uint32 // the highest one opened

	// Identifiers that the viewer has passed over (RFC 9113 5.1.1 closes them
	// without their having been open): the latest gaps, both ends included.
	gaps [4][2]uint32
	gap  int

	// Streams that we have reset while the viewer was still sending on them:
	// what it had sent by then is no fault.
	forgiven []uint32
	next     int
}

func (x *ids) open(id uint32) {
	if id > x.last+2 {
		x.gaps[x.gap%len(x.gaps)] = [2]uint32{x.last + 1, id - 1}
		x.gap++
	}
	x.last = id
}

func (x *ids) passedOver(id uint32) bool {
	for _, g := range x.gaps {
		if g[0] <= id && id <= g[1] {
			return true
		}
	}
	return false
}

func (x *ids) isForgiven(id uint32) bool {
	for _, f := range x.forgiven {
		if f == id {
			return true
		}
	}
	return false
}

// condemn ends what forgive began: the viewer itself has said that it sends no
// more (RFC 9113 5.1).
func (x *ids) condemn(id uint32) {
	for i, f := range x.forgiven {
		if f == id {
			x.forgiven[i] = 0
		}
	}
}

func (c *conn) forgive(id uint32) {
	if len(c.ids.forgiven) < mostForgiven {
		c.ids.forgiven = append(c.ids.forgiven, id)
		return
	}
	c.ids.forgiven[c.ids.next%mostForgiven] = id
	c.ids.next++
}

// idleID tells whether a stream was never opened; even ones are ours to open.
func (c *conn) idleID(id uint32) bool { return id > c.ids.last || id%2 == 0 }

// frame takes one frame.
func (c *conn) frame(h frameHeader, p []byte) *fault {
	if c.in.blockID != 0 && (h.kind != frameContinuation || h.id != c.in.blockID) {
		return &fault{ProtocolError, "a header block that another frame interrupts"}
	}
	switch h.kind {
	case frameData:
		return c.data(h, p)
	case frameHeaders:
		return c.headers(h, p)
	case frameContinuation:
		return c.continuation(h, p)
	case frameReset:
		return c.rstStream(h, p)
	case framePush:
		return &fault{ProtocolError, "PUSH_PROMISE from a viewer"}
	}
	if (h.kind != frameSettings && h.kind != framePing || !h.has(flagAck)) && !c.control.Take(c.now) {
		return &fault{EnhanceYourCalm, "too many control frames"}
	}
	switch h.kind {
	case framePriority:
		return c.oldPriority(h, p)
	case frameSettings:
		return c.settings(h, p)
	case framePing:
		return c.ping(h, p)
	case frameGoAway:
		return c.goAway(h, p)
	case frameWindow:
		return c.windowUpdate(h, p)
	case framePriorityUpdate:
		return c.priorityUpdate(h, p)
	}
	return nil // RFC 9113 5.5: unknown types are ignored
}

// streamFault is a stream error (RFC 9113 5.4.2): RST_STREAM, paid for from
// the bucket of resets.
func (c *conn) streamFault(st *stream, code Code, why string) *fault {
	c.srv.log.Debug("h2: stream error", "code", code, "why", why, "viewer", c.viewer.Addr)
	c.reset(st, code, errRequest)
	return c.payReset()
}

func (c *conn) payReset() *fault {
	if !c.resets.Take(c.now) {
		return &fault{EnhanceYourCalm, "too many streams reset"}
	}
	return nil
}

// lateFrame judges DATA or HEADERS on a stream whose viewer has ended it
// (st), or that is closed (st is nil).
func (c *conn) lateFrame(id uint32, st *stream, why string) *fault {
	switch {
	case st != nil:
		return c.streamFault(st, StreamClosed, why)
	case c.ids.isForgiven(id):
		if !c.control.Take(c.now) {
			return &fault{EnhanceYourCalm, "frames on streams that were reset"}
		}
		return nil
	case c.ids.passedOver(id):
		return &fault{ProtocolError, "an identifier lower than the last one"}
	}
	return &fault{StreamClosed, why}
}

// headers takes a HEADERS frame.
func (c *conn) headers(h frameHeader, p []byte) *fault {
	if h.id%2 == 0 {
		return &fault{ProtocolError, "HEADERS on a stream that no viewer can open"}
	}
	p, ok := unpad(h, p)
	if !ok {
		return &fault{ProtocolError, "padding longer than its frame"}
	}
	self := false
	if h.has(flagPriority) {
		if len(p) < 5 {
			return &fault{FrameSizeError, "HEADERS too short for its priority"}
		}
		self = binary.BigEndian.Uint32(p)&maxWindow == h.id
		p = p[5:]
	}
	if h.has(flagEndHeaders) {
		return c.block(h.id, h.has(flagEndStream), self, p)
	}
	in := &c.in
	in.block = append(in.block[:0], p...)
	in.blockID, in.blockEnd, in.blockSelf, in.blockCount = h.id, h.has(flagEndStream), self, 0
	return nil
}

// continuation goes on with a header block. Its size and the number of its
// frames are bounded before anything is decoded.
func (c *conn) continuation(h frameHeader, p []byte) *fault {
	in := &c.in
	if in.blockID == 0 {
		return &fault{ProtocolError, "CONTINUATION of nothing"}
	}
	in.blockCount++
	if in.blockCount > maxContinuations || len(in.block)+len(p) > 2*c.srv.limits.Head+maxFrame {
		return &fault{EnhanceYourCalm, "a header block without end"}
	}
	in.block = append(in.block, p...)
	if !h.has(flagEndHeaders) {
		return nil
	}
	in.blockID = 0
	return c.block(h.id, in.blockEnd, in.blockSelf, in.block)
}

// block takes a complete header block: a request, or trailers.
func (c *conn) block(id uint32, end, self bool, block []byte) *fault {
	if id > c.ids.last {
		return c.request(id, end, self, block)
	}
	in := &c.in
	in.head.Reset(nil)
	if err := in.dec.decode(block, &in.head); err != nil {
		return &fault{CompressionError, err.Error()}
	}
	st := c.streams[id]
	switch {
	case st == nil || st.gotAll:
		return c.lateFrame(id, st, "HEADERS on a closed stream")
	case self:
		return c.streamFault(st, ProtocolError, "a stream that depends on itself")
	case !end:
		return c.streamFault(st, ProtocolError, "a second head that does not end the stream")
	case in.head.Bad != "":
		return c.streamFault(st, ProtocolError, in.head.Bad)
	}
	return c.store(st, nil, true) // trailers are dropped
}

// rstStream takes RST_STREAM.
func (c *conn) rstStream(h frameHeader, p []byte) *fault {
	switch {
	case len(p) != 4:
		return &fault{FrameSizeError, "RST_STREAM of another size than 4"}
	case h.id == 0 || c.idleID(h.id):
		return &fault{ProtocolError, "RST_STREAM on an idle stream"}
	}
	if st := c.streams[h.id]; st != nil {
		st.gotAll = true
		answered := st.lingers
		c.closeStream(st)
		if !answered {
			st.fail(errReset)
		}
	}
	c.ids.condemn(h.id)
	return c.payReset()
}

// oldPriority takes PRIORITY: the scheme of RFC 7540 is gone, its rules of
// form are not (RFC 9113 6.3).
func (c *conn) oldPriority(h frameHeader, p []byte) *fault {
	switch {
	case h.id == 0:
		return &fault{ProtocolError, "PRIORITY on stream 0"}
	case len(p) != 5:
		return c.faultOn(h.id, FrameSizeError, "PRIORITY of another size than 5")
	case binary.BigEndian.Uint32(p)&maxWindow == h.id:
		return c.faultOn(h.id, ProtocolError, "a stream that depends on itself")
	}
	return nil
}

// faultOn is streamFault for a stream that may not exist.
func (c *conn) faultOn(id uint32, code Code, why string) *fault {
	if st := c.streams[id]; st != nil {
		return c.streamFault(st, code, why)
	}
	if c.idleID(id) {
		return &fault{code, why} // an idle stream cannot be reset
	}
	c.out.buf = appendWord(c.out.buf, frameReset, id, uint32(code))
	return c.payReset()
}

// priorityUpdate takes PRIORITY_UPDATE (RFC 9218 7.1).
func (c *conn) priorityUpdate(h frameHeader, p []byte) *fault {
	switch {
	case h.id != 0:
		return &fault{ProtocolError, "PRIORITY_UPDATE not on stream 0"}
	case len(p) < 4:
		return &fault{FrameSizeError, "PRIORITY_UPDATE too short"}
	}
	id := binary.BigEndian.Uint32(p) & maxWindow
	switch st := c.streams[id]; {
	case id == 0 || id%2 == 0:
		return &fault{ProtocolError, "PRIORITY_UPDATE of a stream that no viewer can open"}
	case st != nil:
		st.pri = mux.ParsePriority(mux.View(p[4:]))
	case c.idleID(id):
		c.early.put(id, mux.ParsePriority(mux.View(p[4:])))
	}
	return nil
}

// windowUpdate takes WINDOW_UPDATE.
func (c *conn) windowUpdate(h frameHeader, p []byte) *fault {
	if len(p) != 4 {
		return &fault{FrameSizeError, "WINDOW_UPDATE of another size than 4"}
	}
	inc := int64(binary.BigEndian.Uint32(p) & maxWindow)
	if h.id == 0 {
		switch c.out.window += inc; {
		case inc == 0:
			return &fault{ProtocolError, "WINDOW_UPDATE of 0"}
		case c.out.window > maxWindow:
			return &fault{FlowControlError, "a window above 2^31-1"}
		}
		return nil
	}
	if c.idleID(h.id) {
		return &fault{ProtocolError, "WINDOW_UPDATE on an idle stream"}
	}
	if inc == 0 {
		return c.faultOn(h.id, ProtocolError, "WINDOW_UPDATE of 0")
	}
	if st := c.streams[h.id]; st != nil {
		if st.out.window += inc; st.out.window > maxWindow {
			return c.streamFault(st, FlowControlError, "a window above 2^31-1")
		}
	}
	return nil
}
