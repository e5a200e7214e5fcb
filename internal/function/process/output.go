// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLine is how long a line may get before it is cut, as in CloudWatch Logs.
const maxLine = 256 << 10

// output reads the one pipe that carries stdout and stderr, in the order in
// which they were written.
//
// Two goroutines read it: loop, whenever the kernel says that there is
// something, and drain, called when an invocation has been answered, so that
// its last lines come before its END line. Both read without blocking and
// under the lock.
type output struct {
	file *os.File
	raw  syscall.RawConn
	emit func([]byte)
	done chan struct{} // loop has ended

	mu   sync.Mutex
	buf  []byte
	rest []byte // a line that has no end yet
}

func newOutput(emit func([]byte)) (o *output, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("process: pipe: %w", err)
	}
	w = os.NewFile(uintptr(fds[1]), "output of the function")
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		w.Close()
		return nil, nil, fmt.Errorf("process: pipe: %w", err)
	}
	o = &output{file: os.NewFile(uintptr(fds[0]), "output"), emit: emit, done: make(chan struct{}), buf: make([]byte, 8<<10)}
	if o.raw, err = o.file.SyscallConn(); err != nil {
		o.file.Close()
		w.Close()
		return nil, nil, fmt.Errorf("process: pipe: %w", err)
	}
	go o.loop()
	return o, w, nil
}

func (o *output) loop() {
	defer close(o.done)
	_ = o.raw.Read(func(fd uintptr) bool { return o.pump(int(fd)) })
	o.mu.Lock()
	o.flush()
	o.mu.Unlock()
}

// pump reads until there is nothing left; end says that the pipe is closed.
func (o *output) pump(fd int) (end bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		n, err := unix.Read(fd, o.buf)
		switch {
		case n > 0:
			o.feed(o.buf[:n])
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false
		default:
			return true
		}
	}
}

func (o *output) drain() {
	_ = o.raw.Control(func(fd uintptr) { o.pump(int(fd)) })
	o.mu.Lock()
	o.flush()
	o.mu.Unlock()
}

// feed cuts b into lines.
func (o *output) feed(b []byte) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		line := b[:i]
		if len(o.rest) > 0 {
			o.rest = append(o.rest, line...)
			line = o.rest
		}
		o.line(line)
		o.rest = o.rest[:0]
		b = b[i+1:]
	}
	o.rest = append(o.rest, b...)
	if len(o.rest) >= maxLine {
		o.flush()
	}
}

func (o *output) flush() {
	if len(o.rest) > 0 {
		o.line(o.rest)
		o.rest = o.rest[:0]
	}
}

func (o *output) line(b []byte) {
	if o.emit != nil {
		o.emit(bytes.TrimSuffix(b, []byte{'\r'}))
	}
}

// finish takes what a dead group left and closes the pipe. A program that
// escaped from the group (setsid) may hold the other end for ever, so the end
// of the pipe is not waited for.
func (o *output) finish() {
	o.drain()
	o.close()
}

func (o *output) close() {
	o.file.Close()
	<-o.done
}
