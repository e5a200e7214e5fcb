// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/forelane/forelane/internal/cache/index"
	"github.com/forelane/forelane/internal/httpmsg"
)

// Answers of one key may have variants (Vary, RFC 9111 4.1). The key then
// holds a marker: a number and the names of the fields that select. A variant's
// key is the key, VariantSep, the marker and what the caller appends for the
// names. Example: after "Vary: Accept-Language", "dist\n/a\n…" holds the marker
// "7:accept-language", and one variant lies under "dist\n/a\n…\v7:accept-language\v=en".
//
// Names are only ever added to a marker. With each change, and when the marker
// was dropped, it gets a new number: variants under an older one cannot be
// found any more and leave by eviction. So dropping the marker drops them all.

// VariantSep stands between a key, the marker and the values that select a
// variant. It cannot occur in them.
const VariantSep = '\v'

// Vary marks that answers of key have variants selected by names (lower case,
// without commas), together with those already known, and returns the marker.
func (c *Cache) Vary(key []byte, names []string) string {
	clock := c.disk.clock()
	if c.disk.later && c.Marker(key) == "" {
		c.disk.outdate(key) // what is there may be new to memory
	}
	marker, changed := c.vary(key, names)
	if changed {
		c.lower(clock, string(key), kindVary, &Object{Head: httpmsg.HeadOf(marker, "")})
	}
	return marker
}

func (c *Cache) vary(key []byte, names []string) (marker string, changed bool) {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.marker(h, key)
	var known []string
	if was != "" {
		known = VaryNames(was)
		names = append(slices.Clone(known), names...)
	}
	names = slices.Clone(names)
	slices.Sort(names)
	if names = slices.Compact(names); known != nil && len(names) == len(known) {
		return was, false
	}
	marker = strconv.FormatUint(c.variety.Add(1), 36) + ":" + strings.Join(names, ",")
	s.mark(h, string(key), kindVary, record{}, marker)
	return marker, true
}

// marker is the marker of key; the caller holds s.mu.
func (s *shard) marker(hash uint64, key []byte) string {
	if e, r := s.find(hash, key); e != index.None && s.index.At(e).Kind == kindVary {
		return s.markers.text(hash, r.text())
	}
	return ""
}

// markers keeps a few markers of a shard as strings, so that a hit through one
// need not copy it out of its block. It is a memo: a wrong or missing one is
// copied anew. The shard's lock guards it.
type markers [32]string

func (m *markers) text(hash uint64, b []byte) string {
	p := &m[hash>>32%uint64(len(m))] // the low bits chose the shard
	if *p != string(b) {
		*p = string(b)
	}
	return *p
}

// VaryNames are the names in a marker, sorted.
func VaryNames(marker string) []string {
	_, names, _ := strings.Cut(marker, ":")
	return strings.Split(names, ",")
}

// Marker is the marker of key; "" when its answers have no variants.
func (c *Cache) Marker(key []byte) string {
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, r := s.find(h, key)
	if e == index.None || s.index.At(e).Kind != kindVary {
		return ""
	}
	s.index.Touch(e)
	return s.markers.text(h, r.text())
}

// Move ends the lease, whose answer turns out to be a variant, and returns one
// for the variant's key with the fetch that is going on; both keys are of the
// same primary key. Those who waited ask the cache again. Without collapse
// nobody waits for the new lease.
func (l *Lease) Move(key []byte, collapse bool) *Lease {
	l.done = true
	old := l.f
	s := old.s
	f := &Flight{
		c: old.c, s: s, key: string(key), hash: maphash.Bytes(old.c.seed, key), refs: 1, fetch: old.fetch, clock: old.clock,
		tagClock: old.tagClock,
	}
	s.mu.Lock()
	f.doomed, f.alone, f.epoch = old.doomed, true, old.epoch
	if s.flights[old.key] == old {
		delete(s.flights, old.key)
		f.epoch = s.epoch // seen by every sweep up to now
		if collapse && s.flights[f.key] == nil {
			s.flights[f.key], f.alone = f, false
		}
	}
	s.mu.Unlock()
	old.mu.Lock()
	old.state = abandoned
	old.wake()
	old.mu.Unlock()
	return &Lease{f: f}
}

// Drop drops what is stored under key with all its variants, and sees to it
// that answers now on their way in are not stored.
func (c *Cache) Drop(key []byte) {
	defer c.disk.sweeping()()
	c.disk.drop(key) // first: see tier.go
	s, h := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.swept++
	variants := string(key) + string(rune(VariantSep))
	for k, f := range s.flights {
		if k == string(key) || strings.HasPrefix(k, variants) {
			f.doomed = true
			delete(s.flights, k) // new requests ask the origin
		}
	}
	if e, _ := s.find(h, key); e != index.None {
		s.drop(e)
		s.stats.Invalidated++
	}
}
