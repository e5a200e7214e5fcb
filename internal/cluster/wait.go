// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Waiting for completion (tenure.go says why it is right). What nodes say comes
// on two ways: hints, at once, and beats, by a read of the stream. A hint that a
// node has applied a number is true for good. Only a read can say which nodes
// there are, and only one by a replica that has the entry itself.

// roster is what is known of the nodes.
type roster struct {
	mu      sync.Mutex
	nodes   map[string]*known
	changed chan struct{} // closed and made anew
}

// known is what is known of one node.
type known struct {
	last    beat
	seq     uint64    // of its last beat; 0: only hints were heard
	heard   time.Time // when this beat was first seen here: after it was written
	applied uint64    // the highest number that a beat or a hint said
	here    bool      // it is this node, and follows: it is waited for before it ever beats
}

func newRoster() *roster { return &roster{nodes: map[string]*known{}, changed: make(chan struct{})} }

// news is closed at the next change.
func (r *roster) news() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// hear takes what a node said; seq is the place of its beat, 0 for a hint.
func (r *roster) hear(b beat, seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.nodes[b.Node]
	if k == nil {
		k = &known{}
		r.nodes[b.Node] = k
	}
	k.applied = max(k.applied, b.Applied)
	switch {
	case seq > k.seq:
		k.last, k.seq, k.heard = b, seq, time.Now()
	case seq == 0 && len(b.Refused) > 0:
		k.last.Refused = b.Refused
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// hearSelf takes what this node's own Follower says.
func (r *roster) hearSelf(b beat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.nodes[b.Node]
	if k == nil {
		k = &known{}
		r.nodes[b.Node] = k
	}
	k.here, k.heard, k.applied, k.last.Refused, k.last.Left = b.Fault == "", time.Now(), b.Applied, b.Refused, false
}

// look reads the last beats from a replica. It returns the place of the last
// entry that the replica has: what is in the roster is then no older than that.
func (c *Cluster) look(ctx context.Context) (last uint64, err error) {
	got, err := c.link.get(ctx, map[string]any{"multi_last": []string{c.link.entries(), c.link.beats()}})
	if err != nil {
		return 0, err
	}
	for _, m := range got {
		if m.subject == c.link.entries() {
			last = m.seq
			continue
		}
		var b beat
		if err := json.Unmarshal(m.data, &b); err == nil && b.Node == strings.TrimPrefix(m.subject, c.link.beat("")) {
			c.roster.hear(b, m.seq)
		}
	}
	return last, nil
}

// hintApplied tells those who wait how far the node is.
func (c *Cluster) hintApplied(b beat) {
	if data, err := json.Marshal(b); err == nil {
		_ = c.link.nc.Publish(c.link.appliedHint(), data) // the next beat says it too
	}
}

// lookEvery is how often beats are read while somebody waits for nodes that do
// not say a word.
const lookEvery = 200 * time.Millisecond

// Wait implements Log.
func (c *Cluster) Wait(ctx context.Context, number uint64) (Completion, error) {
	e, err := c.entry(ctx, number)
	if err != nil {
		return Completion{}, err
	}
	begin := time.Now() // the entry was written before
	if err := c.lookPast(ctx, e.seq); err != nil {
		return Completion{}, err
	}
	looked := time.Now()
	for {
		news := c.roster.news()
		if f := c.follower.Load(); f != nil {
			c.roster.hearSelf(f.report())
		}
		done, next, ok := c.completion(e, begin, time.Now())
		if ok {
			return done, nil
		}
		t := time.NewTimer(min(next, lookEvery))
		select {
		case <-news:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if time.Since(looked) >= lookEvery {
			try, cancel := context.WithTimeout(ctx, tryTime)
			_, _ = c.look(try) // what is known already suffices: it is newer than the entry
			cancel()
			looked = time.Now()
		}
	}
}

// lookPast looks until a replica answers that has the entry at seq.
func (c *Cluster) lookPast(ctx context.Context, seq uint64) error {
	return again(ctx, func(ctx context.Context) error {
		last, err := c.look(ctx)
		if err == nil && last < seq {
			err = errors.New("cluster: the replica lags")
		}
		return err
	})
}

// entry reads the entry of a number.
func (c *Cluster) entry(ctx context.Context, number uint64) (e Entry, err error) {
	return e, c.reading(ctx, func(ctx context.Context) error {
		got, err := c.read(ctx, number-1, 1)
		if err == nil && (len(got) == 0 || got[0].Number != number) {
			err = errors.New("cluster: there is no such entry yet")
		}
		if err == nil {
			e = got[0]
		}
		return err
	})
}

// completion judges all nodes. ok: nobody has to be waited for; else the time
// until somebody's tenure ends.
func (c *Cluster) completion(e Entry, begin, now time.Time) (done Completion, next time.Duration, ok bool) {
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	past := c.config.Tenure + margin(c.config.Tenure)
	ok, next = true, past
	for _, node := range slices.Sorted(maps.Keys(c.roster.nodes)) {
		k := c.roster.nodes[node]
		why, refused := k.last.Refused[e.Number]
		silent := k.heard.Add(past)
		if e.Kind == Invalidate && begin.Add(past).Before(silent) {
			silent = begin.Add(past) // it may be alive, but calls nothing current that it had before
		}
		switch {
		case k.applied >= e.Number && refused:
			if done.Refused == nil {
				done.Refused = map[string]string{}
			}
			done.Refused[node] = why
		case k.applied >= e.Number:
			done.Applied = append(done.Applied, node)
		case k.seq == 0 && !k.here || k.last.Left:
		case !now.Before(silent):
			done.Gone = append(done.Gone, node)
		default:
			ok, next = false, min(next, silent.Sub(now))
		}
	}
	return done, next, ok
}

// Members are the nodes that the log knows of, by name.
func (c *Cluster) Members(ctx context.Context) ([]Member, error) {
	err := c.reading(ctx, func(ctx context.Context) error {
		_, err := c.look(ctx)
		return err
	})
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	var all []Member
	for _, node := range slices.Sorted(maps.Keys(c.roster.nodes)) {
		k := c.roster.nodes[node]
		live := k.seq > 0 && !k.last.Left && time.Since(k.heard) < c.config.Tenure+margin(c.config.Tenure)
		all = append(all, Member{
			Node: node, Applied: k.applied, Live: live, Current: live && k.last.Current,
			Refused: maps.Clone(k.last.Refused), Fault: k.last.Fault,
		})
	}
	return all, err
}
