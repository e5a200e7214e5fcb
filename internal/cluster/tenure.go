// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// The tenure of a node: how long it may call what it has cached current.
//
// A node that is cut off does not learn of invalidations, and nobody can tell it
// that they are complete. So it must know by itself when its word ends, and the
// others must know that it has ended. Both are done by durations, each measured
// by one clock; no two clocks are compared.
//
// A beat is a message in the same stream as the entries. The node writes it under
// the condition that the last entry is one it has seen, after it has applied all
// invalidations up to that one. When the log accepts it, the node was up to date
// at some moment after it began to write: its tenure lasts Config.Tenure from
// that beginning.
//
//	node     t0 ---- writes beat --->|            t0+T: what is cached is not current
//	log         entry 41 | beat |  entry 42 (invalidate)
//	waiter                       t1: 42 is written      t1+T+margin: the node is surely silent
//
// Who waits for entry 42 reads the last beats from a replica that has 42. A node
// whose beat stands before 42 began its tenure before t1; it has said that it
// applied 42, or its tenure is over by t1+T, and the margin is for clocks that
// run at different speeds. A node whose beat stands behind 42 had seen 42 first.
// Beats that say less (the node is alive, but busy) are written without the
// condition and begin no tenure.
//
// A process that is stopped, or a machine that is suspended, comes back with a
// clock that went on: now is past the end. The monotonic clock stands still while
// a machine sleeps, the wall clock does not; the end is on both, and the first
// that is reached counts.

// beatsATenure is how many beats a tenure has: so many may be lost but one.
const beatsATenure = 5

// margin is by how much the others' clocks may run slower than the node's.
func margin(tenure time.Duration) time.Duration { return tenure/20 + 50*time.Millisecond }

// tenure is one tenure. Its beginning has both clocks.
type tenure struct {
	begin  time.Time
	length time.Duration
}

// holds tells whether now is within it, by both clocks.
func (t *tenure) holds(now time.Time) bool {
	return now.Sub(t.begin) < t.length && now.UnixNano()-t.begin.UnixNano() < int64(t.length)
}

// current is the tenure that is held, if any.
type current struct {
	held  atomic.Pointer[tenure]
	ended atomic.Bool
}

func (c *current) now(now time.Time) bool {
	t := c.held.Load()
	return t != nil && (t.holds(now) || endless)
}

func (c *current) extend(begin time.Time, length time.Duration) {
	c.held.Store(&tenure{begin, length})
	if c.ended.Load() { // end may have come between
		c.held.Store(nil)
	}
}

// end ends it for good.
func (c *current) end() {
	c.ended.Store(true)
	c.held.Store(nil)
}

// beat is what a node says of itself.
type beat struct {
	Node    string            `json:"node"`
	Applied uint64            `json:"applied"`
	Current bool              `json:"current"`
	Left    bool              `json:"left,omitempty"`
	Refused map[uint64]string `json:"refused,omitempty"`
	Fault   string            `json:"fault,omitempty"`
}

// keepTenure beats until ctx ends, and then once more: that the node has left.
func (f *Follower) keepTenure(ctx context.Context) {
	every := time.NewTicker(f.c.config.Tenure / beatsATenure)
	defer every.Stop()
	for ctx.Err() == nil {
		f.beatOnce(ctx)
		select {
		case <-every.C:
		case <-f.beatSoon:
		case <-ctx.Done():
		}
	}
	f.current.end()
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
	defer cancel()
	b := f.report()
	b.Left, b.Current = true, false
	_ = f.writeBeat(leave, b, nil) // else its tenure ends by time
}

// beatTries is how often a beat is written again whose condition did not hold.
const beatTries = 8

// beatOnce writes a beat, under the condition if the node has applied every
// invalidation that it has seen.
func (f *Follower) beatOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.c.config.Tenure/beatsATenure)
	defer cancel()
	for range beatTries {
		begin := time.Now()
		seen, ok := f.upToDate()
		if !ok {
			break
		}
		b := f.report()
		b.Current = true
		err := f.writeBeat(ctx, b, &seen)
		if err == nil {
			f.shorter = time.Time{}
			if f.verified.Load() {
				f.current.extend(begin, f.c.config.Tenure)
			}
			return
		}
		f.doubt(err)
		if !errors.Is(err, errMismatch) {
			return
		}
		kick(f.fetchSoon)
		if !rest(ctx, time.Duration(1+rand.IntN(20))*time.Millisecond) {
			return
		}
	}
	_ = f.writeBeat(ctx, f.report(), nil) // the next one is soon
}

// doubted is how many tenures long the log may end before what was read of it. A
// leader that was cut off and does not know it yet has such a log.
const doubted = 6

// doubt stops following when the log has lost entries.
func (f *Follower) doubt(err error) {
	if !errors.Is(err, errShorter) {
		return
	}
	f.verified.Store(false)
	switch {
	case f.shorter.IsZero():
		f.shorter = time.Now()
	case time.Since(f.shorter) > doubted*f.c.config.Tenure:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stop(fmt.Errorf("cluster: entry %d: %w", f.seen.Number, err))
	}
}

// writeBeat writes b, if seen is not nil under the condition that it is the last
// entry.
func (f *Follower) writeBeat(ctx context.Context, b beat, seen *place) error {
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	l := f.c.link
	m := nats.NewMsg(l.beat(b.Node))
	m.Data = data
	var expected uint64
	if seen != nil {
		expected = seen.Seq
		l.expect(m, expected)
	}
	m.Header.Set("Nats-Rollup", "sub")
	_, err = l.publish(ctx, m, expected)
	return err
}
