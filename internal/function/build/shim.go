// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// shimLimit is how long a shim may take to name its interpreter.
const shimLimit = 30 * time.Second

// maxShims bounds what is remembered of folders: a folder has its own version.
const maxShims = 256

// unshim finds the interpreter behind a version manager's script (pyenv,
// asdf, nodenv), once, so that not every process pays for it and none gets its
// variables. args make the interpreter print its own path. It gives nothing
// when there is nothing behind the script.
func (b *Builder) unshim(ctx context.Context, program, dir string, args ...string) string {
	if program == "" || !isScript(program) {
		return program
	}
	key := program + "\x00" + dir
	b.mu.Lock()
	real, known := b.shims[key]
	b.mu.Unlock()
	if known && executable(real) {
		return real // the script takes seconds on a busy machine
	}
	ctx, cancel := context.WithTimeout(ctx, shimLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, b.Environ, time.Second
	out, err := cmd.Output()
	real = strings.TrimSpace(string(out))
	if err != nil || !filepath.IsAbs(real) || !executable(real) {
		return ""
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shims == nil || len(b.shims) >= maxShims {
		b.shims = map[string]string{}
	}
	b.shims[key] = real
	return real
}

func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [2]byte
	n, err := f.Read(head[:])
	return err == nil && string(head[:n]) == "#!"
}
