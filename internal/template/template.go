// SPDX-License-Identifier: Apache-2.0

// Package template turns what a user has, a CloudFormation or SAM template, a
// project folder or the cdk.out folder, into the model of a stack and a report
// of how truly it is run.
//
// The flow of Load:
//
//  1. Find what the path is; read a cloud assembly if it is one (room cdk).
//  2. For each stack parse the template (room tree), expand macros and run the
//     SAM transform (rooms eval, sam), and evaluate it (room eval). Nested
//     stacks are loaded when something needs them, into the same model, with
//     logical ids prefixed by theirs.
//  3. Check every resource against the tables of verdicts (room fidelity),
//     which finds unknown properties and wrong kinds.
//  4. Build the nouns (rooms of build), which finds what AWS's services would
//     refuse.
//
// A broken resource stops the stack: the error is a join of *tree.Error, each
// with file:line:col, the resource path and a mend. A resource type that is
// not run never does; it is kept as model.Opaque and reported.
//
// What it does not do: it calls no AWS service, watches no file, and runs
// nothing. Load may be called from several goroutines.
package template

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/template/asset"
	"github.com/forelane/forelane/internal/template/build/base"
	"github.com/forelane/forelane/internal/template/eval"
	"github.com/forelane/forelane/internal/template/fidelity"
	"github.com/forelane/forelane/internal/template/tree"
)

// Options are what a template is loaded for. The zero value is usable.
type Options struct {
	StackName string // empty: the assembly's name, else made from the path
	Region    string // empty: the assembly's, else us-east-1
	AccountID string // empty: the assembly's, else 123456789012

	// Parameters are the values given by the user. A name that no template
	// declares is an error.
	Parameters map[string]string
	// Env looks up what dynamic references and parameters of SSM types name;
	// nil knows nothing.
	Env func(string) (string, bool)
	// Code are folders, zips or files by logical id, for what the template
	// keeps in S3: functions, layers, API definitions, nested templates.
	Code map[string]string
	// Buckets are folders that fill buckets, by logical id.
	Buckets map[string]string
	// Exports finds what another running stack exports; nil knows nothing.
	Exports func(string) (string, bool)
	// BaseDir is the folder that relative paths of Code and Buckets are
	// relative to; empty: the working directory.
	BaseDir string
	// Root, an absolute path, is the folder outside of which the template finds
	// no file. Empty: it may name any.
	Root string
	// Lenient loads what it can of a template alone: values that are missing
	// are invented by type and pattern, files that are missing are reported.
	// It is for reports about templates, never for running one.
	Lenient bool
}

// Report is the fidelity report of a stack.
type Report = fidelity.Report

// Result is one loaded stack.
type Result struct {
	Stack  *model.Stack
	Report *Report
	// Files is everything that was read, to be watched. Code and content are
	// not read: their folders are in the model.
	Files []string
	// Invented are the parameters that got an invented value (Lenient).
	Invented []string

	root      string // Options.Root
	resources []*base.Resource
}

// Load reads the stacks at a path: one for a template or a project folder, all
// of them, in the order of their dependencies, for a cloud assembly. With an
// error there is no result.
func Load(ctx context.Context, path string, o Options) ([]*Result, error) {
	table, err := fidelity.Load()
	if err != nil {
		return nil, fmt.Errorf("read the tables of verdicts: %w", err)
	}
	o.Code, o.Buckets = absolute(o.BaseDir, o.Code), absolute(o.BaseDir, o.Buckets)
	assets := asset.New(o.Root, o.Code)
	sources, err := find(path, assets)
	if err != nil {
		return nil, err
	}
	var results []*Result
	var errs []error
	unknown, shared := map[string]int{}, base.NewShared()
	for _, src := range sources {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l := &loader{o: o.forSource(src, len(sources)), table: table, assets: assets, earlier: results, shared: shared}
		res, err := l.load(ctx, src)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, words := range l.unknown {
			unknown[words]++
		}
		results = append(results, res)
	}
	if len(errs) == 0 {
		for words, n := range unknown {
			if n == len(sources) {
				errs = append(errs, errors.New(words))
			}
		}
	}
	if len(errs) > 0 {
		return nil, ordered(errs)
	}
	files := assets.Files()
	for _, r := range results {
		r.Files = files
	}
	return results, nil
}

// forSource fills the options that a source knows better.
func (o Options) forSource(src source, n int) Options {
	if o.StackName == "" || n > 1 {
		o.StackName = src.name
	}
	if o.Region == "" {
		o.Region = src.region
	}
	if o.AccountID == "" {
		o.AccountID = src.account
	}
	return o
}

// absolute makes the paths of a flag independent of the template's folder.
func absolute(dir string, paths map[string]string) map[string]string {
	out := make(map[string]string, len(paths))
	for id, p := range paths {
		if dir != "" && !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		if abs, err := filepath.Abs(p); err == nil {
			p = abs
		}
		out[id] = p
	}
	return out
}

// ordered flattens joined errors, drops repeats and sorts by place.
func ordered(errs []error) error {
	var flat []error
	for _, err := range flatten(errors.Join(errs...)) {
		if !slices.ContainsFunc(flat, func(f error) bool { return f.Error() == err.Error() }) {
			flat = append(flat, err)
		}
	}
	slices.SortStableFunc(flat, func(a, b error) int {
		var x, y *tree.Error
		if !errors.As(a, &x) || !errors.As(b, &y) || x.Pos.File != y.Pos.File {
			return 0
		}
		if x.Pos.Line != y.Pos.Line {
			return x.Pos.Line - y.Pos.Line
		}
		return x.Pos.Col - y.Pos.Col
	})
	return errors.Join(flat...)
}

// exportsOf finds an export among stacks.
func exportsOf(results []*Result, name string) (string, bool) {
	for _, r := range results {
		for _, out := range r.Stack.Outputs {
			if out.ExportName == name {
				return out.Value, true
			}
		}
	}
	return "", false
}

// evalOptions are the options of one template.
func (l *loader) evalOptions(u *unit) eval.Options {
	return eval.Options{
		StackName: u.stackName, Region: l.o.Region, AccountID: l.o.AccountID, Parameters: u.params,
		Env: func(key string) (string, bool) {
			if l.o.Env != nil {
				if v, ok := l.o.Env(key); ok {
					return v, true
				}
			}
			return "invented", l.o.Lenient && strings.ToUpper(key) == key
		},
		Exports: func(name string) (*tree.Node, bool) {
			if v, ok := exportsOf(l.earlier, name); ok {
				return tree.NewString(v), true
			}
			if l.o.Exports != nil {
				if v, ok := l.o.Exports(name); ok {
					return tree.NewString(v), true
				}
			}
			return tree.NewString("invented-" + name), l.o.Lenient
		},
		ReadFile: func(location string) ([]byte, error) { return l.include(u, location) },
	}
}

// include reads the file of an AWS::Include: a path beside the template, or an
// S3 location that is an asset.
func (l *loader) include(u *unit, location string) ([]byte, error) {
	path := filepath.Join(u.dir, filepath.FromSlash(location))
	if rest, ok := strings.CutPrefix(location, "s3://"); ok {
		bucket, key, _ := strings.Cut(rest, "/")
		if path, ok = l.assets.Locate("", bucket, key); !ok {
			path = filepath.Join(u.dir, filepath.Base(key)) // the file that was uploaded, if it is here
		}
	}
	text, err := l.assets.Read(path)
	if err != nil && l.o.Lenient {
		return []byte("{}"), nil
	}
	return text, unwrapPath(err)
}
