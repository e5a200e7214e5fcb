// SPDX-License-Identifier: Apache-2.0

package h2

// Work that leaves the reading goroutine. A Handler that would block hands
// back the rest of its work: it is a start, and begins when all that was read
// is consumed. A request that comes while too much waits for its viewer is
// parked, without a goroutine. Work whose stream has ended before its time is
// an orphan: it finds its context ended, and counts until it has seen it.

import "github.com/forelane/forelane/internal/httpmsg"

// start is the rest of a Handler that is about to begin.
type start struct {
	st   *stream
	rest func()
}

// launch begins the rests that the consumed frames have left, each in a
// goroutine of its own. Those whose stream was reset by the same frames have
// nothing to do but to end, and share one: a rapid reset must not be answered
// by as many goroutines and connections to origins.
func (c *conn) launch(bad *fault) {
	var dead []start
	for _, s := range c.starts {
		if bad != nil {
			s.st.fail(errClosed)
		}
		if s.st.err != nil {
			dead = append(dead, s)
		} else {
			go c.run(s.st, s.rest)
		}
	}
	clear(c.starts)
	c.starts = c.starts[:0]
	if len(dead) > 0 {
		go func() {
			for _, s := range dead {
				c.run(s.st, s.rest)
			}
		}()
	}
}

// run runs the rest of a Handler.
func (c *conn) run(st *stream, rest func()) {
	defer c.handlers.Done()
	func() {
		defer c.recovered(st)
		rest()
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.touch()
	st.running = false
	c.running--
	if st.orphan {
		st.orphan = false
		c.orphans--
	}
	c.finish(st)
	st.cancel()
	c.wake()
	c.flush(flushOnce)
	c.kickWhenDone()
}

// detach lets the rest of a Handler run in a goroutine of its own.
func (c *conn) detach(st *stream, rq *httpmsg.Request, rest func()) {
	c.adopt(st, rq)
	c.starts = append(c.starts, start{st, rest})
}

// adopt makes a stream one that somebody works for. The request goes with it,
// and gets memory of its own.
func (c *conn) adopt(st *stream, rq *httpmsg.Request) {
	rq.Own()
	c.in.rq = new(httpmsg.Request)
	if !st.sentAll {
		c.list(st)
	}
	st.running = true
	c.running++
	c.handlers.Add(1)
	if c.life.closing {
		st.fail(errClosed)
	}
}

// park keeps a request back until fewer bytes wait for this viewer, and with
// late until it is known whether there is a body. The first costs no goroutine:
// a viewer that asks much and reads nothing has all it may park.
func (c *conn) park(st *stream, rq *httpmsg.Request, late bool) {
	c.adopt(st, rq)
	c.parked = append(c.parked, start{st, func() {
		c.mu.Lock()
		if late && !c.awaitBody(st) {
			rq.Body, rq.ContentLength = nil, 0
		}
		gone := st.err != nil
		c.mu.Unlock()
		if gone {
			return
		}
		if rest := c.srv.handle(st, rq, st, false); rest != nil {
			rest()
		}
	}})
	c.wake()
}

// wake tells of changes in what waits to be sent: those who wait in room, and
// parked requests for which there is room now, or that have ended.
func (c *conn) wake() {
	c.room.Broadcast()
	if len(c.parked) == 0 {
		return
	}
	room := c.out.pending <= c.srv.limits.Pending
	kept := c.parked[:0]
	for _, s := range c.parked {
		if room || s.st.err != nil {
			go c.run(s.st, s.rest)
		} else {
			kept = append(kept, s)
		}
	}
	clear(c.parked[len(kept):])
	c.parked = kept
}
