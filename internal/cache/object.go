// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/cache/arena"
	"github.com/forelane/forelane/internal/httpmsg"
)

// Object is a stored answer: a head and, when it is complete, a body. It is
// immutable from the moment it is handed to a Lease; a revalidation makes a
// new Object over the same body (see Refreshed).
type Object struct {
	Status int
	// Head is what is replayed; hop-by-hop fields, Age and Content-Length never
	// stand in it.
	Head httpmsg.Head
	// Length of the body; -1 as long as it streams and is not known.
	Length int64

	// Born is when the origin answered or last confirmed the object, Age how
	// old it was by then.
	Born time.Time
	Age  time.Duration

	// TTL counts from Born. Stale and StaleIfError are the windows after it
	// in which the object may be served while it is refreshed, and instead of
	// an error.
	TTL          time.Duration
	Stale        time.Duration
	StaleIfError time.Duration

	// Alone: the object is kept to be revalidated, but every request asks for
	// itself; nobody waits for another's answer.
	Alone bool
	// Transient: the object is handed to those who wait and not stored.
	Transient bool

	// Flags are the edge's own; the cache does not read them.
	Flags uint32
	// Tags are what an invalidation by tag hits, as JoinTags writes them; ""
	// has none.
	Tags string

	chunks [][]byte

	// Of an object that the cache handed out: where head and body lie.
	cache *Cache
	home  *shard
	block arena.Ref
	file  *file // instead of chunks and home: a body that stays on disk
	holds int32 // atomic
}

// Fresh tells whether the object may be served at now without a question.
func (o *Object) Fresh(now time.Time) bool { return now.Before(o.Born.Add(o.TTL)) }

// Expired is how long the object has been stale at now; negative while fresh.
func (o *Object) Expired(now time.Time) time.Duration { return now.Sub(o.Born) - o.TTL }

// CurrentAge is the value of the Age field at now.
func (o *Object) CurrentAge(now time.Time) time.Duration {
	if d := now.Sub(o.Born); d > 0 {
		return o.Age + d
	}
	return o.Age
}

// Every Object that the cache hands out (Answer.Object, Peek, Flight.Await) is
// held by the one who gets it, and so is a Refreshed copy: its texts and its
// body stay as they are until Release. Who keeps pieces of it longer retains it.

// Objects that the caller made itself lie in the heap, and need neither.

// Retain holds o once more.
func (o *Object) Retain() {
	if o.home != nil || o.file != nil {
		atomic.AddInt32(&o.holds, 1)
	}
}

// Release ends one hold. After the last one o is used for others. Without an
// object it does nothing.
func (o *Object) Release() {
	if o == nil || o.home == nil && o.file == nil {
		return
	}
	switch n := atomic.AddInt32(&o.holds, -1); {
	case n > 0:
		return
	case n < 0:
		panic("cache: an object was released once too often")
	}
	if o.file != nil {
		o.file.release()
		return
	}
	o.home.blocks.Release(o.block)
	c := o.cache
	if c.cfg.debug {
		return // so that whoever uses it still is noticed
	}
	clear(o.chunks)
	o.Head, o.Tags, o.home, o.cache = httpmsg.Head{}, "", nil, nil
	c.views.Put(o)
}

// OnDisk tells that the body is not in memory: Slice reads it, and may block.
func (o *Object) OnDisk() bool { return o.file != nil }

// Chunks is the body of a complete object, in order. It is shared: read only.
// Of an object OnDisk it is nothing.
func (o *Object) Chunks() [][]byte { return o.chunks }

// Slice calls yield with the pieces of the body between from and to.
func (o *Object) Slice(from, to int64, yield func([]byte) error) error {
	if o.file != nil {
		return o.file.slice(from, to, yield)
	}
	var at int64
	for _, c := range o.chunks {
		end := at + int64(len(c))
		if end > from && at < to {
			if err := yield(c[max(from-at, 0):min(to-at, int64(len(c)))]); err != nil {
				return err
			}
		}
		if at = end; at >= to {
			break
		}
	}
	return nil
}

// Refreshed is a copy with the same head and body, to be changed before it is
// handed on. It is held for the caller, as what the cache hands out is. The
// count of holders is not read: others let go of o meanwhile.
func (o *Object) Refreshed() *Object {
	c := Object{
		Status: o.Status, Head: o.Head, Length: o.Length, Born: o.Born, Age: o.Age, TTL: o.TTL, Stale: o.Stale,
		StaleIfError: o.StaleIfError, Alone: o.Alone, Transient: o.Transient, Flags: o.Flags, Tags: o.Tags,
		chunks: slices.Clone(o.chunks), cache: o.cache, home: o.home, block: o.block, file: o.file, holds: 1,
	}
	switch {
	case c.home != nil:
		c.home.blocks.Pin(c.block)
	case c.file != nil:
		c.file.refs.Add(1)
	}
	return &c
}

// NewObject is a complete object over one piece of body, which it keeps.
func NewObject(head Object, body []byte) *Object {
	head.Length, head.chunks = int64(len(body)), nil
	if len(body) > 0 {
		head.chunks = [][]byte{body}
	}
	return &head
}

// size is what o takes in a block with its key, and how much of that must be in
// one piece.
func (o *Object) size(key string) (all, whole int) {
	whole = recordSize + len(key) + len(o.Head.Lines()) + len(o.Head.Block()) + len(o.Tags)
	all = whole
	for _, c := range o.chunks {
		all += len(c)
	}
	return all, whole
}
