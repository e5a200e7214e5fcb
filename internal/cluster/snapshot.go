// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The log is bounded: it keeps the last Config.Entries entries, and a quarter
// more before the older ones are let go. What they said stands in the snapshot,
// one message beside the log:
//
//	                cut               at          end
//	 let go  ........|  kept by the log            |
//	 snapshot: what is in force at "at", and the deploys up to "cut" for the history
//
// Any node writes it that has applied so much, under the condition that nobody
// else did meanwhile; only when a majority has it are the entries up to cut
// removed. So between cut and the end nothing is missing, and at is an entry
// that the log still has.
//
// A node that was away for longer finds that the log begins behind what it has
// applied. It cannot know which invalidations it missed. So it has its Consumer
// put into force what the snapshot says and forget all it has cached, and goes on
// behind at. Until then it is not current, and revalidates what it serves.

// snapshot is what stands for entries that the log has let go.
type snapshot struct {
	At      place   `json:"at"`
	Cut     uint64  `json:"cut"`             // the last entry that the log need not have
	First   string  `json:"first,omitempty"` // the token of entry 1, which tells logs apart
	InForce []noted `json:"inForce"`
	Past    []noted `json:"past,omitempty"` // the last deploys, promotions and removals up to Cut
}

const (
	defaultEntries = 10_000
	pastKept       = 500
	// maxSnapshot is what one message may have. A larger snapshot is not written,
	// and the log goes on growing.
	maxSnapshot = 900 << 10
)

// trimStep is after how many entries the log is looked at.
func (c *Config) trimStep() uint64 { return max(uint64(c.Entries)/4, 1) }

// lastSnapshot is the last one, and where it stands in the stream: 0 without any.
func (c *Cluster) lastSnapshot(ctx context.Context) (s snapshot, seq uint64, err error) {
	got, err := c.link.get(ctx, map[string]any{"multi_last": []string{c.link.snapshot()}})
	if err != nil || len(got) == 0 {
		return s, 0, err
	}
	if err := json.Unmarshal(got[0].data, &s); err != nil {
		return s, 0, fmt.Errorf("cluster: snapshot at %d: %w", got[0].seq, err)
	}
	return s, got[0].seq, nil
}

// Past implements Log.
func (c *Cluster) Past(ctx context.Context) (all []Entry, err error) {
	return all, c.reading(ctx, func(ctx context.Context) error {
		s, _, err := c.lastSnapshot(ctx)
		all = entriesOf(s.Past)
		return err
	})
}

// keepTrimmed bounds the log until ctx ends.
func (f *Follower) keepTrimmed(ctx context.Context) {
	for {
		select {
		case <-f.trimSoon:
		case <-ctx.Done():
			return
		}
		// All nodes come here at the same entry: the first one does it.
		if !rest(ctx, time.Duration(rand.Int64N(int64(f.c.config.Tenure/beatsATenure)))) {
			return
		}
		if err := f.trim(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errMismatch) {
			f.c.config.Log.Warn("cluster: the log is not trimmed; it is tried again", "error", err)
		}
	}
}

// trim writes a snapshot and lets entries go, if there are too many.
func (f *Follower) trim(ctx context.Context) error {
	f.mu.Lock()
	now, ok := f.standing, f.fault == nil && f.jump == nil && f.standing.sure
	f.mu.Unlock()
	keep := uint64(f.c.config.Entries)
	if !ok || now.at.Number < keep+f.c.config.trimStep() {
		return nil
	}
	old, seq, err := f.c.lastSnapshot(ctx)
	if err != nil || now.at.Number < old.Cut+keep+f.c.config.trimStep() {
		return err
	}
	next := snapshot{At: now.at, Cut: now.at.Number - keep, First: old.First, InForce: notedOf(now.logged), Past: old.Past}
	last, err := f.c.gather(ctx, &next, old.Cut)
	if err != nil {
		return err
	}
	b, err := json.Marshal(next)
	if err == nil && len(b) > maxSnapshot {
		err = fmt.Errorf("a snapshot of %d bytes; %d are allowed", len(b), maxSnapshot)
	}
	if err != nil {
		return err
	}
	m := nats.NewMsg(f.c.link.snapshot())
	m.Data = b
	m.Header.Set("Nats-Rollup", "sub")
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", fmt.Sprint(seq))
	if _, err := f.c.link.publish(ctx, m, seq); err != nil {
		return err
	}
	s, err := f.c.link.js.Stream(ctx, f.c.link.stream())
	if err != nil {
		return err
	}
	f.c.config.Log.Info("cluster: the log is trimmed", "up to", next.Cut)
	return s.Purge(ctx, jetstream.WithPurgeSubject(f.c.link.entries()), jetstream.WithPurgeSequence(last+1))
}

