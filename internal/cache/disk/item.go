// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// wholeLen is up to which size a record is read and verified at once; of a
// longer one the first headRead bytes are read, and the body when it is asked for.
const (
	wholeLen = 128 << 10
	headRead = 8 << 10
)

// Item is an object that was found. Close it: it keeps a file open.
type Item struct {
	// Seq orders the objects of a store by age.
	Seq uint64

	s     *Store
	ref   Ref
	meta  []byte
	size  int64
	file  uint64
	table []byte
	body  []byte // whole, if c.f is nil

	mu    sync.Mutex
	c     chunks
	page  []byte // of the table of a large body, number have-1
	have  int
	close func()
}

// Meta is what Put was given; read only.
func (it *Item) Meta() []byte { return it.meta }

// Size is the length of the body.
func (it *Item) Size() int64 { return it.size }

// Read opens the object that Find found under key. Its key and meta are
// verified, and the body if it is short. ErrGone and ErrDamaged mean that there
// is none, any other error that the disk could not be read.
func (s *Store) Read(ref Ref, key []byte) (*Item, error) {
	s.n.reads.Add(1)
	it, err := s.read(ref, key)
	if err == nil {
		if labels := s.labels(key, it.meta); labels != nil && s.rules.kills(key, labels, ref.hash, ref.seq) {
			it.Close()
			s.forget(ref.hash, ref.seq)
			it, err = nil, ErrGone
		}
	}
	switch {
	case errors.Is(err, ErrGone):
		s.n.gone.Add(1)
	case errors.Is(err, ErrDamaged):
		s.damaged(ref)
	}
	if err != nil {
		return nil, err
	}
	return it, nil
}

func (s *Store) read(ref Ref, key []byte) (*Item, error) {
	for range 4 { // it moves when its segment is reclaimed
		v, ok := s.index.get(ref.hash)
		if !ok || v.seq != ref.seq {
			return nil, ErrGone
		}
		if s.rules.kills(key, nil, ref.hash, ref.seq) {
			s.forget(ref.hash, ref.seq)
			return nil, ErrGone
		}
		s.mu.Lock()
		if q := s.pending[ref.hash]; q != nil && q.seq == ref.seq {
			c := *q
			s.mu.Unlock()
			return s.unwritten(&c, ref, key)
		}
		g := s.pin(v.seg)
		s.mu.Unlock()
		if g == nil {
			continue
		}
		it, err := s.open(g, v, key)
		if it == nil || it.c.f != g.f {
			g.release()
		}
		return it, err
	}
	s.forget(ref.hash, ref.seq)
	return nil, ErrGone
}

// unwritten is the item of a record that waits to be written.
func (s *Store) unwritten(q *queued, ref Ref, key []byte) (*Item, error) {
	if !bytes.Equal(q.key(), key) {
		return nil, ErrGone
	}
	it := &Item{Seq: q.seq, s: s, ref: ref, meta: q.meta(), size: q.body, file: q.file}
	switch {
	case q.file != 0:
		it.table = q.rec[q.prefix()-4*q.table() : q.prefix()]
		return it, it.openFile()
	case q.big != nil:
		it.body = q.big
	default:
		it.body = q.rec[q.prefix() : q.prefix()+q.body]
	}
	return it, nil
}

