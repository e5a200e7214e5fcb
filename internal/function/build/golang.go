// SPDX-License-Identifier: Apache-2.0

package build

// Go source becomes a bootstrap with the local toolchain, as `sam build` does
// with BuildMethod go1.x. A binary is kept under the digest of the files that
// went into it:
//
//	gobuild/KEY/sources        the folders of the packages, one a line (KEY: source folder and toolchain)
//	gobuild/KEY/DIGEST/bootstrap
//
// A start reads `sources`, takes the digest of these files and, if there is a
// binary for it, runs no tool at all. Otherwise `go list` says what the
// sources are now, and `go build` runs if the digest is still unknown.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// built is the result of goBuild.
type built struct {
	dir    string // holds bootstrap
	digest string
	watch  []string
}

// keepBuilds is how many binaries of one source folder are kept.
const keepBuilds = 3

func (b *Builder) goBuild(ctx context.Context, src string) (*built, error) {
	tool := b.look("go")
	if tool == "" {
		return nil, broken("%s is Go source and go is not on PATH: install Go (https://go.dev/dl), or build a bootstrap and point CodeUri at it", src)
	}
	home := filepath.Join(b.Dir, "gobuild", sum(src, toolID(tool), runtime.GOARCH))
	if dirs, err := readLines(filepath.Join(home, "sources")); err == nil {
		if out, ok := reuse(home, src, dirs); ok {
			return out, nil
		}
	}
	dirs, err := b.sources(ctx, tool, src)
	if err != nil {
		return nil, err
	}
	digest, err := sourceDigest(src, dirs)
	if err != nil {
		return nil, err
	}
	out := &built{dir: filepath.Join(home, digest), digest: digest, watch: watched(src, dirs)}
	if !executable(filepath.Join(out.dir, "bootstrap")) {
		err := inPlace(out.dir, func(tmp string) error {
			_, err := b.run(ctx, src, tool, "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w",
				"-o", filepath.Join(tmp, "bootstrap"), ".")
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if !executable(filepath.Join(out.dir, "bootstrap")) {
		os.RemoveAll(out.dir)
		return nil, broken("%s is no main package: there is nothing to run", src)
	}
	if err := writeLines(filepath.Join(home, "sources"), dirs); err != nil {
		return nil, err
	}
	prune(home, digest)
	return out, nil
}

func reuse(home, src string, dirs []string) (*built, bool) {
	digest, err := sourceDigest(src, dirs)
	if err != nil {
		return nil, false
	}
	dir := filepath.Join(home, digest)
	if !executable(filepath.Join(dir, "bootstrap")) {
		return nil, false
	}
	return &built{dir: dir, digest: digest, watch: watched(src, dirs)}, true
}

// toolID tells one toolchain from another without running it.
func toolID(tool string) string {
	real, err := filepath.EvalSymlinks(tool)
	if err != nil {
		real = tool
	}
	version, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(real)), "VERSION"))
	if err != nil {
		if st, err := os.Stat(real); err == nil {
			version = []byte(st.ModTime().String())
		}
	}
	return real + string(version)
}

// sources lists the folders of the packages that are not from the module
// cache or the standard library.
func (b *Builder) sources(ctx context.Context, tool, src string) ([]string, error) {
	const local = `{{if .Module}}{{if .Module.Main}}{{.Dir}}{{"\n"}}{{else if .Module.Replace}}{{if not .Module.Replace.Version}}{{.Dir}}{{"\n"}}{{end}}{{end}}{{end}}`
	out, err := b.run(ctx, src, tool, "list", "-e", "-deps", "-tags", "lambda.norpc", "-f", local, ".")
	if err != nil {
		return nil, err
	}
	dirs := []string{src}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(dirs, line) {
			dirs = append(dirs, line)
		}
	}
	slices.Sort(dirs)
	return dirs, nil
}

func (b *Builder) run(ctx context.Context, dir, tool string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(b.Environ), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "PWD="+dir)
	if b.home("HOME") == "" && b.home("GOCACHE") == "" {
		cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(b.Dir, "gocache"), "GOPATH="+filepath.Join(b.Dir, "gopath"))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, broken("go %s in %s failed: %v\n%s", args[0], dir, err, excerpt(stderr.String()))
	}
	return stdout.Bytes(), nil
}

func (b *Builder) home(name string) string {
	for _, kv := range b.Environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// excerpt keeps the first lines of a tool's words.
func excerpt(s string) string {
	lines := strings.SplitN(strings.TrimSpace(s), "\n", 31)
	if len(lines) > 30 {
		lines[30] = "…"
	}
	return strings.Join(lines, "\n")
}

// watched are the folders to watch and the module's files.
func watched(src string, dirs []string) []string {
	return append(slices.Clone(dirs), moduleFiles(src)...)
}

// moduleFiles are the go.mod, go.sum and go.work that hold for a folder.
func moduleFiles(src string) []string {
	var out []string
	for dir := src; ; dir = filepath.Dir(dir) {
		for _, name := range []string{"go.mod", "go.sum", "go.work", "go.work.sum"} {
			if p := filepath.Join(dir, name); isFile(p) {
				out = append(out, p)
			}
		}
		if dir == filepath.Dir(dir) {
			return out
		}
	}
}

// sourceDigest is made of the contents of all files that may go into the
// binary: those of the packages' folders (embedded ones included) without
// tests, and below the main package all there is, for it may be embedded.
func sourceDigest(src string, dirs []string) (string, error) {
	h := sha256.New()
	for _, f := range moduleFiles(src) {
		if err := hashFile(h, f); err != nil {
			return "", err
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return "", fmt.Errorf("go sources: %w", err)
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || strings.HasSuffix(e.Name(), "_test.go") || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if err := hashFile(h, filepath.Join(dir, e.Name())); err != nil {
				return "", err
			}
		}
		for _, e := range entries {
			if e.IsDir() && !Skip(e.Name()) && !slices.Contains(dirs, filepath.Join(dir, e.Name())) && !hasGo(filepath.Join(dir, e.Name())) {
				d, err := treeDigest(filepath.Join(dir, e.Name()))
				if err != nil {
					return "", err
				}
				io.WriteString(h, d)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:24], nil
}

// hasGo: a folder with Go files is a package, not something embedded.
func hasGo(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, "*.go"))
	return err == nil && len(found) > 0
}

// wholeFile is up to what size a file is read; beyond it its size and time
// stand for it.
const wholeFile = 4 << 20

func hashFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("go sources: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("go sources: %w", err)
	}
	fmt.Fprintln(w, path, st.Size())
	if st.Size() > wholeFile {
		fmt.Fprintln(w, st.ModTime().UnixNano())
		return nil
	}
	_, err = io.Copy(w, f)
	return err
}

func readLines(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) == 0 || lines[0] == "" {
		return nil, errors.New("empty")
	}
	return lines, nil
}

func writeLines(path string, lines []string) error {
	tmp := path + ".new"
	err := os.WriteFile(tmp, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	return nil
}

// prune removes old binaries. One that still runs stays alive: the kernel
// keeps the file until its process ends.
func prune(home, current string) {
	entries, err := os.ReadDir(home)
	if err != nil {
		return
	}
	type old struct {
		name string
		at   time.Time
	}
	var all []old
	for _, e := range entries {
		if st, err := e.Info(); err == nil && e.IsDir() && e.Name() != current && !strings.HasPrefix(e.Name(), ".") {
			all = append(all, old{e.Name(), st.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return b.at.Compare(a.at) })
	for i, o := range all {
		if i >= keepBuilds-1 {
			os.RemoveAll(filepath.Join(home, o.name))
		}
	}
}