// gather reads what is about to be let go of, behind entry from: for the history,
// and where the last of it stands.
func (c *Cluster) gather(ctx context.Context, s *snapshot, from uint64) (last uint64, err error) {
	for from < s.Cut {
		got, err := c.read(ctx, from, int(min(batch, s.Cut-from)))
		if err != nil {
			return 0, err
		}
		if len(got) == 0 {
			return 0, fmt.Errorf("cluster: entry %d cannot be read", from+1)
		}
		for _, e := range got {
			if e.Number == 1 {
				s.First = e.Token
			}
			switch e.Kind {
			case Deploy, Promote, Remove:
				s.Past = append(s.Past, noted{e, e.seq})
			case Set, Invalidate:
			}
			from, last = e.Number, e.seq
		}
	}
	if n := len(s.Past) - pastKept; n > 0 {
		s.Past = slices.Delete(s.Past, 0, n)
	}
	return last, nil
}

// skip makes the snapshot what is applied next, for the log does not go back to
// what this node has. gap is the error if there is none.
func (f *Follower) skip(ctx context.Context, gap error) error {
	try, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	s, _, err := f.c.lastSnapshot(try)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.accept(&s, gap)
}

// accept is skip with a snapshot. The caller holds f.mu.
func (f *Follower) accept(s *snapshot, gap error) error {
	switch {
	case s.At.Number <= f.seen.Number || len(f.queue) > 0: // a replica that lags; or what was read comes first
		return gap
	case f.first != "" && s.First != "" && f.first != s.First:
		f.stop(errors.New("cluster: the log begins behind what this node has, and is another log"))
		return f.fault
	}
	f.c.config.Log.Warn("cluster: this node was away for longer than the log goes back: it takes the snapshot, and forgets what it has cached", "applied", f.seen.Number, "snapshot", s.At.Number)
	f.jump, f.seen, f.first = s, s.At, s.First
	kick(f.applySoon)
	return nil
}

// leap applies the snapshot.
func (f *Follower) leap(ctx context.Context, s *snapshot) {
	next := standing{at: s.At, force: entriesOf(s.InForce), logged: entriesOf(s.InForce), sure: true}
	f.mu.Lock()
	ended := slices.DeleteFunc(slices.Clone(f.standing.force), func(e Entry) bool {
		return e.Kind != Set || slices.ContainsFunc(next.force, func(o Entry) bool {
			return o.Kind == Set && o.Stack == e.Stack && o.Stage == e.Stage && o.Key == e.Key
		})
	})
	f.mu.Unlock()
	for i := range ended {
		ended[i].Number, ended[i].Value = s.At.Number, nil
	}
	for pause := applyPause; ; pause = min(2*pause, applyPauseMax) {
		err := f.to.Skip(ctx, next.force, ended)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			f.c.config.Log.Warn("cluster: the snapshot could not be applied; it is tried again", "number", s.At.Number, "error", err)
		}
		if !rest(ctx, pause) {
			return
		}
	}
	f.note(next)
	f.mu.Lock()
	f.standing, f.jump = next, nil
	f.mu.Unlock()
	f.c.hintApplied(f.report())
	kick(f.fetchSoon)
	kick(f.beatSoon)
}

func notedOf(all []Entry) (out []noted) {
	for _, e := range all {
		out = append(out, noted{e, e.seq})
	}
	return out
}

func entriesOf(all []noted) (out []Entry) {
	for _, n := range all {
		n.Entry.seq = n.Seq
		out = append(out, n.Entry)
	}
	return out
}
