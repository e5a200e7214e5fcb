// SPDX-License-Identifier: Apache-2.0

package h3

import (
	"context"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/mux"
)

// conn is one connection.
type conn struct {
	l      *Listener
	qc     *quic.Conn
	viewer httpmsg.Viewer
	opened *quic.SendStream // our control stream

	mu      sync.Mutex
	active  map[quic.StreamID]*stream
	early   map[quic.StreamID]mux.Priority // PRIORITY_UPDATEs of streams to come
	next    quic.StreamID                  // the lowest one not seen yet
	pending int64                          // bytes of answers that wait for the viewer
	room    sync.Cond                      // of less pending, or the end
	control mux.Bucket
	resets  mux.Bucket
	life    life
	peer    peer

	workers sync.WaitGroup
}

// peer is what the viewer has opened and told.
type peer struct {
	control, encoder, decoder bool
	pushes                    uint64 // MAX_PUSH_ID
	goAway                    uint64
}

const (
	noStream   = quic.StreamID(1 << 62)
	mostStream = quic.StreamID(1<<62 - 4)
	earlyMost  = 16
)

func now() time.Time { return time.Now() }

func (l *Listener) newConn(qc *quic.Conn) *conn {
	c := &conn{
		l: l, qc: qc, viewer: l.viewer(qc), active: make(map[quic.StreamID]*stream),
		control: mux.Bucket{Burst: controlBurst, Rate: controlRate},
		resets:  mux.Bucket{Burst: resetBurst, Rate: resetRate},
	}
	c.room.L = &c.mu
	c.life.last, c.peer.goAway = noStream, mostVarint
	c.life.quiet = now()
	return c
}

// serve speaks on the connection to its end: it returns when it is closed and
// every Handler has returned.
func (c *conn) serve() {
	defer c.workers.Wait()
	defer c.stopTimers()
	if err := c.hello(); err != nil {
		c.close(InternalError, "")
		return
	}
	c.workers.Go(c.acceptOthers)
	for {
		str, err := c.qc.AcceptStream(context.Background())
		if err != nil { // only the end of the connection
			c.wake()
			return
		}
		c.open(str)
	}
}

// hello opens our control stream and sends SETTINGS. They are the same for
// every viewer and as long as the process runs, so that a viewer that resumes
// with early data may go by the ones it remembers (RFC 9114 7.2.4.2).
func (c *conn) hello() error {
	str, err := c.qc.OpenUniStream()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = str
	l := &c.l.limits
	p := appendVarint(nil, settingFieldSection)
	p = appendVarint(p, uint64(l.Head+l.Fields*entryCost))
	b := append(appendFrame([]byte{streamControl}, frameSettings, len(p)), p...)
	c.armIdle(l.IdleTimeout)
	_, err = str.Write(b) // smaller than a packet: it does not wait
	return err
}

// entryCost is what a field counts beside its texts (RFC 9114 4.2.2).
const entryCost = 32

// open begins with a request stream.
func (c *conn) open(str *quic.Stream) {
	id := str.StreamID()
	c.mu.Lock()
	if id >= c.life.last { // it came after our last GOAWAY
		c.mu.Unlock()
		str.CancelRead(quic.StreamErrorCode(RequestRejected))
		str.CancelWrite(quic.StreamErrorCode(RequestRejected))
		str.ReleaseStreamCredit()
		return
	}
	st, _ := c.l.streams.Get().(*stream)
	st.init(c, str)
	c.next = id + 4
	c.active[id] = st
	if p, ok := c.early[id]; ok {
		delete(c.early, id)
		str.SetPriority(int8(p.Urgency), p.Incremental)
		st.prioritised = true
	}
	c.mu.Unlock()
	c.workers.Go(st.run)
}

// left notes the end of a request stream.
func (c *conn) left(st *stream, how ending) {
	st.str.ReleaseStreamCredit()
	c.mu.Lock()
	delete(c.active, st.str.StreamID())
	if len(c.active) == 0 {
		c.life.quiet = now()
	}
	if how == answered {
		c.resets.Earn(1)
	}
	c.closeWhenDone()
	c.mu.Unlock()
	if how == theirs {
		c.payReset()
	}
}

// wait keeps a request back while more bytes wait for its viewer than allowed.
func (c *conn) wait(st *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.pending > int64(c.l.limits.Pending) && st.str.Context().Err() == nil {
		c.room.Wait()
	}
}

// owe notes n bytes more, or with n negative fewer, that wait for the viewer.
func (c *conn) owe(n int64) {
	c.mu.Lock()
	c.pending += n
	c.mu.Unlock()
	if n < 0 {
		c.room.Broadcast()
	}
}

func (c *conn) wake() {
	c.mu.Lock()
	c.room.Broadcast()
	c.mu.Unlock()
}

// inEarlyData tells that the handshake is not complete: what was read so far
// may be a replay (RFC 8470).
func (c *conn) inEarlyData() bool {
	select {
	case <-c.qc.HandshakeComplete():
		return false
	default:
		return true
	}
}

// fail closes the connection for a fault of the viewer.
func (c *conn) fail(f *fault) {
	c.l.log.Debug("h3: connection error", "code", f.code, "why", f.why, "viewer", c.viewer.Addr)
	c.close(f.code, f.why)
}

func (c *conn) close(code Code, why string) {
	_ = c.qc.CloseWithError(quic.ApplicationErrorCode(code), why) // it never fails
}
