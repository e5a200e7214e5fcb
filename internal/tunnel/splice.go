// SPDX-License-Identifier: Apache-2.0

package tunnel

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/tunnel/carrier"
)

// The agent's side of a stream.

const (
	openTime   = 10 * time.Second // for the first message of a stream
	targetTime = 10 * time.Second // for a connection to the target
	piece      = 128 << 10
)

// target is where an origin's streams go.
type target struct {
	addr string
	tls  *tls.Config // nil: cleartext
}

func (t *target) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, targetTime)
	defer cancel()
	d := &net.Dialer{KeepAlive: 30 * time.Second}
	if t.tls == nil {
		return d.DialContext(ctx, "tcp", t.addr)
	}
	return (&tls.Dialer{NetDialer: d, Config: t.tls}).DialContext(ctx, "tcp", t.addr)
}

// serve answers one stream.
func (s *session) serve(st carrier.Stream) {
	_ = st.SetReadDeadline(time.Now().Add(openTime)) // an ended stream fails below
	m, err := readMessage(st)
	if err != nil {
		st.Abort()
		return
	}
	_ = st.SetReadDeadline(time.Time{}) // as above
	switch m.kind {
	case kindControl:
		s.control(st)
	case kindOpen:
		s.open(st, string(m.content))
	default:
		st.Abort()
	}
}

// open connects a stream with a target.
func (s *session) open(st carrier.Stream, name string) {
	a := s.agent
	to := a.targets[name]
	if to == nil {
		a.deny(st, RefusedUnknown, "")
		return
	}
	if s.leaving.Load() {
		a.deny(st, RefusedLeaving, "")
		return
	}
	s.streams.Add(1)
	defer s.streams.Add(-1)
	c, err := to.dial(s.ctx)
	if err != nil {
		a.failed.Inc()
		a.log.Warn("tunnel: a target cannot be reached", "origin", name, "target", to.addr, "err", err)
		var ne net.Error
		if errors.As(err, &ne) && ne.Timeout() {
			a.deny(st, RefusedTimeout, "")
			return
		}
		a.deny(st, RefusedTarget, cause(err))
		return
	}
	defer c.Close()
	a.opened.Inc()
	if err := writeMessage(st, message{kind: kindReady}); err != nil {
		st.Abort()
		return
	}
	a.splice(st, c)
}

// cause is the last word of an error, without addresses of the private side.
func cause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

func (a *Agent) deny(st carrier.Stream, r Refusal, words string) {
	if writeMessage(st, refuse(r, words)) == nil {
		_ = st.CloseWrite() // what cannot be sent is not heard
	}
}

// splice passes bytes on both ways until the target has nothing more to say or
// either side breaks.
func (a *Agent) splice(st carrier.Stream, c net.Conn) {
	var up sync.WaitGroup
	up.Go(func() {
		n, err := a.pass(c, st)
		a.received.Add(n)
		if err == nil {
			if hc, ok := c.(interface{ CloseWrite() error }); ok && hc.CloseWrite() == nil {
				return
			}
		}
		_ = c.Close() // the edge gave up, or cannot end one direction
	})
	n, err := a.pass(st, c)
	a.sent.Add(n)
	if err == nil {
		err = st.CloseWrite()
	}
	if err != nil {
		st.Abort()
	}
	_ = c.Close()
	_ = st.SetReadDeadline(time.Unix(1, 0)) // nobody wants what still comes
	up.Wait()
}

// pass copies with memory of the agent's.
func (a *Agent) pass(to io.Writer, from io.Reader) (int64, error) {
	buf, _ := a.pieces.Get().(*[]byte)
	if buf == nil {
		b := make([]byte, piece)
		buf = &b
	}
	defer a.pieces.Put(buf)
	// Nothing but Read and Write: ReadFrom of a socket would bring its own memory.
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, *buf)
}

// control speaks with the edge about the connection.
func (s *session) control(st carrier.Stream) {
	if !s.greeted.CompareAndSwap(false, true) {
		st.Abort() // there is one of its kind
		return
	}
	a := s.agent
	defer func() { // nobody may write to a stream whose function has returned
		s.mu.Lock()
		s.ctl = nil
		s.mu.Unlock()
	}()
	s.mu.Lock()
	s.ctl = st
	err := writeMessage(st, helloMessage(a.names))
	s.mu.Unlock()
	for err == nil {
		_ = st.SetReadDeadline(time.Now().Add(a.o.Silence)) // as above
		var m message
		if m, err = readMessage(st); err != nil {
			break
		}
		switch m.kind {
		case kindPing:
			s.mu.Lock()
			err = writeMessage(st, message{kindPong, m.content})
			s.mu.Unlock()
			s.hello() // the edge pings those whom it asks
		case kindLeave:
			s.dismissed()
		default:
			err = errMalformed
		}
	}
	s.lost(err)
}
