// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Follower applies the log to a Consumer. Five goroutines: one reads entries
// into a queue, one applies them in order, one beats (tenure.go); a fourth notes
// the position in a file (position.go), a fifth trims the log (snapshot.go).
type Follower struct {
	c       *Cluster
	to      Consumer
	current current

	fetchSoon, applySoon, beatSoon, noteSoon, trimSoon chan struct{} // kicks; of capacity 1

	hinted chan uint64 // numbers that exist, by hint; of capacity 1

	verified atomic.Bool // the log has the entry that this node has seen last

	shorter time.Time // since when the log ends before what was read; of keepTenure alone

	noting sync.Mutex
	noted  uint64 // the number that the file says

	mu       sync.Mutex
	seen     place   // the last entry that was read
	queue    []Entry // read, and not applied; the first may be on its way
	standing standing
	first    string    // the token of entry 1; empty: not known
	jump     *snapshot // what is applied before what the queue gets from now on
	fault    error     // why the log is followed no more
}

// standing is how far a node has come. It is not changed, but replaced.
type standing struct {
	at      place // the last entry that was applied
	force   inForce
	refused map[uint64]string // by number; the last few
	logged  inForce           // what the log has put into force, refused here or not
	sure    bool              // logged is known: it was not in files of before
}

const (
	queueLimit  = 4 * batch
	refusedKept = 16
)

// kick wakes a goroutine; it never waits.
func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func newFollower(c *Cluster, to Consumer) *Follower {
	soon := func() chan struct{} { return make(chan struct{}, 1) }
	return &Follower{
		c: c, to: to, fetchSoon: soon(), applySoon: soon(), beatSoon: soon(), noteSoon: soon(), trimSoon: soon(),
		hinted: make(chan uint64, 1),
	}
}

// Current tells whether the node has surely applied every invalidation whose
// completion was told to anybody before now. It costs a few comparisons and
// allocates nothing. Where it is false, what is cached is to be revalidated.
func (f *Follower) Current(now time.Time) bool { return f.current.now(now) }

// Position is the number of the last entry that was applied.
func (f *Follower) Position() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.standing.at.Number
}

// InForce are the entries in force, oldest first.
func (f *Follower) InForce() []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.standing.force)
}

// Fault is why the log is followed no more; nil: it is.
func (f *Follower) Fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault
}

// follow runs until ctx ends.
func (f *Follower) follow(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { f.fetch(ctx) })
	all.Go(func() { f.apply(ctx) })
	all.Go(func() { f.keepTenure(ctx) })
	all.Go(func() { f.notePosition(ctx) })
	all.Go(func() { f.keepTrimmed(ctx) })
	all.Wait()
}

// stop ends following: what the node has does not fit the log. The caller holds
// f.mu.
func (f *Follower) stop(why error) {
	if f.fault == nil {
		f.fault = why
		f.current.end()
		f.c.config.Log.Error("cluster: this node follows the log no more; it serves what it has and revalidates what is cached", "error", why, "dir", f.c.config.Dir)
		kick(f.beatSoon)
	}
}

// apply applies the queue.
func (f *Follower) apply(ctx context.Context) {
	for {
		f.mu.Lock()
		var next *Entry
		if len(f.queue) > 0 {
			next = &f.queue[0]
		}
		jump := f.jump
		f.mu.Unlock()
		if next == nil && jump != nil {
			f.leap(ctx, jump)
			if ctx.Err() != nil {
				return
			}
			continue
		}
		if next == nil {
			select {
			case <-f.applySoon:
				continue
			case <-ctx.Done():
				return
			}
		}
		refusal := f.applyOne(ctx, *next)
		if ctx.Err() != nil && (refusal != nil || !errors.Is(refusal, ErrRefused)) {
			return // not known whether it was applied: it is again, at the next start
		}
		f.done(refusal)
	}
}

// The pauses between tries of an entry.
const (
	applyPause    = 100 * time.Millisecond
	applyPauseMax = 5 * time.Second
)

// applyOne applies e; it returns nil, or an ErrRefused, or when ctx has ended.
func (f *Follower) applyOne(ctx context.Context, e Entry) error {
	for pause := applyPause; ; pause = min(2*pause, applyPauseMax) {
		err := f.to.Apply(ctx, e)
		if err == nil || errors.Is(err, ErrRefused) {
			return err
		}
		if ctx.Err() == nil {
			f.c.config.Log.Warn("cluster: an entry could not be applied; it is tried again", "number", e.Number, "kind", e.Kind.String(), "error", err)
		}
		if !rest(ctx, pause) {
			return err
		}
	}
}

// done takes the first entry off the queue.
func (f *Follower) done(refusal error) {
	f.mu.Lock()
	e, next := f.queue[0], f.standing
	f.mu.Unlock()
	next.at, next.logged = e.place(), next.logged.with(e)
	if refusal == nil {
		next.force = next.force.with(e)
	} else {
		next.refused = maps.Clone(next.refused)
		if next.refused == nil {
			next.refused = map[uint64]string{}
		}
		next.refused[e.Number] = refusal.Error()
		if len(next.refused) > refusedKept {
			delete(next.refused, slices.Min(slices.Collect(maps.Keys(next.refused))))
		}
	}
	if e.Kind != Invalidate { // a restart must not fall behind what was told to be applied
		f.note(next)
	}
	f.mu.Lock()
	f.queue = f.queue[1:]
	f.standing = next
	last, full := len(f.queue) == 0, len(f.queue) == queueLimit-1
	f.mu.Unlock()
	if refusal != nil {
		f.c.config.Log.Error("cluster: this node refuses an entry; what was in force still is", "number", e.Number, "kind", e.Kind.String(), "error", refusal)
	}
	if last || e.Number%64 == 0 {
		f.c.hintApplied(f.report())
		kick(f.noteSoon)
		if !f.Current(time.Now()) { // else the next beat will do: beats keep appends waiting
			kick(f.beatSoon)
		}
	}
	if full {
		kick(f.fetchSoon)
	}
	if e.Number%f.c.config.trimStep() == 0 {
		kick(f.trimSoon)
	}
}

// upToDate is the last entry that was read, and whether all invalidations up to
// it are applied.
func (f *Follower) upToDate() (place, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pending := slices.ContainsFunc(f.queue, func(e Entry) bool { return e.Kind == Invalidate })
	return f.seen, !pending && f.jump == nil && f.fault == nil
}

// report is what the node says of itself.
func (f *Follower) report() beat {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := beat{Node: f.c.config.Node, Applied: f.standing.at.Number, Refused: f.standing.refused}
	if f.fault != nil {
		b.Fault = f.fault.Error()
	}
	return b
}
