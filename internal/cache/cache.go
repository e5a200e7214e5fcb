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
//  5. What is stored competes for the byte budget of its shard by S3-FIFO
//     (policy.go) and leaves by eviction, replacement or Invalidate.
//
// What it does not do: it parses no field and knows no policy (the edge says
// what a key is and how long an object is fresh), it opens no connection, and
// it never drops an object for being old: an expired one is wanted for
// revalidation and in place of errors.
//
// Concurrency: everything may be called from any goroutine. Lock order:
// shard.mu before Flight.mu; nothing else is locked while either is held.
package cache

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"sync/atomic"
	"time"
)

// Config bounds a Cache. The zero Config is usable.
type Config struct {
	// Budget is the memory for stored objects with their overhead; 0: 256 MiB.
	Budget int64
	// ObjectLimit is the longest body that is stored; 0: 8 MiB. Longer ones
	// stream past.
	ObjectLimit int64
	// Filling is the memory for bodies on their way in, all together; 0: a
	// quarter of Budget. When it is used up, further answers stream past.
	Filling int64
	// LagTimeout is how long a full window waits for its slowest reader while
	// others starve (fill.go); 0: 5 s.
	LagTimeout time.Duration
}

// Cache is the memory store. Make it with New; it outlives snapshots.
type Cache struct {
	cfg     Config
	seed    maphash.Seed
	shards  []shard
	filling atomic.Int64
	variety atomic.Uint64 // numbers the markers of vary.go
}

// New makes an empty cache.
func New(cfg Config) *Cache {
	if cfg.Budget <= 0 {
		cfg.Budget = 256 << 20
	}
	if cfg.ObjectLimit <= 0 {
		cfg.ObjectLimit = min(8<<20, cfg.Budget/4)
	}
	if cfg.Filling <= 0 {
		cfg.Filling = max(cfg.Budget/4, cfg.ObjectLimit)
	}
	if cfg.LagTimeout <= 0 {
		cfg.LagTimeout = 5 * time.Second
	}
	// A shard holds at least four of the largest objects, so that one of them
	// does not sweep all else out.
	n := min(max(cfg.Budget/(4*cfg.ObjectLimit), 1), 64)
	n = 1 << (bits.Len64(uint64(n)) - 1)
	c := &Cache{cfg: cfg, seed: maphash.MakeSeed(), shards: make([]shard, n)}
	for i := range c.shards {
		c.shards[i].init(cfg.Budget / n)
	}
	return c
}

// ObjectLimit is the longest body that is stored.
func (c *Cache) ObjectLimit() int64 { return c.cfg.ObjectLimit }

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
)

// String is a word for messages and logs.
func (s Status) String() string {
	return [...]string{"miss", "hit", "stale", "expired", "wait", "pass", "varies", "?"}[s&7]
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
	Object *Object // of Hit, Stale, Expired; of Wait the expired one, or nil
	Lease  *Lease  // of Miss, Expired, Pass; of Stale for one caller
	Flight *Flight // of Wait; the caller must Leave it
	Reason PassReason
	Vary   string // of Varies: what the variant's key goes on with
	Key    string // the key as it is kept: no copy is made
}

// Open looks key up. The key's bytes are not kept. Without collapse the caller
// neither waits for others nor do others wait for it.
func (c *Cache) Open(key []byte, now time.Time, collapse bool) Answer {
	h := c.hash(key)
	s := c.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	var old *Object
	if e := s.entries[string(key)]; e != nil {
		e.touch()
		switch {
		case e.vary != "":
			return Answer{Status: Varies, Vary: e.vary, Key: e.key}
		case e.obj == nil:
			if now.Before(e.pass) {
				s.stats.Passes++
				return Answer{Status: Pass, Reason: e.reason, Key: e.key, Lease: c.solo(s, e.key, h)}
			}
		case e.obj.Fresh(now):
			s.stats.Hits++
			return Answer{Status: Hit, Object: e.obj, Key: e.key}
		default:
			old = e.obj
		}
	}
	f := s.flights[string(key)]
	if !collapse || old != nil && old.Alone {
		f = nil
	}
	if old != nil && old.Expired(now) < old.Stale {
		s.stats.Hits++
		a := Answer{Status: Stale, Object: old, Key: s.entries[string(key)].key}
		if f == nil && s.flights[a.Key] == nil {
			a.Lease = c.lease(s, a.Key, h)
		}
		return a
	}
	if f != nil {
		s.stats.Waits++
		f.join()
		return Answer{Status: Wait, Object: old, Flight: f, Key: f.key}
	}
	s.stats.Misses++
	a := Answer{Status: Miss, Key: string(key)}
	if collapse && (old == nil || !old.Alone) {
		a.Lease = c.lease(s, a.Key, h)
	} else {
		a.Lease = c.solo(s, a.Key, h)
	}
	if old != nil {
		a.Status, a.Object = Expired, old
	}
	return a
}

// Solo is a lease that nobody follows: for one who waited and must go alone.
func (c *Cache) Solo(key []byte) *Lease {
	h := c.hash(key)
	s := c.shard(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.solo(s, string(key), h)
}

// Peek looks key up without taking a lease or following one: the object and
// whether it is fresh, or nil.
func (c *Cache) Peek(key []byte, now time.Time) (o *Object, fresh bool) {
	s := c.shard(c.hash(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[string(key)]
	if e == nil || e.obj == nil {
		return nil, false
	}
	if !e.obj.Fresh(now) {
		return e.obj, false
	}
	e.touch()
	s.stats.Hits++
	return e.obj, true
}

// hash is that of the key without its variant: the variants of a key share its
// shard, so that one lock covers them.
func (c *Cache) hash(key []byte) uint64 {
	if i := bytes.IndexByte(key, VariantSep); i >= 0 {
		key = key[:i]
	}
	return maphash.Bytes(c.seed, key)
}

func (c *Cache) shard(h uint64) *shard { return &c.shards[h&uint64(len(c.shards)-1)] }

// Stats are counters since the start and the present filling.
type Stats struct {
	Hits, Misses, Waits, Passes uint64
	Stored, Refused, Evicted    uint64
	Invalidated                 uint64
	Objects                     int   // markers included
	Bytes                       int64 // with overhead
	Filling                     int64 // bytes of bodies on their way in
}

// Stats adds the shards up.
func (c *Cache) Stats() Stats {
	var t Stats
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		t.Hits += s.stats.Hits
		t.Misses += s.stats.Misses
		t.Waits += s.stats.Waits
		t.Passes += s.stats.Passes
		t.Stored += s.stats.Stored
		t.Refused += s.stats.Refused
		t.Evicted += s.stats.Evicted
		t.Invalidated += s.stats.Invalidated
		t.Objects += len(s.entries)
		t.Bytes += s.small.bytes + s.main.bytes
		s.mu.Unlock()
	}
	t.Filling = c.filling.Load()
	return t
}
