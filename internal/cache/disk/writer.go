// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// The writer is one goroutine. It gathers records in a buffer, writes that at
// the end of the current segment, and then, never before, points the index at
// them. A record's place and whether a rule hits it are decided in one step
// under Store.mu: so a rule that comes later knows a segment that is not
// older than the record's (rules.go).

const writeLen = 1 << 20

// checkpointEvery is how many records make a new checkpoint worth while, if
// they are also an eighth of all.
const checkpointEvery = 64 << 10

// segment is a file of records. It is open as long as somebody reads it.
type segment struct {
	id    uint32
	f     File
	size  int64  // of what is, or is about to be, written; under Store.mu
	first uint64 // the store's sequence when it was begun
	refs  atomic.Int32
}

func segmentName(id uint32) string { return fmt.Sprintf("segment-%08x", id) }

func (g *segment) release() {
	if g.refs.Add(-1) == 0 {
		g.f.Close()
	}
}

// pin finds a segment and keeps it open until release. s.mu is held.
func (s *Store) pin(id uint32) *segment {
	i, ok := slices.BinarySearchFunc(s.segs, id, func(g *segment, id uint32) int { return int(int64(g.id) - int64(id)) })
	if !ok {
		return nil
	}
	s.segs[i].refs.Add(1)
	return s.segs[i]
}

// output is the writer's own.
type output struct {
	seg    *segment
	at     int64 // where buf belongs
	buf    []byte
	placed []*queued // what buf holds
}

func (s *Store) run() {
	defer s.done.Done()
	s.makeRoom() // the budget may be smaller than last time
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.closing && (s.wants == 0 || s.stuck || s.used <= s.limit) {
			s.work.Wait()
		}
		batch, closing := s.queue, s.closing
		s.queue = nil
		s.mu.Unlock()
		if len(batch) == 0 && closing {
			return
		}
		err := s.ready()
		if err == nil {
			s.makeRoom()
			err = s.write(batch)
		}
		if err != nil {
			s.lose(err)
		}
		s.mu.Lock()
		for _, q := range batch {
			s.waiting -= q.cost
		}
		s.doneN += uint64(len(batch))
		s.idle.Broadcast()
		due := s.tail >= checkpointEvery && !s.snapping && !closing
		s.mu.Unlock()
		if objects, _ := s.index.count(); due && s.tail >= objects/8 {
			s.snapshot()
		}
	}
}

func (s *Store) write(batch []*queued) error {
	for _, q := range batch {
		if q.big != nil {
			if err := s.spill(q); err != nil {
				return err
			}
		}
		if err := s.place(q); err != nil {
			return err
		}
	}
	return s.flush()
}

// place puts a new record at the end of the current segment, or begins one.
func (s *Store) place(q *queued) error {
	for {
		live, fits := s.assign(q)
		if !live {
			return nil
		}
		if fits {
			return s.add(q)
		}
		if err := s.flush(); err != nil {
			return err
		}
		if err := s.begin(); err != nil {
			return err
		}
		s.makeRoom()
	}
}

// assign decides whether q is still wanted, and where it stands.
func (s *Store) assign(q *queued) (live, fits bool) {
	labels := s.labels(q.key(), q.meta())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch v, ok := s.index.get(q.hash); {
	case !ok || v.seq != q.seq || v.seg != q.from:
		return false, false
	case s.rules.kills(q.key(), labels, q.hash, q.seq):
		return false, false // its slot goes when somebody reads it, or with the segment
	}
	g, size := s.current, q.size()
	if g == nil || g.size+size > s.segSize {
		return true, false
	}
	q.seg, q.off = g.id, uint32(g.size/align)
	if s.out.seg != g {
		s.out.seg, s.out.at = g, g.size
	}
	g.size += size
	s.used += size
	return true, true
}

// add seals q and appends it to the buffer.
func (s *Store) add(q *queued) error {
	if q.file == 0 && q.from == 0 {
		table, body := q.rec[q.prefix()-4*q.table():], q.rec[q.prefix():q.prefix()+q.body]
		for i := range int(q.table()) {
			lo := int64(i) * chunkLen
			le.PutUint32(table[4*i:], s.id.sum(q.seq, i, body[lo:min(lo+chunkLen, q.body)]))
		}
	}
	h := q.head // q itself is read by others
	s.id.seal(&h, q.rec)
	s.out.buf = append(s.out.buf, q.rec...)
	s.out.placed = append(s.out.placed, q)
	if len(s.out.buf) >= writeLen {
		return s.flush()
	}
	return nil
}

// flush writes the buffer and makes its records found.
func (s *Store) flush() error {
	o := &s.out
	if len(o.buf) == 0 {
		return nil
	}
	if _, err := o.seg.f.WriteAt(o.buf, o.at); err != nil {
		return err
	}
	s.mu.Lock()
	for _, q := range o.placed {
		if s.pending[q.hash] == q {
			delete(s.pending, q.hash)
		}
		s.index.move(q.slot(), q.from)
	}
	s.tail += len(o.placed)
	s.mu.Unlock()
	o.at += int64(len(o.buf))
	s.resetOutput()
	return nil
}

func (s *Store) resetOutput() {
	clear(s.out.placed)
	s.out.buf, s.out.placed = s.out.buf[:0], s.out.placed[:0]
	if cap(s.out.buf) > 8*writeLen {
		s.out.buf = nil
	}
}

// begin makes a new segment the current one.
func (s *Store) begin() error {
	s.mu.Lock()
	s.lastSeg++
	g := &segment{id: s.lastSeg, size: headLen, first: s.seq}
	s.mu.Unlock()
	f, err := s.fs.Open(segmentName(g.id), os.O_CREATE|os.O_EXCL|os.O_RDWR)
	if err != nil {
		return err
	}
	g.f = f
	g.refs.Store(1)
	if _, err := f.WriteAt(s.id.segmentHead(g.id, g.first), 0); err != nil {
		g.release()
		s.fs.Remove(segmentName(g.id))
		return err
	}
	s.mu.Lock()
	s.segs = append(s.segs, g)
	s.current = g
	s.used += headLen
	s.limit = min(s.limit+s.segSize, s.budget)
	s.mu.Unlock()
	return nil
}

// snapshot writes a checkpoint beside the writing. All that stands before the
// end of the current segment is in the index by now.
func (s *Store) snapshot() {
	s.mu.Lock()
	s.snapping = true
	s.tail = 0
	end := s.end()
	s.mu.Unlock()
	s.done.Go(func() {
		began := time.Now()
		err := s.writeCheckpoint(end)
		s.mu.Lock()
		s.snapping = false
		s.mu.Unlock()
		if err != nil {
			s.broken(fmt.Errorf("checkpoint: %w", err))
			return
		}
		s.log.Debug("disk cache: checkpoint", "took", time.Since(began))
	})
}
