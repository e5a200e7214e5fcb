// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what the hit path can afford to count: counters and
// histograms spread over cells that different cores write, without memory and
// without locks.
//
// The flow:
//
//  1. When a stack is compiled, the planes ask a Registry for their series,
//     by name and labels, and keep the handles (Registry.Counter …).
//  2. On the way of a request they call Add, Observe or Set.
//  3. A scrape asks for AppendText: the Prometheus text format, sorted.
//
// Labels are bounded: a name has at most MaxSeries of them; whoever asks for
// more gets one that all share, with "other" as each value. Label values come
// from templates, never from viewers.
//
// What it does not do: no push, no time series, no summaries. All methods are
// safe for concurrent use; sums read during writes may be a few behind.
package metrics

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// shards is how many cells a counter has; a power of two. Two cores that add
// at the same time mostly meet different cells.
const shards = 8

// cell is a number alone on its cache lines.
type cell struct {
	n atomic.Int64
	_ [120]byte
}

// Counter goes up. The zero Counter is usable.
type Counter struct{ cells [shards]cell }

// Inc adds one.
func (c *Counter) Inc() { c.Add(1) }

// Add adds n, which is not negative.
func (c *Counter) Add(n int64) { c.cells[pick()].n.Add(n) }

// Value is the sum.
func (c *Counter) Value() int64 {
	var sum int64
	for i := range c.cells {
		sum += c.cells[i].n.Load()
	}
	return sum
}

// pick chooses a cell. The generator is per core in the runtime, so choosing
// shares nothing either.
func pick() int { return int(rand.Uint32() & (shards - 1)) }

// Gauge goes up and down. The zero Gauge is usable.
type Gauge struct{ n atomic.Int64 }

// Set sets the value.
func (g *Gauge) Set(n int64) { g.n.Store(n) }

// Add adds n, which may be negative.
func (g *Gauge) Add(n int64) { g.n.Add(n) }

// Value is the value.
func (g *Gauge) Value() int64 { return g.n.Load() }

// maxBounds is how many buckets a histogram has beside the last.
const maxBounds = 20

// Histogram counts durations by size. Make one with a Registry.
type Histogram struct {
	bounds []time.Duration // ascending
	shard  [shards]buckets
}

type buckets struct {
	count [maxBounds + 1]atomic.Int64
	sum   atomic.Int64 // nanoseconds
	_     [64]byte
}

// Latency is a set of bounds for requests, 100 µs to 30 s.
func Latency() []time.Duration {
	return []time.Duration{
		100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
		10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	}
}

// newHistogram takes at most maxBounds ascending bounds; others are left out.
func newHistogram(bounds []time.Duration) *Histogram {
	h := &Histogram{}
	for _, b := range bounds {
		if n := len(h.bounds); n < maxBounds && (n == 0 || b > h.bounds[n-1]) {
			h.bounds = append(h.bounds, b)
		}
	}
	return h
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(h.bounds) && d > h.bounds[i] {
		i++
	}
	s := &h.shard[pick()]
	s.count[i].Add(1)
	s.sum.Add(int64(d))
}

// Read returns the counts by bucket, not added up, the last one being for what
// exceeds all bounds; and the sum.
func (h *Histogram) Read() (counts []int64, sum time.Duration) {
	counts = make([]int64, len(h.bounds)+1)
	for i := range h.shard {
		for j := range counts {
			counts[j] += h.shard[i].count[j].Load()
		}
		sum += time.Duration(h.shard[i].sum.Load())
	}
	return counts, sum
}
