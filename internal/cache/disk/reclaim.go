// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Space is taken back from the oldest: a segment, or a large body, whichever
// began earlier. What was touched since it was written gets a second turn: a
// record is copied to the end of the log (as it is, with its sequence), a
// large body goes to the end of its queue. At most half a segment is copied
// for one that goes, so reclaiming always gains.

// largeRef is a large body that the index leads to.
type largeRef struct {
	file uint64
	size int64 // of the file
	seq  uint64
}

// largeAge is a place in the queue of large bodies; outdated when the hash has
// another sequence by now.
type largeAge struct{ hash, seq, age uint64 }

func bodyName(file uint64) string { return fmt.Sprintf("body-%016x", file) }

func (s *Store) removeBody(file uint64) {
	if file != 0 {
		s.fs.Remove(bodyName(file))
	}
}

// keep notes the large body of q. s.mu is held.
func (s *Store) keep(q *queued) {
	size := bodyFileLen(q.body)
	if l, ok := s.large[q.hash]; !ok || l.file != q.file {
		s.used += size
	}
	s.large[q.hash] = largeRef{q.file, size, q.seq}
	s.order = append(s.order, largeAge{q.hash, q.seq, q.seq})
}

// supersede forgets the large body of hash, unless it is file, and returns it
// to be removed. s.mu is held.
func (s *Store) supersede(hash, file uint64) uint64 {
	l, ok := s.large[hash]
	if !ok || l.file == file {
		return 0
	}
	delete(s.large, hash)
	s.used -= l.size
	return l.file
}

// makeRoom reclaims until the current segment can be filled up. Called by the
// writer.
func (s *Store) makeRoom() {
	for {
		s.mu.Lock()
		need := s.segSize
		if s.current != nil {
			need -= s.current.size
		}
		g, l := s.oldest()
		over := s.used+need > s.limit
		s.stuck = over && g == nil && l.hash == 0
		if !over || s.stuck {
			s.room.Broadcast()
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if g != nil {
			s.reclaim(g)
		} else {
			s.bury(l.hash, l.seq)
		}
	}
}

// oldest is the segment or the large body to go next. s.mu is held.
func (s *Store) oldest() (g *segment, l largeAge) {
	for len(s.order) > 0 {
		l = s.order[0]
		if s.large[l.hash].seq != l.seq {
			s.order = s.order[1:]
		} else if s.index.cool(l.hash, l.seq) {
			s.order = append(s.order[1:], largeAge{l.hash, l.seq, s.seq})
		} else {
			break
		}
		l = largeAge{}
	}
	if len(s.segs) > 0 && s.segs[0] != s.current && (l.hash == 0 || s.segs[0].first < l.age) {
		return s.segs[0], largeAge{}
	}
	return nil, l
}

// reclaim removes a segment and copies what is in demand to the current one.
func (s *Store) reclaim(g *segment) {
	s.mu.Lock()
	s.removing++
	s.mu.Unlock()
	keep := s.evacuate(g.id)
	room := s.segSize / 2
	for _, v := range keep {
		if room -= int64(v.units) * align; room < 0 || !s.again(g, v) {
			s.forget(v.hash, v.seq)
		}
	}
	if err := s.flush(); err != nil {
		s.lose(err)
	}
	s.detach(g)
}

// evacuate takes what is cold in segment id out of the index; it returns what
// is to be kept in the order it stands. Records of large bodies are kept: those
// have a queue of their own.
func (s *Store) evacuate(id uint32) (keep []slot) {
	var buf []slot
	for i := range shardCount {
		buf = s.index.shot(i, buf)
		for _, v := range buf {
			switch {
			case v.seg != id:
			case v.flags&slotLarge != 0 || s.index.cool(v.hash, v.seq):
				keep = append(keep, v)
			default:
				s.index.drop(v.hash, func(w slot) bool { return w.seq == v.seq && w.seg == id })
			}
		}
	}
	slices.SortFunc(keep, func(a, b slot) int { return cmp.Compare(a.off, b.off) })
	return keep
}

// again copies the record of v out of g; false: it cannot be.
func (s *Store) again(g *segment, v slot) bool {
	rec := make([]byte, int64(v.units)*align)
	if fill(g.f, rec, int64(v.off)*align) != nil {
		return false
	}
	h, ok := s.id.parse(rec)
	if !ok || h.seq != v.seq || h.hash != v.hash || h.size() != int64(len(rec)) || !s.id.whole(&h, rec) {
		return false
	}
	q := &queued{head: h, rec: rec, from: g.id}
	if live, fits := s.assign(q); !live || !fits {
		return false
	}
	s.n.reinserted.Add(1)
	return s.add(q) == nil
}

// detach takes g out of the store and removes its file, for good, and then
// forgets the rules that only hit what was in such files.
func (s *Store) detach(g *segment) {
	s.mu.Lock()
	s.segs = slices.DeleteFunc(s.segs, func(o *segment) bool { return o == g })
	s.used -= g.size
	s.mu.Unlock()
	s.clean(g.id)
	err := s.fs.Remove(segmentName(g.id))
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = s.fs.Sync()
	}
	g.release()
	s.n.reclaimed.Add(1)
	s.mu.Lock()
	s.removing--
	s.haunted = s.haunted || err != nil // a restart will find it
	if !s.haunted {
		s.rules.forget(s.oldestSeg())
	}
	s.mu.Unlock()
	if err != nil {
		s.broken(err)
	}
}

// oldestSeg is the lowest number of a segment, or the next one. s.mu is held.
func (s *Store) oldestSeg() uint32 {
	if len(s.segs) == 0 {
		return s.lastSeg + 1
	}
	return s.segs[0].id
}

// clean forgets every record of segment id.
func (s *Store) clean(id uint32) {
	var buf []slot
	for i := range shardCount {
		buf = s.index.shot(i, buf)
		for _, v := range buf {
			if v.seg == id {
				s.forget(v.hash, v.seq)
			}
		}
	}
}
