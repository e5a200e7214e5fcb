// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"io"
	"net"
	"time"
)

// One timer a connection serves all its deadlines: whoever begins to wait
// arms it for no later than the end of the wait; when it fires it looks what
// is really due, and is armed for what comes next. A busy connection thus
// sets no timer per request.

const (
	handOver    = 250 * time.Millisecond // a write of the reader that lasts so long gives the reading away
	tunnelQuiet = time.Second            // without which a tunnel is not ended by a drain
	drainWait   = time.Second            // from the first GOAWAY of a drain to the last one
	lingerTime  = time.Second            // for a viewer to read why it is sent away
	lingerMost  = 256 << 10
	closeTime   = 5 * time.Second // for the last write

	drainPing = "forelane"
)

// life is how a connection ends.
type life struct {
	timer    *time.Timer
	next     time.Time // when the timer fires; zero: it is not armed
	closing  bool      // nothing is read any more
	left     bool      // the viewer has sent GOAWAY
	draining time.Time // since when we drain; zero: we do not
	last     uint32    // 1 + the identifier in our last GOAWAY; 0: not sent
}

// arm makes the timer fire in d or earlier.
func (c *conn) arm(d time.Duration) {
	l := &c.life
	at := c.now.Add(d)
	if !l.next.IsZero() && !at.Before(l.next) || l.closing {
		return
	}
	l.next = at
	if l.timer == nil {
		l.timer = time.AfterFunc(d, c.fire)
		return
	}
	l.timer.Reset(d)
}

// watch finds what is due and the time of the next look.
type watch struct{ now, next time.Time }

func (w *watch) due(since time.Time, d time.Duration) bool {
	at := since.Add(d)
	if !at.After(w.now) {
		return true
	}
	if w.next.IsZero() || at.Before(w.next) {
		w.next = at
	}
	return false
}

// fire is the timer's.
func (c *conn) fire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.closing {
		return
	}
	c.touch()
	c.life.next = time.Time{}
	w := watch{now: c.now}
	if bad, cut := c.overdue(&w); bad != nil {
		c.farewell(bad)
		return
	} else if cut {
		c.abandon()
		return
	}
	c.stalled(&w)
	c.waiting(&w)
	c.lingering(&w)
	if !c.life.draining.IsZero() && c.life.last == 0 && w.due(c.life.draining, drainWait) {
		c.lastGoAway()
	}
	if !w.next.IsZero() {
		c.arm(w.next.Sub(c.now))
	}
	c.flush(flushOnce)
	c.kickWhenDone()
}

// overdue looks at what ends the whole connection.
func (c *conn) overdue(w *watch) (bad *fault, cut bool) {
	l, in, o := &c.srv.limits, &c.in, &c.out
	if o.writing {
		if w.due(o.since, l.WriteStall) {
			return nil, true
		}
		if o.byReader && w.due(o.since, handOver) {
			o.byReader, o.slow = false, true
			go c.readLoop()
		}
	}
	if !c.peer.acked && w.due(in.born, l.HeadTimeout) {
		return &fault{SettingsTimeout, "SETTINGS not acknowledged"}, false
	}
	if !in.partial.IsZero() {
		if in.isData && in.blockID == 0 {
			if w.due(in.last, l.BodyTimeout) {
				return &fault{EnhanceYourCalm, "a frame that does not go on"}, false
			}
		} else if w.due(in.partial, l.HeadTimeout) {
			return &fault{EnhanceYourCalm, "a head that does not come to its end"}, false
		}
	}
	if len(o.ready) > 0 && o.window <= 0 && w.due(o.lastData, l.WriteStall) {
		return &fault{EnhanceYourCalm, "no window for the answers"}, false
	}
	if len(c.streams) == 0 && c.running == 0 && w.due(c.quietSince, l.IdleTimeout) {
		return &fault{NoError, "idle"}, false
	}
	if len(c.streams) > 0 || c.running > 0 {
		w.due(w.now, l.IdleTimeout) // look again
	}
	return nil, false
}

// stalled resets streams whose viewer takes nothing of them.
func (c *conn) stalled(w *watch) {
	for i := 0; i < len(c.out.ready); i++ {
		st := c.out.ready[i]
		if st.out.queued > 0 && st.out.window <= 0 && w.due(st.out.since, c.srv.limits.WriteStall) {
			c.reset(st, Cancel, errStalled) // takes it out of ready
			i--
		}
	}
}

// waiting resets streams whose body does not come, and quiet tunnels of a
// connection that drains.
func (c *conn) waiting(w *watch) {
	for _, st := range c.streams {
		if st.tunnel && !c.life.draining.IsZero() && w.due(c.lastMove(st), tunnelQuiet) {
			c.reset(st, Cancel, errQuiet)
			continue
		}
		if st.in.waiting && !st.gotAll && !st.tunnel && !st.patient && w.due(st.in.since, c.srv.limits.BodyTimeout) {
			c.reset(st, Cancel, errSlow)
		}
	}
}

