// SPDX-License-Identifier: Apache-2.0

// Package cache keeps answers in memory and lets one request at a time fill a key.
//
// The flow:
//
//  1. Open looks a key up under one short lock and answers Hit, Stale, Miss,
//     Expired, Wait or Pass.
//  2. Miss and Expired come with a Lease, the right and the duty to fill the
//     key; so does Stale for the one caller that is to refresh it.
//  3. The holder ends the lease in one of five ways: Begin (a body streams in
//     and is stored when it is whole), Renew (a revalidated head over the old
//     body), Pass (the answer is not to be shared), Abandon (no answer: one of
//     the waiters takes over), or by losing all its readers.
//  4. Wait comes with a Flight: the caller waits for the head and then reads
//     the body while it arrives.
//  5. What is stored is copied into a block of the shard's arena (record.go),
//     outside the garbage-collected heap. It competes for the byte budget by
//     S3-FIFO (package index) and leaves by eviction, replacement or
//     Invalidate.
//  6. What is handed out is a view of such a block, and holds it: it stays as
//     it is until Object.Release, also when it has left the cache.
//
// What it does not do: it parses no field and knows no policy (the edge says
// what a key is and how long an object is fresh), it opens no connection, and
// it never drops an object for being old: an expired one is wanted for
// revalidation and in place of errors.
//
// Concurrency: everything may be called from any goroutine. Lock order:
// pending.order before shard.mu before Flight.mu before the arena's own;
// pending.mu is the last. After an invalidation a goroutine sweeps memory, and
// ends by itself.
package cache

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/cache/index"
)

// Config bounds a Cache. The zero Config is usable.
type Config struct {
	// Budget is the memory for stored objects with their overhead; 0: 256 MiB.
	Budget int64
	// ObjectLimit is the longest body that is stored in memory; 0: 8 MiB, with a
	// Disk 1 MiB. Longer ones go to disk, and without one they stream past.
	ObjectLimit int64
	// Filling is the memory for bodies on their way in, all together; 0: a
	// quarter of Budget. When it is used up, further answers stream past.
	Filling int64
	// LagTimeout is how long a full window waits for its slowest reader while
	// others starve (fill.go); 0: 5 s.
	LagTimeout time.Duration
	// Disk is the lower tier, which the caller opens before and closes after
	// the Cache's use; nil: none (tier.go).
	Disk *disk.Store
	// DiskLater announces a Disk that is to be attached (lower.go). Until then
	// what it must be told takes up to an eighth of Budget beside it.
	DiskLater bool

	// debug puts objects into the heap, overwrites what is freed and reuses no
	// view, so that the race detector and tests see more.
	debug bool
}

// Cache is the memory store. Make it with New; it outlives snapshots.
type Cache struct {
	cfg     Config
	seed    maphash.Seed
	start   time.Time // what times of records count from
	shards  []shard
	views   sync.Pool // of Objects that were released
	filling atomic.Int64
	variety atomic.Uint64 // numbers the markers of vary.go
	tags    tagClock
	disk    lower
	pending pending
}

// New makes an empty cache.
func New(cfg Config) *Cache {
	if cfg.Budget <= 0 {
		cfg.Budget = 256 << 20
	}
	if cfg.ObjectLimit <= 0 {
		cfg.ObjectLimit = min(8<<20, cfg.Budget/4)
		if cfg.Disk != nil || cfg.DiskLater {
			cfg.ObjectLimit = min(1<<20, cfg.ObjectLimit)
		}
	}
	if cfg.Filling <= 0 {
		cfg.Filling = max(cfg.Budget/4, cfg.ObjectLimit)
	}
	if cfg.LagTimeout <= 0 {
		cfg.LagTimeout = 5 * time.Second
	}
	// A shard holds at least four of the largest objects, so that one of them
	// does not sweep all else out, and has enough slabs for all their classes.
	n := min(max(cfg.Budget/max(4*cfg.ObjectLimit, 16<<20), 1), 64)
	n = 1 << (bits.Len64(uint64(n)) - 1)
	c := &Cache{cfg: cfg, seed: maphash.MakeSeed(), start: time.Now(), shards: make([]shard, n)}
	c.tags.seed = c.seed
	c.pending.wake.L = &c.pending.order
	for i := range c.shards {
		c.shards[i].init(cfg.Budget/n, c)
	}
	if cfg.Disk != nil || cfg.DiskLater { // no number that stands there may come again
		c.variety.Store(uint64(c.start.UnixNano()))
	}
	if cfg.Disk != nil {
		c.disk.have(cfg.Disk)
	} else {
		c.disk.later, c.disk.room = cfg.DiskLater, cfg.Budget/8
	}
	return c
}

// largest is the longest body that is stored anywhere.
const largest = 50 << 30

// ObjectLimit is the longest body that is stored.
func (c *Cache) ObjectLimit() int64 { return max(c.cfg.ObjectLimit, c.disk.limit.Load()) }

// MemoryLimit is the longest body that is stored in memory.
func (c *Cache) MemoryLimit() int64 { return c.cfg.ObjectLimit }

// Status is what Open found.
type Status uint8

// The statuses.
const (
	Miss    Status = iota // nothing stored; the caller holds the lease
	Hit                   // a fresh object
	Stale                 // an object in its stale-while-revalidate window; a lease for one caller
	Expired               // an object to revalidate; the caller holds the lease
	Wait                  // somebody else holds the lease: follow its Flight
	Pass                  // known not to be shareable: go alone, storing is allowed
	Varies                // the key's answers have variants: open the key of one (vary.go)
	OnDisk                // nothing in memory, perhaps something on disk: Load (tier.go)
)

