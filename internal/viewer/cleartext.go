// SPDX-License-Identifier: Apache-2.0

package viewer

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/viewer/h1"
)

// h2Preface is what a viewer of HTTP/2 says first (RFC 9113 3.4). No request
// of HTTP/1 begins so: PRI is kept from being a method (RFC 9113 11.6).
const h2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// cleartext speaks HTTP/1, or HTTP/2 where it is let and the viewer begins it.
func (s *Server) cleartext(c net.Conn, v httpmsg.Viewer, first []byte) {
	if !s.h2c {
		s.h1.Serve(s.ctx, c, h1.Peer{Viewer: v, First: first})
		return
	}
	first, h2 := s.begins(c, first)
	if h2 {
		s.h2.Serve(s.ctx, &begun{Conn: c, first: first}, v)
		return
	}
	s.h1.Serve(s.ctx, c, h1.Peer{Viewer: v, First: first, Doubtful: true})
}

// begins reads until it is known whether the preface is there: one byte is
// enough for most that do not speak HTTP/2. What ends or is late here is left
// to HTTP/1, which finds it ended or late.
func (s *Server) begins(c net.Conn, first []byte) (all []byte, h2 bool) {
	defer context.AfterFunc(s.ctx, func() { _ = c.Close() })()
	defer context.AfterFunc(s.leaving, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })() // HTTP/1 knows how to drain
	_ = c.SetReadDeadline(time.Now().Add(s.handshake))                                      // an error shows in Read
	first = append(make([]byte, 0, max(len(first), len(h2Preface))), first...)
	for len(first) < len(h2Preface) && string(first) == h2Preface[:len(first)] {
		n, err := c.Read(first[len(first):len(h2Preface)])
		first = first[:len(first)+n]
		if err != nil {
			break
		}
	}
	return first, bytes.HasPrefix(first, []byte(h2Preface))
}

// begun is a connection of which a part has been read.
type begun struct {
	net.Conn
	first []byte
}

// Read reads that part, then the connection.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		if b.first = b.first[n:]; len(b.first) == 0 {
			b.first = nil // its memory is not kept
		}
		return n, nil
	}
	return b.Conn.Read(p)
}

// CloseWrite ends the direction to the viewer.
func (b *begun) CloseWrite() error {
	if c, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
