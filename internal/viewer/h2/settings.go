// SPDX-License-Identifier: Apache-2.0

package h2

import "encoding/binary"

// settings takes SETTINGS (RFC 9113 6.5).
func (c *conn) settings(h frameHeader, p []byte) *fault {
	switch {
	case h.id != 0:
		return &fault{ProtocolError, "SETTINGS not on stream 0"}
	case h.has(flagAck):
		if len(p) != 0 {
			return &fault{FrameSizeError, "an acknowledgement of SETTINGS with content"}
		}
		c.peer.acked = true
		return nil
	case len(p)%6 != 0:
		return &fault{FrameSizeError, "SETTINGS of a size that is no multiple of 6"}
	case len(p) > 6*64:
		return &fault{EnhanceYourCalm, "too many settings in a frame"}
	}
	for ; len(p) > 0; p = p[6:] {
		if bad := c.setting(setting(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:])); bad != nil {
			return bad
		}
	}
	if !c.peer.settings {
		c.peer.settings = true
		c.peer.noOld = max(c.peer.noOld, 0)
	}
	c.out.buf = appendHeader(c.out.buf, frameHeader{kind: frameSettings, flags: flagAck})
	return nil
}

func (c *conn) setting(s setting, v uint32) *fault {
	switch s {
	case settingTableSize:
		c.peer.shrunk = c.peer.shrunk || v < tableSize
	case settingPush:
		if v > 1 {
			return &fault{ProtocolError, "SETTINGS_ENABLE_PUSH above 1"}
		}
	case settingWindow:
		return c.initialWindow(v)
	case settingFrame:
		if v < maxFrame || v > largestFrame {
			return &fault{ProtocolError, "SETTINGS_MAX_FRAME_SIZE out of its range"}
		}
		// Larger frames would only make urgent answers wait longer.
	case settingNoPriorities:
		if v > 1 || c.peer.noOld >= 0 && uint32(c.peer.noOld) != v {
			return &fault{ProtocolError, "SETTINGS_NO_RFC7540_PRIORITIES above 1, or changed"}
		}
		c.peer.noOld = int8(v)
	}
	return nil
}

// initialWindow changes the windows of all streams (RFC 9113 6.9.2).
func (c *conn) initialWindow(v uint32) *fault {
	if v > maxWindow {
		return &fault{FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1"}
	}
	delta := int64(v) - c.peer.window
	c.peer.window = int64(v)
	for _, st := range c.streams {
		if st.out.window += delta; st.out.window > maxWindow {
			return &fault{FlowControlError, "a window above 2^31-1"}
		}
	}
	return nil
}

// ping takes PING.
func (c *conn) ping(h frameHeader, p []byte) *fault {
	switch {
	case h.id != 0:
		return &fault{ProtocolError, "PING not on stream 0"}
	case len(p) != 8:
		return &fault{FrameSizeError, "PING of another size than 8"}
	case h.has(flagAck):
		if string(p) == drainPing {
			c.lastGoAway()
		}
		return nil
	}
	c.out.buf = append(appendHeader(c.out.buf, frameHeader{length: 8, kind: framePing, flags: flagAck}), p...)
	return nil
}

// goAway takes GOAWAY: the viewer opens no more streams, those that are open
// are finished.
func (c *conn) goAway(h frameHeader, p []byte) *fault {
	switch {
	case h.id != 0:
		return &fault{ProtocolError, "GOAWAY not on stream 0"}
	case len(p) < 8:
		return &fault{FrameSizeError, "GOAWAY too short"}
	}
	c.life.left = true
	c.kickWhenDone()
	return nil
}
