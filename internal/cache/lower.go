// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync"
	"sync/atomic"

	"github.com/forelane/forelane/internal/cache/disk"
)

// The disk as the rest of the package sees it: the one of Config.Disk, none, or
// with Config.DiskLater one that Attach brings while the cache is at work.
//
// The invariant: what the disk has of a key is never older than what memory
// stored, or learned to be out of date, under that key, also when memory has
// let go of it; and nothing that an invalidation hit is found again. With a disk
// from the beginning each change is told to it. As long as it is to come, it
// is noted, and Attach makes the notes good before anything is found there:
//
//   - a key under which something was stored, marked or not shared: what the
//     disk has of it is deleted, for it is older.
//   - an invalidation or a Drop: told to the disk. All that is there is older,
//     so their order does not matter, and what the process that had the disk
//     until now put there meanwhile is hit as well.
//   - too much to be noted: all that is on disk is dropped.
//
// Notes are applied in batches while traffic goes on and more are made; the last
// ones with mu held, under which the pointer is published too. So each change
// is either noted, and applied before the first find, or told to the disk.
//
// A fetch that began before the disk came did not see what is there. So at its
// end the disk comes first, in whichever way: it is told, or it is noted,
// before memory has the new object. Else that could be evicted and the old
// one found in between.
//
// A fetch that began before and ends after carries a clock of before: how many
// invalidations and Drops had been noted. If there were more by the end, one of
// them may have come between and not be known to memory yet; then the answer is
// not put on disk, which is asked to delete the key. Else it counts as begun at
// the moment of publication: what is told to the disk from then on, it knows.
//
// What memory has then is written down (attach.go), for a marker of variants is
// else never written again, and its variants could not be found.

// lower is the disk tier. Its methods do nothing without a disk.
type lower struct {
	store atomic.Pointer[disk.Store]
	limit atomic.Int64 // the longest body on disk; 0 without one
	later bool         // there will be one

	// Of one that is to come.
	mu       sync.Mutex     // notes, and the order of them and Attach; taken with no lock held
	notes    notes          // what the disk must be told
	room     int64          // for notes
	sweeps   sync.WaitGroup // invalidations that were noted and that memory does not know yet
	noted    atomic.Uint64  // invalidations and Drops; final when store is set
	attached uint64         // the disk's clock when store was set
}

// before marks a clock that was read when there was no disk yet.
const before = 1 << 63

// have makes d what is asked from now on.
func (l *lower) have(d *disk.Store) {
	l.attached = d.Clock()
	l.limit.Store(min(d.Stats().Budget/2, largest))
	l.store.Store(d)
}

// there tells whether there is a disk.
func (l *lower) there() bool { return l.store.Load() != nil }

// pending tells whether it is still to come.
func (l *lower) pending() bool { return l.later && !l.there() }

// find, touch and read are those of disk.Store.
func (l *lower) find(key []byte) (disk.Ref, bool) {
	if d := l.store.Load(); d != nil {
		return d.Find(key)
	}
	return disk.Ref{}, false
}

func (l *lower) touch(ref disk.Ref) {
	if d := l.store.Load(); d != nil {
		d.Touch(ref)
	}
}

func (l *lower) read(ref disk.Ref, key []byte) (*disk.Item, error) {
	if d := l.store.Load(); d != nil {
		return d.Read(ref, key)
	}
	return nil, disk.ErrGone
}

// clock is the present, for put and create. It waits for nothing but the
// disk's own lock: it is asked with a shard's held.
func (l *lower) clock() uint64 {
	switch d := l.store.Load(); {
	case d != nil:
		return d.Clock()
	case l.later:
		return before | l.noted.Load()
	}
	return 0
}

// since is what clock is to the disk; false: an invalidation may have come
// between that it cannot know of.
func (l *lower) since(clock uint64) (uint64, bool) {
	if clock&before == 0 {
		return clock, true
	}
	return l.attached, clock&^before == l.noted.Load()
}

// put stores what a fetch that began at clock brought.
func (l *lower) put(clock uint64, key, meta []byte, body [][]byte) bool {
	since, ok := l.since(clock)
	return ok && l.store.Load().PutSince(since, key, meta, body)
}

// create begins a body that a fetch that began at clock brings.
func (l *lower) create(clock uint64, key []byte) (*disk.Writer, error) {
	d := l.store.Load()
	if d == nil {
		return nil, disk.ErrGone
	}
	since, ok := l.since(clock)
	if !ok {
		return nil, disk.ErrGone
	}
	return d.CreateSince(since, key)
}

func (l *lower) renew(ref disk.Ref, key, meta []byte) {
	if d := l.store.Load(); d != nil {
		d.Renew(ref, key, meta)
	}
}

// outdate deletes what the disk has under key, or will turn out to have.
func (l *lower) outdate(key []byte) {
	if l.note(key) {
		return
	}
	if d := l.store.Load(); d != nil {
		if _, ok := d.Find(key); ok {
			_ = d.Delete(key) // the store says itself when it fails
		}
	}
}

// drop deletes key, and sees to it that what is now on its way in is not put.
func (l *lower) drop(key []byte) {
	if !l.noteDrop(key) {
		if d := l.store.Load(); d != nil {
			_ = d.Delete(key)
		}
	}
}

// invalidate drops what hits say. It waits for the disk's sync.
func (l *lower) invalidate(hits []disk.Target) {
	if l.noteHits(hits) {
		return
	}
	if d := l.store.Load(); d != nil {
		_ = d.Invalidate(hits...) // gone at once; the store says itself when a restart may bring it back
	}
}

func (l *lower) stats() disk.Stats {
	if d := l.store.Load(); d != nil {
		return d.Stats()
	}
	return disk.Stats{}
}

// together calls f for 0 to n-1, many at a time.
func together(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, 64) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
