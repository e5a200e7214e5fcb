// SPDX-License-Identifier: Apache-2.0

// Package target is a set of what invalidations hit, each with the number of
// the last one that hits it, in which a hundred thousand are asked in about the
// time of one.
//
// The flow:
//
//  1. Add enters a text, exact or a prefix, with a Mark. A text is the first two
//     lines of a key: "distribution\n/path"; for a tag "distribution\n#tag".
//  2. Last is the highest number of all that hit a text: of what was stored
//     before that number nothing may be served.
//  3. Forget drops those that have nothing left to hit.
//
// Example: with "d\n/a" and "d\n/b*" at 1 and "d\n/*" at 2, "d\n/b/c" has 2.
//
// An exact text is one look into a map. Of prefixes, one look is needed for
// each length that there is in the distribution, not for each prefix; real ones
// have a few dozen lengths. A prefix that hits a whole distribution takes the
// place of what came before it.
//
// What it does not do: it bounds nothing (who adds asks Len and Bytes).
//
// Concurrency: none of its own. Last may be called by many at once.
package target

import (
	"bytes"
	"iter"
	"slices"
	"strings"
)

// Mark is when something was invalidated. Seg is the caller's.
type Mark struct {
	Seq uint64
	Seg uint32
}

// Set is a set of texts. The zero Set is empty.
type Set struct {
	all    Mark              // of the empty prefix
	groups map[string]*group // by the first line
	loose  group             // what has no second one
	n      int
	bytes  int64
}

// group is what a Set has of a distribution.
type group struct {
	exact, prefixes map[string]Mark
	lengths         []length // of prefixes, the shortest first
}

type length struct{ size, prefixes int }

// cost is what an entry takes beside its text, about.
const cost = 64

// Len is how many texts there are.
func (s *Set) Len() int { return s.n }

// Bytes is the memory that they take, about.
func (s *Set) Bytes() int64 { return s.bytes }

// group is where text belongs, and as what.
func (s *Set) group(text string) (g *group, rest string) {
	dist, rest, ok := strings.Cut(text, "\n")
	if !ok {
		return &s.loose, text
	}
	if g = s.groups[dist]; g == nil {
		g = new(group)
		if s.groups == nil {
			s.groups = map[string]*group{}
		}
		s.groups[dist] = g
	}
	return g, rest
}

// Add enters text. Of two numbers for the same text the higher one counts. The
// text is kept.
func (s *Set) Add(text string, prefix bool, m Mark) {
	if text == "" && prefix {
		s.Forget(func(old Mark) bool { return old.Seq <= m.Seq && old.Seg <= m.Seg })
		if s.all.Seq == 0 {
			s.n++
		}
		s.all = later(s.all, m)
		return
	}
	g, rest := s.group(text)
	if prefix && (rest == "" || rest == "/") {
		s.forget(g, func(t string, old Mark) bool {
			return strings.HasPrefix(t, rest) && old.Seq <= m.Seq && old.Seg <= m.Seg
		})
	}
	in := &g.exact
	if prefix {
		in = &g.prefixes
	}
	if *in == nil {
		*in = map[string]Mark{}
	}
	old, known := (*in)[rest]
	if (*in)[rest] = later(old, m); known {
		return
	}
	s.n++
	s.bytes += int64(len(rest)) + cost
	if prefix {
		g.count(len(rest), 1)
	}
}

func later(a, b Mark) Mark { return Mark{max(a.Seq, b.Seq), max(a.Seg, b.Seg)} }

// count notes by how many there are more prefixes of n bytes.
func (g *group) count(n, by int) {
	i, found := slices.BinarySearchFunc(g.lengths, n, func(l length, n int) int { return l.size - n })
	if !found {
		g.lengths = slices.Insert(g.lengths, i, length{size: n})
	}
	if g.lengths[i].prefixes += by; g.lengths[i].prefixes == 0 {
		g.lengths = slices.Delete(g.lengths, i, i+1)
	}
}

// Last is the highest number that hits text, 0 for none.
func (s *Set) Last(text []byte) uint64 {
	i := bytes.IndexByte(text, '\n')
	last := max(s.all.Seq, s.loose.last(text, i < 0))
	if i >= 0 {
		if g := s.groups[string(text[:i])]; g != nil {
			last = max(last, g.last(text[i+1:], true))
		}
	}
	return last
}

func (g *group) last(text []byte, whole bool) (last uint64) {
	if whole {
		last = g.exact[string(text)].Seq
	}
	for _, l := range g.lengths {
		if l.size > len(text) {
			break
		}
		last = max(last, g.prefixes[string(text[:l.size])].Seq)
	}
	return last
}

// Forget drops what gone says of.
func (s *Set) Forget(gone func(Mark) bool) {
	if s.all.Seq != 0 && gone(s.all) {
		s.all = Mark{}
		s.n--
	}
	one := func(_ string, m Mark) bool { return gone(m) }
	s.forget(&s.loose, one)
	for dist, g := range s.groups {
		s.forget(g, one)
		if len(g.exact)+len(g.prefixes) == 0 {
			delete(s.groups, dist)
		}
	}
}

func (s *Set) forget(g *group, gone func(text string, m Mark) bool) {
	for text, m := range g.exact {
		if gone(text, m) {
			delete(g.exact, text)
			s.n--
			s.bytes -= int64(len(text)) + cost
		}
	}
	for text, m := range g.prefixes {
		if gone(text, m) {
			delete(g.prefixes, text)
			g.count(len(text), -1)
			s.n--
			s.bytes -= int64(len(text)) + cost
		}
	}
}

// Fullest is the distribution that has the most; false when there is none.
func (s *Set) Fullest() (dist string, ok bool) {
	most := 0
	for d, g := range s.groups {
		if n := len(g.exact) + len(g.prefixes); n > most {
			dist, most = d, n
		}
	}
	return dist, most > 0
}

// Entry is one of a Set.
type Entry struct {
	Text   string
	Prefix bool
	Mark   Mark
}

// All are the entries, in no order.
func (s *Set) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if s.all.Seq != 0 && !yield(Entry{Prefix: true, Mark: s.all}) {
			return
		}
		if !s.loose.all("", yield) {
			return
		}
		for dist, g := range s.groups {
			if !g.all(dist+"\n", yield) {
				return
			}
		}
	}
}

func (g *group) all(first string, yield func(Entry) bool) bool {
	for text, m := range g.exact {
		if !yield(Entry{first + text, false, m}) {
			return false
		}
	}
	for text, m := range g.prefixes {
		if !yield(Entry{first + text, true, m}) {
			return false
		}
	}
	return true
}
