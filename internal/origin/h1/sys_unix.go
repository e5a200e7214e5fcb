// SPDX-License-Identifier: Apache-2.0

//go:build unix

package h1

// On a cleartext socket a request and the first bytes of its answer take three
// system calls: the look of probe.go, the write, and a read once something has
// come. A read through net.Conn would first find nothing and only then wait.
// So the write happens inside RawConn.Read: the poller has been made ready by
// then, and whatever comes after it wakes the goroutine.

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/forelane/forelane/internal/socket"
)

type sysPhase uint8

const (
	sysLook  sysPhase = iota // is it open and silent?
	sysWrite                 // out is to be written
	sysRead                  // wait, then read into in
	sysShort                 // the socket takes no more now
)

// sysCall is the state of the function that RawConn calls.
type sysCall struct {
	run   func(fd uintptr) bool // conn.step, bound once
	phase sysPhase
	out   []byte
	in    []byte
	n     int
	err   error
}

// system finds the socket of c.
func (c *conn) system() {
	sc, ok := c.sock.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := sc.SyscallConn(); err == nil {
		c.raw, c.sys.run = raw, c.step
	}
}

// direct tells whether turn can be used.
func (c *conn) direct() bool { return c.raw != nil && c.nc == c.sock }

// turn writes head and reads the first bytes of the answer, if they come
// soon. look: the connection has rested.
func (c *conn) turn(head []byte, look bool) error {
	s := &c.sys
	s.phase, s.out, s.in, s.n, s.err = sysWrite, head, c.in.b, 0, nil
	if look {
		s.phase = sysLook
	}
	now := time.Now()
	by := now.Add(patience)
	if l := c.limit(); l.Before(by) {
		by = l
	}
	if err := c.nc.SetReadDeadline(by); err != nil {
		return err
	}
	err := c.raw.Read(s.run)
	rest := s.out
	s.out, s.in = nil, nil
	switch {
	case s.err != nil:
		return s.err
	case errors.Is(err, os.ErrDeadlineExceeded) && s.phase == sysRead:
		return c.arm() // answer goes on reading
	case errors.Is(err, os.ErrDeadlineExceeded): // the goroutine had to wait so long that nothing was begun
		if look && !c.alive() {
			return errStale
		}
		return c.write(rest)
	case err != nil:
		return err
	case s.phase == sysShort:
		return c.write(rest)
	}
	c.w = s.n
	c.silent = false
	return nil
}

// step does what can be done now; false: wait until there is something to read.
func (c *conn) step(fd uintptr) bool {
	s := &c.sys
	if s.phase == sysLook {
		if _, errno := socket.Read(fd, c.spare[:]); errno != syscall.EAGAIN {
			s.err = errStale
			return true
		}
		s.phase = sysWrite
	}
	if s.phase == sysWrite {
		n, errno := socket.Write(fd, s.out)
		s.out = s.out[n:]
		switch {
		case errno != 0 && errno != syscall.EAGAIN:
			s.err = c.opError("write", errno)
			return true
		case len(s.out) > 0:
			s.phase = sysShort
			return true
		}
		s.phase = sysRead
		return false
	}
	n, errno := socket.Read(fd, s.in)
	switch {
	case errno == syscall.EAGAIN:
		return false
	case errno != 0:
		s.err = c.opError("read", errno)
	case n == 0:
		s.err = io.EOF
	default:
		s.n = n
	}
	return true
}

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.nc.LocalAddr(), Addr: c.nc.RemoteAddr(), Err: os.NewSyscallError(op, err)}
}

// quiet tells that nothing lies in the socket under a TLS connection, and that
// the origin has not closed it. A session ticket that comes this late costs
// the connection.
func (c *conn) quiet() bool {
	if c.raw == nil {
		return true
	}
	ok := false
	err := c.raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ok = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && ok
}
