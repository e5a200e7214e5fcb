// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"math"
	"time"
)

// Ref is what Find found. It stays what it is: when the object was replaced,
// Read says so.
type Ref struct{ hash, seq uint64 }

// queued is a record on its way into a segment: new, or copied from an old one.
type queued struct {
	head
	rec  []byte // as on disk; the head and the table are filled in when it is written
	big  []byte // the body of one that is to become a file
	from uint32 // the segment that it is copied from; 0: new
	cost int64  // what it takes of the queue
}

func (q *queued) key() []byte { return q.rec[headLen : headLen+q.keyLen] }

func (q *queued) meta() []byte { return q.rec[headLen+q.keyLen : headLen+q.keyLen+q.metaLen] }

func (q *queued) slot() slot {
	v := slot{hash: q.hash, seq: q.seq, seg: q.seg, off: q.off, units: uint32(q.size() / align)}
	if q.file != 0 {
		v.flags = slotLarge
	}
	return v
}

// Find tells whether key may be here. It neither waits nor allocates. It may
// be wrong, by a hash that two keys share or an invalidation: Read knows.
func (s *Store) Find(key []byte) (Ref, bool) {
	h := s.id.hash(key)
	v, ok := s.index.get(h)
	return Ref{h, v.seq}, ok
}

// Touch says that the object is in demand: it is kept when its segment is
// reclaimed.
func (s *Store) Touch(ref Ref) { s.index.touch(ref.hash, ref.seq) }

// Clock is the present for PutSince.
func (s *Store) Clock() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq
}

// Put queues an object; nothing it is given is kept. It is found from now on,
// in place of what key had. false: the queue is full, the disk is failing, or
// key or meta is too long (64 KiB, 1 MiB); what key had stays. It may be lost
// later (Stats.Lost), and is when the process dies before it was written.
func (s *Store) Put(key, meta []byte, body [][]byte) bool {
	return s.put(key, meta, body, condition{since: math.MaxUint64})
}

// PutSince is Put for an answer that was there at clock: it is refused if it
// was invalidated or deleted after that.
func (s *Store) PutSince(clock uint64, key, meta []byte, body [][]byte) bool {
	return s.put(key, meta, body, condition{since: clock})
}

// PutNew is PutSince, refused also if there is a live object under key.
func (s *Store) PutNew(clock uint64, key, meta []byte, body [][]byte) bool {
	return s.put(key, meta, body, condition{since: clock, first: true})
}

// condition is what must hold for a record to be queued.
type condition struct {
	since uint64 // no rule made after it hits the key
	over  uint64 // unless 0: it replaces the record with this sequence
	first bool   // there is no live one of the key
}

func (s *Store) put(key, meta []byte, body [][]byte, c condition) bool {
	if len(key) > maxKey || len(meta) > maxMeta {
		s.n.refused.Add(1)
		return false
	}
	var size int64
	for _, b := range body {
		size += int64(len(b))
	}
	q := &queued{head: head{keyLen: len(key), metaLen: len(meta), body: size, hash: s.id.hash(key)}}
	cost := q.size()
	if size > s.inline {
		cost = headLen + int64(len(key)+len(meta)) + size
	}
	if !s.admit(cost) {
		s.n.refused.Add(1)
		return false
	}
	q.cost = cost
	at := q.prefix()
	if size > s.inline {
		q.rec, q.big, at = make([]byte, cost-size), make([]byte, size), 0
	} else {
		q.rec = make([]byte, cost)
	}
	copy(q.rec[headLen:], key)
	copy(q.rec[headLen+len(key):], meta)
	to := q.rec
	if q.big != nil {
		to = q.big
	}
	for _, b := range body {
		at += int64(copy(to[at:], b))
	}
	return s.enqueue(q, c)
}

// admit takes cost bytes of the queue.
func (s *Store) admit(cost int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || !s.mayWrite() || s.waiting+cost > s.queueMax {
		return false
	}
	s.waiting += cost
	return true
}

// mayWrite is false for a while after the disk failed.
func (s *Store) mayWrite() bool {
	return s.fault.err == nil || !time.Now().Before(s.fault.at)
}

// enqueue gives q its place in the order of everything, and makes it found.
// Its cost has been taken.
func (s *Store) enqueue(q *queued, c condition) bool {
	labels := s.labels(q.key(), q.meta())
	s.mu.Lock()
	ok := !s.closing
	if ok && c.over != 0 {
		// What is in the index no forgotten rule has hit.
		v, found := s.index.get(q.hash)
		ok = found && v.seq == c.over && !s.rules.kills(q.key(), labels, q.hash, c.over) &&
			(q.file == 0 || s.large[q.hash].file == q.file)
	} else if ok {
		ok = !s.rules.bars(q.key(), labels, q.hash, c.since)
		if v, found := s.index.get(q.hash); c.first && found {
			ok = ok && s.rules.kills(q.key(), nil, q.hash, v.seq)
		}
	}
	if !ok {
		s.waiting -= q.cost
		s.mu.Unlock()
		s.n.refused.Add(1)
		return false
	}
	s.seq++
	q.seq = s.seq
	old := s.supersede(q.hash, q.file)
	if q.file != 0 {
		s.keep(q)
	}
	s.pending[q.hash] = q
	s.index.set(q.slot())
	s.queue = append(s.queue, q)
	s.queuedN++
	s.work.Signal()
	s.mu.Unlock()
	s.n.puts.Add(1)
	s.removeBody(old)
	return true
}

// unlist takes the record of seq out of the index. It returns the large body to
// remove, or 0. s.mu is held.
func (s *Store) unlist(hash, seq uint64) (file uint64) {
	if q := s.pending[hash]; q != nil && q.seq <= seq {
		delete(s.pending, hash)
	}
	if _, ok := s.index.drop(hash, func(v slot) bool { return v.seq <= seq }); ok {
		return s.supersede(hash, 0)
	}
	return 0
}

// forget is unlist for who holds no lock.
func (s *Store) forget(hash, seq uint64) {
	s.mu.Lock()
	file := s.unlist(hash, seq)
	s.mu.Unlock()
	s.removeBody(file)
}
