// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync"
	"time"
)

// The eviction policy is S3-FIFO (Yang et al., SOSP 2023), by bytes.
//
// A new entry goes to the tail of the small queue, a tenth of the budget. When
// the shard is full and the small queue is over its tenth, its head leaves: to
// the main queue if it was asked for since it came, else out, and the hash of
// its key is remembered in the ghost queue. A key found in the ghost queue
// enters main at once. The head of main goes back to the tail as often as it
// was asked for (at most three times), else out.
//
// A scan of objects that are asked for once therefore passes through the small
// queue and never touches main. Example, budget 10 objects: A and B are hit
// and sit in main; C1…C100 come once each; A and B are still there.
//
// Size-aware admission: in a full shard, an object larger than a quarter of
// the small queue is admitted on its second appearance only; the first leaves
// its hash in the ghost queue. It would sweep many small ones out.

// shard is one part of the store, with its own lock, budget and queues.
type shard struct {
	mu      sync.Mutex
	entries map[string]*entry
	flights map[string]*Flight
	small   queue
	main    queue
	ghost   ghost
	budget  int64
	epoch   uint64 // counts sweeps
	stats   Stats
}

func (s *shard) init(budget int64) {
	s.entries = make(map[string]*entry)
	s.flights = make(map[string]*Flight)
	s.budget = budget
	s.small.init()
	s.main.init()
	s.ghost.seen = make(map[uint64]struct{})
}

// entry is a stored object, or a marker: that a key's requests go alone, or
// that its answers have variants.
type entry struct {
	key        string
	hash       uint64
	obj        *Object   // nil: a marker
	pass       time.Time // until when the marker holds
	reason     PassReason
	vary       string // of a marker of variants
	size       int64
	freq       uint8
	in         *queue
	prev, next *entry
}

func (e *entry) touch() {
	if e.freq < 3 {
		e.freq++
	}
}

// queue is a ring of entries around a sentinel: head.next leaves first.
type queue struct {
	head  entry
	bytes int64
}

func (q *queue) init() { q.head.prev, q.head.next = &q.head, &q.head }

func (q *queue) push(e *entry) {
	e.in, e.prev, e.next = q, q.head.prev, &q.head
	e.prev.next, e.next.prev = e, e
	q.bytes += e.size
}

func (q *queue) first() *entry {
	if q.head.next == &q.head {
		return nil
	}
	return q.head.next
}

func (e *entry) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.in.bytes -= e.size
	e.in, e.prev, e.next = nil, nil, nil
}

// put stores e in place of what its key had. The caller holds s.mu.
func (s *shard) put(e *entry) {
	was := s.entries[e.key]
	if e.size > s.budget/2 {
		s.stats.Refused++
		if was != nil {
			s.drop(was)
		}
		return
	}
	if was != nil {
		e.freq = was.freq
		q := was.in
		was.unlink()
		q.push(e)
	} else {
		q := &s.small
		if s.ghost.take(e.hash) {
			q = &s.main
		} else if e.size > s.budget/40 && s.small.bytes+s.main.bytes+e.size > s.budget {
			s.ghost.add(e.hash, len(s.entries))
			s.stats.Refused++
			return
		}
		q.push(e)
	}
	s.entries[e.key] = e
	s.stats.Stored++
	for s.small.bytes+s.main.bytes > s.budget {
		s.evict()
	}
}

// evict makes one step of the policy: an entry moves, or leaves.
func (s *shard) evict() {
	if e := s.small.first(); e != nil && (s.small.bytes > s.budget/10 || s.main.first() == nil) {
		if e.freq > 0 {
			e.unlink()
			e.freq = 0
			s.main.push(e)
			return
		}
		s.ghost.add(e.hash, len(s.entries))
		s.drop(e)
		s.stats.Evicted++
		return
	}
	e := s.main.first()
	if e.freq > 0 {
		e.freq--
		e.unlink()
		s.main.push(e)
		return
	}
	s.drop(e)
	s.stats.Evicted++
}

// drop takes e out of the shard.
func (s *shard) drop(e *entry) {
	e.unlink()
	delete(s.entries, e.key)
}

// ghost remembers the hashes of keys that left the small queue, as many as
// there are entries (and 64 at least), oldest forgotten first.
type ghost struct {
	seen  map[uint64]struct{}
	order []uint64
	at    int // order[:at] is used up
}

func (g *ghost) add(h uint64, entries int) {
	if _, ok := g.seen[h]; ok {
		return
	}
	g.seen[h] = struct{}{}
	g.order = append(g.order, h)
	for len(g.order)-g.at > max(entries, 64) {
		delete(g.seen, g.order[g.at])
		g.at++
	}
	if g.at > 64 && g.at > len(g.order)/2 {
		g.order = append(g.order[:0], g.order[g.at:]...)
		g.at = 0
	}
}

// take tells whether h is remembered, and forgets it.
func (g *ghost) take(h uint64) bool {
	_, ok := g.seen[h]
	delete(g.seen, h) // its place in order goes when it comes to the front
	return ok
}
