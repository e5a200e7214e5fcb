// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"errors"
	"io"

	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/viewer/mux"
)

// The viewer's unidirectional streams: its control stream and the two of
// QPACK, each once and to the end of the connection (RFC 9114 6.2.1, RFC 9204
// 4.2). Others are refused.

// acceptOthers takes them until the connection ends.
func (c *conn) acceptOthers() {
	for {
		str, err := c.qc.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		if err := c.payControl(); err != nil {
			c.failBy(err)
			return
		}
		c.workers.Go(func() {
			defer str.ReleaseStreamCredit()
			c.failBy(c.other(str))
		})
	}
}

// failBy closes the connection when err is a fault of the viewer.
func (c *conn) failBy(err error) {
	var f *fault
	if errors.As(err, &f) {
		c.fail(f)
	}
}

// other serves one unidirectional stream to its end. Errors other than faults
// are the end of the connection.
func (c *conn) other(str *quic.ReceiveStream) error {
	in := &source{from: str}
	_ = str.SetReadDeadline(now().Add(c.l.limits.HeadTimeout)) // it never fails
	kind, err := in.varint()
	if err != nil {
		str.CancelRead(quic.StreamErrorCode(StreamCreationError))
		return nil // cut off before it told what it is: no fault (RFC 9114 6.2)
	}
	clear := str.SetReadDeadline
	switch kind {
	case streamControl:
		if !c.first(&c.peer.control) {
			return connFault(StreamCreationError, "two control streams")
		}
		err = c.controlStream(in, func() { _ = clear(noTime) })
	case streamEncoder:
		if !c.first(&c.peer.encoder) {
			return connFault(StreamCreationError, "two encoder streams")
		}
		_ = clear(noTime)
		err = c.encoderStream(in)
	case streamDecoder:
		if !c.first(&c.peer.decoder) {
			return connFault(StreamCreationError, "two decoder streams")
		}
		_ = clear(noTime)
		err = c.decoderStream(in)
	case streamPush:
		return connFault(StreamCreationError, "a push stream of a viewer")
	default:
		str.CancelRead(quic.StreamErrorCode(StreamCreationError))
		return nil
	}
	var reset *quic.StreamError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &reset) {
		return connFault(ClosedCriticalStream, "a critical stream was closed")
	}
	return err
}

func (c *conn) first(seen *bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := *seen
	*seen = true
	return !was
}

// controlStream reads frames to the end. settled is called when SETTINGS came.
func (c *conn) controlStream(in *source, settled func()) error {
	for first := true; ; first = false {
		in.rewind()
		t, n, err := in.header()
		switch {
		case err != nil:
			return err
		case first && t != frameSettings:
			return connFault(MissingSettings, "the first frame is not SETTINGS")
		case !first && t == frameSettings:
			return connFault(FrameUnexpected, "SETTINGS twice")
		case t == frameData, t == frameHeaders, t == framePushPromise, t.ofHTTP2():
			return connFault(FrameUnexpected, "a frame that no control stream has")
		case n > mostControl:
			return connFault(ExcessiveLoad, "a frame too large for a control stream")
		}
		if !first {
			if err := c.payControl(); err != nil {
				return err
			}
		}
		p, err := in.take(int(n))
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return connFault(FrameError, "a frame that is cut off")
		}
		if err != nil {
			return err
		}
		if err := c.controlFrame(t, p); err != nil {
			return err
		}
		if first {
			settled()
		}
	}
}

func (c *conn) controlFrame(t frameType, p []byte) error {
	switch t {
	case frameSettings:
		return c.settings(p)
	case framePriorityUpdate:
		return c.priorityUpdate(p)
	case framePriorityPush:
		return connFault(IDError, "PRIORITY_UPDATE of a push that was not promised")
	case frameGoAway, frameMaxPushID, frameCancelPush:
	default:
		return nil // RFC 9114 9: unknown types are ignored
	}
	v, n := readVarint(p)
	if n == 0 || n != len(p) {
		return connFault(FrameError, "a frame that is not one integer")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case t == frameCancelPush:
		return connFault(IDError, "CANCEL_PUSH of a push that was not promised")
	case t == frameMaxPushID && v < c.peer.pushes:
		return connFault(IDError, "MAX_PUSH_ID went down")
	case t == frameMaxPushID:
		c.peer.pushes = v
	case v > c.peer.goAway:
		return connFault(IDError, "GOAWAY went up")
	default:
		c.peer.goAway = v // it is about pushes, which we do not send
	}
	return nil
}

