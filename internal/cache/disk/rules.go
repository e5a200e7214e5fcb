// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// Rules say which records are dead although they stand on disk. The index has
// hashes only, so an invalidation cannot look for what it hits: it is kept, and
// who reads a record asks here. A rule hits what has a lower sequence.
//
//	exact   the first two lines of the key, or one of the record's labels, are
//	        equal to its text
//	prefix  they begin with it
//	tomb    the key has this hash (Delete)
//
// A rule knows the segment that was being written when it was made. What it
// hits lies there or before; nothing that a rule hits is written any more. So
// it is forgotten when all those segments are gone. Whoever comes later with
// something older than a forgotten rule (a body that streamed in all the time)
// is refused.
//
// The prefixes that a text begins with are found without looking at the others:
// they are sorted, each knows the longest other one that it begins with, and
// the last one that is not greater than the text is, or leads to, all of them.
// Example: of "/", "/a", "/a/b", "/ab", the text "/a/c" finds "/a/b", which is no
// prefix of it, and then "/a" and "/".

// ruleLimit is how many rules there may be; one more becomes a rule for all.
const ruleLimit = 1 << 18

type ruleKind uint8

const (
	ruleExact ruleKind = iota + 1
	rulePrefix
	ruleTomb
)

func (k ruleKind) String() string {
	return [...]string{"?", "exact", "prefix", "tomb"}[k&3]
}

// rule is one of the three kinds; text is of the first two, hash of the third.
type rule struct {
	kind ruleKind
	seq  uint64
	seg  uint32
	hash uint64
	text string
}

type mark struct {
	seq uint64
	seg uint32
}

type prefixRule struct {
	text string
	mark
	parent int    // -1: none
	top    uint64 // the highest sequence from here up
}

type rules struct {
	mu        sync.RWMutex
	exact     map[string]mark
	tombs     map[uint64]mark
	prefixes  []prefixRule
	forgotten uint64 // the highest sequence of a forgotten rule
	// barred has the sequence of the last Delete of such a hash, also of those
	// that found nothing: what was on its way in then must not be stored. Hashes
	// share places; then something is not stored that could be.
	barred [4096]uint64
}

// textOf is the part of key that invalidations compare.
func textOf(key []byte) []byte {
	i := bytes.IndexByte(key, '\n')
	if i < 0 {
		return key
	}
	if j := bytes.IndexByte(key[i+1:], '\n'); j >= 0 {
		return key[:i+1+j]
	}
	return key
}

func (r *rules) add(n rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := mark{n.seq, n.seg}
	switch n.kind {
	case ruleExact:
		if r.exact == nil {
			r.exact = map[string]mark{}
		}
		r.exact[n.text] = m
	case ruleTomb:
		if r.tombs == nil {
			r.tombs = map[uint64]mark{}
		}
		r.tombs[n.hash] = m
	case rulePrefix:
		if n.text == "" { // hits all: the others have nothing left to hit
			r.exact, r.prefixes = nil, nil
		}
		i, found := slices.BinarySearchFunc(r.prefixes, n.text, func(p prefixRule, t string) int { return strings.Compare(p.text, t) })
		if found {
			r.prefixes[i].mark = m
		} else {
			r.prefixes = slices.Insert(r.prefixes, i, prefixRule{text: n.text, mark: m})
		}
		r.link()
	}
}

func (r *rules) link() {
	last := -1
	for i := range r.prefixes {
		p := &r.prefixes[i]
		for last >= 0 && !strings.HasPrefix(p.text, r.prefixes[last].text) {
			last = r.prefixes[last].parent
		}
		p.parent, p.top = last, p.seq
		if last >= 0 {
			p.top = max(p.top, r.prefixes[last].top)
		}
		last = i
	}
}

// kills tells whether the record of key, labels and seq is dead.
func (r *rules) kills(key []byte, labels [][]byte, hash, seq uint64) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	text := textOf(key)
	if r.exact[string(text)].seq > seq || r.tombs[hash].seq > seq {
		return true
	}
	for _, l := range labels {
		if r.exact[string(l)].seq > seq {
			return true
		}
	}
	lo, hi := 0, len(r.prefixes)
	for lo < hi {
		if m := (lo + hi) / 2; r.prefixes[m].text <= string(text) {
			lo = m + 1
		} else {
			hi = m
		}
	}
	i := lo - 1
	for i >= 0 {
		p := &r.prefixes[i]
		if len(p.text) <= len(text) && p.text == string(text[:len(p.text)]) {
			return p.top > seq
		}
		i = p.parent
	}
	return false
}

// bar notes a Delete.
func (r *rules) bar(hash, seq uint64) {
	r.mu.Lock()
	r.barred[hash%uint64(len(r.barred))] = seq
	r.mu.Unlock()
}

// full tells whether there is no room for another invalidation. Tombs do not
// count: there are never more than objects.
func (r *rules) full() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.exact)+len(r.prefixes) >= ruleLimit
}

// bars tells whether something begun at seq may no longer be written.
func (r *rules) bars(key []byte, labels [][]byte, hash, seq uint64) bool {
	r.mu.RLock()
	old := r.forgotten > seq || r.barred[hash%uint64(len(r.barred))] > seq
	r.mu.RUnlock()
	return old || r.kills(key, labels, hash, seq)
}

// forget drops the rules whose segments are all older than oldest.
func (r *rules) forget(oldest uint32) (dropped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := func(m mark) bool {
		if m.seg >= oldest {
			return false
		}
		dropped++
		r.forgotten = max(r.forgotten, m.seq)
		return true
	}
	for text, m := range r.exact {
		if gone(m) {
			delete(r.exact, text)
		}
	}
	for hash, m := range r.tombs {
		if gone(m) {
			delete(r.tombs, hash)
		}
	}
	r.prefixes = slices.DeleteFunc(r.prefixes, func(p prefixRule) bool { return gone(p.mark) })
	r.link()
	return dropped
}

func (r *rules) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.exact) + len(r.tombs) + len(r.prefixes)
}

// all calls yield with every rule.
func (r *rules) all(yield func(rule)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for text, m := range r.exact {
		yield(rule{kind: ruleExact, seq: m.seq, seg: m.seg, text: text})
	}
	for hash, m := range r.tombs {
		yield(rule{kind: ruleTomb, seq: m.seq, seg: m.seg, hash: hash})
	}
	for _, p := range r.prefixes {
		yield(rule{kind: rulePrefix, seq: p.seq, seg: p.seg, text: p.text})
	}
}

// reset empties it.
func (r *rules) reset() {
	r.mu.Lock()
	r.exact, r.tombs, r.prefixes = nil, nil, nil
	r.mu.Unlock()
}
