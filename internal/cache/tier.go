// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"io"
	"time"

	"github.com/forelane/forelane/internal/cache/disk"
)

// The lower tier. With a disk (lower.go) all that is stored is also put there,
// and Open answers OnDisk where memory has nothing and the disk may have the
// key. It does no I/O: Load does.
//
// What is loaded moves up into memory if it fits, and if the policy lets it in;
// else it is handed out from where it is (file.go). It is not moved up when,
// since it was read, the shard was swept, the key got another object on disk or
// one in memory: then the cache is asked again. An invalidation is told to the
// disk first and to memory after that. So what was read before it is either
// compared with it or not moved up, and what is read after it is gone.
//
// What takes an object's place without being put on disk itself (a marker, an
// object that the disk refuses) is deleted there, so that the older one does
// not come back.

// Load answers for a key that Open said is OnDisk. It reads from the disk, and
// does not answer OnDisk itself. When ctx ends, the object counts as missing.
func (c *Cache) Load(ctx context.Context, key []byte, now time.Time, collapse bool) Answer {
	kind, o := c.lift(ctx, key)
	switch {
	case o == nil:
		return c.lookup(key, now, collapse, false)
	case kind == kindVary:
		return Answer{Status: Varies, Vary: o.Head.Lines()}
	}
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.found(s, h, key, o, now, collapse)
}

// Below tells whether the disk may have key.
func (c *Cache) Below(key []byte) bool {
	_, ok := c.disk.find(key)
	return ok
}

// PeekBelow is Peek for what is Below.
func (c *Cache) PeekBelow(ctx context.Context, key []byte, now time.Time) (o *Object, fresh bool) {
	kind, o := c.lift(ctx, key)
	if o == nil || kind != kindObject {
		return c.Peek(key, now)
	}
	return o, o.Fresh(now)
}

// lift is what the disk has of key, moved up if it may be; nil when it has
// nothing, or memory has something by now. One reads, others wait for it.
func (c *Cache) lift(ctx context.Context, key []byte) (kind uint8, o *Object) {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	for tries := 0; tries < 4; {
		ref, ok := c.disk.find(key)
		if !ok || ctx.Err() != nil || s.has(h, key) {
			return 0, nil
		}
		if other := s.loads[string(key)]; other != nil {
			s.mu.Unlock()
			select {
			case <-other:
			case <-ctx.Done():
			}
			s.mu.Lock()
			continue
		}
		tries++
		done := make(chan struct{})
		s.loads[string(key)] = done
		kind, o = c.fetch(s, h, key, ref)
		delete(s.loads, string(key))
		close(done)
		if o != nil {
			s.stats.Loaded++
			c.disk.touch(ref)
			return kind, o
		}
	}
	return 0, nil
}

// fetch reads ref and moves it up; nil when that fails or it is not the present
// object of key any more. The caller holds s.mu, which is let go meanwhile.
func (c *Cache) fetch(s *shard, h uint64, key []byte, ref disk.Ref) (kind uint8, o *Object) {
	swept := s.swept
	s.mu.Unlock()
	kind, o = c.read(ref, key)
	s.mu.Lock()
	if o == nil {
		return 0, nil
	}
	present := func() bool {
		now, ok := c.disk.find(key)
		return ok && now == ref && s.swept == swept && !s.has(h, key)
	}
	if !present() {
		o.Release()
		return 0, nil
	}
	if kind == kindVary {
		s.mark(h, string(key), kindVary, record{}, o.Head.Lines())
		return kind, o
	}
	return kind, c.raise(s, h, string(key), o, present)
}

// read is what the disk has under ref, with its body in memory if that may be
// kept there; or nil.
func (c *Cache) read(ref disk.Ref, key []byte) (kind uint8, o *Object) {
	it, err := c.disk.read(ref, key)
	if err != nil {
		return 0, nil
	}
	kind, o = decode(it.Meta())
	if o == nil {
		it.Close()
		return 0, nil
	}
	o.Length = it.Size()
	if o.Length > c.cfg.ObjectLimit {
		o.file, o.holds = &file{item: it, ref: ref}, 1
		o.file.refs.Store(1)
		return kind, o
	}
	defer it.Close()
	if whole, ok := it.Bytes(); ok {
		o.chunks = [][]byte{whole}
		return kind, o
	}
	for at := int64(0); at < o.Length; {
		p := make([]byte, min(o.Length-at, readSize))
		if n, err := it.ReadAt(p, at); n < len(p) || err != nil && err != io.EOF { //nolint:errorlint // as io.ReaderAt says
			return 0, nil
		}
		o.chunks = append(o.chunks, p)
		at += int64(len(p))
	}
	return kind, o
}

// readSize is how much is read from the disk at a time.
const readSize = 256 << 10

// raise moves what was read from disk up into memory, if it may be there, and
// is what to hand out; nil when it is not the same any more. The caller holds
// s.mu, which is let go meanwhile.
func (c *Cache) raise(s *shard, h uint64, key string, o *Object, same func() bool) *Object {
	if o.file != nil {
		return o
	}
	b, ok := c.copy(s, h, key, o)
	switch {
	case !same():
		if ok {
			s.blocks.Release(b)
		}
		return nil
	case !ok:
		return o
	}
	s.blocks.Pin(b)
	s.put(h, key, b, kindObject)
	return c.view(s, b)
}

// lower puts on disk what was stored under key by a fetch that began at clock.
// false: there is no disk, or not yet.
func (c *Cache) lower(clock uint64, key string, kind uint8, o *Object) bool {
	k := bytesOf(key)
	if c.disk.note(k) || !c.disk.there() {
		return false
	}
	switch f := o.file; {
	case f != nil:
		c.disk.renew(f.ref, k, encode(kind, o))
		return true
	case o.home != nil && o.TTL < worthWriting && clock&before == 0 && c.Below(k):
		return true // revalidated, and soon again: the same body need not be written each time
	}
	if !c.disk.put(clock, k, encode(kind, o), o.chunks) {
		c.disk.outdate(k)
	}
	return true
}

// worthWriting is for how long a revalidated object must be fresh to be written
// to disk once more.
const worthWriting = time.Minute
