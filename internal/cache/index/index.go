// SPDX-License-Identifier: Apache-2.0

// Package index finds what is stored and says what leaves.
//
// The flow:
//
//  1. Find looks a hash up in an open-addressed table and asks its owner
//     whether an entry's block has the key that is meant (table.go).
//  2. Add enters a block; Replace puts another in its place; Remove takes an
//     entry out.
//  3. Touch tells the policy that an entry was asked for; Victim moves entries
//     between the policy's queues until one has to leave (policy.go).
//
// Entries are structs without pointers in memory that the garbage collector
// does not see, and are named by number. A million of them cost it nothing.
//
// What it does not do: it knows neither keys nor bodies (they are in blocks of
// an arena), and it frees no block.
//
// Concurrency: none of its own. All calls are under the owner's lock.
package index

import (
	"unsafe"

	"github.com/forelane/forelane/internal/cache/arena"
)

// Cost is what the entry counts for in the budget.
func (e *Entry) Cost() int64 { return int64(e.cost) * 16 }

// Slot is the number of an entry; None is none.
type Slot uint32

// None is no entry.
const None = ^Slot(0)

// Entry is what is known of a stored block.
type Entry struct {
	Hash       uint64
	Block      arena.Ref
	prev, next Slot
	cost       uint32 // in units of 16 bytes, Overhead included
	freq       uint8
	queue      queueID
	Kind       uint8 // the owner's
}

// Overhead is what an entry costs beside its block: the entry, its share of
// the table, and that of the ghost. The two grow by doubling.
const Overhead = 80

// Config is how an Index is made.
type Config struct {
	Budget int64 // bytes of blocks, with Overhead for each
	Same   func(b arena.Ref, key []byte) bool
}

// Index is the entries of one shard. Make it with New.
type Index struct {
	budget  int64
	same    func(arena.Ref, []byte) bool
	mem     *words
	entries []Entry // in mem; as many as can ever be; untouched memory costs nothing
	top     Slot    // entries from this one on were never used
	free    Slot    // list of entries that came back
	table   table
	ghost   ghost
	queues  [3]queue
	count   int
}

// New makes an empty Index.
func New(cfg Config) *Index {
	x := &Index{budget: cfg.Budget, same: cfg.Same, free: None}
	for i := range x.queues {
		x.queues[i] = queue{first: None, last: None}
	}
	n := max(cfg.Budget/(Overhead+64), 64)
	mem := newWords(int(n) * int(unsafe.Sizeof(Entry{})) / 8)
	x.mem, x.entries = mem, unsafe.Slice((*Entry)(unsafe.Pointer(&mem.w[0])), n)
	x.table.grow(64)
	x.ghost.grow(64)
	return x
}

// Find is the entry of key, or None.
func (x *Index) Find(hash uint64, key []byte) Slot {
	t := &x.table
	for i := t.home(hash); ; i = t.after(i) {
		w := t.mem.w[i]
		if w == 0 {
			return None
		}
		if w>>32 == hash>>32 {
			s := Slot(uint32(w) - 1)
			if x.same(x.entries[s].Block, key) {
				return s
			}
		}
	}
}

// At is an entry. The pointer is good until the next Add.
func (x *Index) At(s Slot) *Entry { return &x.entries[s] }

// Count is the number of entries.
func (x *Index) Count() int { return x.count }

// Bytes is what the entries cost, blocks and overhead.
func (x *Index) Bytes() int64 { return x.queues[small].bytes() + x.queues[main].bytes() }

// Memory is what the Index itself takes.
func (x *Index) Memory() int64 {
	return int64(x.top)*int64(unsafe.Sizeof(Entry{})) + int64(len(x.table.mem.w)+len(x.ghost.mem.w))*8
}

// Next is the first entry at or after s, for going through all: None at the
// end. Entries may come and go between two calls.
func (x *Index) Next(s Slot) Slot {
	for ; s < x.top; s++ {
		if x.entries[s].queue != unused {
			return s
		}
	}
	return None
}

// Admits tells whether the policy lets a block of n bytes in that has no entry
// yet; when it does not, it remembers that it was asked (policy.go).
func (x *Index) Admits(hash uint64, n int64) bool {
	n += Overhead
	if n > x.budget/2 {
		return false
	}
	if n > x.budget/40 && x.Bytes()+n > x.budget && !x.ghost.has(hash) {
		x.ghost.add(hash, x.count)
		return false
	}
	return true
}

// Add enters a block of n bytes. It does not look for an entry of the same key.
func (x *Index) Add(hash uint64, b arena.Ref, n int64) Slot {
	s := x.free
	if s != None {
		x.free = x.entries[s].next
	} else {
		if int(x.top) == len(x.entries) {
			return None
		}
		s = x.top
		x.top++
	}
	q := small
	if x.ghost.take(hash) {
		q = main
	}
	x.entries[s] = Entry{Hash: hash, Block: b, cost: costOf(n)}
	x.push(q, s)
	x.count++
	x.table.add(hash, s)
	return s
}

// Replace puts another block in an entry's place; its frequency stays.
func (x *Index) Replace(s Slot, b arena.Ref, n int64) {
	e := &x.entries[s]
	q := e.queue
	x.unlink(s)
	e.Block, e.cost = b, costOf(n)
	x.push(q, s)
}

// Remove takes an entry out.
func (x *Index) Remove(s Slot) {
	e := &x.entries[s]
	x.table.remove(e.Hash, s)
	x.unlink(s)
	*e = Entry{next: x.free}
	x.free = s
	x.count--
}

func costOf(n int64) uint32 { return uint32((n + Overhead + 15) / 16) }
