// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/cluster"
)

// Cluster is what a Desk needs of one: *cluster.Cluster is it.
type Cluster interface {
	cluster.Log
	cluster.Bundles
	Members(ctx context.Context) ([]cluster.Member, error)
}

// Desk deploys to all nodes.
type Desk struct {
	node    *Node
	cluster Cluster
}

// NewDesk makes a desk on a node.
func NewDesk(n *Node, c Cluster) *Desk { return &Desk{n, c} }

// Request is what is to be deployed where.
type Request struct {
	Stack  string         `json:"stack"`
	Stage  string         `json:"stage,omitempty"`
	Bundle cluster.Digest `json:"bundle,omitempty"`
	// After is Plan.After: the revision that the deploy was decided after.
	After uint64 `json:"after"`
	// Strict refuses what has something unsupported.
	Strict bool   `json:"strict,omitempty"`
	By     string `json:"by,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Step is what happens in a deploy. The list is closed.
type Step string

// The steps.
const (
	Trying     Step = "trying"      // all nodes were asked to try the bundle
	Ready      Step = "ready"       // a node can serve it
	Refused    Step = "refused"     // a node cannot: Message says why
	Deploying  Step = "deploying"   // the revision is in the log
	Applied    Step = "applied"     // a node serves it
	Done       Step = "done"        // all nodes do
	Failed     Step = "failed"      // nothing has changed, or what was before is in force again
	RollingBck Step = "rollingBack" // what was before is deployed again
)

// Event tells of a step.
type Event struct {
	Step     Step   `json:"step"`
	Node     string `json:"node,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
	Message  string `json:"message,omitempty"`
}

// The bounds of a deploy.
const (
	tryLimit   = 10 * time.Minute // builds may run
	applyLimit = 2 * time.Minute  // all is built
	lookEvery  = 100 * time.Millisecond
	mostTries  = 50 // of an append that loses to others
	maxWords   = 4096
)

// ErrMeanwhile is a deploy of somebody else since the plan was made.
var ErrMeanwhile = errors.New("another revision came into force since the plan was made")

// Store keeps a bundle in the cluster.
func (d *Desk) Store(ctx context.Context, r io.Reader) (cluster.Digest, error) {
	return d.cluster.PutBundle(ctx, r)
}

// Deploy brings a bundle into force on all nodes, or on none. tell is called
// with each step. When ctx ends after the trial, the deploy goes on.
func (d *Desk) Deploy(ctx context.Context, rq Request, tell func(Event)) error {
	p := place{rq.Stack, rq.Stage}
	if err := p.validate(); err != nil {
		return err
	}
	if _, err := d.node.dirOf(rq.Bundle); err != nil {
		return err
	}
	rq.By, rq.Note = excerpt(rq.By), excerpt(rq.Note)
	err := d.relative(d.deploy(ctx, p, rq, tell))
	if err != nil {
		tell(Event{Step: Failed, Message: err.Error()})
	}
	return err
}

func (d *Desk) deploy(ctx context.Context, p place, rq Request, tell func(Event)) error {
	before, _, err := d.current(ctx, p)
	if err != nil {
		return err
	}
	if before.Number != rq.After {
		return d.meanwhile(before)
	}
	if err := d.trial(ctx, p, rq, tell); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyLimit)
	defer cancel()
	e, err := d.append(ctx, p, rq.After, cluster.Entry{
		Kind: cluster.Deploy, Stack: p.stack, Stage: p.stage, Bundle: rq.Bundle, By: rq.By, Note: rq.Note,
	})
	if err != nil {
		return err
	}
	tell(Event{Step: Deploying, Revision: e.Number})
	if err := d.await(ctx, e.Number, Applied, tell); err != nil {
		return errors.Join(err, d.undo(p, before, e, err, tell))
	}
	tell(Event{Step: Done, Revision: e.Number})
	return nil
}

func (d *Desk) meanwhile(e cluster.Entry) error {
	if e.Number == 0 {
		return fmt.Errorf("%w: it was removed", ErrMeanwhile)
	}
	return fmt.Errorf("%w: revision %d by %s at %s", ErrMeanwhile, e.Number, cmp.Or(e.By, "somebody"), e.At.Format(time.RFC3339))
}

// trial asks all nodes to try the bundle, and waits for them.
func (d *Desk) trial(ctx context.Context, p place, rq Request, tell func(Event)) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	e, err := d.cluster.Append(ctx, cluster.Entry{
		Kind: cluster.Set, Stack: p.stack, Stage: p.stage, Key: trialKey, Value: []byte(rq.Bundle), By: rq.By, Note: rq.Note,
	}, cluster.AnyLast)
	if err != nil {
		return err
	}
	tell(Event{Step: Trying})
	if err := d.await(ctx, e.Number, Ready, tell); err != nil {
		d.forget(ctx, p, rq, err)
		return fmt.Errorf("nothing has changed: %w", err)
	}
	return nil
}

