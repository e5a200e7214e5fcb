// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"time"

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

	chunks [][]byte
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

// Retain holds o once more.
func (o *Object) Retain() {}

// Release ends one hold.
func (o *Object) Release() {}

// Chunks is the body of a complete object, in order. It is shared: read only.
func (o *Object) Chunks() [][]byte { return o.chunks }

// Slice calls yield with the pieces of the body between from and to.
func (o *Object) Slice(from, to int64, yield func([]byte) error) error {
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
// handed on.
func (o *Object) Refreshed() *Object {
	c := *o
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

// overhead is what an entry costs beside key, fields and body: the entry, the
// object, their places in maps and queues, and slack of the allocator.
const overhead = 512

func (o *Object) size(key string) int64 {
	n := int64(overhead + len(key))
	n += int64(len(o.Head.Lines()) + len(o.Head.Block()))
	for _, c := range o.chunks {
		n += int64(cap(c))
	}
	return n
}
