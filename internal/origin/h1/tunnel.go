// SPDX-License-Identifier: Apache-2.0

package h1

import (
	"errors"
	"io"
	"net"
	"time"
)

// tunnel is a connection after 101: first what was read already.
type tunnel struct {
	net.Conn
	first []byte
}

var _ io.ReadWriteCloser = (*tunnel)(nil)

// switchProtocols hands the connection over (RFC 9110 7.8). From then on it is
// its owner's: no timeout holds and no context ends it.
func (c *conn) switchProtocols(x *exchange, h *head) error {
	if !h.options.Upgrade || !x.rq.Header.Has("Upgrade") || c.up != nil {
		return &Fault{FaultStatus} // nobody asked
	}
	if !c.settle() {
		return net.ErrClosed
	}
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return err
	}
	t := &tunnel{Conn: c.nc, first: append([]byte(nil), c.in.b[c.r:c.w]...)}
	c.cl.release(c.in)
	c.in = nil
	x.rs.Body, x.rs.ContentLength = t, -1
	return nil
}

// Read reads what came with the head, then the connection.
func (t *tunnel) Read(p []byte) (int, error) {
	if len(t.first) > 0 {
		n := copy(p, t.first)
		t.first = t.first[n:]
		return n, nil
	}
	return t.Conn.Read(p)
}

// CloseWrite ends the direction to the origin, where the connection can.
func (t *tunnel) CloseWrite() error {
	if hc, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return hc.CloseWrite()
	}
	return errors.ErrUnsupported
}