// settings reads SETTINGS. What the viewer offers is of no use to us: we have
// no table of it, push nothing and send no datagrams.
func (c *conn) settings(p []byte) error {
	var seen uint64 // the known ones, a bit each
	for n := 0; len(p) > 0; n++ {
		id, a := readVarint(p)
		if a == 0 {
			return connFault(FrameError, "SETTINGS cut off")
		}
		v, b := readVarint(p[a:])
		if b == 0 {
			return connFault(FrameError, "SETTINGS cut off")
		}
		p = p[a+b:]
		switch {
		case n > 64:
			return connFault(ExcessiveLoad, "too many settings")
		case id == 0 || id >= 2 && id <= 5:
			return connFault(SettingsError, "a setting of HTTP/2")
		case id >= settingLowestUnknown:
			continue
		case seen&(1<<id) != 0:
			return connFault(SettingsError, "a setting twice")
		case (id == settingConnect || id == settingDatagram) && v > 1:
			return connFault(SettingsError, "a switch above 1")
		}
		seen |= 1 << id
	}
	return nil
}

// priorityUpdate takes PRIORITY_UPDATE of a request (RFC 9218 7.2).
func (c *conn) priorityUpdate(p []byte) error {
	v, n := readVarint(p)
	if n == 0 {
		return connFault(FrameError, "PRIORITY_UPDATE cut off")
	}
	if v%4 != 0 {
		return connFault(IDError, "PRIORITY_UPDATE of what is no request stream")
	}
	id, pri := quic.StreamID(v), mux.ParsePriority(string(p[n:]))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch st := c.active[id]; {
	case st != nil:
		st.str.SetPriority(int8(pri.Urgency), pri.Incremental)
		st.prioritised = true
	case id >= c.next+quic.StreamID(4*c.l.limits.Streams):
		return connFault(IDError, "PRIORITY_UPDATE of a stream above the limit")
	case id >= c.next && len(c.early) < earlyMost:
		if c.early == nil {
			c.early = make(map[quic.StreamID]mux.Priority)
		}
		c.early[id] = pri
	}
	return nil
}

// encoderStream reads what the viewer's encoder says. Without a table it can
// set the capacity to 0 and nothing else (RFC 9204 4.3).
func (c *conn) encoderStream(in *source) error {
	return c.instructions(in, func(b byte) error {
		if b != 0x20 {
			return connFault(EncoderStreamError, "an entry for a dynamic table, which was not offered")
		}
		return nil
	})
}

// decoderStream reads what the viewer's decoder says: that it cancels streams,
// for we send nothing to acknowledge (RFC 9204 4.4).
func (c *conn) decoderStream(in *source) error {
	inside := false // in the continuation of a stream id
	return c.instructions(in, func(b byte) error {
		switch {
		case inside:
			inside = b&0x80 != 0
		case b&0xc0 == 0x40:
			inside = b&0x3f == 0x3f
		default:
			return connFault(DecoderStreamError, "an acknowledgement of what was not sent")
		}
		return nil
	})
}

// instructions gives each byte of a QPACK stream to f.
func (c *conn) instructions(in *source, f func(byte) error) error {
	for {
		for _, b := range in.have() {
			if err := c.payControl(); err != nil {
				return err
			}
			if err := f(b); err != nil {
				return err
			}
		}
		if in.end {
			return io.EOF
		}
		in.r, in.w = 0, 0
		if err := in.fill(); err != nil {
			return err
		}
	}
}
