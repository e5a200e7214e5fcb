// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"time"
	"unsafe"

	"github.com/forelane/forelane/internal/cache/arena"
	"github.com/forelane/forelane/internal/httpmsg"
)

// What lies in a block: a record of fixed size, the key, the head as HTTP/1
// lines and as an HTTP/2 block, the tags, and the body. The body may go on in further
// pieces; all else is in the first. A marker has its text in place of the lines.
//
// Times count from the Cache's start, so that they keep the monotonic clock.
type record struct {
	born, age                time.Duration
	ttl, stale, staleIfError time.Duration
	length                   int64
	key, lines, block, tags  uint32 // lengths
	flags                    uint32
	status                   int32 // of an object; the reason of a passing marker
	alone                    bool
	seen                     uint32 // the last invalidation that the entry was compared with (pending.go); under shard.mu
}

const recordSize = int(unsafe.Sizeof(record{}))

func recordIn(b []byte) *record { return (*record)(unsafe.Pointer(&b[:recordSize][0])) }

// stored is the first piece of a block.
type stored []byte

func (s stored) head() *record { return recordIn(s) }

func (s stored) key() []byte { return s[recordSize:][:s.head().key] }

// text is the text of a marker.
func (s stored) text() []byte {
	h := s.head()
	return s[recordSize+int(h.key):][:h.lines]
}

// tags are the tags of an object, as Object.Tags.
func (s stored) tags() []byte {
	h := s.head()
	return s[recordSize+int(h.key)+int(h.lines)+int(h.block):][:h.tags]
}

// body is where the body begins.
func (s stored) body() int {
	h := s.head()
	return recordSize + int(h.key) + int(h.lines) + int(h.block) + int(h.tags)
}

// fresh is Object.Fresh; at counts from the Cache's start.
func (r *record) fresh(at time.Duration) bool { return at-r.born < r.ttl }

// since is t as records have it; far away times are brought near enough to
// reckon with.
func (c *Cache) since(t time.Time) time.Duration {
	return min(max(t.Sub(c.start), -far), far)
}

const far = 100 * 365 * 24 * time.Hour

// write lays o out in block b, which has n bytes and no reader yet.
func (c *Cache) write(a *arena.Arena, b arena.Ref, key string, o *Object) {
	first := a.First(b)
	lines, block := o.Head.Lines(), o.Head.Block()
	*recordIn(first) = record{
		born: c.since(o.Born), age: o.Age, ttl: o.TTL, stale: o.Stale, staleIfError: o.StaleIfError,
		length: o.Length, key: uint32(len(key)), lines: uint32(len(lines)), block: uint32(len(block)), tags: uint32(len(o.Tags)),
		flags: o.Flags, status: int32(o.Status), alone: o.Alone,
	}
	rest := first[recordSize:]
	rest = rest[copy(rest, key):]
	rest = rest[copy(rest, lines):]
	rest = rest[copy(rest, block):]
	rest = rest[copy(rest, o.Tags):]
	if len(o.chunks) == 0 {
		return
	}
	pieces := a.Pieces(nil, b)
	pieces[0] = rest
	at := 0
	for _, from := range o.chunks {
		for len(from) > 0 {
			for len(pieces[at]) == 0 {
				at++
			}
			n := copy(pieces[at], from)
			from, pieces[at] = from[n:], pieces[at][n:]
		}
	}
}

// view is an Object over block b, of which it becomes a holder in place of the
// caller.
func (c *Cache) view(s *shard, b arena.Ref) *Object {
	o, _ := c.views.Get().(*Object)
	if o == nil {
		o = new(Object)
	}
	from := stored(s.blocks.First(b))
	h := from.head()
	lines := from[recordSize+int(h.key):]
	o.Status, o.Length = int(h.status), h.length
	o.Head = httpmsg.HeadOf(stringOf(lines[:h.lines]), stringOf(lines[h.lines:][:h.block]))
	o.Tags = stringOf(lines[h.lines+h.block:][:h.tags])
	o.Born, o.Age = c.start.Add(h.born), h.age
	o.TTL, o.Stale, o.StaleIfError = h.ttl, h.stale, h.staleIfError
	o.Alone, o.Transient, o.Flags = h.alone, false, h.flags
	o.cache, o.home, o.block, o.holds = c, s, b, 1
	o.chunks = s.blocks.Pieces(o.chunks[:0], b)
	if p := o.chunks[0][from.body():]; len(p) > 0 {
		o.chunks[0] = p
	} else {
		o.chunks = o.chunks[:copy(o.chunks, o.chunks[1:])]
	}
	return o
}

// stringOf and bytesOf look at the same bytes: of memory that is held, and not
// to be written.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// key is the key of an object that the cache handed out.
func (o *Object) key() string { return stringOf(o.home.record(o.block).key()) }
