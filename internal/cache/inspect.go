// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"time"

	"github.com/forelane/forelane/internal/cache/index"
)

// Inspect is what Open, and Load after it, would answer, without the effects:
// no lease is taken, no flight followed, nothing counted or moved up. The Answer
// has the object, if there is one, which the caller must Release.
func (c *Cache) Inspect(ctx context.Context, key []byte, now time.Time, collapse bool) Answer {
	a, below := c.inspect(key, now, collapse)
	if !below {
		return a
	}
	ref, ok := c.disk.find(key)
	if !ok || ctx.Err() != nil {
		return a
	}
	kind, o := c.read(ref, key)
	switch {
	case o == nil:
		return a
	case kind == kindVary:
		defer o.Release()
		return Answer{Status: Varies, Vary: o.Head.Lines()}
	}
	return judged(o, now)
}

// inspect looks at memory; below tells that the disk may know more.
func (c *Cache) inspect(key []byte, now time.Time, collapse bool) (a Answer, below bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := s.flights[string(key)] != nil && collapse
	e, r := s.find(h, key)
	if e == index.None {
		if wait {
			return Answer{Status: Wait}, false
		}
		return Answer{Status: Miss}, c.disk.there()
	}
	switch entry := s.index.At(e); {
	case entry.Kind == kindVary:
		return Answer{Status: Varies, Vary: s.markers.text(h, r.text())}, false
	case entry.Kind == kindPass && now.Sub(c.start) < r.head().born:
		return Answer{Status: Pass, Reason: PassReason(r.head().status)}, false
	case entry.Kind == kindPass:
		return Answer{Status: Miss}, false
	default:
		s.blocks.Pin(entry.Block)
		if a = judged(c.view(s, entry.Block), now); a.Status == Expired && wait && !a.Object.Alone {
			a.Status = Wait
		}
		return a, false
	}
}

func judged(o *Object, now time.Time) Answer {
	switch {
	case o.Fresh(now):
		return Answer{Status: Hit, Object: o}
	case o.Expired(now) < o.Stale:
		return Answer{Status: Stale, Object: o}
	}
	return Answer{Status: Expired, Object: o}
}

// KeysOf calls yield with the keys of a distribution's objects in memory whose
// path is path, whatever their query string, until it returns false. It looks
// at every entry: it is for people who ask, not for requests.
func (c *Cache) KeysOf(dist, path string, yield func(key string) bool) {
	for i := range c.shards {
		if !c.shards[i].keysOf(string(AppendKey(nil, dist, path)), yield) {
			return
		}
	}
}

func (s *shard) keysOf(prefix string, yield func(key string) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := 0
	for e := s.index.Next(0); e != index.None; e = s.index.Next(e + 1) {
		entry := s.index.At(e)
		if r := s.record(entry.Block); entry.Kind == kindObject && s.alive(e, r) {
			key := stringOf(r.key())
			if len(key) > len(prefix) && key[:len(prefix)] == prefix && (key[len(prefix)] == '?' || key[len(prefix)] == KeySep) {
				if !yield(string(append([]byte(nil), key...))) {
					return false
				}
			}
		}
		if seen++; seen%sweepStep == 0 {
			s.mu.Unlock()
			s.mu.Lock()
		}
	}
	return true
}