// lastMove is when something moved on a tunnel, or the drain began.
func (c *conn) lastMove(st *stream) time.Time {
	last := c.life.draining
	for _, t := range [...]time.Time{st.in.since, st.out.since} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// drain begins the end of a connection in use (RFC 9113 6.8): first a GOAWAY
// that forbids nothing, and when the viewer has had time to see it the real one.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.closing || !c.life.draining.IsZero() {
		return
	}
	c.touch()
	c.life.draining = c.now
	c.out.buf = appendGoAway(c.out.buf, maxWindow, NoError, "")
	c.out.buf = append(appendHeader(c.out.buf, frameHeader{length: 8, kind: framePing}), drainPing...)
	c.arm(drainWait)
	c.flush(flushOnce)
}

// lastGoAway tells the viewer which streams are still finished.
func (c *conn) lastGoAway() {
	if c.life.draining.IsZero() || c.life.last != 0 {
		return
	}
	c.life.last = c.ids.last + 1
	c.out.buf = appendGoAway(c.out.buf, c.ids.last, NoError, "")
	c.kickWhenDone()
}

// kickWhenDone ends the connection when one side has said GOAWAY and nothing
// is left to finish.
func (c *conn) kickWhenDone() {
	if (c.life.last != 0 || c.life.left) && len(c.streams) == 0 && c.running == 0 && !c.life.closing {
		c.stopReading()
	}
}

// stopReading sends the goroutine that reads to end.
func (c *conn) stopReading() {
	c.life.closing = true
	_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // an error means that it is closed already
}

// farewell ends the connection from outside the reading goroutine, with a GOAWAY.
func (c *conn) farewell(bad *fault) {
	c.sayGoAway(bad)
	c.stopReading()
	c.flush(flushOnce)
	if c.out.writing { // the viewer does not read: nor will it read this
		c.abandon()
	}
}

// quiet tells that there has been no request since before.
func (c *conn) quiet(before time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams) == 0 && c.running == 0 && !c.life.closing && !c.quietSince.After(before)
}

// dismiss is the end of an idle connection before its time.
func (c *conn) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.streams) == 0 && c.running == 0 && !c.life.closing {
		c.touch()
		c.farewell(&fault{NoError, "idle"})
	}
}

func (c *conn) sayGoAway(bad *fault) {
	if bad.code != NoError {
		c.srv.log.Debug("h2: connection error", "code", bad.code, "why", bad.why, "viewer", c.viewer.Addr)
	}
	c.out.buf = appendGoAway(c.out.buf, c.ids.last, bad.code, bad.why)
}

// abandon closes the connection at once. Close of a TLS connection can wait:
// it is not for who holds mu.
func (c *conn) abandon() {
	c.life.closing = true
	c.out.broken = true
	go c.nc.Close()
}

// cut is abandon from outside.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandon()
}

// end ends the connection. It is called by the goroutine that reads, with mu
// held, and returns without it.
func (c *conn) end(bad *fault) {
	c.touch()
	ours := bad != nil || c.life.closing // the end begins here, not with the viewer
	c.life.closing = true
	if bad != nil {
		c.sayGoAway(bad)
		if bad.code == EnhanceYourCalm && c.srv.opts.Flood != nil {
			c.srv.opts.Flood(c.viewer.Addr.Addr())
		}
	}
	for _, st := range c.streams {
		st.listed = false
		st.gotAll = true
		st.fail(errClosed)
		st.sentAll = true
	}
	clear(c.streams)
	_ = c.nc.SetWriteDeadline(c.now.Add(closeTime))
	c.flush(flushOnce)
	for c.out.writing {
		c.room.Wait()
	}
	ours = ours && !c.out.broken
	c.out.broken = true
	if c.life.timer != nil {
		c.life.timer.Stop()
	}
	c.mu.Unlock()
	if ours {
		c.readOut()
	}
	_ = c.nc.Close()
	if c.in.large != nil {
		c.srv.large.Put(c.in.large)
	}
	close(c.done)
}

// readOut reads on a little after a GOAWAY: closing with unread bytes would
// make the kernel drop it on the way (RFC 9112 9.6 has the reasons).
func (c *conn) readOut() {
	if w, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
	if c.nc.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, onlyReader{c.nc}, lingerMost)
	}
}

// onlyReader hides what io.Copy would use instead of Read.
type onlyReader struct{ c net.Conn }

func (r onlyReader) Read(p []byte) (int, error) { return r.c.Read(p) }