// open reads the record of v in g. If the item reads on in g, g stays pinned.
func (s *Store) open(g *segment, v slot, key []byte) (*Item, error) {
	total, at := int64(v.units)*align, int64(v.off)*align
	n := total
	if n > wholeLen {
		n = headRead
	}
	rec := make([]byte, n)
	if err := fill(g.f, rec, at); err != nil {
		return nil, err
	}
	h, ok := s.id.parse(rec)
	if !ok || h.seq != v.seq || h.hash != v.hash || h.seg != v.seg || h.off != v.off || h.size() != total {
		return nil, ErrDamaged
	}
	if h.prefix() > n {
		rec = make([]byte, h.prefix())
		if err := fill(g.f, rec, at); err != nil {
			return nil, err
		}
	}
	if !s.id.whole(&h, rec) {
		return nil, ErrDamaged
	}
	q := queued{head: h, rec: rec}
	if !bytes.Equal(q.key(), key) {
		return nil, ErrGone
	}
	it := &Item{
		Seq: h.seq, s: s, ref: Ref{h.hash, h.seq}, meta: q.meta(), size: h.body, file: h.file,
		table: rec[h.prefix()-4*h.table() : h.prefix()],
	}
	if h.file != 0 {
		return it, it.openFile()
	}
	if n == total {
		it.body = rec[h.prefix() : h.prefix()+h.body]
		for i := range int(h.table()) {
			lo := int64(i) * chunkLen
			if s.id.sum(h.seq, i, it.body[lo:min(lo+chunkLen, h.body)]) != le.Uint32(it.table[4*i:]) {
				return nil, ErrDamaged
			}
		}
		return it, nil
	}
	it.close = g.release
	it.c = chunks{f: g.f, base: at + h.prefix(), size: h.body, id: s.id, owner: h.seq, sum: func(i int) (uint32, error) {
		return le.Uint32(it.table[4*i:]), nil
	}}
	return it, nil
}

// openFile opens the file of a large body.
func (it *Item) openFile() error {
	f, err := it.s.fs.Open(bodyName(it.file), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		it.s.forget(it.ref.hash, it.ref.seq)
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	it.close = func() { f.Close() }
	it.c = chunks{f: f, size: it.size, id: it.s.id, owner: it.file, sum: it.sum}
	return nil
}

// sum is the checksum of chunk i of a large body.
func (it *Item) sum(i int) (uint32, error) {
	p := i / pageSums
	if it.have != p+1 {
		n := min(pieces(it.size, chunkLen)-int64(p)*pageSums, pageSums)
		b := make([]byte, 4*n)
		if err := fill(it.c.f, b, roundUp(it.size, pageLen)+int64(p)*pageLen); err != nil {
			return 0, err
		}
		if it.s.id.sum(it.file, ^p, b) != le.Uint32(it.table[4*p:]) {
			return 0, ErrDamaged
		}
		it.page, it.have = b, p+1
	}
	return le.Uint32(it.page[4*(i%pageSums):]), nil
}

// ReadAt is that of io.ReaderAt over the body. Every byte it returns was
// verified.
func (it *Item) ReadAt(p []byte, off int64) (n int, err error) {
	if it.c.f == nil {
		if off < 0 {
			return 0, errors.New("disk: negative offset")
		}
		if off < it.size {
			n = copy(p, it.body[off:])
		}
		if n < len(p) {
			err = io.EOF
		}
		return n, err
	}
	it.mu.Lock()
	defer it.mu.Unlock()
	n, err = it.c.readAt(p, off)
	if errors.Is(err, ErrDamaged) {
		it.s.damaged(it.ref)
	}
	return n, err
}

// Bytes is the whole body if it is in memory (records up to 128 KiB); read only.
func (it *Item) Bytes() ([]byte, bool) { return it.body, it.c.f == nil }

// Close lets the file go.
func (it *Item) Close() {
	if it.close != nil {
		it.close()
		it.close = nil
	}
}

// damaged drops an object whose bytes are not what was written. The tomb sees
// to it that no older object of the key takes its place after a restart.
func (s *Store) damaged(ref Ref) {
	s.n.damaged.Add(1)
	s.log.Warn("disk cache: an object is damaged and dropped")
	s.bury(ref.hash, ref.seq)
}

// Renew gives an object new meta: a 304 came. A short body is written again, a
// large one stays where it is. false: it is not there any more, or Put would
// have been refused.
func (s *Store) Renew(ref Ref, key, meta []byte) bool {
	it, err := s.Read(ref, key)
	if err != nil {
		return false
	}
	defer it.Close()
	c := condition{over: ref.seq}
	if it.file == 0 {
		body := make([]byte, it.size)
		if n, err := it.ReadAt(body, 0); int64(n) != it.size || err != nil && !errors.Is(err, io.EOF) {
			return false
		}
		return s.put(key, meta, [][]byte{body}, c)
	}
	if len(meta) > maxMeta {
		return false
	}
	q := s.pointer(key, meta, it.size, it.file, it.table)
	return s.admit(q.cost) && s.enqueue(q, c)
}
