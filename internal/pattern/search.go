// SPDX-License-Identifier: Apache-2.0

package pattern

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Questions about what several patterns match together: is there a path that
// all of these match and none of those? The patterns read the same text side
// by side; the state of each is the set of places it can be in. Texts are
// tried shortest first, so the answer is a shortest path:
//
//	in "/api/*", "*.json"   out "/api/v?/*"   ->  "/api/.json"
//
// Every path begins with /. Bytes that occur in no pattern behave alike, so
// one byte stands for all of them. A state is left when a pattern of in cannot
// match any more, or when one of out matches whatever follows.

// maxWork bounds one search, in places looked at; it takes some ten
// milliseconds. Patterns that need more get no answer.
const maxWork = 4 << 20

// maxText is what a set of places has room for.
const maxText = 318

// Answer is what a search found. The list is closed.
type Answer uint8

// The answers.
const (
	Nothing Answer = iota // there is no such path
	Found
	Unknown // the patterns are too intricate to say
)

// String is a word for messages.
func (a Answer) String() string { return [...]string{"nothing", "found", "unknown", "?"}[a&3] }

// Glob is a pattern of any bytes, for questions about paths that are no
// behavior's: * and ? mean the same. One that is too long matches nothing.
func Glob(text string) Path {
	if text = squeeze(text); text == "" || len(text) > maxText {
		return Path{}
	}
	return Path{text: text, parts: strings.Split(text, "*")}
}

// Search finds a shortest path that every pattern of in matches and none of
// out does. It asks nothing of the order of either.
func Search(in, out []Path) (path string, a Answer) {
	s := search{seen: map[string]bool{}}
	for i, p := range in {
		if p.parts == nil || apart(p, in[:i]) {
			return "", Nothing
		}
		s.texts = append(s.texts, p.text)
	}
	s.in = len(s.texts)
	for _, p := range out {
		if p.parts != nil && !apart(p, in) {
			s.texts = append(s.texts, p.text)
		}
	}
	s.alphabet = alphabet(s.texts)
	return s.run()
}

// Shadows tells whether every path that b matches is matched by a too: a
// behavior with b behind one with a is never reached. Where that cannot be
// said it says no.
func Shadows(a, b Path) bool {
	if a.parts == nil {
		return false
	}
	_, answer := Search([]Path{b}, []Path{a})
	return answer == Nothing
}

// Overlap finds a path that both match.
func Overlap(a, b Path) (path string, ok bool) {
	path, answer := Search([]Path{a, b}, nil)
	return path, answer == Found
}

// apart tells, by what stands before the first and after the last wildcard,
// that p has no path in common with one of others. It spares most searches.
func apart(p Path, others []Path) bool {
	front, back := ends(p.text)
	for _, o := range others {
		f, b := ends(o.text)
		n := min(len(front), len(f))
		m := min(len(back), len(b))
		if front[:n] != f[:n] || back[len(back)-m:] != b[len(b)-m:] {
			return true
		}
	}
	return false
}

func ends(text string) (front, back string) {
	first, last := strings.IndexAny(text, "*?"), strings.LastIndexAny(text, "*?")
	if first < 0 {
		return text, text
	}
	return text[:first], text[last+1:]
}

type search struct {
	texts    []string // those of in first
	in       int
	alphabet []byte
	seen     map[string]bool
	nodes    []node
	work     int
}

// node is a state with the way to it.
type node struct {
	sets []set
	from int // index of the node before; -1: the first
	by   byte
}

// alphabet is every byte of the patterns, and one that stands for all others;
// that comes first, so that it fills the stars of what is found.
func alphabet(texts []string) []byte {
	var used [256]bool
	var out []byte
	for _, t := range texts {
		for i := 0; i < len(t); i++ {
			if c := t[i]; c != '*' && c != '?' && !used[c] {
				used[c] = true
				out = append(out, c)
			}
		}
	}
	slices.Sort(out)
	const fresh = "xyzabcdefghijklmnopqrstuvw0123456789!" // no behavior's pattern has !
	for i := 0; i < len(fresh); i++ {
		if !used[fresh[i]] {
			return append([]byte{fresh[i]}, out...)
		}
	}
	return append([]byte{0}, out...)
}

func (s *search) run() (string, Answer) {
	first := make([]set, len(s.texts))
	for i, t := range s.texts {
		closure(&first[i], t, 0)
	}
	s.visit(first, -1, '/')
	for at := 0; at < len(s.nodes); at++ {
		if s.accepts(s.nodes[at].sets) {
			return s.path(at), Found
		}
		for _, c := range s.alphabet {
			if s.visit(s.nodes[at].sets, at, c); s.work > maxWork {
				return "", Unknown
			}
		}
	}
	return "", Nothing
}

// visit makes the state that reading c leads to, unless it is known or leads
// nowhere.
func (s *search) visit(from []set, at int, c byte) {
	next := make([]set, len(from))
	key := make([]byte, 0, len(from)*40)
	for i, t := range s.texts {
		if from[i] == (set{}) {
			key = append(key, 0)
			continue
		}
		s.work += len(t)
		next[i] = step(&from[i], t, c)
		switch {
		case i < s.in && next[i] == (set{}):
			return
		case i >= s.in && t[len(t)-1] == '*' && next[i].has(len(t)):
			return // it matches whatever follows
		}
		for _, w := range next[i] {
			key = binary.AppendUvarint(key, w)
		}
	}
	if s.seen[string(key)] {
		return
	}
	s.seen[string(key)] = true
	s.nodes = append(s.nodes, node{next, at, c})
}

func (s *search) accepts(sets []set) bool {
	for i, t := range s.texts {
		if sets[i].has(len(t)) != (i < s.in) {
			return false
		}
	}
	return true
}

func (s *search) path(at int) string {
	var b []byte
	for ; at >= 0; at = s.nodes[at].from {
		b = append(b, s.nodes[at].by)
	}
	slices.Reverse(b)
	return string(b)
}

// set is a set of places in a pattern, 0 to maxText.
type set [5]uint64

func (s *set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *set) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }

// step reads c from every place of s.
func step(s *set, pattern string, c byte) set {
	var next set
	for i := 0; i < len(pattern); i++ {
		if !s.has(i) {
			continue
		}
		switch pattern[i] {
		case '*':
			closure(&next, pattern, i)
		case '?', c:
			closure(&next, pattern, i+1)
		}
	}
	return next
}

// closure adds place i and, as a star may stand for nothing, the one after it.
func closure(s *set, pattern string, i int) {
	s.add(i)
	for i < len(pattern) && pattern[i] == '*' {
		i++
		s.add(i)
	}
}
