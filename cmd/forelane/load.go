// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/forelane/forelane/internal/function"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/server"
	"github.com/forelane/forelane/internal/template"
)

// loader loads the template of a command line, again and again.
type loader struct {
	path string
	data string // state folder
	env  map[string]string
	opt  template.Options
}

// loaded is what one load gave.
type loaded struct{ results []*template.Result }

// newLoader reads the flags that a template depends on.
func (f *stackFlags) newLoader(path string) (*loader, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w (name a template, a SAM project's folder or a cdk.out)", err)
	}
	l := &loader{path: path, data: filepath.Join(baseDir(path), ".forelane")}
	params, err := f.parameters()
	if err != nil {
		return nil, err
	}
	if l.env, err = f.environment(); err != nil {
		return nil, err
	}
	code, err := pairs("code", f.code)
	if err != nil {
		return nil, err
	}
	buckets, err := pairs("bucket", f.buckets)
	if err != nil {
		return nil, err
	}
	l.opt = template.Options{
		StackName: f.stack, Parameters: params, Code: code, Buckets: buckets, Exports: exported,
		// Empty: a cloud assembly's own, else AWS's examples' (us-east-1, 123456789012).
		Region:    cmp.Or(f.region, l.env["AWS_REGION"], l.env["AWS_DEFAULT_REGION"]),
		AccountID: l.env["AWS_ACCOUNT_ID"],
		Env: func(name string) (string, bool) {
			if v, ok := l.env[name]; ok {
				return v, true
			}
			return os.LookupEnv(name)
		},
	}
	return l, nil
}

func (f *upFlags) loader(path string) (*loader, error) {
	l, err := f.newLoader(path)
	if err == nil && f.data != "" {
		l.data = f.data
	}
	if err == nil {
		l.data, err = filepath.Abs(l.data)
	}
	return l, err
}

func (l *loader) load(ctx context.Context) (*loaded, error) {
	results, err := template.Load(ctx, l.path, l.opt)
	if err != nil {
		return nil, err
	}
	return &loaded{results}, nil
}

// accept refuses what is unsupported when strict.
func (l *loaded) accept(strict bool) error {
	if !strict {
		return nil
	}
	var errs []error
	for _, r := range l.results {
		errs = append(errs, r.Report.Strict())
	}
	return errors.Join(errs...)
}

// functionOptions are of the first stack: region and account are of a node.
func (l *loaded) functionOptions(env map[string]string) function.Options {
	// What finds all processes busy waits: an account has 1,000 slots, not ten.
	o := function.Options{Env: env, Environ: os.Environ(), Queue: 1000}
	if len(l.results) > 0 {
		o.Region, o.AccountID = l.results[0].Stack.Region, l.results[0].Stack.AccountID
	}
	return o
}

func (l *loaded) stacks() []*model.Stack {
	var out []*model.Stack
	for _, r := range l.results {
		out = append(out, r.Stack)
	}
	return out
}

func (l *loaded) files() []string {
	var out []string
	for _, r := range l.results {
		out = append(out, r.Files...)
	}
	return out
}

// invokeOnce runs one function of a template without listeners.
func (f *upFlags) invokeOnce(ctx context.Context, path, name string, payload []byte, stdout, stderr io.Writer) error {
	l, err := f.loader(path)
	if err != nil {
		return wrong(err)
	}
	got, err := l.load(ctx)
	if err != nil {
		return wrong(err)
	}
	srv, err := server.New(server.Options{
		Data:      l.data,
		Functions: got.functionOptions(l.env),
		OnLogLine: newOutput(stdout, stderr, false, false).functionLine,
	})
	if err != nil {
		return err
	}
	defer func() { _ = srv.Close(context.WithoutCancel(ctx)) }()
	if err := srv.Apply(ctx, got.stacks()); err != nil {
		return wrong(err)
	}
	out, err := srv.Invoke(ctx, &model.Invocation{Function: name, Payload: payload})
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", out.Payload)
	if out.Error != "" {
		return fmt.Errorf("the function failed: %s", out.Error)
	}
	return nil
}
