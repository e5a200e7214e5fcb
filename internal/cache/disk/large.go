// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"io"
	"os"
	"sync"
)

// A large body is a file: the bytes, from the next multiple of 4 KiB on a
// table with the checksum of each 64 KiB, and nothing else. The checksums of
// the table's pages stand in the record that names the file. The record is
// queued when the file is complete; a file without a record is removed by the
// next Open. So a revalidation writes a new record over the same file.

// grant is the space that a body takes in advance.
const grant = 4 << 20

const pageSums = pageLen / 4

func bodyFileLen(body int64) int64 {
	return roundUp(body, pageLen) + 4*pieces(body, chunkLen)
}

// bodyFile is one that is being written by one goroutine.
type bodyFile struct {
	f      File
	id     identity
	number uint64
	size   int64 // written
	sums   []uint32
}

func (s *Store) newBody() (*bodyFile, error) {
	s.mu.Lock()
	s.seq++
	n := s.seq
	s.mu.Unlock()
	f, err := s.fs.Open(bodyName(n), os.O_CREATE|os.O_EXCL|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	return &bodyFile{f: f, id: s.id, number: n}, nil
}

// write appends b, whole chunks but for the last call, and returns the
// checksums with the new ones.
func (l *bodyFile) write(b []byte) ([]uint32, error) {
	if _, err := l.f.WriteAt(b, l.size); err != nil {
		return nil, err
	}
	sums := l.sums
	for len(b) > 0 {
		c := b[:min(len(b), chunkLen)]
		sums = append(sums, l.id.sum(l.number, len(sums), c))
		b = b[len(c):]
	}
	return sums, nil
}

// finish writes the table and returns the checksums of its pages.
func (l *bodyFile) finish() ([]byte, error) {
	var table, pages []byte
	for _, c := range l.sums {
		table = le.AppendUint32(table, c)
	}
	if _, err := l.f.WriteAt(table, roundUp(l.size, pageLen)); err != nil {
		return nil, err
	}
	for i := 0; len(table) > 0; i++ {
		p := table[:min(len(table), pageLen)]
		pages = le.AppendUint32(pages, l.id.sum(l.number, ^i, p))
		table = table[len(p):]
	}
	return pages, nil
}

// pointer is the record that names a body's file; pages is its table.
func (s *Store) pointer(key, meta []byte, body int64, file uint64, pages []byte) *queued {
	q := &queued{head: head{keyLen: len(key), metaLen: len(meta), body: body, hash: s.id.hash(key), file: file}}
	q.rec = make([]byte, q.size())
	n := headLen + copy(q.rec[headLen:], key)
	n += copy(q.rec[n:], meta)
	copy(q.rec[n:], pages)
	q.cost = int64(len(q.rec))
	return q
}

// spill makes a file of a queued body. Called by the writer.
func (s *Store) spill(q *queued) error {
	size := bodyFileLen(q.body)
	s.mu.Lock()
	s.used += size
	s.mu.Unlock()
	s.makeRoom()
	l, err := s.newBody()
	var pages []byte
	if err == nil {
		if l.sums, err = l.write(q.big); err == nil {
			l.size = q.body
			pages, err = l.finish()
		}
		l.f.Close()
	}
	s.mu.Lock()
	v, ok := s.index.get(q.hash)
	live := ok && v.seq == q.seq && v.seg == 0 && err == nil && !s.stuck
	if live {
		p := s.pointer(q.key(), q.meta(), q.body, l.number, pages)
		q.rec, q.big, q.file = p.rec, nil, p.file
		s.keep(q)
	}
	s.used -= size
	s.mu.Unlock()
	if !live {
		if l != nil {
			s.removeBody(l.number)
		}
		s.bury(q.hash, q.seq) // what it replaced must not come back
	}
	return err
}

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

// Create begins a body for key, of any length up to half the budget. It is
// found when it is committed.
func (s *Store) Create(key []byte) (*Writer, error) {
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
	return &Writer{s: s, key: append([]byte(nil), key...), since: s.seq}, nil
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
// invalidated or deleted since Create. After any error it is as aborted.
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
