// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"io"
	"sync"
)

// grant is the space that a body takes in advance.
const grant = 4 << 20

// Writer takes a body as it streams in. Write, Commit and Abort belong to one
// goroutine; ReadAt is for all. Close it, after Commit too: until then what was
// written can be read.
type Writer struct {
	s     *Store
	key   []byte
	since uint64

	mu    sync.Mutex
	body  *bodyFile // nil: all of it is in buf
	size  int64     // of what is in body's file; whole chunks but at the end
	buf   []byte    // what comes after
	taken int64     // of the budget
	done  bool
}

// CreateSince begins a body for key, of any length up to half the budget, whose
// fetch began at clock. It is found when it is committed; Commit refuses it if it
// was invalidated or deleted after that.
func (s *Store) CreateSince(clock uint64, key []byte) (*Writer, error) {
	if len(key) > maxKey {
		return nil, errors.New("disk: key is too long")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return nil, ErrClosed
	case !s.mayWrite():
		return nil, s.fault.err
	}
	return &Writer{s: s, key: append([]byte(nil), key...), since: clock}, nil
}

// Write appends p. An error is final: Abort.
func (w *Writer) Write(p []byte) (n int, err error) {
	if w.done {
		return 0, ErrClosed
	}
	for len(p) > 0 {
		limit := writeLen
		if w.body == nil {
			limit = int(w.s.inline)
		}
		k := min(len(p), limit-len(w.buf))
		w.mu.Lock()
		w.buf = append(w.buf, p[:k]...)
		w.mu.Unlock()
		n += k
		if p = p[k:]; len(p) == 0 {
			break
		}
		if err := w.flush(len(w.buf) / chunkLen * chunkLen); err != nil {
			return n, err
		}
	}
	return n, nil
}

// flush writes the first n bytes of buf to the file.
func (w *Writer) flush(n int) error {
	if err := w.take(w.size + int64(len(w.buf))); err != nil {
		return err
	}
	l := w.body
	if l == nil {
		var err error
		if l, err = w.s.newBody(); err != nil {
			w.s.broken(err)
			return err
		}
		w.mu.Lock()
		w.body = l
		w.mu.Unlock()
	}
	sums, err := l.write(w.buf[:n])
	if err != nil {
		w.s.broken(err)
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l.sums = sums
	l.size += int64(n)
	w.size = l.size
	w.buf = w.buf[:copy(w.buf, w.buf[n:])]
	return nil
}

// take sees to it that a body of size has room.
func (w *Writer) take(size int64) error {
	s := w.s
	size = bodyFileLen(size)
	if size <= w.taken {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > s.budget/2 {
		return ErrNoSpace
	}
	n := max(size-w.taken, min(grant, s.segSize))
	s.used += n
	w.taken += n
	s.stuck = false
	s.wants++
	defer func() { s.wants-- }()
	for s.used > s.limit {
		switch {
		case s.closing:
			return ErrClosed
		case s.fault.err != nil:
			return s.fault.err
		case s.stuck:
			return ErrNoSpace
		}
		s.work.Signal()
		s.room.Wait()
	}
	return nil
}

// ReadAt reads what has been written so far; io.EOF where that ends.
func (w *Writer) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("disk: negative offset")
	}
	w.mu.Lock()
	size, l := w.size, w.body
	if off >= size { // all of it is still in memory
		if off-size < int64(len(w.buf)) {
			n = copy(p, w.buf[off-size:])
		}
		w.mu.Unlock()
		if n < len(p) {
			err = io.EOF
		}
		return n, err
	}
	sums := l.sums
	w.mu.Unlock()
	buf := w.s.buffer()
	defer w.s.buffers.Put(buf)
	c := chunks{
		f: l.f, size: size, id: w.s.id, owner: l.number, buf: *buf,
		sum: func(i int) (uint32, error) { return sums[i], nil },
	}
	n, err = c.readAt(p[:min(int64(len(p)), size-off)], off)
	if err != nil || n == len(p) {
		return n, err
	}
	m, err := w.ReadAt(p[n:], off+int64(n))
	return n + m, err
}

func (s *Store) buffer() *[]byte {
	if b, ok := s.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, chunkLen)
	return &b
}

// Size is how much has been written.
func (w *Writer) Size() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size + int64(len(w.buf))
}

// Commit makes the body found under its key, with meta. ErrGone: it was
// invalidated or deleted since Create, or CreateSince's clock. After any error it is as aborted.
func (w *Writer) Commit(meta []byte) error {
	if w.done {
		return ErrClosed
	}
	if len(meta) > maxMeta {
		w.Abort()
		return errors.New("disk: meta is too long")
	}
	c := condition{since: w.since}
	if w.body == nil {
		w.done = true
		if !w.s.put(w.key, meta, [][]byte{w.buf}, c) {
			return w.s.refusal()
		}
		return nil
	}
	err := w.flush(len(w.buf))
	var pages []byte
	if err == nil {
		if pages, err = w.body.finish(); err != nil {
			w.s.broken(err)
		}
	}
	if err != nil {
		w.Abort()
		return err
	}
	q := w.s.pointer(w.key, meta, w.size, w.body.number, pages)
	w.s.mu.Lock()
	w.s.waiting += q.cost
	w.s.used -= w.taken // enqueue counts the file
	w.taken = 0
	w.s.mu.Unlock()
	w.done = true
	if !w.s.enqueue(q, c) {
		w.s.removeBody(q.file)
		return w.s.refusal()
	}
	return nil
}

func (s *Store) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return ErrClosed
	case s.fault.err != nil:
		return s.fault.err
	}
	return ErrGone
}

// Abort drops the body.
func (w *Writer) Abort() {
	if w.done {
		return
	}
	w.done = true
	w.s.mu.Lock()
	w.s.used -= w.taken
	w.taken = 0
	w.s.mu.Unlock()
	if w.body != nil {
		w.s.removeBody(w.body.number)
	}
}

// Close aborts what is not committed and ends the reading.
func (w *Writer) Close() {
	w.Abort()
	if w.body != nil {
		w.body.f.Close()
	}
}
