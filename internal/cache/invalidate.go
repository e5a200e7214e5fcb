// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"strings"

	"github.com/forelane/forelane/internal/cache/index"
)

// Path is one path of an invalidation: exact, a prefix that ended in a star, or
// a tag.
type Path struct {
	Text   string // without the star or the number sign; of a tag in lower case
	Prefix bool
	Tag    bool
}

// ParsePath reads an invalidation path: "/a/b", "/a*", "*", "#tag"; the slash in
// front may be left out.
func ParsePath(s string) Path {
	if tag, ok := strings.CutPrefix(s, "#"); ok {
		return Path{Text: strings.ToLower(tag), Tag: true}
	}
	text, star := strings.CutSuffix(s, "*")
	if !strings.HasPrefix(text, "/") {
		text = "/" + text
	}
	return Path{Text: text, Prefix: star}
}

// Matches tells whether p means a target. What a tag means cannot be told from
// a target: false.
func (p Path) Matches(target string) bool {
	return !p.Tag && (target == p.Text && !p.Prefix || p.Prefix && strings.HasPrefix(target, p.Text))
}

// sweepStep is how many entries are looked at before the shard's lock is let
// go for others.
const sweepStep = 1024

// Invalidate drops all objects of a distribution that one of paths matches, in
// every variant, and sees to it that answers now on their way in are not
// stored. When it returns no later Open finds them. It counts what it dropped
// from memory.
func (c *Cache) Invalidate(dist string, paths []Path) int {
	defer c.disk.sweeping()()
	t := newTargets(dist, paths)
	for tag := range t.tags {
		c.tags.strike(dist, tag)
	}
	hits := make([]hit, len(paths))
	for i, p := range paths {
		text := p.Text
		if p.Tag {
			text = "#" + text
		}
		hits[i] = hit{string(AppendKey(nil, dist, text)), p.Prefix}
	}
	c.disk.invalidate(hits)
	n := 0
	for i := range c.shards {
		n += c.shards[i].sweep(t)
	}
	return n
}

// Purge drops everything, and what is on its way in is not stored.
func (c *Cache) Purge() int {
	defer c.disk.sweeping()()
	c.disk.invalidate([]hit{{prefix: true}})
	n := 0
	for i := range c.shards {
		n += c.shards[i].sweep(&targets{everything: true})
	}
	return n
}

// sweep drops the entries and dooms the flights that t hits.
//
// The lock is let go between steps. What is stored in a step's pause comes
// from a fetch that began before the sweep only if its flight was doomed
// first: flights are looked at before entries.
func (s *shard) sweep(t *targets) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept++
	if t.paths() {
		s.epoch++
	}
	for key, f := range s.flights {
		if t.hit(key, f.tags(t)) {
			f.doomed = true
			delete(s.flights, key) // new requests ask the origin
		}
	}
	dropped, seen := 0, 0
	for e := s.index.Next(0); e != index.None; e = s.index.Next(e + 1) {
		if r := s.record(s.index.At(e).Block); t.hit(stringOf(r.key()), stringOf(r.tags())) {
			s.drop(e)
			dropped++
		}
		if seen++; seen%sweepStep == 0 {
			s.mu.Unlock()
			s.mu.Lock()
		}
	}
	s.stats.Invalidated += uint64(dropped)
	if dropped > 0 {
		s.blocks.Trim()
	}
	return dropped
}

// AppendKey begins a key: the distribution's id and the target that
// invalidations compare. What else tells variants apart is appended after it
// by the edge, beginning with KeySep.
func AppendKey(key []byte, dist, target string) []byte {
	key = append(key, dist...)
	key = append(key, KeySep)
	return append(key, target...)
}

// KeySep stands between the parts of a key; it cannot occur in a part.
const KeySep = '\n'

// SplitKey is the reverse of AppendKey.
func SplitKey(key string) (dist, target string) {
	dist, rest, _ := strings.Cut(key, "\n")
	target, _, _ = strings.Cut(rest, "\n")
	return dist, target
}
