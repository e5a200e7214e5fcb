// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync"

	"github.com/forelane/forelane/internal/cache/arena"
	"github.com/forelane/forelane/internal/cache/index"
)

// shard is one part of the store, with its own lock, budget, memory and policy.
//
// An entry of the index names a block of the arena; the block names its entry
// as its owner, so that it can move. The entry is one holder of the block,
// every Object that was handed out over it another one. What leaves the index
// is therefore freed at once, or by the last who reads it.
type shard struct {
	mu      sync.Mutex
	index   *index.Index
	blocks  *arena.Arena
	flights map[string]*Flight
	loads   map[string]chan struct{} // of keys that are read from disk; closed at the end
	disk    *lower
	budget  int64
	pending *pending
	news    uint64 // the number of the last invalidation that the shard was told of
	epoch   uint64 // counts those that may hit what the shard cannot see
	swept   uint64 // counts all of them, and Drops
	stats   Stats
	trimmed uint64  // stats.Invalidated when memory was last given back
	markers markers // vary.go
}

// The kinds of entries.
const (
	kindObject = iota
	kindPass   // a marker: the key's requests go alone until its time
	kindVary   // a marker: the key's answers have variants
)

func (s *shard) init(budget int64, c *Cache) {
	s.disk, s.pending = &c.disk, &c.pending
	s.flights = make(map[string]*Flight)
	s.loads = make(map[string]chan struct{})
	s.budget = budget
	s.blocks = arena.New(arena.Config{Size: int(budget), Heap: c.cfg.debug})
	s.index = index.New(index.Config{Budget: budget, Same: func(b arena.Ref, key []byte) bool {
		return string(s.record(b).key()) == string(key)
	}})
}

// record is what stands in block b. The caller holds s.mu or b.
func (s *shard) record(b arena.Ref) stored { return stored(s.blocks.First(b)) }

// find is the entry of key and what it names. The caller holds s.mu.
func (s *shard) find(hash uint64, key []byte) (index.Slot, stored) {
	e := s.index.Find(hash, key)
	if e == index.None {
		return e, nil
	}
	r := s.record(s.index.At(e).Block)
	if !s.alive(e, r) {
		return index.None, nil
	}
	return e, r
}

// has tells whether key has an entry. The caller holds s.mu.
func (s *shard) has(hash uint64, key []byte) bool {
	e, _ := s.find(hash, key)
	return e != index.None
}

// keeps tells whether memory or disk have something under key. The caller holds
// s.mu.
func (s *shard) keeps(hash uint64, key string) bool {
	if s.has(hash, bytesOf(key)) {
		return true
	}
	_, ok := s.disk.find(bytesOf(key))
	return ok
}

// alloc makes a block of n bytes for key, the first whole of them in one piece;
// for the moment only the caller holds it. What is in its way leaves. It
// refuses what the policy does not let in. The caller holds s.mu.
func (s *shard) alloc(hash uint64, key string, n, whole int) (arena.Ref, bool) {
	if s.admits(hash, key, int64(n)) && whole <= s.blocks.Largest() {
		s.blocks.Limit(s.budget - s.index.Memory())
		b, ok := s.blocks.Alloc(n, whole, func() bool {
			return s.blocks.Compact(s.moved) || s.evict()
		})
		if ok {
			return b, true
		}
	}
	s.stats.Refused++
	return 0, false
}

func (s *shard) moved(owner uint32, to arena.Ref) { s.index.At(index.Slot(owner)).Block = to }

// admits tells whether an answer of n bytes would be stored under key. The
// caller holds s.mu.
func (s *shard) admits(hash uint64, key string, n int64) bool {
	e := s.index.Find(hash, bytesOf(key))
	if n > s.budget/2 {
		if e != index.None {
			s.drop(e)
		}
		return false
	}
	return e != index.None || s.index.Admits(hash, n)
}

// put enters a block in place of what its key had, and becomes its holder in
// place of the caller. The caller holds s.mu.
func (s *shard) put(hash uint64, key string, b arena.Ref, kind uint8) {
	cost := s.blocks.Cost(b)
	e := s.index.Find(hash, bytesOf(key))
	if e != index.None {
		s.free(s.index.At(e).Block)
		s.index.Replace(e, b, cost)
	} else if e = s.index.Add(hash, b, cost); e == index.None {
		s.stats.Refused++
		s.blocks.Release(b)
		return
	}
	s.index.At(e).Kind = kind
	s.record(b).head().seen = uint32(s.news)
	s.blocks.SetOwner(b, uint32(e))
	s.stats.Stored++
	for s.index.Bytes() > s.budget && s.evict() {
	}
}

// evict drops what the policy wants to have least.
func (s *shard) evict() bool {
	e := s.index.Victim()
	if e == index.None {
		return false
	}
	if at := s.index.At(e); s.disk.there() && at.Proven() { // its copy there has not been asked for meanwhile
		if ref, ok := s.disk.find(s.record(at.Block).key()); ok {
			s.disk.touch(ref)
		}
	}
	s.drop(e)
	s.stats.Evicted++
	return true
}

// drop takes an entry out of the shard.
func (s *shard) drop(e index.Slot) {
	b := s.index.At(e).Block
	s.index.Remove(e)
	s.free(b)
}

// free ends the index's hold of a block.
func (s *shard) free(b arena.Ref) {
	s.blocks.SetOwner(b, arena.NoOwner)
	s.blocks.Release(b)
}

// mark puts a marker in place of what key had. The caller holds s.mu.
func (s *shard) mark(hash uint64, key string, kind uint8, m record, text string) {
	n := recordSize + len(key) + len(text)
	b, ok := s.alloc(hash, key, n, n)
	if !ok {
		return
	}
	m.key, m.lines = uint32(len(key)), uint32(len(text))
	to := s.blocks.First(b)
	*recordIn(to) = m
	copy(to[recordSize+copy(to[recordSize:], key):], text)
	s.put(hash, key, b, kind)
}
