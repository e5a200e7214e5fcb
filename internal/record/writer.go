// SPDX-License-Identifier: Apache-2.0

package record

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Format is the form of a log.
type Format uint8

// The formats.
const (
	Standard Format = iota // CloudFront's standard log, with its two head lines
	JSON
)

// WriterOptions are those of NewWriter. The zero value is usable.
type WriterOptions struct {
	Format  Format
	Cookies bool // log cookies (Standard only); they may hold secrets
	NoHead  bool // leave the head out, for a file that has it already
	// Layout is used in place of Format and Cookies. Nil: it is not.
	Layout *Layout
	// Limit is how many bytes may wait to be written; 0 is 1 MiB. A line that
	// does not fit is dropped and counted.
	Limit int
	// Gather is how long a line may wait for others; 0 is 100 ms.
	Gather time.Duration
}

// gatherBytes are written at once.
const gatherBytes = 128 << 10

// Writer writes lines to an io.Writer without making the caller wait.
//
// There are two buffers. Write appends to one under a lock that is held for a
// copy only; the writer's goroutine takes it away whole, leaves the other, and
// writes while new lines gather. It does so when the oldest line has waited for
// WriterOptions.Gather, or when gatherBytes wait: a write a line would cost more
// than the answer that the line is about.
type Writer struct {
	w io.Writer
	o WriterOptions

	mu     sync.Mutex
	buf    []byte // guarded by mu
	awake  bool   // the goroutine knows of what is in buf; guarded by mu
	full   bool   // and that it is much; guarded by mu
	closed bool   // guarded by mu
	err    error  // of the first failed write; guarded by mu

	wake    chan struct{} // one token: there is something to do
	hurry   chan struct{} // one token: without delay
	flush   chan chan struct{}
	done    chan struct{}
	dropped atomic.Int64
	scratch sync.Pool // of *[]byte
}

// NewWriter starts a Writer; Close stops it. w is used by one goroutine and
// stays the caller's.
func NewWriter(w io.Writer, o WriterOptions) *Writer {
	if o.Limit <= 0 {
		o.Limit = 1 << 20
	}
	if o.Gather <= 0 {
		o.Gather = 100 * time.Millisecond
	}
	l := &Writer{w: w, o: o, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), flush: make(chan chan struct{}), done: make(chan struct{})}
	l.scratch.New = func() any { b := make([]byte, 0, 1024); return &b }
	head := ""
	if o.Layout != nil {
		head = o.Layout.Head()
	} else if o.Format == Standard {
		head = StandardHeader
	}
	if head != "" && !o.NoHead {
		l.buf, l.awake = append(l.buf, head...), true
		l.wake <- struct{}{}
	}
	go l.run()
	return l
}

// Write appends the line of r, or drops it when the buffer is full or the
// Writer closed. It never waits for I/O and keeps nothing of r.
func (l *Writer) Write(r *Record) {
	p := l.scratch.Get().(*[]byte)
	switch {
	case l.o.Layout != nil:
		*p = l.o.Layout.Append((*p)[:0], r)
	case l.o.Format == JSON:
		*p = AppendJSON((*p)[:0], r)
	default:
		*p = AppendStandard((*p)[:0], r, l.o.Cookies)
	}
	l.add(*p)
	l.scratch.Put(p)
}

// Line appends a line of the caller's own, without its end, as Write does.
func (l *Writer) Line(s string) {
	p := l.scratch.Get().(*[]byte)
	*p = append(append((*p)[:0], s...), '\n')
	l.add(*p)
	l.scratch.Put(p)
}

func (l *Writer) add(line []byte) {
	l.mu.Lock()
	if l.closed || len(l.buf)+len(line) > l.o.Limit {
		l.mu.Unlock()
		l.dropped.Add(1)
		return
	}
	l.buf = append(l.buf, line...)
	wake, hurry := !l.awake, !l.full && len(l.buf) >= min(gatherBytes, l.o.Limit/2)
	l.awake, l.full = true, l.full || hurry
	l.mu.Unlock()
	if wake {
		signal(l.wake)
	}
	if hurry {
		signal(l.hurry)
	}
}

// signal leaves a token, if there is none.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Dropped is how many lines were lost: no room, closed, or a failed write.
func (l *Writer) Dropped() int64 { return l.dropped.Load() }

// Flush returns when all lines of before are written.
func (l *Writer) Flush() {
	ack := make(chan struct{})
	select {
	case l.flush <- ack:
		<-ack
	case <-l.done:
	}
}

// Close writes what is left and ends the goroutine. It returns the first
// error that a write had. Closing again is harmless.
func (l *Writer) Close() error {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if !again {
		signal(l.wake)
		signal(l.hurry)
	}
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *Writer) run() {
	defer close(l.done)
	var spare []byte
	gather := time.NewTimer(l.o.Gather)
	defer gather.Stop()
	for {
		var ack chan struct{}
		select {
		case <-l.wake:
			gather.Reset(l.o.Gather)
			select {
			case <-gather.C:
			case <-l.hurry:
			case ack = <-l.flush:
			}
		case ack = <-l.flush:
		}
		var closed bool
		spare, closed = l.drain(spare)
		if ack != nil {
			close(ack)
		}
		if closed {
			return
		}
	}
}

// drain writes what there is, and returns its memory for what comes next.
func (l *Writer) drain(spare []byte) (_ []byte, closed bool) {
	l.mu.Lock()
	lines := l.buf
	l.buf, closed = spare[:0], l.closed
	l.awake, l.full = false, false
	l.mu.Unlock()
	if len(lines) > 0 {
		if _, err := l.w.Write(lines); err != nil {
			l.failed(lines, err)
		}
	}
	return lines, closed
}

func (l *Writer) failed(lines []byte, err error) {
	for _, c := range lines {
		if c == '\n' {
			l.dropped.Add(1)
		}
	}
	l.mu.Lock()
	if l.err == nil {
		l.err = err
	}
	l.mu.Unlock()
}
