// SPDX-License-Identifier: Apache-2.0

package h2

import "time"

// An answer may be complete while its request is not: an upload was refused.
// Its body is taken and dropped for a moment when it can be short, for viewers
// understand that better than a reset, and so that what is wrong in it is
// still found. Else, and when it does not come to its end, the viewer is told
// that nobody reads it (RFC 9113 8.1). No window is given back meanwhile, which
// bounds it.

const (
	lingerFor  = time.Second
	lingerLeft = firstWindow / 2 // of the window: with less, the body is not short
)

// linger begins to wait for the end of a request that is answered.
func (c *conn) linger(st *stream) {
	in := &st.in
	left := in.length - in.got
	if in.expect || in.window < lingerLeft || left > in.window || !c.life.draining.IsZero() || c.life.left {
		c.hush(st)
		return
	}
	st.sentAll, st.lingers = true, true
	in.closed = true
	st.dropBody()
	st.cond.Broadcast()
	in.since = c.now
	if !st.listed {
		c.list(st)
	}
	c.arm(lingerFor)
}

// hush tells the viewer that nobody reads the body of an answered request.
func (c *conn) hush(st *stream) {
	c.out.buf = appendWord(c.out.buf, frameReset, st.id, uint32(NoError))
	c.forgive(st.id)
	c.closeStream(st)
}

// lingered looks at a stream that lingers after a piece of its body.
func (c *conn) lingered(st *stream) {
	switch {
	case !st.lingers:
	case st.gotAll:
		c.closeStream(st)
		c.kickWhenDone()
	case st.in.window < lingerLeft:
		c.hush(st)
	}
}

// lingering ends the waiting of streams whose time is over.
func (c *conn) lingering(w *watch) {
	for _, st := range c.streams {
		if st.lingers && w.due(st.in.since, lingerFor) {
			c.hush(st)
		}
	}
}
