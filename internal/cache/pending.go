// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync"

	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/cache/index"
	"github.com/forelane/forelane/internal/cache/target"
)

// An invalidation is in force before memory has been swept: a sweep of a million
// entries takes most of a second, and a viewer must not wait for it, nor see
// what it has not come to yet.
//
// Invalidations are numbered. Each shard knows the last number it was told of
// (shard.news), and each entry the last one that it was compared with
// (record.seen). As long as the two are the same, which is one comparison of a
// hit however many invalidations there are, the entry is alive. Else it is
// compared with those that memory has not been swept for (pending), and is
// dropped, or has seen them all. What is stored has seen all that its shard knows
// of: those that hit it while it was on its way have doomed its flight
// (lease.go).
//
// Example: news is 7, /a has seen 7, /b 5, and pending are 6 "/x*" and 7 "/b". A
// request for /a looks at nothing; one for /b finds it hit by 7, and misses.
//
// A goroutine sweeps: it takes what is pending, compares every entry once with
// it and what has come since, and lets it go. What comes meanwhile waits for the
// next round. So what is pending is bounded by what comes during one round, and
// by pendingLimit and pendingBytes: beyond them Invalidate waits for the round to
// end. Nothing is dropped that was not asked for.
//
// An entry that has not been compared in a round does not exist. So the number
// that it has seen is never further back than one round, and 32 bits are enough
// for it.

// What may be pending at most, beside what the round under way is for. One call
// of Invalidate may be more than that: it then waits for all others.
const (
	pendingLimit = 1 << 17
	pendingBytes = 32 << 20
)

// pending are the invalidations that memory has not been swept for.
type pending struct {
	order   sync.Mutex // of those that tell the shards: one at a time
	wake    sync.Cond  // on order: a round has ended
	last    uint64     // the number of the last one; under order
	running bool       // under order: a goroutine sweeps

	mu    sync.RWMutex // the sets; written with order held too
	fresh target.Set
	round target.Set // those that the round under way is for
}

// condemn puts hits, which are t, into force in memory.
func (c *Cache) condemn(hits []disk.Target, t *targets) {
	p := &c.pending
	p.order.Lock()
	defer p.order.Unlock()
	for p.full(hits) {
		p.wake.Wait()
	}
	p.last++
	p.mu.Lock()
	for _, h := range hits {
		p.fresh.Add(h.Text, h.Prefix, target.Mark{Seq: p.last})
	}
	p.mu.Unlock()
	for i := range c.shards {
		c.shards[i].learn(p.last, t)
	}
	if !p.running {
		p.running = true
		go c.sweep()
	}
}

// full tells whether hits must wait. p.order is held.
func (p *pending) full(hits []disk.Target) bool {
	more := int64(0)
	for _, h := range hits {
		more += int64(len(h.Text))
	}
	n, size := p.fresh.Len(), p.fresh.Bytes()
	return n > 0 && (n+len(hits) > pendingLimit || size+more > pendingBytes)
}

// hits tells whether one of those after number seen hits what lies under key
// with tags.
func (p *pending) hits(key, tags []byte, seen uint64) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	text := TargetOf(key)
	dist, _ := SplitKey(stringOf(key))
	if p.fresh.Last(text) > seen || p.round.Last(text) > seen {
		return true
	}
	if len(tags) == 0 {
		return false
	}
	var room [320]byte // a tag is no longer than 256
	for tag := range eachTag(stringOf(tags)) {
		label := append(append(append(room[:0], dist...), KeySep, '#'), tag...)
		if p.fresh.Last(label) > seen || p.round.Last(label) > seen {
			return true
		}
	}
	return false
}

// learn tells the shard of invalidation number n, which is t, and dooms the
// flights that it hits.
func (s *shard) learn(n uint64, t *targets) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news = n
	s.swept++
	if t.paths() {
		s.epoch++
	}
	for key, f := range s.flights {
		if t.hit(key, f.tags(t)) {
			f.doomed = true
			delete(s.flights, key) // new requests ask the origin
		}
	}
}

// alive tells whether no invalidation has hit entry e, whose record is r; else
// it drops it. The caller holds s.mu.
func (s *shard) alive(e index.Slot, r stored) bool {
	h := r.head()
	if h.seen == uint32(s.news) {
		return true
	}
	seen := s.news - uint64(uint32(s.news)-h.seen)
	if s.pending.hits(r.key(), r.tags(), seen) {
		s.drop(e)
		s.stats.Invalidated++
		return false
	}
	h.seen = uint32(s.news)
	return true
}

// sweep goes through memory as long as something is pending.
func (c *Cache) sweep() {
	p := &c.pending
	p.order.Lock()
	defer p.order.Unlock()
	for p.fresh.Len() > 0 {
		// All shards know of what is in fresh: who told them has let order go.
		p.mu.Lock()
		p.round, p.fresh = p.fresh, target.Set{}
		p.mu.Unlock()
		p.wake.Broadcast()
		p.order.Unlock()
		for i := range c.shards {
			c.shards[i].sweep()
		}
		p.order.Lock()
		p.mu.Lock()
		p.round = target.Set{}
		p.mu.Unlock()
	}
	p.running = false
	p.wake.Broadcast()
}

// Settle waits until the memory of all that was invalidated has been given back.
func (c *Cache) Settle() {
	p := &c.pending
	p.order.Lock()
	defer p.order.Unlock()
	for p.running {
		p.wake.Wait()
	}
}

// sweepStep is how many entries are looked at before the shard's lock is let
// go for others.
const sweepStep = 256

// sweep compares every entry once with what is pending. The lock is let go
// between steps.
func (s *shard) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := 0
	for e := s.index.Next(0); e != index.None; e = s.index.Next(e + 1) {
		s.alive(e, s.record(s.index.At(e).Block))
		if seen++; seen%sweepStep == 0 {
			s.mu.Unlock()
			s.mu.Lock()
		}
	}
	if s.trimmed != s.stats.Invalidated {
		s.trimmed = s.stats.Invalidated
		s.blocks.Trim()
	}
}
