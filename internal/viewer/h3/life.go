// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"time"

	"github.com/quic-go/quic-go"
)

// How a connection ends from our side: idle for too long, or draining. A
// drain says GOAWAY twice (RFC 9114 5.2): first one that forbids nothing, then
// after drainWait, when the viewer has had time to see it, the real one. When
// the last answer is given the connection lingers: closing it would drop what
// is on its way, and QUIC does not tell when that has arrived.
const (
	drainWait  = 100 * time.Millisecond
	lingerTime = 250 * time.Millisecond // and some round trips
)

// life is the state of it; conn.mu guards it.
type life struct {
	quiet    time.Time // since when there is no request, if there is none
	idle     *time.Timer
	drain    *time.Timer
	linger   *time.Timer
	draining bool
	last     quic.StreamID // in our last GOAWAY: streams from it on are not served
	ended    bool          // no timer is made any more
}

func (c *conn) armIdle(d time.Duration) {
	if !c.life.ended {
		c.life.idle = time.AfterFunc(d, c.idle)
	}
}

// idle closes a connection that has had no request for Limits.IdleTimeout.
func (c *conn) idle() {
	most := c.l.limits.IdleTimeout
	c.mu.Lock()
	left := most
	if len(c.active) == 0 {
		left = most - now().Sub(c.life.quiet)
	}
	if left > 0 {
		c.armIdle(left)
		c.mu.Unlock()
		return
	}
	c.goAway(c.next)
	c.mu.Unlock()
	c.close(NoError, "idle")
}

// drain begins the end of a connection in use.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.draining || c.life.ended {
		return
	}
	c.life.draining = true
	c.goAway(mostStream)
	c.life.drain = time.AfterFunc(drainWait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.goAway(c.next)
		c.closeWhenDone()
	})
}

// goAway tells the viewer that streams from id on are not served.
func (c *conn) goAway(id quic.StreamID) {
	if id < mostStream {
		c.life.last = id
	}
	if c.opened == nil { // hello has not said anything yet
		return
	}
	p := appendVarint(nil, uint64(id))
	_ = c.opened.TryWriteAll(append(appendFrame(nil, frameGoAway, len(p)), p...)) // a viewer that gives no credit is not told
}

// closeWhenDone ends a connection that drains and has nothing left to finish.
func (c *conn) closeWhenDone() {
	if !c.life.draining || c.life.last == noStream || len(c.active) > 0 || c.life.linger != nil || c.life.ended {
		return
	}
	c.life.linger = time.AfterFunc(lingerTime+4*c.qc.ConnectionStats().SmoothedRTT, func() { c.close(NoError, "") })
}

func (c *conn) stopTimers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life.ended = true
	for _, t := range []*time.Timer{c.life.idle, c.life.drain, c.life.linger} {
		if t != nil {
			t.Stop()
		}
	}
}
