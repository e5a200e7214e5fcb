// SPDX-License-Identifier: Apache-2.0

// Package arena keeps blocks of bytes outside the garbage-collected heap.
//
// The flow:
//
//  1. New maps one range of memory and divides it into slabs; a slab that is
//     in use is cut into slots of one size class (class.go, slab.go).
//  2. Alloc makes a block of one or more pieces, each in a slot (block.go). The
//     caller fills the pieces and is its first holder.
//  3. Pin adds a holder, Release takes one away. A block that somebody holds
//     neither moves nor changes; the last Release frees it.
//  4. SetOwner names the place where a block is registered. A block that has an
//     owner and no holder but its owner may move: Compact empties a slab by
//     moving what is left in it, so that another class can have it
//     (compact.go).
//
// What it does not do: it knows no keys and evicts nothing. Bounded memory is
// its whole promise: it never takes more than its range, and never more slabs
// than Limit says.
//
// Concurrency: Pin and Release may be called by every holder at any time. All
// else that names a block is for its owner, under the owner's own lock.
// Arena.mu covers slots and slabs; it is taken last and for a short time.
package arena

import (
	"runtime"
	"sync"
	"unsafe"
)

// Config is how an Arena is made.
type Config struct {
	Size int // of the whole range; rounded down to whole slabs, one at least
	Slab int // a power of two from 4096 on; 0: by SlabFor
	// Heap takes the range from the heap and overwrites what is freed: slower,
	// and the race detector sees it.
	Heap bool
}

// SlabFor is the size of slabs that suits a range of n bytes: some five
// hundred of them, 4 KiB to 256 KiB each.
func SlabFor(n int) int {
	slab := 4 << 10
	for slab < 256<<10 && slab*2 <= n/512 {
		slab *= 2
	}
	return slab
}

// Ref is a piece of an Arena: its place in units of 16 bytes, from one; 0 is
// none.
type Ref uint32

// Arena is a range of memory that blocks live in. Make it with New.
type Arena struct {
	mem    []byte
	slab   int // bytes of one
	kinds  *classes
	poison bool

	mu     sync.Mutex
	slabs  []slab
	class  []class
	spare  uint32 // list of slabs that were used and are free
	fresh  int    // slabs from this one on were never used
	used   int    // slabs that are cut into slots
	limit  int
	filled int64 // bytes of slots in use
}

// New makes an empty Arena. Its memory goes back to the system when neither
// the Arena nor anything that points to it is reachable.
func New(cfg Config) *Arena {
	if cfg.Slab == 0 {
		cfg.Slab = SlabFor(cfg.Size)
	}
	n := min(max(cfg.Size/cfg.Slab, 1), (1<<32-2)/(cfg.Slab/unit))
	a := &Arena{slab: cfg.Slab, kinds: newClasses(cfg.Slab), limit: n, spare: none, poison: cfg.Heap}
	mapped := false
	if cfg.Heap {
		a.mem = make([]byte, n*cfg.Slab)
	} else {
		a.mem, mapped = Map(n * cfg.Slab)
	}
	if mapped {
		runtime.AddCleanup(a, Unmap, a.mem)
	}
	a.slabs = make([]slab, n)
	a.class = make([]class, len(a.kinds.size))
	for i := range a.class {
		a.class[i] = class{partial: none, tail: none}
	}
	return a
}

// Limit bounds the slabs in use to n bytes. More may be in use when it shrinks:
// they come back as blocks are freed.
func (a *Arena) Limit(n int64) {
	a.mu.Lock()
	a.limit = min(max(int(n/int64(a.slab)), 1), len(a.slabs))
	a.mu.Unlock()
}

// Largest is the most bytes that the first piece of a block can have.
func (a *Arena) Largest() int { return a.slab - headSize }

// Size is what all blocks together can have, at the utmost.
func (a *Arena) Size() int64 { return int64(len(a.mem)) }

// Stats are the figures of an Arena.
type Stats struct {
	Slabs  int64 // bytes of slabs in use
	Filled int64 // bytes of slots in use
}

// Stats tells the present figures.
func (a *Arena) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Stats{Slabs: int64(a.used) * int64(a.slab), Filled: a.filled}
}

func (a *Arena) at(r Ref) *head {
	return (*head)(unsafe.Pointer(&a.mem[(int(r)-1)*unit]))
}

// Trim lets the system have the memory of free slabs.
func (a *Arena) Trim() {
	a.mu.Lock()
	defer a.mu.Unlock()
	idle := func(i int) bool { return i < a.fresh && a.slabs[i].live == 0 && a.slabs[i].touched }
	for i := 0; i < a.fresh; i++ {
		from := i
		for ; idle(i); i++ {
			a.slabs[i].touched = false
		}
		if i > from {
			forget(a.mem[from*a.slab : i*a.slab])
		}
	}
}
