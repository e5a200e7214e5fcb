// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"context"
	"hash/maphash"

	"github.com/forelane/forelane/internal/cache/index"
)

// Reach is what an invalidation would drop of a tier: targets, their variants,
// and the bytes that these take. Markers do not count.
type Reach struct {
	Entries  int
	Variants int
	Bytes    int64
}

// reach counts into a Reach; entries are told apart by their hash.
type reach struct {
	Reach
	t    *targets
	seed maphash.Seed
	seen map[uint64]struct{}
}

func (r *reach) add(key, tags []byte, bytesTaken int64) {
	if !r.t.hit(stringOf(key), stringOf(tags)) {
		return
	}
	r.Variants++
	r.Bytes += bytesTaken
	h := maphash.Bytes(r.seed, TargetOf(key))
	if _, ok := r.seen[h]; !ok {
		r.seen[h] = struct{}{}
		r.Entries++
	}
}

// TargetOf are the first two lines of a key: what AppendKey makes.
func TargetOf(key []byte) []byte {
	i := bytes.IndexByte(key, KeySep)
	if j := bytes.IndexByte(key[i+1:], KeySep); i >= 0 && j >= 0 {
		return key[:i+1+j]
	}
	return key
}

// Reach tells what Invalidate would drop from memory and from disk, and drops
// nothing. It reads the heads of all that is on disk. Most of what memory has
// is on disk too.
func (c *Cache) Reach(ctx context.Context, dist string, paths []Path) (memory, below Reach, err error) {
	t := newTargets(dist, paths)
	m := reach{t: t, seed: c.seed, seen: map[uint64]struct{}{}}
	for i := range c.shards {
		c.shards[i].count(&m)
	}
	d := c.disk.store.Load()
	if d == nil {
		return m.Reach, Reach{}, ctx.Err()
	}
	b := reach{t: t, seed: c.seed, seen: map[uint64]struct{}{}}
	err = d.Walk(ctx, func(key, meta []byte, size int64) {
		if len(meta) > 1 && meta[1] == kindObject {
			b.add(key, bytesOf(tagsIn(meta)), size)
		}
	})
	return m.Reach, b.Reach, err
}

func (s *shard) count(r *reach) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := 0
	for e := s.index.Next(0); e != index.None; e = s.index.Next(e + 1) {
		at := s.index.At(e)
		if entry := s.record(at.Block); at.Kind == kindObject && s.alive(e, entry) {
			r.add(entry.key(), entry.tags(), s.blocks.Cost(at.Block))
		}
		if seen++; seen%sweepStep == 0 {
			s.mu.Unlock()
			s.mu.Lock()
		}
	}
}
