// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"net"
	"time"
)

// finish completes the answer and decides whether the connection goes on.
func (c *conn) finish() bool {
	w := &c.wr
	state := bodyDone
	if c.body != nil {
		state = c.body.finish()
	}
	c.disarm()
	if w.mode == modeUpgraded {
		return false
	}
	whole := w.complete()
	if state == bodyUnread && (w.close || !whole) {
		state = bodyBroken
	}
	switch {
	case !whole:
		_ = c.flush()
		c.sever()
		return false
	case state == bodyBroken:
		if c.flush() == nil {
			c.linger()
		}
		return false
	case state == bodyUnread:
		if c.flush() != nil {
			return false
		}
		if !c.body.drain() {
			c.note(ReasonUnread)
			c.linger()
			return false
		}
	case w.close:
		if c.flush() == nil && c.w > c.r {
			c.linger()
		}
		return false
	}
	c.body = nil
	if c.pending > c.limits.Pending || c.out != nil && len(c.out.b) > gatherMax {
		ok := c.flush() == nil
		c.now = time.Now() // it may have waited
		return ok
	}
	return c.lost == nil
}

// refuse answers a request that is not taken and ends the connection.
func (c *conn) refuse(why Reason) {
	c.note(why)
	if c.doubt && c.fresh && (why == ReasonVersion || why == ReasonRequestLine || why == ReasonMethod) {
		return
	}
	c.push(refusal(why.Status(), true))
	if c.flush() == nil {
		c.linger()
	}
}

// note counts and logs.
func (c *conn) note(why Reason) {
	c.srv.refused[why].Add(1)
	c.srv.log.Debug("refused", "viewer", c.viewer.Addr, "reason", why.String())
}

const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// linger ends the answering side and lets the viewer finish what it is
// sending: closing on unread input would reset the connection, and the reset
// can overtake the answer (RFC 9112 9.6).
func (c *conn) linger() {
	if hc, ok := c.nc.(interface{ CloseWrite() error }); !ok || hc.CloseWrite() != nil {
		return
	}
	c.readUntil(time.Now().Add(lingerTime))
	scratch := c.srv.small.Get().(*buffer)
	defer c.srv.small.Put(scratch)
	for left := lingerBytes; left > 0; {
		n, err := c.nc.Read(scratch.b)
		if err != nil {
			return
		}
		left -= n
	}
}

// sever ends the connection so that a cut answer does not look complete: no
// close_notify, and a reset where only the end of the connection would mark
// the end of the body.
func (c *conn) sever() {
	raw := c.nc
	if t, ok := raw.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if l, ok := raw.(interface{ SetLinger(sec int) error }); ok && c.wr.mode == modeUntilClose {
		_ = l.SetLinger(0)
	}
	_ = raw.Close()
}
