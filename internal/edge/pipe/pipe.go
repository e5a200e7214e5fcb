// SPDX-License-Identifier: Apache-2.0

// Package pipe joins two connections until it is over: it is what a WebSocket
// runs on once viewer and origin have agreed.
//
// The flow: two goroutines copy, one a direction, each
// with one buffer, so a side that reads slowly slows the other one down. The
// buffer is small while messages are, for most sockets are idle most of the
// time; a full one is exchanged for a large one of the pool.
//
// A side that ends its direction ends it at the other side too, which may go on
// sending. The pipe ends when both have, when one breaks, or when nothing
// moves either way for idle (halfIdle once a direction has ended).
//
// What it does not do: it knows no frames, no handshake and no request.
//
// Concurrency: Run returns when both goroutines are over; what the pipe found
// out may be read then.
package pipe

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/record"
)

const (
	halfIdle    = time.Minute
	smallBuffer = 2 << 10
)

// Buffer is a large one, as the pool holds them.
type Buffer = [32 << 10]byte

// Outcome is what there is to tell of a pipe that is over.
type Outcome struct {
	Up, Down int64      // bytes from the viewer, and to it
	End      record.End // why it is over
	Err      error      // of the origin; nil: it did not fail
}

type pipe struct {
	viewer, origin io.ReadWriteCloser
	up, down       flow // from the viewer, to the viewer

	last atomic.Int64 // when something moved, ns since 1970

	mu    sync.Mutex // guards what follows
	idle  time.Duration
	timer *time.Timer
	over  bool
	end   record.End
	err   error // of the origin, or nil
}

// flow is one direction.
type flow struct {
	from io.Reader
	to   io.ReadWriteCloser
	// broken are the ends when reading or writing fails, late the ones when it
	// took too long.
	broken, late [2]record.End
	bytes        int64
}

func newPipe(viewer, origin io.ReadWriteCloser, idle time.Duration) *pipe {
	return &pipe{
		viewer: viewer, origin: origin, idle: idle,
		up: flow{
			from: viewer, to: origin,
			broken: [2]record.End{record.EndViewerLeft, record.EndOriginBroke},
			late:   [2]record.End{record.EndShutdown, record.EndOriginSlow}, // an engine that drains: see h1.Upgrader
		},
		down: flow{
			from: origin, to: viewer,
			broken: [2]record.End{record.EndOriginBroke, record.EndViewerLeft},
			late:   [2]record.End{record.EndOriginSlow, record.EndViewerSlow},
		},
	}
}

// Run copies until the pipe is over. Both sides are closed then. buffers has
// *Buffer.
func Run(viewer, origin io.ReadWriteCloser, idle time.Duration, buffers *sync.Pool) Outcome {
	t := newPipe(viewer, origin, idle)
	t.run(buffers)
	return Outcome{Up: t.up.bytes, Down: t.down.bytes, End: t.end, Err: t.err}
}

func (t *pipe) run(buffers *sync.Pool) {
	t.last.Store(time.Now().UnixNano())
	t.mu.Lock()
	t.timer = time.AfterFunc(t.idle, t.look)
	t.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.copy(&t.up, buffers)
	}()
	t.copy(&t.down, buffers)
	<-done
	t.stop(record.EndComplete, nil)
}

// copy is one direction to its end.
func (t *pipe) copy(f *flow, buffers *sync.Pool) {
	small := make([]byte, smallBuffer)
	buf, large := small, (*Buffer)(nil)
	defer func() {
		if large != nil {
			buffers.Put(large)
		}
	}()
	for {
		n, err := f.from.Read(buf)
		if n > 0 {
			m, werr := f.to.Write(buf[:n])
			f.bytes += int64(m)
			t.last.Store(time.Now().UnixNano())
			if werr != nil {
				t.fail(f, 1, werr)
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			t.half(f)
			return
		case err != nil:
			t.fail(f, 0, err)
			return
		case n == len(buf) && large == nil:
			large, _ = buffers.Get().(*Buffer)
			buf = large[:]
		case n < smallBuffer && large != nil:
			buffers.Put(large)
			buf, large = small, nil
		}
	}
}

// fail ends the pipe because one side has failed.
func (t *pipe) fail(f *flow, side int, err error) {
	end := f.broken[side]
	if errors.Is(err, os.ErrDeadlineExceeded) {
		end = f.late[side]
	}
	if (f == &t.up) == (side == 0) { // the viewer's
		err = nil
	}
	t.stop(end, err)
}

// half ends a direction. A side that cannot be told apart ends altogether.
func (t *pipe) half(f *flow) {
	if c, ok := f.to.(interface{ CloseWrite() error }); !ok || c.CloseWrite() != nil {
		t.stop(record.EndComplete, nil)
		return
	}
	t.last.Store(time.Now().UnixNano())
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.idle = min(t.idle, halfIdle); !t.over {
		t.timer.Reset(t.idle)
	}
}

// look ends an idle pipe, or comes again when it could be one.
func (t *pipe) look() {
	t.mu.Lock()
	left := time.Until(time.Unix(0, t.last.Load()).Add(t.idle))
	if left > 0 && !t.over {
		t.timer.Reset(left)
	}
	t.mu.Unlock()
	if left <= 0 {
		t.stop(record.EndIdle, nil)
	}
}

// stop closes both sides; the first reason counts.
func (t *pipe) stop(end record.End, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	t.over, t.end, t.err = true, end, err
	t.timer.Stop()
	_, _ = t.origin.Close(), t.viewer.Close() // whoever copies wakes up; nothing is lost that counts
}
