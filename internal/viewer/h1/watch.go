// SPDX-License-Identifier: Apache-2.0

package h1

// While the rest of a Handler runs nobody reads the connection, so nobody
// would see the viewer leave. A watch reads ahead into the input buffer for
// that time, and cancels the context when the connection ends. It begins only
// after a while: most answers are there before, and cost a timer and no more.
// Once the input buffer is full it stops: a viewer that pipelines so much is
// there.

import (
	"errors"
	"os"
	"sync"
	"time"
)

// watchAfter is how long a Handler works before its viewer is watched.
const watchAfter = 5 * time.Millisecond

type watch struct {
	mu      sync.Mutex
	timer   *time.Timer
	done    chan struct{} // takes one value for each run
	armed   bool
	stopped bool
	reading bool
}

// arm lets the watch begin. The body has been read to its end.
func (c *conn) arm() {
	t := &c.wt
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.armed || c.ctx.Err() != nil {
		return
	}
	t.armed, t.stopped = true, false
	if t.timer == nil {
		t.done = make(chan struct{}, 1)
		t.timer = time.AfterFunc(watchAfter, c.watch)
		return
	}
	t.timer.Reset(watchAfter)
}

// disarm ends the watch; after it the input belongs to the caller.
func (c *conn) disarm() {
	t := &c.wt
	t.mu.Lock()
	if !t.armed {
		t.mu.Unlock()
		return
	}
	t.armed = false
	if t.timer.Stop() {
		t.mu.Unlock()
		return
	}
	t.stopped = true
	if t.reading {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
	}
	t.mu.Unlock()
	<-t.done
	c.readBy = time.Time{}
}

// watch reads until it is stopped, the viewer is gone or the buffer is full.
func (c *conn) watch() {
	t := &c.wt
	defer func() { t.done <- struct{}{} }()
	t.mu.Lock()
	if t.stopped {
		t.mu.Unlock()
		return
	}
	t.reading = true
	_ = c.nc.SetReadDeadline(time.Time{})
	t.mu.Unlock()
	if c.owned && c.r == c.w {
		c.r, c.w = 0, 0
	}
	for c.w < len(c.in.b) {
		n, err := c.nc.Read(c.in.b[c.w:])
		c.w += n
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				c.cancel()
			}
			break
		}
	}
	t.mu.Lock()
	t.reading = false
	t.mu.Unlock()
}
