// SPDX-License-Identifier: Apache-2.0

package carrier

import (
	"bufio"
	"crypto/tls"
	"net"
	"sync"
)

// TLS writes a record of 16 KB with one system call each, and reads them one by
// one. Below it, gathered makes one write of all records of a Write from above,
// and reads as many as there are.

// gathered lies between TLS and the socket.
type gathered struct {
	net.Conn
	r *bufio.Reader

	mu   sync.Mutex
	hold bool
	buf  []byte
}

const (
	gather    = 256 << 10
	readAhead = 64 << 10
)

// Server is tls.Server over a gathered connection.
func Server(c net.Conn, conf *tls.Config) *TLS {
	g := &gathered{Conn: c, r: bufio.NewReaderSize(c, readAhead)}
	return &TLS{Conn: tls.Server(g, conf), under: g}
}

// Client is tls.Client over a gathered connection.
func Client(c net.Conn, conf *tls.Config) *TLS {
	g := &gathered{Conn: c, r: bufio.NewReaderSize(c, readAhead)}
	return &TLS{Conn: tls.Client(g, conf), under: g}
}

// TLS is a TLS connection that writes a whole Write at once.
type TLS struct {
	*tls.Conn
	under *gathered
	mu    sync.Mutex // of Write
}

// Read reads what the socket has, ahead of what is asked for.
func (g *gathered) Read(p []byte) (int, error) { return g.r.Read(p) }

// Write keeps p while a Write from above is under way.
func (g *gathered) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.hold {
		return g.Conn.Write(p)
	}
	g.buf = append(g.buf, p...)
	if len(g.buf) < gather {
		return len(p), nil
	}
	_, err := g.Conn.Write(g.buf)
	g.buf = g.buf[:0]
	return len(p), err
}

// Write writes p with as few system calls as there can be.
func (w *TLS) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.under.mu.Lock()
	w.under.hold = true
	w.under.mu.Unlock()
	n, err := w.Conn.Write(p)
	w.under.mu.Lock()
	defer w.under.mu.Unlock()
	w.under.hold = false
	if len(w.under.buf) > 0 {
		if _, ferr := w.under.Conn.Write(w.under.buf); err == nil && ferr != nil {
			n, err = 0, ferr
		}
		if w.under.buf = w.under.buf[:0]; cap(w.under.buf) > 2*gather {
			w.under.buf = nil
		}
	}
	return n, err
}
