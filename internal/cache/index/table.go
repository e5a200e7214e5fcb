// SPDX-License-Identifier: Apache-2.0

package index

// The table is open-addressed with linear probing. A word holds the upper half
// of the hash, which says where it would best stand and rules nearly all other
// keys out, and the entry's number plus one. It is at most three quarters full.
// What is removed leaves no trace: the words behind it move up as far as they
// may.
type table struct {
	mem   *words
	count int
	mask  uint32
}

func (t *table) home(hash uint64) uint32 { return uint32(hash>>32) & t.mask }
func (t *table) after(i uint32) uint32   { return (i + 1) & t.mask }

func word(hash uint64, s Slot) uint64 { return hash>>32<<32 | uint64(s+1) }

func (t *table) put(w uint64) {
	i := t.home(w)
	for t.mem.w[i] != 0 {
		i = t.after(i)
	}
	t.mem.w[i] = w
}

func (t *table) add(hash uint64, s Slot) {
	if t.count++; t.count > len(t.mem.w)/4*3 {
		t.grow(len(t.mem.w) * 2)
	}
	t.put(word(hash, s))
}

// grow makes a table of n words, a power of two, and enters what was in it.
func (t *table) grow(n int) {
	old := t.mem
	t.mem, t.mask = newWords(n), uint32(n-1)
	if old == nil {
		return
	}
	for _, w := range old.w {
		if w != 0 {
			t.put(w)
		}
	}
	old.free()
}

func (t *table) remove(hash uint64, s Slot) {
	i := t.home(hash)
	for t.mem.w[i] != word(hash, s) {
		i = t.after(i)
	}
	t.count--
	for j := t.after(i); t.mem.w[j] != 0; j = t.after(j) {
		// The word at j may move to i unless its home lies between the two.
		if home := uint32(t.mem.w[j]>>32) & t.mask; (j-home)&t.mask >= (j-i)&t.mask {
			t.mem.w[i] = t.mem.w[j]
			i = j
		}
	}
	t.mem.w[i] = 0
}
