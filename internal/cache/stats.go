// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/cache/index"
)

// Stats are counters since the start and the present filling.
type Stats struct {
	Hits, Misses, Waits, Passes uint64
	Stored, Refused, Evicted    uint64
	Invalidated                 uint64
	Loaded                      uint64 // from disk
	Objects                     int    // markers included, and what is invalidated and not swept yet
	Bytes                       int64  // with overhead
	Memory                      int64  // taken from the system for them and their index
	Held                        int64  // bytes of objects that have left and are still being read
	Filling                     int64  // bytes of bodies on their way in

	Disk disk.Stats // of the lower tier; zero without one
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
		t.Loaded += s.stats.Loaded
		t.Objects += s.index.Count()
		t.Bytes += s.index.Bytes()
		blocks := s.blocks.Stats()
		t.Memory += s.index.Memory() + blocks.Slabs
		t.Held += blocks.Filled - (s.index.Bytes() - index.Overhead*int64(s.index.Count()))
		s.mu.Unlock()
	}
	t.Filling = c.filling.Load()
	t.Disk = c.disk.stats()
	return t
}
