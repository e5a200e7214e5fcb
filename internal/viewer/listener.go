// SPDX-License-Identifier: Apache-2.0

package viewer

// A socket that listens has a queue of connections that the kernel has made
// and nobody has accepted. Closing the socket resets them, so the end of a
// listener has two steps: it accepts for a moment more (sweep), and is closed
// then. A successor that has the same socket (package handover) makes the step
// harmless: the queue is the socket's, not the process's. With SO_REUSEPORT
// each process has a queue of its own, and what comes between sweep and close
// is lost: see docs/decisions/0008-hand-over-of-listeners.md.

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sweep is how long a listener accepts what is queued before it is closed.
const sweep = 20 * time.Millisecond

// acceptPause is the longest pause after a failed accept.
const acceptPause = 100 * time.Millisecond

// unsent is how many bytes the kernel keeps for a viewer beyond those on their
// way. By default it takes up to 4 MB a connection: two thousand viewers that
// read nothing use up the memory that it has for TCP, and then every
// connection of the machine crawls.
const unsent = 128 << 10

// frugal sets it on a socket that listens: connections inherit it.
func frugal(ln net.Listener) {
	c, ok := ln.(syscall.Conn)
	if !ok {
		return
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return // the kernel's default serves as well
	}
	_ = rc.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
	})
}

// Bind binds addr (port 0 picks one). With share, other processes of this
// user may bind it too (SO_REUSEPORT), and the kernel spreads connections.
func Bind(ctx context.Context, addr string, share bool) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // connections of such a listener inherit no options
	if share {
		lc.Control = func(_, _ string, rc syscall.RawConn) (err error) {
			if cerr := rc.Control(func(fd uintptr) {
				err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
			}); cerr != nil {
				return cerr
			}
			return err
		}
	}
	return lc.Listen(ctx, "tcp", addr)
}

// stopAccepting ends Serve: at once, or after a sweep of the queue.
func (s *Server) stopAccepting() error {
	if l, ok := s.ln.(interface{ SetDeadline(time.Time) error }); ok && s.serving.Load() && l.SetDeadline(time.Now().Add(sweep)) == nil {
		return nil
	}
	return s.closeListener()
}

func (s *Server) closeListener() error {
	if err := s.ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Socket is a copy of the socket that listens, for a successor; the caller
// closes it.
func (s *Server) Socket() (*os.File, error) {
	f, ok := s.ln.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errors.New("viewer: the listener is no socket")
	}
	return f.File()
}

// reset refuses a connection; a reset leaves nothing of it in the kernel.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
