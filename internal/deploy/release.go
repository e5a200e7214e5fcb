// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/bundle"
	"github.com/forelane/forelane/internal/cluster"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// release is a bundle evaluated for a place.
type release struct {
	place   place
	entry   cluster.Entry // what put it into force; zero while it is tried
	dir     string
	results []*template.Result
}

func (r *release) stacks() []*model.Stack {
	if r == nil {
		return nil
	}
	out := make([]*model.Stack, len(r.results))
	for i, res := range r.results {
		out[i] = res.Stack
	}
	return out
}

// PlaceOf is where the distribution with an id is deployed.
func (n *Node) PlaceOf(distribution string) (stack, stage string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for p, r := range n.inForce {
		for _, st := range r.stacks() {
			for _, d := range st.Distributions {
				if d.ID == distribution {
					return p.stack, p.stage, true
				}
			}
		}
	}
	return "", "", false
}

// number is the revision; 0 of none.
func (r *release) number() uint64 {
	if r == nil {
		return 0
	}
	return r.entry.Number
}

// dirOf is the folder of a bundle.
func (n *Node) dirOf(d cluster.Digest) (string, error) {
	hex, ok := strings.CutPrefix(string(d), "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is no digest", d)
	}
	return filepath.Join(n.o.Dir, hex), nil
}

// unpack sees to it that a bundle is unpacked. An error of final is not worth
// trying again.
func (n *Node) unpack(ctx context.Context, d cluster.Digest) (dir string, err error) {
	if dir, err = n.dirOf(d); err != nil {
		return "", final(err)
	}
	if _, err := bundle.Open(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(n.o.Dir, 0o700); err != nil {
		return "", err
	}
	r, err := n.o.Bundles.Bundle(ctx, d)
	if errors.Is(err, cluster.ErrNoBundle) {
		return "", final(err)
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	if err := bundle.Unpack(r, dir); err != nil {
		return "", final(err)
	}
	return dir, nil
}

// evaluate makes a release of a bundle for a place.
func (n *Node) evaluate(ctx context.Context, p place, d cluster.Digest) (*release, error) {
	dir, err := n.unpack(ctx, d)
	if err != nil {
		return nil, err
	}
	m, err := bundle.Open(dir)
	if err != nil {
		return nil, final(err)
	}
	root := filepath.Join(dir, bundle.Project)
	results, err := template.Load(ctx, bundle.Path(dir, m.Template), template.Options{
		StackName: p.name(), Parameters: m.Parameters, Root: root,
		Region: cmp.Or(m.Region, n.o.Region), AccountID: cmp.Or(m.Account, n.o.Account),
		Env: n.o.Env, Exports: n.exported, Code: inside(dir, m.Code), Buckets: inside(dir, m.Buckets),
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, final(errors.New(strings.ReplaceAll(err.Error(), root+string(filepath.Separator), "")))
	}
	if p.stage != "" && len(results) > 1 {
		return nil, final(fmt.Errorf("the bundle holds %d stacks, which have names of their own: give the app its stages, and deploy without one", len(results)))
	}
	for _, r := range results {
		r.Stack.Revision = string(d)
	}
	return &release{place: p, dir: dir, results: results}, nil
}

func inside(dir string, paths map[string]string) map[string]string {
	out := make(map[string]string, len(paths))
	for id, p := range paths {
		out[id] = bundle.Path(dir, p)
	}
	return out
}

// exported is Fn::ImportValue: what a stack in force here exports.
func (n *Node) exported(name string) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.inForce {
		for _, res := range r.results {
			for _, out := range res.Stack.Outputs {
				if out.ExportName == name {
					return out.Value, true
				}
			}
		}
	}
	return "", false
}

// finalError is one that trying again does not mend.
type finalError struct{ err error }

func (e finalError) Error() string { return e.err.Error() }
func (e finalError) Unwrap() error { return e.err }

func final(err error) error { return finalError{err} }

// refused makes of a final error what a follower takes as one.
func refused(err error) error {
	if fe := (finalError{}); errors.As(err, &fe) {
		return fmt.Errorf("%w: %w", cluster.ErrRefused, fe.err)
	}
	return err
}

// keepUnpacked is how many unpacked bundles stay that are not in force: going
// back to one is quick, and a request under way may still read one.
const keepUnpacked = 8

// prune removes unpacked bundles that nobody has used for longest.
func (n *Node) prune() {
	entries, err := os.ReadDir(n.o.Dir)
	if err != nil {
		return
	}
	used := map[string]bool{}
	n.mu.Lock()
	for _, r := range n.inForce {
		used[filepath.Base(r.dir)] = true
	}
	n.mu.Unlock()
	type folder struct {
		name string
		at   time.Time
	}
	var free []folder
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && e.IsDir() && !used[e.Name()] {
			free = append(free, folder{e.Name(), fi.ModTime()})
		}
	}
	slices.SortFunc(free, func(a, b folder) int { return b.at.Compare(a.at) })
	for i, f := range free {
		if i >= keepUnpacked {
			if err := os.RemoveAll(filepath.Join(n.o.Dir, f.name)); err != nil {
				n.log.Warn("an old bundle is not removed", "error", err)
			}
		}
	}
}
