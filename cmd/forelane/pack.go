// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/bundle"
	"github.com/forelane/forelane/internal/function/build"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template"
)

// A bundle has the project's files where they are relative to each other: below
// the folder that all of them have in common. Go code is built here, as `sam
// build` does: nodes need no Go, and run what was tried.

// packer makes a bundle of a loaded template.
type packer struct {
	l        *loader
	files    []string          // read by the template
	folders  map[string]bool   // and whether its links may lead elsewhere
	built    map[string]string // folders with a bootstrap, by logical id
	builder  *build.Builder
	manifest bundle.Manifest
}

// pack writes the bundle of what l loads.
func (l *loader) pack(ctx context.Context, got *loaded, w io.Writer) error {
	p := &packer{
		l: l, folders: map[string]bool{}, built: map[string]string{},
		builder: &build.Builder{Dir: l.data, Path: os.Getenv("PATH"), Environ: os.Environ()},
		manifest: bundle.Manifest{
			Name: got.results[0].Stack.Name, Region: l.opt.Region, Account: l.opt.AccountID, Parameters: l.opt.Parameters,
			Code: map[string]string{}, Buckets: map[string]string{},
		},
	}
	if err := p.gather(ctx, got.results); err != nil {
		return err
	}
	root, err := p.root()
	if err != nil {
		return err
	}
	var b bundle.Builder
	if err := p.add(&b, root); err != nil {
		return err
	}
	return b.Write(w, &p.manifest)
}

// gather finds all that the stacks are made of.
func (p *packer) gather(ctx context.Context, results []*template.Result) error {
	for _, r := range results {
		for _, f := range r.Files {
			abs, err := filepath.Abs(f)
			if err != nil {
				return err
			}
			p.files = append(p.files, abs)
		}
		for _, f := range r.Stack.Functions {
			if err := p.function(ctx, f); err != nil {
				return err
			}
		}
		for _, b := range r.Stack.Buckets {
			for _, c := range b.Content {
				p.code(model.Code{Dir: c.Dir, Zip: c.Zip}, false)
			}
		}
	}
	for _, given := range []map[string]string{p.l.opt.Code, p.l.opt.Buckets} {
		for id, path := range given {
			abs, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			given[id] = abs // the same that the template was loaded with
		}
	}
	return nil
}

func (p *packer) function(ctx context.Context, f *model.Function) error {
	for _, l := range f.Layers {
		p.code(l, true)
	}
	goes := strings.HasPrefix(f.Runtime, "provided") || strings.HasPrefix(f.Runtime, "go")
	if f.Code.Dir == "" || !goes {
		p.code(f.Code, true)
		return nil
	}
	alone := *f
	alone.Layers = nil
	unit, err := p.builder.Prepare(ctx, &alone)
	if err != nil {
		return fmt.Errorf("%s: function %s: %w", f.Pos, f.LogicalID, err)
	}
	if unit.Root == f.Code.Dir {
		p.code(f.Code, true)
		return nil
	}
	p.built[f.LogicalID] = unit.Root
	return nil
}

func (p *packer) code(c model.Code, anywhere bool) {
	switch {
	case c.Dir != "":
		p.folders[c.Dir] = p.folders[c.Dir] || anywhere
	case c.Zip != "":
		p.files = append(p.files, c.Zip)
	}
}

// root is the folder that everything has in common.
func (p *packer) root() (string, error) {
	var root []string
	started := false
	take := func(dir string) {
		parts := strings.Split(filepath.Clean(dir), string(filepath.Separator))
		if !started {
			root, started = parts, true
			return
		}
		n := 0
		for n < len(root) && n < len(parts) && root[n] == parts[n] {
			n++
		}
		root = root[:n]
	}
	for _, f := range p.files {
		take(filepath.Dir(f))
	}
	for dir := range p.folders {
		take(dir)
	}
	at, err := filepath.Abs(p.l.path)
	if err != nil {
		return "", err
	}
	if fi, err := os.Stat(at); err == nil && !fi.IsDir() {
		at = filepath.Dir(at)
	}
	take(at)
	return string(filepath.Separator) + filepath.Join(root...), nil
}

// add puts everything into the bundle and fills the manifest.
func (p *packer) add(b *bundle.Builder, root string) error {
	name := func(path string) (string, error) {
		rel, err := filepath.Rel(root, path)
		return filepath.ToSlash(rel), err
	}
	for _, dir := range slices.Sorted(maps.Keys(p.folders)) {
		n, err := name(dir)
		if err != nil {
			return err
		}
		if err := b.AddDir(n, dir, p.folders[dir]); err != nil {
			return err
		}
	}
	for _, f := range p.files {
		n, err := name(f)
		if err != nil {
			return err
		}
		if err := b.AddFile(n, f); err != nil {
			return err
		}
	}
	given := func(from, to map[string]string) error {
		for id, path := range from {
			n, err := name(path)
			if err != nil {
				return err
			}
			to[id] = n
		}
		return nil
	}
	if err := given(p.l.opt.Code, p.manifest.Code); err != nil {
		return err
	}
	if err := given(p.l.opt.Buckets, p.manifest.Buckets); err != nil {
		return err
	}
	for id, dir := range p.built {
		n := path.Join(".forelane/build", id) // what a project has there is left out
		if err := b.AddFile(n+"/bootstrap", filepath.Join(dir, "bootstrap")); err != nil {
			return err
		}
		p.manifest.Code[id] = n
	}
	abs, err := filepath.Abs(p.l.path)
	if err != nil {
		return err
	}
	p.manifest.Template, err = name(abs)
	return err
}
