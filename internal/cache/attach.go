// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"maps"
	"slices"

	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/cache/index"
	"github.com/forelane/forelane/internal/httpmsg"
)

// The disk that comes later: what is noted until then, and Attach. lower.go has
// the invariant.

// notes is what a disk that is to come must be told.
type notes struct {
	keys  map[string]struct{} // what is there of them is out of date
	hits  map[disk.Target]struct{}
	bytes int64 // what they take, about
	all   bool  // too many: everything is out of date
}

// noteCost is what a note takes beside its text.
const noteCost = 64

func (n *notes) key(k []byte, room int64) {
	if _, ok := n.keys[string(k)]; ok || n.all {
		return
	}
	if n.keys == nil {
		n.keys = map[string]struct{}{}
	}
	n.keys[string(k)] = struct{}{}
	n.grow(len(k), room)
}

func (n *notes) hit(h disk.Target, room int64) {
	if _, ok := n.hits[h]; ok || n.all {
		return
	}
	if n.hits == nil {
		n.hits = map[disk.Target]struct{}{}
	}
	n.hits[h] = struct{}{}
	n.grow(len(h.Text), room)
}

func (n *notes) grow(text int, room int64) {
	if n.bytes += int64(text) + noteCost; n.bytes > room {
		*n = notes{all: true}
	}
}

// apply tells d.
func (n *notes) apply(d *disk.Store) {
	if n.all {
		_ = d.Invalidate(disk.Target{Prefix: true}) // see lower.invalidate
		return
	}
	_ = d.Invalidate(slices.Collect(maps.Keys(n.hits))...)
	var keys []string
	for k := range n.keys {
		if _, ok := d.Find(bytesOf(k)); ok {
			keys = append(keys, k)
		}
	}
	together(len(keys), func(i int) { _ = d.Delete(bytesOf(keys[i])) })
}

// note notes that what the disk has under key is out of date; false if there is
// none to come.
func (l *lower) note(key []byte) bool {
	if !l.pending() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.there() {
		return false
	}
	l.notes.key(key, l.room)
	return true
}

// noteDrop notes a Drop.
func (l *lower) noteDrop(key []byte) bool {
	if !l.pending() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.there() {
		return false
	}
	l.noted.Add(1)
	l.notes.key(key, l.room)
	return true
}

// noteHits notes invalidations.
func (l *lower) noteHits(hits []disk.Target) bool {
	if !l.pending() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.there() {
		return false
	}
	l.noted.Add(1)
	for _, h := range hits {
		l.notes.hit(h, l.room)
	}
	return true
}

// sweeping says that an invalidation begins, and returns what says that memory
// knows of it.
func (l *lower) sweeping() (swept func()) {
	if l.pending() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.there() {
			l.sweeps.Add(1)
			return l.sweeps.Done
		}
	}
	return func() {}
}

// take takes the notes there are.
func (l *lower) take() notes {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.notes
	l.notes = notes{}
	return n
}

// Batches of notes are applied without stopping traffic until one is small
// enough, or the last was none too soon.
const (
	attachRounds = 8
	attachRest   = 64
)

// attach makes the notes good on d, and then d the disk.
func (l *lower) attach(d *disk.Store) {
	for range attachRounds {
		n := l.take()
		n.apply(d)
		if len(n.keys)+len(n.hits) <= attachRest && !n.all {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes.apply(d)
	l.notes = notes{}
	l.have(d)
}

// Unsettled tells whether the disk that is to be attached does not know yet of
// an invalidation or a Drop: a cache that opens it without Attach would find
// what they hit.
func (c *Cache) Unsettled() bool { return c.disk.pending() && c.disk.noted.Load() > 0 }

// Attach makes d the lower tier of a cache made with Config.DiskLater, once. What
// happened until then is made good first; then everything is as with
// Config.Disk. Memory's objects are written to d before it returns, as far as
// they are when ctx ends. The caller closes d after the Cache's use.
func (c *Cache) Attach(ctx context.Context, d *disk.Store) {
	if !c.disk.pending() {
		panic("cache: a disk is attached that was not announced")
	}
	c.disk.attach(d)
	// From here on d knows what is invalidated. Of what was before, memory must
	// know: else it would be written down.
	c.disk.sweeps.Wait()
	for i := range c.shards {
		c.writeDown(ctx, &c.shards[i], d)
	}
}

// writeStep is how many bytes are queued before the disk is waited for: its
// queue is for those who store at the same time.
const writeStep = 4 << 20

// writeDown puts on disk what memory has and the disk has not. An entry is put
// under the shard's lock: what takes its place in memory reaches the disk
// later than it does, and PutNew refuses it when the disk was first.
func (c *Cache) writeDown(ctx context.Context, s *shard, d *disk.Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued, seen := int64(0), 0
	for e := s.index.Next(0); e != index.None && ctx.Err() == nil; e = s.index.Next(e + 1) {
		queued += c.writeEntry(s, e, d)
		if seen++; queued < writeStep && seen%sweepStep != 0 {
			continue
		}
		s.mu.Unlock()
		if queued >= writeStep {
			d.Flush()
			queued = 0
		}
		s.mu.Lock()
	}
}

// writeEntry is writeDown of one entry, and how many bytes that was. The caller
// holds s.mu.
func (c *Cache) writeEntry(s *shard, e index.Slot, d *disk.Store) int64 {
	at := s.index.At(e)
	r := s.record(at.Block)
	switch {
	case !s.alive(e, r), at.Kind == kindPass:
		return 0
	case at.Kind == kindVary:
		marker := &Object{Head: httpmsg.HeadOf(stringOf(r.text()), "")}
		d.PutNew(c.disk.attached, r.key(), encode(kindVary, marker), nil)
		return 0
	}
	s.blocks.Pin(at.Block)
	o := c.view(s, at.Block)
	defer o.Release()
	d.PutNew(c.disk.attached, r.key(), encode(kindObject, o), o.chunks)
	return o.Length
}
