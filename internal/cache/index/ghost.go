// SPDX-License-Identifier: Apache-2.0

package index

// ghost remembers the hashes of keys that left, the oldest forgotten first.
//
// It is a table of buckets of eight words. A word holds half a hash and the
// number of the addition that it came with; it is remembered as long as no
// more than room have come since. A bucket that is full gives up its oldest.
// Two keys with the same half hash are one to it: one in four billion is
// admitted a little early.
type ghost struct {
	mem  *words
	mask uint32 // of buckets
	now  uint32 // additions
	room uint32 // how many are remembered
}

const bucketSize = 8

func (g *ghost) bucket(fp uint32) []uint64 {
	i := int(fp&g.mask) * bucketSize
	return g.mem.w[i : i+bucketSize]
}

// valid tells whether the word is remembered. Additions count from one, so
// that zero is never valid.
func (g *ghost) valid(w uint64) bool {
	return uint32(w) != 0 && g.now-uint32(w) < g.room
}

func (g *ghost) find(hash uint64) *uint64 {
	fp := uint32(hash >> 32)
	b := g.bucket(fp)
	for i := range b {
		if uint32(b[i]>>32) == fp && g.valid(b[i]) {
			return &b[i]
		}
	}
	return nil
}

func (g *ghost) has(hash uint64) bool { return g.find(hash) != nil }

// take tells whether the hash is remembered, and forgets it.
func (g *ghost) take(hash uint64) bool {
	w := g.find(hash)
	if w == nil {
		return false
	}
	*w = 0
	return true
}

// add remembers a hash, among half as many as there are entries (64 at least).
func (g *ghost) add(hash uint64, entries int) {
	if g.has(hash) {
		return
	}
	g.room = uint32(max(entries/2, 64))
	if int(g.room) > len(g.mem.w)*3/4 {
		g.grow(len(g.mem.w) * 2)
	}
	if g.now++; g.now == 0 { // zero marks an empty word
		g.now++
	}
	b := g.bucket(uint32(hash >> 32))
	oldest := 0
	for i := range b {
		if uint32(b[i]) == 0 {
			oldest = i
			break
		}
		if g.now-uint32(b[i]) > g.now-uint32(b[oldest]) {
			oldest = i
		}
	}
	b[oldest] = hash>>32<<32 | uint64(g.now)
}

// grow makes a table of n words, a power of two, and enters what was in it.
func (g *ghost) grow(n int) {
	old := g.mem
	g.mem, g.mask = newWords(n), uint32(n/bucketSize-1)
	if old == nil {
		return
	}
	for _, w := range old.w {
		if !g.valid(w) {
			continue
		}
		b := g.bucket(uint32(w >> 32))
		for i := range b {
			if b[i] == 0 {
				b[i] = w
				break
			}
		}
	}
	old.free()
}
