// SPDX-License-Identifier: Apache-2.0

package disk

import "os"

// A large body is a file: the bytes, from the next multiple of 4 KiB on a
// table with the checksum of each 64 KiB, and nothing else. The checksums of
// the table's pages stand in the record that names the file. The record is
// queued when the file is complete; a file without a record is removed by the
// next Open. So a revalidation writes a new record over the same file.

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
