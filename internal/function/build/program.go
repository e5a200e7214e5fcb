// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/model"
)

// choose sets the command line by the runtime.
func (b *Builder) choose(ctx context.Context, fn *model.Function, u *Unit) error {
	switch r := fn.Runtime; {
	case strings.HasPrefix(r, "nodejs"):
		return b.node(ctx, fn, u)
	case strings.HasPrefix(r, "python"):
		return b.python(ctx, fn, u)
	case ownProgram(r):
		return ownBootstrap(fn, u)
	case r == "":
		return broken("the function has no Runtime: set one, nodejs22.x for example")
	default:
		if p := filepath.Join(u.Root, "bootstrap"); executable(p) {
			u.Argv = []string{p}
			u.Note = r + " is run by the bootstrap in its code"
			return nil
		}
		return broken("%s has no runtime here: put an executable bootstrap that speaks the Runtime API into %s (it may start the machine's own java, dotnet or ruby), or run the function elsewhere and name it with --origin", r, u.Root)
	}
}

func ownBootstrap(fn *model.Function, u *Unit) error {
	var tried []string
	names := []string{filepath.Join(u.Root, "bootstrap")}
	if strings.HasPrefix(fn.Runtime, "go") && fn.Handler != "" && filepath.IsLocal(fn.Handler) {
		names = append([]string{filepath.Join(u.Root, fn.Handler)}, names...)
	}
	for i := len(u.Layers) - 1; i >= 0; i-- { // later layers win
		names = append(names, filepath.Join(u.Layers[i], "bootstrap"))
	}
	for _, p := range names {
		if executable(p) {
			u.Argv = []string{p}
			return nil
		}
		if isFile(p) {
			return broken("%s is not executable: chmod +x it", p)
		}
		tried = append(tried, p)
	}
	return broken("there is no bootstrap for %s (looked for %s): build one, or for Go source set Metadata BuildMethod: go1.x", fn.Runtime, strings.Join(tried, ", "))
}

func (b *Builder) node(ctx context.Context, fn *model.Function, u *Unit) error {
	p := b.unshim(ctx, b.look("node"), u.Root, "-p", "process.execPath")
	if p == "" {
		return broken("%s needs a node that runs on PATH: install Node.js (apt install nodejs)", fn.Runtime)
	}
	if have := b.nodeMajor(ctx, p); have != "" && "nodejs"+have+".x" != fn.Runtime {
		u.Note = fn.Runtime + " is run by the machine's Node.js " + have
	}
	u.Argv, u.Frames = []string{p, b.Clients.Node}, true
	return nil
}

var minor = regexp.MustCompile(`^python3\.\d+$`)

func (b *Builder) python(ctx context.Context, fn *model.Function, u *Unit) error {
	const tell = "import sys; print(sys.executable)"
	p := ""
	if minor.MatchString(fn.Runtime) { // a shim of that name may have nothing behind it
		p = b.unshim(ctx, b.look(fn.Runtime), u.Root, "-c", tell)
	}
	if p == "" {
		p = b.unshim(ctx, b.look("python3"), u.Root, "-c", tell)
	}
	if p == "" {
		return broken("%s needs a python3 that runs on PATH: install Python (apt install python3)", fn.Runtime)
	}
	if real, err := filepath.EvalSymlinks(p); err == nil && filepath.Base(real) != fn.Runtime {
		u.Note = fn.Runtime + " is run by the machine's " + filepath.Base(real)
	}
	// -B: no __pycache__ in the user's folder, which on Lambda is read-only too.
	// It tells versions apart by size and whole seconds: an edit may go unseen.
	u.Argv, u.Frames = []string{p, "-B", b.Clients.Python}, true
	return nil
}

// look finds a program in Builder.Path; empty when there is none.
func (b *Builder) look(name string) string {
	for _, dir := range filepath.SplitList(b.Path) {
		if !filepath.IsAbs(dir) {
			continue // never what happens to lie in the current folder
		}
		if p := filepath.Join(dir, name); executable(p) {
			return p
		}
	}
	return ""
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0
}

// nodeMajor asks a node for its version, once; empty when it does not say.
func (b *Builder) nodeMajor(ctx context.Context, program string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, have := b.majors[program]; have {
		return v
	}
	ctx, cancel := context.WithTimeout(ctx, shimLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env, cmd.WaitDelay = b.Environ, time.Second
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	v, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), ".")
	if b.majors == nil {
		b.majors = map[string]string{}
	}
	b.majors[program] = v
	return v
}
