// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forelane/forelane/internal/bundle"
	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/model"
)

// Node applies the log to this node. It is a cluster.Consumer.
type Node struct {
	o   Options
	log *slog.Logger

	mu      sync.Mutex
	inForce map[place]*release
	logged  map[place]cluster.Entry // what the log has put into force last, refused here or not
	last    uint64                  // the number of the last entry that was applied or refused, or in force at the start
	tried   *release                // the last trial that went well
	triedOf cluster.Digest
}

// NewNode makes a node with nothing in force.
func NewNode(o Options) *Node {
	n := &Node{o: o, log: o.Log, inForce: map[place]*release{}, logged: map[place]cluster.Entry{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	return n
}

var _ cluster.Consumer = (*Node)(nil)

// Restore serves what was in force when the node was last here. What cannot be
// served any more is told and left out: the rest is. All of it was deployed
// here before, so a function whose build fails now is no reason to refuse.
func (n *Node) Restore(ctx context.Context, inForce []cluster.Entry) error {
	for _, e := range inForce {
		n.note(e)
		switch e.Kind {
		case cluster.Deploy, cluster.Promote:
			r, err := n.evaluate(ctx, placeOf(e), e.Bundle)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				n.log.Error("a stack that was in force is not served", "stack", placeOf(e).name(), "revision", e.Number, "error", err)
				continue
			}
			r.entry = e
			n.mu.Lock()
			n.inForce[r.place] = r
			n.mu.Unlock()
		case cluster.Set:
			if e.Key != trialKey && n.o.Set != nil {
				if err := n.o.Set(ctx, e); err != nil {
					n.log.Error("a setting that was in force is not", "stack", placeOf(e).name(), "key", e.Key, "error", err)
				}
			}
		}
	}
	if len(n.inForce) == 0 {
		return nil
	}
	return n.restoreTogether(ctx)
}

// restoreTogether serves all that was evaluated; where it does not go together
// any more, as much as goes, the oldest first.
func (n *Node) restoreTogether(ctx context.Context) error {
	err := n.o.Server.Apply(ctx, n.stacks(nil))
	if err == nil || ctx.Err() != nil {
		return err
	}
	all := slices.SortedFunc(maps.Values(n.inForce), func(a, b *release) int { return int(a.entry.Number) - int(b.entry.Number) })
	n.mu.Lock()
	n.inForce = map[place]*release{}
	n.mu.Unlock()
	for _, r := range all {
		if err := n.o.Server.Apply(ctx, n.stacks(r)); err != nil {
			n.log.Error("a stack that was in force is not served", "stack", r.place.name(), "revision", r.entry.Number, "error", err)
			continue
		}
		n.mu.Lock()
		n.inForce[r.place] = r
		n.mu.Unlock()
	}
	return ctx.Err()
}

// Skip puts into force what is, whatever was before, and forgets all that is
// cached.
func (n *Node) Skip(ctx context.Context, inForce, ended []cluster.Entry) error {
	for _, e := range inForce { // what cannot be fetched now is tried again: meanwhile all stays
		if e.Kind != cluster.Deploy && e.Kind != cluster.Promote {
			continue
		}
		if _, err := n.unpack(ctx, e.Bundle); err != nil && !errors.Is(err, cluster.ErrRefused) {
			return err
		}
	}
	n.mu.Lock()
	n.inForce, n.logged = map[place]*release{}, map[place]cluster.Entry{}
	n.tried, n.triedOf = nil, ""
	n.mu.Unlock()
	if n.o.Set != nil {
		for _, e := range ended {
			if err := n.o.Set(ctx, e); err != nil {
				n.log.Error("a setting that has ended is still in force", "stack", placeOf(e).name(), "key", e.Key, "error", err)
			}
		}
	}
	err := n.Restore(ctx, inForce)
	if err == nil && len(n.stacks(nil)) == 0 { // then Restore has left what was before
		err = n.o.Server.Apply(ctx, nil)
	}
	if err == nil && n.o.Purge != nil {
		n.o.Purge()
	}
	return err
}

// Apply applies one entry.
func (n *Node) Apply(ctx context.Context, e cluster.Entry) error {
	err := n.apply(ctx, e)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || errors.Is(err, cluster.ErrRefused) {
		n.note(e)
	}
	return err
}

// note keeps what the log says, whatever this node made of it.
func (n *Node) note(e cluster.Entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = max(n.last, e.Number)
	switch e.Kind {
	case cluster.Deploy, cluster.Promote:
		n.logged[placeOf(e)] = e
	case cluster.Remove:
		delete(n.logged, placeOf(e))
	}
}

func (n *Node) apply(ctx context.Context, e cluster.Entry) error {
	switch e.Kind {
	case cluster.Deploy, cluster.Promote:
		return refused(n.deploy(ctx, e))
	case cluster.Remove:
		return refused(n.remove(ctx, e))
	case cluster.Set:
		if e.Key == trialKey {
			return refused(n.try(ctx, e))
		}
		if n.o.Set != nil {
			return n.o.Set(ctx, e)
		}
	case cluster.Invalidate:
		if n.o.Invalidate != nil && e.Invalidation != nil {
			return n.o.Invalidate(ctx, e)
		}
	}
	return nil
}

// stacks are all that are in force, with instead in place of what is at its
// place; in the order of their names.
func (n *Node) stacks(instead *release) []*model.Stack {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := maps.Clone(n.inForce)
	if instead != nil {
		all[instead.place] = instead
	}
	places := slices.SortedFunc(maps.Keys(all), func(a, b place) int { return strings.Compare(a.name(), b.name()) })
	var out []*model.Stack
	for _, p := range places {
		out = append(out, all[p].stacks()...)
	}
	return out
}

// stale is after what time nobody waits for a trial any more: a node that was
// away need not make up for it. The deploy that followed is tried by itself.
const stale = 15 * time.Minute

// try finds out whether a bundle can be served here.
func (n *Node) try(ctx context.Context, e cluster.Entry) error {
	if len(e.Value) == 0 || time.Since(e.At) > stale {
		return nil
	}
	digest := cluster.Digest(e.Value)
	r, err := n.evaluate(ctx, placeOf(e), digest)
	if err != nil {
		return err
	}
	if err := n.o.Server.Try(ctx, n.stacks(r)); err != nil {
		return n.final(ctx, r, err)
	}
	n.mu.Lock()
	n.tried, n.triedOf = r, digest
	n.mu.Unlock()
	return nil
}

// final makes of what a Server refuses a final error in the bundle's own words:
// the folder that it lies in is nobody's.
func (n *Node) final(ctx context.Context, r *release, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return final(errors.New(strings.ReplaceAll(err.Error(), r.dir+"/"+bundle.Project+"/", "")))
}

func (n *Node) deploy(ctx context.Context, e cluster.Entry) error {
	p := placeOf(e)
	n.mu.Lock()
	now, r := n.inForce[p], n.tried
	if r != nil && (r.place != p || n.triedOf != e.Bundle) {
		r = nil
	}
	n.tried, n.triedOf = nil, ""
	n.mu.Unlock()
	if now != nil && now.entry.Bundle == e.Bundle {
		n.put(&release{place: p, entry: e, dir: now.dir, results: now.results})
		return nil
	}
	if r == nil {
		var err error
		if r, err = n.evaluate(ctx, p, e.Bundle); err != nil {
			return err
		}
	}
	r.entry = e
	if err := bundle.Date(r.dir, e.At); err != nil {
		return err
	}
	if err := n.o.Server.Deploy(ctx, n.stacks(r)); err != nil {
		return n.final(ctx, r, err)
	}
	n.put(r)
	n.log.Info("deployed", "stack", p.name(), "revision", e.Number, "bundle", string(e.Bundle))
	_ = os.Chtimes(r.dir, time.Now(), time.Now()) // for prune: used now
	n.prune()
	return nil
}

func (n *Node) put(r *release) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inForce[r.place] = r
}

func (n *Node) remove(ctx context.Context, e cluster.Entry) error {
	p := placeOf(e)
	n.mu.Lock()
	before := n.inForce[p]
	delete(n.inForce, p)
	n.mu.Unlock()
	if before == nil {
		return nil
	}
	if err := n.o.Server.Deploy(ctx, n.stacks(nil)); err != nil {
		n.put(before)
		return n.final(ctx, before, err)
	}
	n.log.Info("removed", "stack", p.name(), "revision", e.Number)
	return nil
}

// at is what is in force at a place here; nil: nothing.
func (n *Node) at(p place) *release {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.inForce[p]
}
