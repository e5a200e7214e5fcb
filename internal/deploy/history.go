// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/forelane/forelane/internal/cluster"
)

// Revision is a deploy of a stage as the history has it.
type Revision struct {
	Number uint64         `json:"revision"` // 0: it never came into force
	Stack  string         `json:"stack"`
	Stage  string         `json:"stage,omitempty"`
	Kind   string         `json:"kind"` // deploy, promote, remove, refused
	Bundle cluster.Digest `json:"bundle,omitempty"`
	By     string         `json:"by,omitempty"`
	Note   string         `json:"note,omitempty"`
	At     time.Time      `json:"at"`
	// InForce tells that it is what the nodes serve.
	InForce bool `json:"inForce,omitempty"`
}

// page is how many entries are read at once.
const page = 500

// each calls f with the entries after a number.
func (d *Desk) each(ctx context.Context, after uint64, f func(cluster.Entry)) (last uint64, err error) {
	for {
		entries, err := d.cluster.Read(ctx, after, page)
		if err != nil || len(entries) == 0 {
			return after, err
		}
		for _, e := range entries {
			f(e)
			after = e.Number
		}
	}
}

// current is what is in force at p by the log, with the end of the log at that
// moment. Its Number is 0 when nothing is.
func (d *Desk) current(ctx context.Context, p place) (now cluster.Entry, last uint64, err error) {
	d.node.mu.Lock()
	last, now = d.node.last, d.node.logged[p]
	d.node.mu.Unlock()
	return d.currentSince(ctx, p, now, last)
}

func (d *Desk) currentSince(ctx context.Context, p place, now cluster.Entry, after uint64) (cluster.Entry, uint64, error) {
	last, err := d.each(ctx, after, func(e cluster.Entry) {
		switch {
		case placeOf(e) != p:
		case e.Kind == cluster.Deploy || e.Kind == cluster.Promote:
			now = e
		case e.Kind == cluster.Remove:
			now = cluster.Entry{}
		}
	})
	return now, last, err
}

// History is all that was deployed, the newest first; stack and stage narrow it.
func (d *Desk) History(ctx context.Context, stack, stage string) ([]Revision, error) {
	out := []Revision{}
	trials := map[place]cluster.Digest{}
	force := map[place]uint64{}
	seen := uint64(0) // an entry may be in the log, and past as well
	add := func(e cluster.Entry) {
		if e.Number <= seen {
			return
		}
		seen = e.Number
		p := placeOf(e)
		r := Revision{Number: e.Number, Stack: e.Stack, Stage: e.Stage, Kind: e.Kind.String(), Bundle: e.Bundle, By: e.By, Note: e.Note, At: e.At}
		switch {
		case stack != "" && e.Stack != stack || stage != "" && e.Stage != stage:
			return
		case e.Kind == cluster.Deploy || e.Kind == cluster.Promote:
			force[p] = e.Number
		case e.Kind == cluster.Remove:
			delete(force, p)
		case e.Kind == cluster.Set && e.Key == trialKey && len(e.Value) > 0:
			trials[p] = cluster.Digest(e.Value)
			return
		case e.Kind == cluster.Set && e.Key == trialKey:
			r.Number, r.Kind, r.Bundle = 0, "refused", trials[p]
		default:
			return
		}
		out = append(out, r)
	}
	past, err := d.before(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range past {
		add(e)
	}
	if _, err = d.each(ctx, seen, add); err != nil {
		return nil, err
	}
	for i := range out {
		r := &out[i]
		r.InForce = r.Number > 0 && force[place{r.Stack, r.Stage}] == r.Number
	}
	slices.Reverse(out)
	return out, nil
}

// before is what the log has let go: the last deploys, and those that are still in
// force, however old they are.
func (d *Desk) before(ctx context.Context) ([]cluster.Entry, error) {
	past, err := d.cluster.Past(ctx)
	if err != nil {
		return nil, err
	}
	first, err := d.cluster.Read(ctx, 0, 1)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	d.node.mu.Lock()
	for _, e := range d.node.logged {
		if e.Number < first[0].Number && !slices.ContainsFunc(past, func(o cluster.Entry) bool { return o.Number == e.Number }) {
			past = append(past, e)
		}
	}
	d.node.mu.Unlock()
	past = slices.DeleteFunc(past, func(e cluster.Entry) bool { return e.Number >= first[0].Number })
	slices.SortFunc(past, func(a, b cluster.Entry) int { return cmp.Compare(a.Number, b.Number) })
	return past, nil
}

// Rollback brings an older revision of a stage into force again: to, or, when
// that is 0, the last one with another bundle.
func (d *Desk) Rollback(ctx context.Context, rq Request, to uint64, tell func(Event)) error {
	revisions, err := d.History(ctx, rq.Stack, rq.Stage)
	if err != nil {
		return err
	}
	revisions = slices.DeleteFunc(revisions, func(r Revision) bool { return r.Bundle == "" || r.Number == 0 || r.Stage != rq.Stage })
	if len(revisions) == 0 || !revisions[0].InForce && to == 0 {
		return fmt.Errorf("nothing is in force for %s", place{rq.Stack, rq.Stage})
	}
	now := revisions[0]
	i := slices.IndexFunc(revisions, func(r Revision) bool {
		return to == 0 && r.Bundle != now.Bundle || to != 0 && r.Number == to
	})
	if i < 0 && to == 0 {
		return errors.New("there is no older revision with another bundle")
	}
	if i < 0 {
		return fmt.Errorf("%s has no revision %d (forelane history lists them)", place{rq.Stack, rq.Stage}, to)
	}
	target := revisions[i]
	rq.Bundle = target.Bundle
	if rq.After = 0; now.InForce {
		rq.After = now.Number
	}
	if rq.Note == "" {
		rq.Note = fmt.Sprintf("back to revision %d", target.Number)
	}
	return d.Deploy(ctx, rq, tell)
}

// Status is how the nodes are.
type Status struct {
	Last    uint64           `json:"last"` // the end of the log
	Members []cluster.Member `json:"members"`
	InForce []Revision       `json:"inForce"` // by this node
}

// Status tells how the nodes are.
func (d *Desk) Status(ctx context.Context) (*Status, error) {
	members, err := d.cluster.Members(ctx)
	if err != nil {
		return nil, err
	}
	last, err := d.cluster.Last(ctx)
	if err != nil {
		return nil, err
	}
	s := &Status{Last: last.Number, Members: members, InForce: []Revision{}}
	d.node.mu.Lock()
	defer d.node.mu.Unlock()
	for p, r := range d.node.inForce {
		s.InForce = append(s.InForce, Revision{
			Number: r.entry.Number, Stack: p.stack, Stage: p.stage, Kind: r.entry.Kind.String(), Bundle: r.entry.Bundle,
			By: r.entry.By, Note: r.entry.Note, At: r.entry.At, InForce: true,
		})
	}
	slices.SortFunc(s.InForce, func(a, b Revision) int { return int(a.Number) - int(b.Number) })
	return s, nil
}
