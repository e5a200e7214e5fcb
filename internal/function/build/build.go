// SPDX-License-Identifier: Apache-2.0

// Package build turns the code of a function into something that can be
// started: a folder and a command line.
//
// The flow of Prepare: (1) find the code: a folder as it is, a zip unpacked,
// inline text written to a file, Go source built with the local toolchain;
// (2) the same for the layers; (3) choose the program: the code's own
// bootstrap, or the machine's interpreter with Forelane's runtime client;
// (4) take a digest, by which the caller sees whether anything changed.
//
// Everything made is kept below Builder.Dir under the digest of what it was
// made from, so the next start finds it ready.
//
// What it does not do: it installs nothing (no npm, no pip), builds nothing
// but Go, and starts no function.
//
// Concurrency: Prepare may be called from any goroutine; two calls for the
// same code at the same time do the work twice and agree on the result.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/forelane/forelane/internal/function/client"
	"github.com/forelane/forelane/internal/model"
)

// Builder makes units. All fields must be set but Environ.
type Builder struct {
	Dir     string       // what is built, unpacked and written goes here
	Path    string       // the PATH to look programs up in
	Environ []string     // the environment of the Go toolchain
	Clients client.Paths // where Forelane's runtime clients are

	mu     sync.Mutex
	majors map[string]string // version of Node.js by its path
	shims  map[string]string // interpreter by script and folder
}

// Unit is code that can be started.
type Unit struct {
	Root   string   // LAMBDA_TASK_ROOT
	Layers []string // unpacked layers, in the order given
	Argv   []string // the program and its arguments
	// Frames: the program is one of Forelane's clients and talks in frames.
	Frames bool
	// Note is what differs from AWS, in words; empty when nothing does.
	Note   string
	Digest string // changes when the code does
	// Watch are the folders and files that the code was made from.
	Watch []string
}

// Error is code that cannot be run, with the mend.
type Error struct{ Msg string }

// Error is the words.
func (e *Error) Error() string { return e.Msg }

func broken(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Prepare makes the unit of a function.
func (b *Builder) Prepare(ctx context.Context, fn *model.Function) (*Unit, error) {
	if fn.Image != "" {
		return nil, broken("the function is a container image (%s) and images are not run here: give it code with Runtime and CodeUri", fn.Image)
	}
	u := &Unit{}
	var err error
	if u.Root, err = b.place(ctx, fn, fn.Code, u); err != nil {
		return nil, err
	}
	for i, l := range fn.Layers {
		dir, err := b.place(ctx, nil, l, u)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		u.Layers = append(u.Layers, dir)
	}
	if err := b.choose(ctx, fn, u); err != nil {
		return nil, err
	}
	return u, nil
}

// place brings code into a folder. fn is nil for a layer.
func (b *Builder) place(ctx context.Context, fn *model.Function, c model.Code, u *Unit) (string, error) {
	switch {
	case c.Missing != "":
		return "", broken("%s", c.Missing)
	case c.Inline != "" && fn != nil:
		return b.inline(fn, u)
	case c.Zip != "":
		path, err := filepath.Abs(c.Zip)
		if err != nil {
			return "", fmt.Errorf("zip: %w", err)
		}
		u.Watch = append(u.Watch, path)
		dir, digest, err := b.unzip(ctx, path)
		u.mix(digest)
		return dir, err
	case c.Dir != "":
		return b.folder(ctx, fn, c, u)
	}
	return "", broken("no code was given: set CodeUri (or Code) to a folder or a zip")
}

func (b *Builder) folder(ctx context.Context, fn *model.Function, c model.Code, u *Unit) (string, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return "", fmt.Errorf("code folder: %w", err)
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return "", broken("the code folder %s is not there: correct CodeUri", c.Dir)
	}
	switch {
	case c.Build == "go" || c.Build == "" && fn != nil && needsGo(fn, dir):
		out, err := b.goBuild(ctx, dir)
		if err != nil {
			return "", err
		}
		u.Watch = append(u.Watch, out.watch...)
		u.mix(out.digest)
		return out.dir, nil
	case c.Build != "":
		return "", broken("BuildMethod %s is not run here: build it first (sam build) and point CodeUri at the result", c.Build)
	}
	u.Watch = append(u.Watch, dir)
	digest, err := treeDigest(dir)
	u.mix(digest)
	return dir, err
}

// needsGo: Go source without a bootstrap beside it, for a runtime that runs
// bootstraps.
func needsGo(fn *model.Function, dir string) bool {
	if !ownProgram(fn.Runtime) || isFile(filepath.Join(dir, "bootstrap")) {
		return false
	}
	if strings.HasPrefix(fn.Runtime, "go") && isFile(filepath.Join(dir, fn.Handler)) {
		return false
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.go"))
	return err == nil && len(found) > 0
}

func ownProgram(runtime string) bool {
	return strings.HasPrefix(runtime, "provided") || strings.HasPrefix(runtime, "go")
}

// esModule finds a statement that only an ES module may have.
var esModule = regexp.MustCompile(`(?m)^\s*(import\s+[\w*{"']|export\s+(default|const|let|var|async|function|class|\{))`)

func (b *Builder) inline(fn *model.Function, u *Unit) (string, error) {
	name := ""
	switch {
	case strings.HasPrefix(fn.Runtime, "python"):
		name = "index.py"
	case strings.HasPrefix(fn.Runtime, "nodejs") && esModule.MatchString(fn.Code.Inline):
		name = "index.mjs"
	case strings.HasPrefix(fn.Runtime, "nodejs"):
		name = "index.js"
	default:
		return "", broken("inline code (ZipFile) is for Node.js and Python, not for %s", fn.Runtime)
	}
	digest := sum(name, fn.Code.Inline)
	u.mix(digest)
	dir := filepath.Join(b.Dir, "inline", digest)
	if isFile(filepath.Join(dir, name)) {
		return dir, nil
	}
	err := inPlace(dir, func(tmp string) error {
		return os.WriteFile(filepath.Join(tmp, name), []byte(fn.Code.Inline), 0o644)
	})
	return dir, err
}

// inPlace makes a folder whole or not at all: fill works on a new one beside
// it, which then takes the name. If somebody else was faster, his stays.
func inPlace(dir string, fill func(tmp string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("code: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return fmt.Errorf("code: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("code: %w", err)
	}
	if err := fill(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil && !isDir(dir) {
		return fmt.Errorf("code: %w", err)
	}
	return nil
}

func (u *Unit) mix(digest string) { u.Digest = sum(u.Digest, digest) }

func sum(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:24]
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// errTooMany ends a walk that is larger than a package on Lambda can be.
var errTooMany = errors.New("too many files")
