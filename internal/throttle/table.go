// SPDX-License-Identifier: Apache-2.0

// Many buckets in bounded memory. A bucket is 16 bytes: a keyed hash of what it
// is for, and the time at which it is full again. They lie in shards by the
// hash's upper bits, each an open table with linear probing under a lock.
//
// A bucket that is full again is forgotten when its place is needed, which
// changes no answer. Nothing else is ever forgotten, for a forgotten bucket is a
// fresh burst, and viewers who can send under many names could make the table
// forget theirs. When a shard has as many buckets as it may and none that it
// looks at is full, the new key gets none: such keys share one bucket of their
// scope, with the limit that each of them would have had. The limit is then
// stricter than it was meant, never laxer, and holds for newcomers only.
//
// Two keys share a bucket by accident with a probability of n²/2⁶⁵, one in 10⁷
// for a million keys; nobody can aim at that without the seed.

package throttle

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"time"
)

// DefaultKeys is how many buckets a table holds when nothing else is said: 32
// MiB when all of them are in use.
const DefaultKeys = 1 << 20

const (
	shards    = 64
	leastSize = 8  // cells of a shard to begin with
	glance    = 32 // cells that a full shard looks at for one to forget
)

// Key names a bucket. It holds for the Table that made it.
type Key struct {
	own  uint64
	rest uint64 // the bucket of those in the scope that have none of their own; 0: it always has
}

// Table holds buckets.
type Table struct {
	seed  maphash.Seed
	began time.Time
	most  int // buckets of a shard
	parts [shards]shard
}

// NewTable makes a table for about most buckets; 0: DefaultKeys. It begins
// small and grows with them. began is the time of the clock that Take will be
// given, now.
func NewTable(most int, began time.Time) *Table {
	if most <= 0 {
		most = DefaultKeys
	}
	return &Table{seed: maphash.MakeSeed(), began: began, most: max(1, most/shards)}
}

// Scope is the bucket that the words name. It always has a place: scopes come
// from a configuration, not from viewers.
func (t *Table) Scope(words ...string) Key {
	var h maphash.Hash
	h.SetSeed(t.seed)
	for _, w := range words {
		n := len(w)
		_ = h.WriteByte(byte(n)) // a Hash takes everything; the length keeps "a","bc" from "ab","c"
		_ = h.WriteByte(byte(n >> 8))
		_, _ = h.WriteString(w)
	}
	return Key{own: max(1, h.Sum64())}
}

// In is the bucket that one name has within a scope.
func (t *Table) In(scope Key, name []byte) Key {
	return scope.mix(maphash.Bytes(t.seed, name))
}

// InString is In for a text.
func (t *Table) InString(scope Key, name string) Key {
	return scope.mix(maphash.String(t.seed, name))
}

func (k Key) mix(h uint64) Key {
	return Key{max(1, bits.RotateLeft64(h, 31)+k.own), max(1, ^k.own)} // both are keyed hashes
}

// Take takes one token out of a bucket, and tells whether there was one. It
// does not allocate but when the table grows.
func (t *Table) Take(k Key, l Limit, now time.Time) bool {
	if l.depth == 0 {
		return false
	}
	at := int64(now.Sub(t.began)) * perNano
	if k.rest != 0 {
		if ok, placed := t.shard(k.own).take(k.own, l, at, t.most); placed {
			return ok
		}
		k.own = k.rest
	}
	ok, _ := t.shard(k.own).take(k.own, l, at, 0)
	return ok
}

// Len is how many buckets are kept.
func (t *Table) Len() int {
	n := 0
	for i := range t.parts {
		s := &t.parts[i]
		s.mu.Lock()
		n += s.used
		s.mu.Unlock()
	}
	return n
}

func (t *Table) shard(h uint64) *shard { return &t.parts[h>>58] }

// cell is one bucket.
type cell struct {
	key  uint64 // 0: the cell is free
	full ticks
}

type shard struct {
	mu    sync.Mutex
	cells []cell // a power of two of them
	used  int
	hand  int // where the search for what can be forgotten goes on
	_     [16]byte
}

// take takes a token from a bucket of the shard, which makes it if it may have
// another one; most 0: it may.
func (s *shard) take(key uint64, l Limit, now ticks, most int) (ok, placed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, found := s.find(key); found {
		return l.take(&s.cells[i].full, now), true
	}
	if most > 0 && s.used >= most {
		if s.forget(now); s.used >= most {
			return false, false
		}
	}
	if s.used+1 > len(s.cells)/4*3 {
		s.rebuild(now)
	}
	i, _ := s.find(key)
	s.cells[i] = cell{key, now}
	s.used++
	return l.take(&s.cells[i].full, now), true
}

// find is the cell of a key, or the free one where it would be.
func (s *shard) find(key uint64) (i int, found bool) {
	if len(s.cells) == 0 {
		return 0, false
	}
	mask := len(s.cells) - 1
	for i = int(key) & mask; ; i = (i + 1) & mask {
		switch s.cells[i].key {
		case key:
			return i, true
		case 0:
			return i, false
		}
	}
}

// forget frees what is full among the next cells.
func (s *shard) forget(now ticks) {
	mask := len(s.cells) - 1
	for range glance {
		if s.hand &= mask; s.cells[s.hand].key != 0 && s.cells[s.hand].full <= now {
			s.remove(s.hand) // another one may stand there now
		} else {
			s.hand++
		}
	}
}

// remove frees a cell and moves those up that were put further on because of it.
func (s *shard) remove(i int) {
	mask := len(s.cells) - 1
	for j := (i + 1) & mask; s.cells[j].key != 0; j = (j + 1) & mask {
		if home := int(s.cells[j].key) & mask; (j-home)&mask >= (j-i)&mask {
			s.cells[i] = s.cells[j]
			i = j
		}
	}
	s.cells[i] = cell{}
	s.used--
}

// rebuild makes room: what is full is left out, and when more than half remains
// the shard doubles.
func (s *shard) rebuild(now ticks) {
	old, size := s.cells, max(leastSize, len(s.cells))
	kept := 0
	for _, c := range old {
		if c.key != 0 && c.full > now {
			kept++
		}
	}
	if kept >= size/2 {
		size *= 2
	}
	s.cells, s.used = make([]cell, size), kept
	for _, c := range old {
		if c.key != 0 && c.full > now {
			i, _ := s.find(c.key)
			s.cells[i] = c
		}
	}
}
