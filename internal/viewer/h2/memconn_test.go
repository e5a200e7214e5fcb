// SPDX-License-Identifier: Apache-2.0

package h2

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// pipe is one direction of a connection in memory. A room of 0 has no end.
type pipe struct {
	mu       sync.Mutex
	cond     sync.Cond
	buf      []byte
	room     int
	closed   bool // by the writing end
	gone     bool // by the reading end
	read     time.Time
	write    time.Time
	written  int
	writings int
}

// memConn is one end of a connection in memory; it works in a synctest bubble.
type memConn struct{ in, out *pipe }

// newPair makes both ends; room bounds what the server may send ahead of the
// client's reading.
func newPair(room int) (server, client *memConn) {
	up, down := &pipe{}, &pipe{room: room}
	up.cond.L, down.cond.L = &up.mu, &down.mu
	return &memConn{up, down}, &memConn{down, up}
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (c *memConn) Read(b []byte) (int, error) {
	p := c.in
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.buf) == 0 {
		switch {
		case p.gone:
			return 0, net.ErrClosed
		case p.closed:
			return 0, io.EOF
		case passed(p.read):
			return 0, os.ErrDeadlineExceeded
		}
		p.cond.Wait()
	}
	n := copy(b, p.buf)
	p.buf = p.buf[n:]
	p.cond.Broadcast()
	return n, nil
}

func (c *memConn) Write(b []byte) (int, error) {
	p := c.out
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writings++
	for n := 0; ; {
		switch {
		case p.closed:
			return n, net.ErrClosed
		case p.gone:
			return n, io.ErrClosedPipe
		case passed(p.write):
			return n, os.ErrDeadlineExceeded
		}
		m := len(b) - n
		if p.room > 0 {
			m = min(m, p.room-len(p.buf))
		}
		p.buf = append(p.buf, b[n:n+m]...)
		p.written += m
		p.cond.Broadcast()
		if n += m; n == len(b) {
			return n, nil
		}
		p.cond.Wait()
	}
}

func (c *memConn) Close() error {
	for _, p := range []*pipe{c.in, c.out} {
		p.mu.Lock()
		if p == c.in {
			p.gone = true
		} else {
			p.closed = true
		}
		p.cond.Broadcast()
		p.mu.Unlock()
	}
	return nil
}

// CloseWrite ends one direction, as that of TCP does.
func (c *memConn) CloseWrite() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.closed = true
	c.out.cond.Broadcast()
	return nil
}

func (p *pipe) deadline(at *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*at = t
	p.cond.Broadcast()
	if d := time.Until(t); !t.IsZero() && d > 0 {
		time.AfterFunc(d, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.cond.Broadcast()
		})
	}
}

func (c *memConn) SetReadDeadline(t time.Time) error  { c.in.deadline(&c.in.read, t); return nil }
func (c *memConn) SetWriteDeadline(t time.Time) error { c.out.deadline(&c.out.write, t); return nil }

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}
func (c *memConn) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (c *memConn) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// take is what has arrived.
func (c *memConn) take() (b []byte, closed bool) {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	b, c.in.buf = c.in.buf, nil
	c.in.cond.Broadcast()
	return b, c.in.closed
}
