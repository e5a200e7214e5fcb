// SPDX-License-Identifier: Apache-2.0

package webacl

import (
	"hash/maphash"
	"sync"
	"time"
)

// A window counts the requests of each instance (an address, a combination of
// keys) over the last so many seconds, in steps of 10 s: a window of 60 s is
// six steps and the one that is under way. So a burst is forgotten between 60
// and 70 s after it. AWS estimates, too, and looks about every 10 s.
//
// Memory is bounded: maxInstances. When there is no room, the least busy of
// some that chance picks goes, so that a million addresses with one request
// each do not make it forget the one that is limited. A new window that takes
// the room of an old one begins at zero: it can pass more, never fewer.

const (
	step         = 10 * time.Second
	maxSteps     = 61
	maxInstances = 10000
	picked       = 8
)

type window struct {
	limit uint64
	steps int64 // of the window, the one under way not counted
	seed  [2]maphash.Seed

	mu sync.Mutex
	of map[instance]*counts
}

// instance is the digest of a key, with secrets of this process: nobody outside
// can make two keys that share one.
type instance [2]uint64

// counts are the requests of one instance: a ring of steps.
type counts struct {
	last  int64 // number of the step that was counted in last
	total uint64
	ring  []uint32
}

func newWindow(limit int64, length time.Duration) *window {
	n := int64(length / step)
	return &window{
		limit: uint64(limit), steps: min(max(n, 1), maxSteps-1),
		seed: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, of: map[instance]*counts{},
	}
}

func (w *window) instance(key []byte) instance {
	return instance{maphash.Bytes(w.seed[0], key), maphash.Bytes(w.seed[1], key)}
}

// above tells whether the instance would be above the limit with one more
// request, without counting it.
func (w *window) above(key []byte, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.of[w.instance(key)]
	if c == nil {
		return w.limit == 0
	}
	c.advance(now.UnixNano() / int64(step))
	return c.total >= w.limit
}

// count counts one request and tells whether the instance is above the limit.
func (w *window) count(key []byte, now time.Time) (above bool) {
	at := w.instance(key)
	n := now.UnixNano() / int64(step)
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.of[at]
	if c == nil {
		if len(w.of) >= maxInstances {
			w.makeRoom(n)
		}
		c = &counts{last: n, ring: make([]uint32, w.steps+1)}
		w.of[at] = c
	}
	c.advance(n)
	c.ring[c.last%int64(len(c.ring))]++
	c.total++
	return c.total > w.limit
}

// advance forgets the steps that left the window. A clock that goes back counts
// in the latest step.
func (c *counts) advance(n int64) {
	size := int64(len(c.ring))
	if n-c.last >= size {
		clear(c.ring)
		c.total, c.last = 0, n
		return
	}
	for ; c.last < n; c.last++ {
		next := &c.ring[(c.last+1)%size]
		c.total -= uint64(*next)
		*next = 0
	}
}

func (w *window) makeRoom(n int64) {
	var worst instance
	least, left := ^uint64(0), picked
	for k, c := range w.of { // begins anywhere
		c.advance(n)
		if c.total < least {
			worst, least = k, c.total
		}
		if left--; left == 0 || least == 0 {
			break
		}
	}
	delete(w.of, worst)
}
