// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// Upgrader is what the Writer of an HTTP/1.1 request is too: the seam for
// WebSocket. Upgrade sends rs, with status 101 and the fields of its Header as
// they are (Connection and Upgrade among them), and hands the connection over
// until the Handler's rest returns; the connection is closed then. What the
// viewer sent after its request is read first. The request must have asked for
// an upgrade, have no body and not be answered yet.
//
// The connection has CloseWrite where its transport has it. A Write fails with
// os.ErrDeadlineExceeded when the viewer takes no byte for Limits.WriteStall.
// A Read waits without limit; it fails with os.ErrDeadlineExceeded when the
// server drains and the connection has been quiet for tunnelQuiet.
type Upgrader interface {
	Upgrade(rs *httpmsg.Response) (net.Conn, error)
}

var _ Upgrader = (*writer)(nil)

// tunnelQuiet is how long nothing must move on an upgraded connection for it
// to be ended by a drain: a message under way is not cut.
const tunnelQuiet = time.Second

// Upgrade implements Upgrader.
func (w *writer) Upgrade(rs *httpmsg.Response) (net.Conn, error) {
	c := w.c
	if w.mode != modeNone || rs.Status != 101 || !c.hd.options.Upgrade || c.body != nil || c.rq.Proto != httpmsg.HTTP11 || !c.owned {
		return nil, errUpgrade
	}
	c.disarm()
	w.mode = modeUpgraded
	b := c.buf()
	b.b = appendBare(b.b, rs, true)
	if err := c.flush(); err != nil {
		return nil, err
	}
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	t := &tunnel{Conn: c.nc, stall: c.limits.WriteStall, plain: c.gather != nil, first: append([]byte(nil), c.in.b[c.r:c.w]...)}
	c.r = c.w
	c.tunnel.Store(t)
	if c.srv.draining.Load() { // else Drain finds the tunnel
		t.drain()
	}
	return t, nil
}

// tunnel is an upgraded connection: first what was read already. One goroutine
// may read while another one writes.
type tunnel struct {
	net.Conn
	first    []byte
	stall    time.Duration
	plain    bool // a write that timed out may go on
	draining atomic.Bool
}

// drain lets the connection end when it becomes quiet.
func (t *tunnel) drain() {
	t.draining.Store(true)
	t.moved()
}

// moved puts the end of a draining connection off.
func (t *tunnel) moved() {
	if t.draining.Load() {
		_ = t.Conn.SetReadDeadline(time.Now().Add(tunnelQuiet)) // an error shows in Read
	}
}

// Read reads what came with the request, then the connection.
func (t *tunnel) Read(p []byte) (int, error) {
	if len(t.first) > 0 {
		n := copy(p, t.first)
		t.first = t.first[n:]
		return n, nil
	}
	n, err := t.Conn.Read(p)
	if n > 0 {
		t.moved()
	}
	return n, err
}

// Write writes all of p, however slowly the viewer takes it.
func (t *tunnel) Write(p []byte) (n int, err error) {
	for n < len(p) {
		part := p[n:]
		if !t.plain && len(part) > recordSize {
			part = part[:recordSize]
		}
		if err := t.Conn.SetWriteDeadline(time.Now().Add(t.stall)); err != nil {
			return n, err
		}
		m, err := t.Conn.Write(part)
		n += m
		if err != nil && (m == 0 || !t.plain || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return n, err
		}
	}
	t.moved()
	return n, nil
}

// CloseWrite ends the direction to the viewer, where the connection can.
func (t *tunnel) CloseWrite() error {
	if hc, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return hc.CloseWrite()
	}
	return errors.ErrUnsupported
}
