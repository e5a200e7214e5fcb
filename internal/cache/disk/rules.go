// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"maps"
	"sync"

	"github.com/forelane/forelane/internal/cache/target"
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
// Exact rules and prefixes are a target.Set: asking a hundred thousand of them
// costs about as much as asking one.

// ruleLimit and ruleBytes bound the rules. One more, and the distribution that
// has the most gets one for everything of it in their place.
const (
	ruleLimit = 1 << 18
	ruleBytes = 64 << 20
)

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

type rules struct {
	mu        sync.RWMutex
	set       target.Set // exact rules and prefixes
	tombs     map[uint64]target.Mark
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
	m := target.Mark{Seq: n.seq, Seg: n.seg}
	if n.kind != ruleTomb {
		r.set.Add(n.text, n.kind == rulePrefix, m)
		return
	}
	if r.tombs == nil {
		r.tombs = map[uint64]target.Mark{}
	}
	r.tombs[n.hash] = m
}

// kills tells whether the record of key, labels and seq is dead.
func (r *rules) kills(key []byte, labels [][]byte, hash, seq uint64) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.tombs[hash].Seq > seq || r.set.Last(textOf(key)) > seq {
		return true
	}
	for _, l := range labels {
		if r.set.Last(l) > seq {
			return true
		}
	}
	return false
}

// bar notes a Delete.
func (r *rules) bar(hash, seq uint64) {
	r.mu.Lock()
	r.barred[hash%uint64(len(r.barred))] = seq
	r.mu.Unlock()
}

// full is the distribution that must have one rule in place of all its others,
// if there is no room for another invalidation. Tombs do not count: there are
// never more than objects.
func (r *rules) full() (dist string, full bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.set.Len() < ruleLimit && r.set.Bytes() < ruleBytes {
		return "", false
	}
	return r.set.Fullest()
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
	gone := func(m target.Mark) bool {
		if m.Seg >= oldest {
			return false
		}
		dropped++
		r.forgotten = max(r.forgotten, m.Seq)
		return true
	}
	r.set.Forget(gone)
	maps.DeleteFunc(r.tombs, func(_ uint64, m target.Mark) bool { return gone(m) })
	return dropped
}

func (r *rules) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.set.Len() + len(r.tombs)
}

// all calls yield with every rule.
func (r *rules) all(yield func(rule)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for hash, m := range r.tombs {
		yield(rule{kind: ruleTomb, seq: m.Seq, seg: m.Seg, hash: hash})
	}
	for e := range r.set.All() {
		kind := ruleExact
		if e.Prefix {
			kind = rulePrefix
		}
		yield(rule{kind: kind, seq: e.Mark.Seq, seg: e.Mark.Seg, text: e.Text})
	}
}

// reset empties it.
func (r *rules) reset() {
	r.mu.Lock()
	r.set, r.tombs = target.Set{}, nil
	r.mu.Unlock()
}