// String is a word for messages and logs.
func (s Status) String() string {
	return [...]string{"miss", "hit", "stale", "expired", "wait", "pass", "varies", "on disk"}[s&7]
}

// PassReason is why requests for a key go alone.
type PassReason uint8

// The reasons.
const (
	NotPassed  PassReason = iota
	Unshared              // the last answer was not to be stored
	TooLarge              // the last answer was longer than ObjectLimit
	NoCapacity            // it was not stored for want of memory
)

// String is a word for messages and logs.
func (r PassReason) String() string {
	return [...]string{"", "unshared", "too large", "no capacity"}[r&3]
}

// Answer is what Open found.
type Answer struct {
	Status Status
	Object *Object // of Hit, Stale, Expired; of Wait the expired one, or nil; the caller must Release it
	Lease  *Lease  // of Miss, Expired, Pass; of Stale for one caller
	Flight *Flight // of Wait; the caller must Leave it
	Reason PassReason
	Vary   string // of Varies: what the variant's key goes on with
	// Key is the key as text, "" of Varies. That of Hit, Stale and Expired is
	// part of Object, and good as long as it.
	Key string
}

// Open looks key up. The key's bytes are not kept. Without collapse the caller
// neither waits for others nor do others wait for it.
func (c *Cache) Open(key []byte, now time.Time, collapse bool) Answer {
	return c.lookup(key, now, collapse, c.disk.there())
}

// lookup is Open; below tells whether the disk is to be looked at.
func (c *Cache) lookup(key []byte, now time.Time, collapse, below bool) Answer {
	s, h := c.shard(key)
	at := now.Sub(c.start)
	s.mu.Lock()
	e, r := s.find(h, key)
	if e == index.None {
		defer s.mu.Unlock()
		if below && s.flights[string(key)] == nil {
			if _, ok := c.disk.find(key); ok {
				return Answer{Status: OnDisk}
			}
		}
		return c.open(s, h, key, nil, collapse)
	}
	s.index.Touch(e)
	entry := s.index.At(e)
	if entry.Kind == kindObject && r.head().fresh(at) {
		s.stats.Hits++
		b := entry.Block
		s.blocks.Pin(b)
		s.mu.Unlock()
		o := c.view(s, b)
		return Answer{Status: Hit, Object: o, Key: o.key()}
	}
	defer s.mu.Unlock()
	switch {
	case entry.Kind == kindVary:
		return Answer{Status: Varies, Vary: s.markers.text(h, r.text())}
	case entry.Kind == kindPass && at < r.head().born:
		s.stats.Passes++
		l := c.solo(s, string(key), h)
		return Answer{Status: Pass, Reason: PassReason(r.head().status), Key: l.f.key, Lease: l}
	case entry.Kind == kindPass:
		return c.open(s, h, key, nil, collapse)
	}
	s.blocks.Pin(entry.Block)
	return c.found(s, h, key, c.view(s, entry.Block), now, collapse)
}

// found is the answer when o is stored. The caller holds s.mu.
func (c *Cache) found(s *shard, h uint64, key []byte, o *Object, now time.Time, collapse bool) Answer {
	a := Answer{Status: Hit, Object: o}
	switch {
	case o.Fresh(now):
	case o.Expired(now) < o.Stale:
		a.Status = Stale
		if s.flights[string(key)] == nil {
			a.Lease = c.lease(s, string(key), h)
		}
	default:
		return c.open(s, h, key, o, collapse)
	}
	s.stats.Hits++
	if o.home != nil {
		a.Key = o.key()
	} else {
		a.Key = string(key)
	}
	return a
}

// open follows a flight or begins one; old is what to revalidate, or nil. The
// caller holds s.mu.
func (c *Cache) open(s *shard, h uint64, key []byte, old *Object, collapse bool) Answer {
	collapse = collapse && (old == nil || !old.Alone)
	if f := s.flights[string(key)]; f != nil && collapse {
		s.stats.Waits++
		f.join()
		return Answer{Status: Wait, Object: old, Flight: f, Key: f.key}
	}
	s.stats.Misses++
	a := Answer{Status: Miss, Object: old, Key: string(key)}
	if old != nil {
		a.Status = Expired
	}
	if collapse {
		a.Lease = c.lease(s, a.Key, h)
	} else {
		a.Lease = c.solo(s, a.Key, h)
	}
	return a
}

// Solo is a lease that nobody follows: for one who waited and must go alone.
func (c *Cache) Solo(key []byte) *Lease {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.solo(s, string(key), h)
}

// Peek looks key up without taking a lease or following one: the object, which
// the caller must Release, and whether it is fresh; or nil.
func (c *Cache) Peek(key []byte, now time.Time) (o *Object, fresh bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	e, r := s.find(h, key)
	if e == index.None || s.index.At(e).Kind != kindObject {
		s.mu.Unlock()
		return nil, false
	}
	if fresh = r.head().fresh(now.Sub(c.start)); fresh {
		s.index.Touch(e)
		s.stats.Hits++
	}
	b := s.index.At(e).Block
	s.blocks.Pin(b)
	s.mu.Unlock()
	return c.view(s, b), fresh
}

// shard is where key is kept, and its hash. The shard is chosen by the key
// without its variant: one lock covers all variants of a key.
func (c *Cache) shard(key []byte) (*shard, uint64) {
	h := maphash.Bytes(c.seed, key)
	primary := h
	if i := bytes.IndexByte(key, VariantSep); i >= 0 {
		primary = maphash.Bytes(c.seed, key[:i])
	}
	return &c.shards[primary&uint64(len(c.shards)-1)], h
}
