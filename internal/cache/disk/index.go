// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// The index: 64 tables of slots without pointers, which the garbage collector
// does not look into, with linear probing. A slot holds the hash of a key, not
// the key: who reads the record compares.

const shardCount = 64

// slot is where the newest record of a hash is. 32 bytes; on disk too.
type slot struct {
	hash  uint64 // 0: free
	seq   uint64
	seg   uint32 // 0: still queued
	off   uint32 // in units of align
	units uint32 // its size, in units of align
	flags uint32
}

const (
	slotHot   = 1 << iota // touched since it was written
	slotLarge             // its body is a file
)

type index struct{ shards [shardCount]table }

type table struct {
	mu    sync.RWMutex
	slots []slot // at most three quarters are used
	used  int
}

func (x *index) shard(hash uint64) *table { return &x.shards[hash>>58] }

// at is the position of hash, or of the free slot where it belongs.
func (t *table) at(hash uint64) int {
	i := t.home(hash)
	for t.slots[i].hash != hash && t.slots[i].hash != 0 {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	return i
}

// home is where hash would like to be. The shard has used up its upper bits.
func (t *table) home(hash uint64) int {
	i, _ := bits.Mul64(hash<<6, uint64(len(t.slots)))
	return int(i)
}

func (x *index) get(hash uint64) (slot, bool) {
	t := x.shard(hash)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.used == 0 {
		return slot{}, false
	}
	p := &t.slots[t.at(hash)]
	return slot{p.hash, p.seq, p.seg, p.off, p.units, atomic.LoadUint32(&p.flags)}, p.hash != 0
}

// touch marks the slot, if it still is that of seq.
func (x *index) touch(hash, seq uint64) {
	t := x.shard(hash)
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.used == 0 {
		return
	}
	if p := &t.slots[t.at(hash)]; p.hash != 0 && p.seq == seq && atomic.LoadUint32(&p.flags)&slotHot == 0 {
		atomic.OrUint32(&p.flags, slotHot)
	}
}

// cool takes the mark away and tells whether it was there.
func (x *index) cool(hash, seq uint64) bool {
	t := x.shard(hash)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used == 0 {
		return false
	}
	p := &t.slots[t.at(hash)]
	hot := p.seq == seq && p.flags&slotHot != 0
	if hot {
		p.flags &^= slotHot
	}
	return hot
}

// set puts v in place of what its hash has, unless that is newer.
func (x *index) set(v slot) bool {
	t := x.shard(v.hash)
	t.mu.Lock()
	defer t.mu.Unlock()
	if 4*(t.used+1) > 3*len(t.slots) {
		t.grow(len(t.slots) + len(t.slots)/2)
	}
	p := &t.slots[t.at(v.hash)]
	if p.hash == 0 {
		t.used++
	} else if p.seq > v.seq {
		return false
	}
	*p = v
	return true
}

// move gives the record of seq another place, if it still is the newest and
// lies in segment from.
func (x *index) move(v slot, from uint32) bool {
	t := x.shard(v.hash)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used == 0 {
		return false
	}
	p := &t.slots[t.at(v.hash)]
	if p.hash == 0 || p.seq != v.seq || p.seg != from {
		return false
	}
	v.flags |= p.flags & slotHot
	*p = v
	return true
}

// drop removes hash, if match says so of its slot.
func (x *index) drop(hash uint64, match func(slot) bool) (slot, bool) {
	t := x.shard(hash)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used == 0 {
		return slot{}, false
	}
	i := t.at(hash)
	v := t.slots[i]
	if v.hash == 0 || !match(v) {
		return slot{}, false
	}
	t.remove(i)
	return v, true
}

// remove frees slot i and closes the gap in the probe sequence behind it.
func (t *table) remove(i int) {
	n := len(t.slots)
	t.used--
	for j := i; ; {
		j = (j + 1) % n
		v := t.slots[j]
		if v.hash == 0 {
			break
		}
		if (j-t.home(v.hash)+n)%n >= (j-i+n)%n {
			t.slots[i] = v
			i = j
		}
	}
	t.slots[i] = slot{}
}

func (t *table) grow(n int) {
	old := t.slots
	t.slots = make([]slot, max(n, 64))
	for _, v := range old {
		if v.hash != 0 {
			t.slots[t.at(v.hash)] = v
		}
	}
}

// reserve makes room for n objects in all.
func (x *index) reserve(n int) {
	per := n / shardCount
	per = (per+per/16)*10/7 + 64
	for i := range x.shards {
		if t := &x.shards[i]; len(t.slots) < per {
			t.grow(per)
		}
	}
}

// shot copies the slots of a shard into buf.
func (x *index) shot(shard int, buf []slot) []slot {
	t := &x.shards[shard]
	t.mu.RLock()
	defer t.mu.RUnlock()
	buf = buf[:0]
	for i := range t.slots {
		if p := &t.slots[i]; p.hash != 0 {
			buf = append(buf, slot{p.hash, p.seq, p.seg, p.off, p.units, atomic.LoadUint32(&p.flags)})
		}
	}
	return buf
}

// count is how many objects there are, and the memory of the tables.
func (x *index) count() (objects int, bytes int64) {
	for i := range x.shards {
		t := &x.shards[i]
		t.mu.RLock()
		objects += t.used
		bytes += 32 * int64(len(t.slots))
		t.mu.RUnlock()
	}
	return objects, bytes
}

// reset empties it.
func (x *index) reset() {
	for i := range x.shards {
		t := &x.shards[i]
		t.mu.Lock()
		t.slots, t.used = nil, 0
		t.mu.Unlock()
	}
}
