// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/bundle"
	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// Plan is what a deploy would change.
type Plan struct {
	Stack  string         `json:"stack"`
	Stage  string         `json:"stage,omitempty"`
	Name   string         `json:"name"` // of the stack in templates
	Bundle cluster.Digest `json:"bundle"`
	// After is the revision that is in force; 0: none. A deploy of this plan is
	// refused when another one came meanwhile.
	After uint64 `json:"after"`
	// Same tells that the bundle in force is this one.
	Same    bool              `json:"same,omitempty"`
	Changes []template.Change `json:"changes"`
	Routes  []Line            `json:"routes"` // routes of APIs, behaviors of distributions
	// Fidelity has a line a stack.
	Fidelity []string `json:"fidelity"`
}

// Line is a route or a behavior that comes or goes.
type Line struct {
	Op   template.Op `json:"op"`
	Text string      `json:"text"`
}

// Plan evaluates a bundle here and compares it with what is in force.
func (d *Desk) Plan(ctx context.Context, rq Request) (*Plan, error) {
	p := place{rq.Stack, rq.Stage}
	if err := p.validate(); err != nil {
		return nil, err
	}
	now, _, err := d.current(ctx, p)
	if err != nil {
		return nil, err
	}
	next, err := d.node.evaluate(ctx, p, rq.Bundle)
	if err != nil {
		return nil, err
	}
	if rq.Strict {
		if err := strict(next); err != nil {
			return nil, err
		}
	}
	before := d.node.at(p)
	if have := before.number(); have != now.Number {
		return nil, fmt.Errorf("this node is behind or has refused it: it has revision %d of %s, in force is %d (try again, or ask another node)", have, p, now.Number)
	}
	out := &Plan{
		Stack: rq.Stack, Stage: rq.Stage, Name: p.name(), Bundle: rq.Bundle, After: now.Number,
		Same: now.Number > 0 && now.Bundle == rq.Bundle, Changes: []template.Change{}, Routes: routeLines(before, next),
	}
	if out.Changes, err = changes(before, next); err != nil {
		return nil, err
	}
	for _, r := range next.results {
		out.Fidelity = append(out.Fidelity, r.Stack.Name+": "+r.Report.Summary())
	}
	return out, nil
}

func strict(r *release) error {
	var errs []error
	for _, res := range r.results {
		errs = append(errs, res.Report.Strict())
	}
	return errors.Join(errs...)
}

// changes compares resources, and then the files behind them.
func changes(before, next *release) ([]template.Change, error) {
	old := map[string]*template.Result{}
	if before != nil {
		for _, r := range before.results {
			old[r.Stack.Name] = r
		}
	}
	out := []template.Change{}
	for _, r := range next.results {
		was := old[r.Stack.Name]
		delete(old, r.Stack.Name)
		found := template.Diff(was, r)
		if was != nil {
			var err error
			if found, err = contents(found, before, was.Stack, next, r.Stack); err != nil {
				return nil, err
			}
		}
		out = append(out, found...)
	}
	if before != nil {
		for _, r := range before.results {
			if old[r.Stack.Name] != nil {
				out = append(out, template.Diff(r, nil)...)
			}
		}
	}
	return out, nil
}

// contents adds what changed in the code of functions and in the content of
// buckets, whose properties may be the same.
func contents(found []template.Change, before *release, was *model.Stack, next *release, is *model.Stack) ([]template.Change, error) {
	for _, f := range is.Functions {
		i := slices.IndexFunc(was.Functions, func(o *model.Function) bool { return o.LogicalID == f.LogicalID })
		if i < 0 {
			continue
		}
		var err error
		at := template.Change{LogicalID: f.LogicalID, Type: "AWS::Lambda::Function", Pos: f.Pos}
		if found, err = content(found, at, "code", path(was.Functions[i].Code), path(f.Code)); err != nil {
			return nil, err
		}
	}
	for _, b := range is.Buckets {
		old := was.Bucket(b.LogicalID)
		if old == nil {
			continue
		}
		at := template.Change{LogicalID: b.LogicalID, Type: "AWS::S3::Bucket", Pos: b.Pos}
		for i, c := range b.Content {
			from := ""
			if i < len(old.Content) {
				from = old.Content[i].Dir + old.Content[i].Zip
			}
			var err error
			if found, err = content(found, at, "content", from, c.Dir+c.Zip); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func path(c model.Code) string { return c.Dir + c.Zip }

func content(found []template.Change, at template.Change, what, before, after string) ([]template.Change, error) {
	diff, err := bundle.Compare(before, after)
	if err != nil || diff.None() {
		return found, err
	}
	p := template.Property{Op: template.Modify, Path: what, After: diff.String()}
	for i := range found {
		if found[i].LogicalID == at.LogicalID {
			if found[i].Op == template.Modify {
				found[i].Properties = append(found[i].Properties, p)
			}
			return found, nil
		}
	}
	at.Op, at.Properties = template.Modify, []template.Property{p}
	return append(found, at), nil
}

// routeLines compares routes and behaviors.
func routeLines(before, next *release) []Line {
	old, now := routes(before.stacks()), routes(next.stacks())
	out := []Line{}
	for _, t := range now {
		if !slices.Contains(old, t) {
			out = append(out, Line{template.Add, t})
		}
	}
	for _, t := range old {
		if !slices.Contains(now, t) {
			out = append(out, Line{template.Remove, t})
		}
	}
	return out
}

// routes are the routes and behaviors of stacks, one a line.
func routes(stacks []*model.Stack) []string {
	var out []string
	for _, st := range stacks {
		for _, a := range st.APIs {
			for _, r := range a.Routes {
				line := a.LogicalID + "  " + r.Key
				if in := r.Integration; in != nil {
					if f, _ := st.Function(in.Function); f != nil {
						line += " -> " + f.LogicalID
					} else if in.URI != "" && in.Function == "" {
						line += " -> " + in.URI
					}
				}
				if r.Authorization != "" && r.Authorization != "NONE" {
					line += " (" + r.Authorization + ")"
				}
				out = append(out, line)
			}
		}
		for _, d := range st.Distributions {
			for _, b := range d.Behaviors {
				line := d.LogicalID + "  " + b.PathPattern + " -> " + b.Target
				if b.Cache != nil && b.Cache.Name != "" {
					line += ", cache policy " + b.Cache.Name
				}
				out = append(out, line+", "+strings.Join(b.Allowed, " "))
			}
		}
	}
	return out
}

// relative is a message without the folder that bundles lie in.
func (d *Desk) relative(err error) error {
	if err == nil {
		return nil
	}
	s := strings.ReplaceAll(err.Error(), d.node.o.Dir+string(filepath.Separator), "")
	if s == err.Error() {
		return err
	}
	return errors.New(s)
}
