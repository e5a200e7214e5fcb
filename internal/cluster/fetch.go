// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fetch reads what is new when it is told of it, and now and then.
func (f *Follower) fetch(ctx context.Context) {
	every := time.NewTicker(f.c.config.Tenure / beatsATenure)
	defer every.Stop()
	failures := 0
	var promised uint64 // a hint said that there are so many
	for pause := time.Millisecond; ctx.Err() == nil; {
		before := f.place()
		err := f.fetchAll(ctx)
		failures = f.tellFailure(ctx, err, failures)
		at := f.place()
		if at != before {
			pause = time.Millisecond
		}
		var soon <-chan time.Time // a replica lags: it has not yet what was promised
		if (at.Number < promised || err != nil) && pause < time.Second {
			soon = time.After(pause)
			pause *= 2
		}
		select {
		case <-soon:
		case <-every.C:
			pause = time.Millisecond
		case n := <-f.hinted:
			promised, pause = max(promised, n), time.Millisecond
		case <-f.fetchSoon:
		case <-ctx.Done():
		}
	}
}

// tellFailure logs the first of several failures, and each hundredth.
func (f *Follower) tellFailure(ctx context.Context, err error, before int) int {
	if err == nil || ctx.Err() != nil {
		return 0
	}
	if before%100 == 1 { // one alone is nothing
		f.c.config.Log.Warn("cluster: the log cannot be read", "after", f.place().Number, "error", err)
	}
	return before + 1
}

func (f *Follower) place() place {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// verify sees to it that the log is the one that this node has followed: one that
// was made anew may have another entry in the same place.
func (f *Follower) verify(ctx context.Context) error {
	at := f.place()
	if at.Number > 0 {
		try, cancel := context.WithTimeout(ctx, tryTime)
		defer cancel()
		got, err := f.c.after(try, at.Seq-1, 1)
		if err != nil {
			return err
		}
		if len(got) == 0 {
			return fmt.Errorf("cluster: the log has no entry %d yet, which this node has applied", at.Number)
		}
		begins, err := f.c.after(try, 0, 1)
		if err != nil {
			return err
		}
		if len(begins) > 0 && begins[0].Number > at.Number {
			return f.skip(ctx, fmt.Errorf("cluster: the log begins at entry %d, behind %d", begins[0].Number, at.Number))
		}
		if got[0].place() != at {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.stop(fmt.Errorf("cluster: entry %d is another one than this node has: it is of another log", at.Number))
			return f.fault
		}
	}
	f.verified.Store(true)
	kick(f.beatSoon)
	return nil
}

// fetchAll reads entries until there are no more, or the queue is full.
func (f *Follower) fetchAll(ctx context.Context) error {
	if !f.verified.Load() && f.Fault() == nil {
		if err := f.verify(ctx); err != nil {
			return err
		}
	}
	for {
		f.mu.Lock()
		at, room := f.seen, queueLimit-len(f.queue)
		stop := f.fault != nil || f.jump != nil
		f.mu.Unlock()
		if stop || room <= 0 {
			return nil
		}
		try, cancel := context.WithTimeout(ctx, tryTime)
		got, err := f.c.after(try, at.Seq, min(batch, room))
		cancel()
		if err == nil && len(got) > 0 {
			err = f.take(got)
		}
		if errors.Is(err, errGap) {
			err = f.skip(ctx, err)
		}
		if err != nil || len(got) == 0 {
			return err
		}
	}
}

// errGap: the log does not have what comes next, or not any more.
var errGap = errors.New("cluster: an entry is missing")

// take puts entries into the queue, if each follows the one before.
func (f *Follower) take(got []Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range got {
		if !e.follows(f.seen) {
			if e.Number > f.seen.Number+1 {
				return fmt.Errorf("%w: %d before %d", errGap, f.seen.Number+1, e.Number)
			}
			f.stop(fmt.Errorf("cluster: entry %d does not follow the one this node has: it is of another log", e.Number))
			return f.fault
		}
		if f.seen = e.place(); e.Number == 1 {
			f.first = e.Token
		}
		f.queue = append(f.queue, e)
	}
	kick(f.applySoon)
	return nil
}