// forget takes a trial out of force, with a word for the history.
func (d *Desk) forget(ctx context.Context, p place, rq Request, why error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyLimit)
	defer cancel()
	_, err := d.cluster.Append(ctx, cluster.Entry{
		Kind: cluster.Set, Stack: p.stack, Stage: p.stage, Key: trialKey, By: rq.By, Note: excerpt(why.Error()),
	}, cluster.AnyLast)
	if err != nil {
		d.node.log.Warn("a failed trial is not noted", "stack", p.name(), "error", err)
	}
}

// excerpt bounds what goes into an entry.
func excerpt(s string) string {
	if len(s) > maxWords {
		return strings.ToValidUTF8(s[:maxWords], "") + "…"
	}
	return s
}

// append appends e unless another revision than after is in force at p.
func (d *Desk) append(ctx context.Context, p place, after uint64, e cluster.Entry) (cluster.Entry, error) {
	for range mostTries {
		now, last, err := d.current(ctx, p)
		if err != nil {
			return e, err
		}
		if now.Number != after {
			return e, d.meanwhile(now)
		}
		done, err := d.cluster.Append(ctx, e, last)
		switch {
		case errors.Is(err, cluster.ErrConflict):
			continue
		case errors.Is(err, cluster.ErrUnknownOutcome):
			return d.find(ctx, p, last, e, err)
		}
		return done, err
	}
	return e, cluster.ErrConflict
}

// find looks for an entry whose Append had no answer.
func (d *Desk) find(ctx context.Context, p place, after uint64, e cluster.Entry, unknown error) (cluster.Entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyLimit)
	defer cancel()
	now, _, err := d.currentSince(ctx, p, cluster.Entry{}, after)
	if err != nil {
		return e, errors.Join(unknown, err)
	}
	if now.Number > after && now.Kind == e.Kind && now.Bundle == e.Bundle && now.By == e.By && now.Note == e.Note {
		return now, nil
	}
	return e, unknown
}

// await waits until all nodes have an entry, and tells of each.
func (d *Desk) await(ctx context.Context, number uint64, step Step, tell func(Event)) error {
	type outcome struct {
		c   cluster.Completion
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		c, err := d.cluster.Wait(ctx, number)
		done <- outcome{c, err}
	}()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	told := map[string]bool{}
	say := func(step Step, node, message string) {
		if !told[node] {
			told[node] = true
			tell(Event{Step: step, Node: node, Revision: revisionOf(step, number), Message: message})
		}
	}
	for {
		select {
		case out := <-done:
			for _, name := range out.c.Applied {
				say(step, name, "")
			}
			for _, name := range slices.Sorted(maps.Keys(out.c.Refused)) {
				say(Refused, name, reason(out.c.Refused[name]))
			}
			return verdict(out.c, out.err, told)
		case <-look.C:
			members, err := d.cluster.Members(ctx)
			if err != nil {
				continue // Wait says what matters
			}
			for _, m := range members {
				if why, no := m.Refused[number]; no {
					say(Refused, m.Node, reason(why))
				} else if m.Live && m.Applied >= number {
					say(step, m.Node, "")
				}
			}
		}
	}
}

func revisionOf(step Step, number uint64) uint64 {
	if step == Applied {
		return number
	}
	return 0
}

// reason is what a node said.
func reason(s string) string { return strings.TrimPrefix(s, cluster.ErrRefused.Error()+": ") }

// verdict makes an error of a completion that is none.
func verdict(c cluster.Completion, err error, told map[string]bool) error {
	if len(c.Refused) > 0 {
		var errs []error
		for _, name := range slices.Sorted(maps.Keys(c.Refused)) {
			errs = append(errs, fmt.Errorf("%s: %s", name, reason(c.Refused[name])))
		}
		return errors.Join(errs...)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not all nodes answered in time; those that did: %s", strings.Join(slices.Sorted(maps.Keys(told)), ", "))
	}
	return err
}

// undo brings what was in force before a failed deploy into force again.
func (d *Desk) undo(p place, before, failed cluster.Entry, why error, tell func(Event)) error {
	ctx, cancel := context.WithTimeout(context.Background(), applyLimit)
	defer cancel()
	tell(Event{Step: RollingBck, Revision: failed.Number, Message: why.Error()})
	e := cluster.Entry{
		Kind: cluster.Deploy, Stack: p.stack, Stage: p.stage, Bundle: before.Bundle, By: failed.By,
		Note: excerpt(fmt.Sprintf("back to revision %d: revision %d failed: %v", before.Number, failed.Number, why)),
	}
	if before.Number == 0 {
		e.Kind = cluster.Remove
	}
	back, err := d.append(ctx, p, failed.Number, e)
	if err != nil {
		return fmt.Errorf("and it could not be rolled back: %w", err)
	}
	if err := d.await(ctx, back.Number, Applied, tell); err != nil {
		return fmt.Errorf("and the rollback is not done everywhere: %w", err)
	}
	return fmt.Errorf("rolled back by revision %d", back.Number)
}
