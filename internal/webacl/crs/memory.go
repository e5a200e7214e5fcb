// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// A memory keeps verdicts by the text that they are about. It is a table of sets
// of four places, read without a lock. Its bound is its size: when a set is
// full, one that was not asked for since its set was last full goes, so that a
// flood of new texts does not drive out those that return.
//
// The set is chosen by a hash with a secret of the process, and the text is
// compared as a whole: a text can neither be aimed at a set nor be taken for
// another one.

const (
	ways = 4

	headSets      = 4096 // 16,384 heads
	maxHeadKey    = 2048 // bytes; longer heads are not remembered: 32 MB at most
	elementSets   = 8192 // 32,768 elements
	maxElementKey = 512  // 16 MB at most
)

type memory struct {
	seed maphash.Seed
	mask uint64
	most int // length of a key
	sets [][ways]atomic.Pointer[remembered]
}

type remembered struct {
	key  string
	hits []Hit
	used atomic.Bool
}

func newMemory(sets, most int) *memory {
	return &memory{seed: maphash.MakeSeed(), mask: uint64(sets - 1), most: most, sets: make([][ways]atomic.Pointer[remembered], sets)}
}

// lookup gives the hits of a text, which are read only.
func (m *memory) lookup(key []byte) ([]Hit, bool) {
	if len(key) > m.most {
		return nil, false
	}
	set := &m.sets[maphash.Bytes(m.seed, key)&m.mask]
	for i := range set {
		if r := set[i].Load(); r != nil && r.key == string(key) {
			if !r.used.Load() {
				r.used.Store(true)
			}
			return r.hits, true
		}
	}
	return nil, false
}

// store keeps a verdict. Two that store at once may lose one of both.
func (m *memory) store(key []byte, hits []Hit) {
	if len(key) > m.most {
		return
	}
	set := &m.sets[maphash.Bytes(m.seed, key)&m.mask]
	r := &remembered{key: string(key), hits: slices.Clone(hits)}
	victim := -1
	for i := range set {
		old := set[i].Load()
		if old == nil || old.key == r.key {
			set[i].Store(r)
			return
		}
		if victim < 0 && !old.used.Load() {
			victim = i
		}
	}
	if victim < 0 {
		victim = rand.IntN(ways)
		for i := range set {
			if old := set[i].Load(); old != nil {
				old.used.Store(false)
			}
		}
	}
	set[victim].Store(r)
}
