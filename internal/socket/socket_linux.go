// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// Conn is a TCP connection.
type Conn struct {
	*net.TCPConn
	raw syscall.RawConn

	reads  reading
	writes writing
}

type reading struct {
	mu   sync.Mutex
	call func(fd uintptr) bool
	p    []byte
	n    int
	err  syscall.Errno
}

type writing struct {
	mu   sync.Mutex
	call func(fd uintptr) bool
	vec  []syscall.Iovec // what is left
	room []syscall.Iovec // its memory
	n    int
	err  syscall.Errno
}

// maxPieces is how many pieces one call takes (IOV_MAX is 1024).
const maxPieces = 64

// Wrap is c with the methods of Conn, if it is a TCP connection.
func Wrap(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	s := &Conn{TCPConn: tcp, raw: raw}
	s.reads.call, s.writes.call = s.reads.try, s.writes.try
	return s
}

// Read reads what is there, and waits if there is nothing.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	r := &c.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	r.p, r.n, r.err = p[:min(len(p), pieceSize)], 0, 0
	err := c.raw.Read(r.call)
	r.p = nil
	switch {
	case err != nil:
		return 0, err
	case r.err != 0:
		return 0, c.failed("read", r.err)
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// try reads; false: wait for input.
func (r *reading) try(fd uintptr) bool {
	r.n, r.err = Read(fd, r.p)
	return r.err != syscall.EAGAIN
}

// Write sends p.
func (c *Conn) Write(p []byte) (sent int, err error) {
	w := &c.writes
	w.mu.Lock()
	defer w.mu.Unlock()
	for sent < len(p) {
		w.vec = append(w.room[:0], vector(p[sent:min(len(p), sent+pieceSize)]))
		n, err := c.flush()
		sent += n
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// Gather is Gatherer's.
func (c *Conn) Gather(bufs *net.Buffers) (sent int64, err error) {
	w := &c.writes
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(*bufs) > 0 {
		w.vec = w.room[:0]
		total := 0
		for _, p := range *bufs {
			if total == pieceSize || len(w.vec) == maxPieces {
				break
			}
			p = p[:min(len(p), pieceSize-total)]
			w.vec = append(w.vec, vector(p))
			total += len(p)
		}
		n, err := c.flush()
		sent += int64(n)
		advance(bufs, n)
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// flush sends all of writes.vec. The caller holds writes.mu.
func (c *Conn) flush() (int, error) {
	w := &c.writes
	w.n, w.err, w.room = 0, 0, w.vec
	err := c.raw.Write(w.call)
	clear(w.room)
	switch {
	case err != nil: // while it waited
		return w.n, err
	case w.err != 0:
		return w.n, c.failed("write", w.err)
	}
	return w.n, nil
}

// try sends what is left; false: wait for room.
func (w *writing) try(fd uintptr) bool {
	for len(w.vec) > 0 {
		n, errno := call(syscall.SYS_WRITEV, fd, unsafe.Pointer(unsafe.SliceData(w.vec)), len(w.vec))
		switch errno {
		case 0:
		case syscall.EAGAIN:
			return false
		default:
			w.err = errno
			return true
		}
		w.n += n
		w.vec = shift(w.vec, uint64(n))
	}
	return true
}

// shift takes n bytes off the front of vec, and pieces that are empty.
func shift(vec []syscall.Iovec, n uint64) []syscall.Iovec {
	for len(vec) > 0 && n >= uint64(vec[0].Len) {
		n -= uint64(vec[0].Len)
		vec = vec[1:]
	}
	if len(vec) > 0 && n > 0 {
		vec[0].Base = (*byte)(unsafe.Add(unsafe.Pointer(vec[0].Base), n))
		vec[0].SetLen(int(uint64(vec[0].Len) - n))
	}
	return vec
}

func vector(p []byte) syscall.Iovec {
	v := syscall.Iovec{Base: unsafe.SliceData(p)}
	v.SetLen(len(p))
	return v
}

func (c *Conn) failed(op string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, errno)}
}

// Read reads what is there from a descriptor that does not block; the error is
// an errno, EAGAIN if nothing is there.
func Read(fd uintptr, p []byte) (int, syscall.Errno) {
	return call(syscall.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p))
}

// Write writes what there is room for to a descriptor that does not block; the
// error is an errno, EAGAIN if there is none.
func Write(fd uintptr, p []byte) (int, syscall.Errno) {
	return call(syscall.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), min(len(p), pieceSize))
}

func call(number, fd uintptr, p unsafe.Pointer, n int) (int, syscall.Errno) {
	for {
		r, _, errno := syscall.RawSyscall(number, fd, uintptr(p), uintptr(n))
		switch errno {
		case 0:
			return int(r), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}
