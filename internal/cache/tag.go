// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"hash/maphash"
	"iter"
	"strings"
	"sync/atomic"
)

// Tags are names that the origin gives an answer, so that one invalidation
// drops all that have one of them in common (row F20). They are stored beside
// the object; an invalidation compares them like the path, once, and leaves
// nothing behind that a hit would have to look at.
//
// The tags of an answer are known when its head arrives, not before. So an
// invalidation that comes earlier cannot find the flight: it leaves its time
// in a table of fixed size (tagClock), and each flight knows the time it began.
// When the head is there, and again when the object is to be stored, the two
// are compared. Tags share places in the table; then an answer is not stored
// that could be, and the next request asks again.
//
// On disk a tag is a rule like that of an exact path, with the text
// "distribution\n#tag": what a record's tags are the disk asks by Labels.

// JoinTags writes tags, which have no comma and are in lower case, as Object.Tags.
func JoinTags(tags []string) string { return strings.Join(tags, ",") }

// eachTag yields what JoinTags joined.
func eachTag(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s != "" {
			tag, rest, _ := strings.Cut(s, ",")
			if !yield(tag) {
				return
			}
			s = rest
		}
	}
}

// tagClock has when a tag was last invalidated; zero is usable.
type tagClock struct {
	now  atomic.Uint64
	last [4096]atomic.Uint64
	seed maphash.Seed
}

func (c *tagClock) place(dist, tag string) *atomic.Uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	h.WriteString(dist)
	h.WriteByte(KeySep)
	h.WriteString(tag)
	return &c.last[h.Sum64()%uint64(len(c.last))]
}

// strike notes an invalidation.
func (c *tagClock) strike(dist, tag string) {
	n, p := c.now.Add(1), c.place(dist, tag)
	for old := p.Load(); old < n && !p.CompareAndSwap(old, n); old = p.Load() {
	}
}

// struck tells whether one of o's tags was invalidated since the flight began.
func (f *Flight) struck(o *Object) bool {
	if o.Tags == "" || f.c.tags.now.Load() == f.tagClock {
		return false
	}
	dist, _ := SplitKey(f.key)
	for tag := range eachTag(o.Tags) {
		if f.c.tags.place(dist, tag).Load() > f.tagClock {
			return true
		}
	}
	return false
}

// tags are those of the answer that streams in, if t has any and they are known.
// The caller holds s.mu.
func (f *Flight) tags(t *targets) string {
	if len(t.tags) == 0 {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.obj == nil {
		return ""
	}
	return f.obj.Tags
}

// Labels are what else than its own key invalidations of a record on disk
// compare: disk.Options.Labels.
func Labels(key, meta []byte) [][]byte {
	tags := tagsIn(meta)
	if tags == "" {
		return nil
	}
	dist, _ := SplitKey(stringOf(key))
	var all [][]byte
	for tag := range eachTag(tags) {
		all = append(all, AppendKey(nil, dist, "#"+tag))
	}
	return all
}
