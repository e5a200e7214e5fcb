// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"sync/atomic"
	"unsafe"
)

// A block is a chain of pieces; its Ref is that of the first. Each piece has a
// head of 16 bytes in front of its bytes. refs counts the holders in the first
// piece and is further in the others, whose owner is the first piece.
type head struct {
	refs  atomic.Int32
	owner uint32 // of the first: what SetOwner said; of others: the first
	next  Ref    // the next piece; of a free slot the next free one
	used  uint32 // bytes in this piece
}

const headSize = int(unsafe.Sizeof(head{}))

// NoOwner is the owner of a block that is not registered: it does not move.
const NoOwner = none

const (
	freed   = none - 1
	further = -1
)

// Alloc makes a block of n bytes with one holder and no owner, or none. Its
// first piece has room for the first whole bytes at least, at most Largest.
// Without room it calls more, which frees or compacts something and tells
// whether it did; Arena.mu is not held then.
func (a *Arena) Alloc(n, whole int, more func() bool) (Ref, bool) {
	var first, last Ref
	for rest := n; rest > 0 || first == 0; {
		k := a.kinds.pick(rest, n)
		if first == 0 && k < len(a.kinds.size)-1 && a.kinds.size[k]-headSize < whole {
			k++
		}
		a.mu.Lock()
		r, ok := a.take(k)
		if ok {
			k = int(a.slabs[a.slabOf(r)].class)
			h := a.at(r)
			h.next, h.used = 0, uint32(min(rest, a.kinds.size[k]-headSize))
			rest -= int(h.used)
			if first == 0 {
				first = r
				h.owner = NoOwner
				h.refs.Store(1)
			} else {
				h.owner = uint32(first)
				h.refs.Store(further)
				a.at(last).next = r
			}
			last = r
		}
		a.mu.Unlock()
		if !ok && !more() {
			if first != 0 {
				a.Release(first)
			}
			return 0, false
		}
	}
	return first, true
}

// Cost is what a block takes from the range, with what it leaves unused.
func (a *Arena) Cost(r Ref) (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for ; r != 0; r = a.at(r).next {
		n += int64(a.kinds.size[a.slabs[a.slabOf(r)].class])
	}
	return n
}

// Pin adds a holder. The caller is one, or holds the lock of the owner.
func (a *Arena) Pin(r Ref) { a.at(r).refs.Add(1) }

// Release takes a holder away; the last one's frees the block.
func (a *Arena) Release(r Ref) {
	switch n := a.at(r).refs.Add(-1); {
	case n > 0:
		return
	case n < 0:
		panic("arena: a block was released once too often")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for r != 0 {
		next := a.at(r).next
		a.put(r)
		r = next
	}
}

// SetOwner says where the block is registered, from which moment on it may
// move; NoOwner: nowhere any more.
func (a *Arena) SetOwner(r Ref, owner uint32) {
	a.mu.Lock()
	a.at(r).owner = owner
	a.mu.Unlock()
}

// First are the bytes of the first piece. A holder may read them, and the
// block's maker write.
func (a *Arena) First(r Ref) []byte { return a.payload(r, int(a.at(r).used)) }

// Pieces appends the bytes of all pieces, in order.
func (a *Arena) Pieces(to [][]byte, r Ref) [][]byte {
	for r != 0 {
		h := a.at(r)
		to = append(to, a.payload(r, int(h.used)))
		r = h.next
	}
	return to
}

func (a *Arena) payload(r Ref, n int) []byte {
	off := (int(r)-1)*unit + headSize
	return a.mem[off : off+n : off+n]
}
