// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cache/arena"
	"github.com/forelane/forelane/internal/cache/index"
)

// Lease is the right and the duty to fill one key. Exactly one of Begin,
// Renew, Pass and Abandon ends it; ending it twice does nothing, so a deferred
// Abandon is the safety net. A Lease belongs to one goroutine at a time.
type Lease struct {
	f    *Flight
	done bool
}

// lease makes the flight that others will follow. The caller holds s.mu.
func (c *Cache) lease(s *shard, key string, h uint64) *Lease {
	l := c.solo(s, key, h)
	l.f.alone = false
	s.flights[key] = l.f
	return l
}

// solo makes a flight that nobody can find.
func (c *Cache) solo(s *shard, key string, h uint64) *Lease {
	all := &struct { // they live as long as each other
		lease  Lease
		flight Flight
		fetch  fetch
	}{}
	f := &all.flight
	f.c, f.s, f.key, f.hash, f.refs, f.alone, f.epoch, f.fetch = c, s, key, h, 1, true, s.epoch, &all.fetch
	f.clock, f.tagClock = c.disk.clock(), c.tags.now.Load()
	all.lease.f = f
	return &all.lease
}

// Context is for the fetch: it ends when nobody waits for the answer any more.
func (l *Lease) Context() context.Context { return l.f.fetch }

// Leave says that the holder's own viewer has gone. The fetch goes on while
// others follow it. The lease must still be ended.
func (l *Lease) Leave() { l.f.Leave() }

// Begin hands over the head of an answer whose body follows, length -1 when it
// is not known. Followers wake up. The holder fills through the Fill (most
// often by Fill.Copy in a goroutine of its own) and reads through the Reader,
// as one of the followers.
func (l *Lease) Begin(o *Object) (*Fill, *Reader) {
	l.done = true
	f := l.f
	w := &Fill{f: f}
	if o.home != nil || o.file != nil { // the flight keeps it: not at the cost of a block
		own := *o
		own.Head, own.home, own.file, own.chunks = o.Head.Clone(), nil, nil, nil
		own.Tags = strings.Clone(o.Tags)
		o = &own
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.struck(o) { // who came after the invalidation must not have it
		own := *o
		own.Alone = true
		o = &own
	}
	f.obj = o
	switch n := max(o.Length, 0); {
	case n > f.c.cfg.ObjectLimit:
		w.window, w.why = true, TooLarge
	case !f.c.reserve(n):
		w.window, w.why = true, NoCapacity
	default:
		w.reserved = n
	}
	f.state = headed
	r := f.reader()
	f.wake()
	return w, r
}

// Renew stores o, a complete object, and hands it to the followers. The caller
// goes on holding o.
func (l *Lease) Renew(o *Object) {
	if l.done {
		return
	}
	l.done = true
	f := l.f
	f.store(o)
	f.mu.Lock()
	f.state = renewed
	if o.Alone || f.struck(o) {
		f.state = private
	} else if f.coming > 0 { // until the last of them has it
		o.Retain()
		f.obj = o
	}
	f.wake()
	f.mu.Unlock()
}

// Pass says that the answer is not to be shared: followers go alone, and for
// the time d so do all requests for the key (d 0: no such marker). Unshared, it
// is marked only where somebody waited in vain, or where something lies that
// must go: else a crawl through private pages would fill the cache with markers.
func (l *Lease) Pass(now time.Time, d time.Duration, why PassReason) {
	if l.done {
		return
	}
	l.done = true
	f := l.f
	if d > 0 && f.early() {
		f.c.disk.outdate(bytesOf(f.key))
	}
	f.s.mu.Lock()
	f.land()
	marked := d > 0 && (why != Unshared || f.followed || f.s.keeps(f.hash, f.key)) && f.mark(now.Add(d), why)
	f.s.mu.Unlock()
	if marked {
		f.c.disk.outdate(bytesOf(f.key))
	}
	f.end(private, nil)
}

// Abandon gives the right back: one of the followers takes over.
func (l *Lease) Abandon() {
	if l.done {
		return
	}
	l.done = true
	f := l.f
	f.s.mu.Lock()
	f.land()
	f.s.mu.Unlock()
	f.end(abandoned, nil)
}

// store lands the flight and puts a copy of o in its place, and on disk, unless
// an invalidation came in between. While the copy is made the flight is in
// sight of invalidations.
func (f *Flight) store(o *Object) {
	c, s := f.c, f.s
	below := f.early() && !o.Transient && c.lower(f.clock, f.key, kindObject, o)
	s.mu.Lock()
	valid := !o.Transient && !f.invalid() && !f.struck(o)
	if valid && o.file == nil {
		b, ok := c.copy(s, f.hash, f.key, o)
		valid = !f.invalid() && !f.struck(o)
		switch {
		case ok && valid:
			s.put(f.hash, f.key, b, kindObject)
		case ok:
			s.blocks.Release(b)
		}
	}
	f.land()
	s.mu.Unlock()
	if valid && !below {
		c.lower(f.clock, f.key, kindObject, o)
	}
}

// copy makes a block for o that only the caller holds, if the policy lets it
// in. The caller holds s.mu, which is let go while much is copied.
func (c *Cache) copy(s *shard, hash uint64, key string, o *Object) (arena.Ref, bool) {
	n, whole := o.size(key)
	b, ok := s.alloc(hash, key, n, whole)
	if !ok {
		return b, false
	}
	if n <= copyLocked {
		c.write(s.blocks, b, key, o)
		return b, true
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	c.write(s.blocks, b, key, o)
	return b, true
}

// copyLocked is up to how many bytes are copied without giving up the lock.
const copyLocked = 16 << 10

// invalid tells whether an invalidation came after the flight began. Flights
// that a sweep cannot see count every sweep as theirs.
func (f *Flight) invalid() bool { return f.doomed || f.alone && f.epoch != f.s.epoch }

// mark puts a marker where nothing is stored, and tells whether it did. The
// caller holds s.mu, and then deletes the key on disk.
func (f *Flight) mark(until time.Time, why PassReason) bool {
	e, _ := f.s.find(f.hash, bytesOf(f.key))
	if f.invalid() || e != index.None && f.s.index.At(e).Kind == kindVary {
		return false
	}
	f.s.mark(f.hash, f.key, kindPass, record{born: f.c.since(until), status: int32(why)}, "")
	return true
}

// early tells that the flight began when the disk had not come yet. What the
// disk has, the flight did not see: it must be gone before memory has what is
// newer, and also where no marker is worth it.
func (f *Flight) early() bool { return f.clock&before != 0 }

// land takes the flight out of sight of new requests. The caller holds s.mu.
func (f *Flight) land() {
	if f.s.flights[f.key] == f {
		delete(f.s.flights, f.key)
	}
}
