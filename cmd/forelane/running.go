// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/forelane/forelane/internal/server"
)

// running is what a node tells the other commands of this user: one file a
// stack, removed when the node stops.
type running struct {
	Stack   string            `json:"stack"`
	PID     int               `json:"pid"`
	Admin   string            `json:"admin"`
	Exports map[string]string `json:"exports"` // for Fn::ImportValue of other stacks
}

func runDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "forelane", "run"), nil
}

// remember writes the files of a node's stacks; forget removes them.
func remember(r *server.Ready, l *loaded) (forget func(), err error) {
	var written []string
	forget = func() {
		for _, f := range written {
			_ = os.Remove(f) // a stale file is recognised by its process
		}
	}
	dir, err := runDir()
	if err != nil {
		return forget, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return forget, err
	}
	for _, res := range l.results {
		n := running{Stack: res.Stack.Name, PID: os.Getpid(), Admin: r.Admin, Exports: map[string]string{}}
		for _, o := range res.Stack.Outputs {
			if o.ExportName != "" {
				n.Exports[o.ExportName] = o.Value
			}
		}
		b, err := json.Marshal(n)
		if err != nil {
			return forget, err
		}
		name := filepath.Join(dir, fmt.Sprintf("%s-%d.json", filepath.Base(res.Stack.Name), n.PID))
		if err := os.WriteFile(name, b, 0o600); err != nil {
			return forget, err
		}
		written = append(written, name)
	}
	return forget, nil
}

// nodes are the stacks of this user that run now.
func nodes() []running {
	dir, err := runDir()
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []running
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		var n running
		if json.Unmarshal(b, &n) != nil {
			continue
		}
		if err := syscall.Kill(n.PID, 0); errors.Is(err, syscall.ESRCH) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
			continue
		}
		out = append(out, n)
	}
	return out
}

// exported is Fn::ImportValue: the value that a running stack exports.
func exported(name string) (string, bool) {
	for _, n := range nodes() {
		if v, ok := n.Exports[name]; ok {
			return v, true
		}
	}
	return "", false
}

// errNotRunning says that no node was found to ask.
var errNotRunning = errors.New("no stack is running (start one with `forelane up`, or name its admin side with --admin)")

// adminAddr finds the node to ask: --admin, the node of --stack, or the only
// one that runs.
func adminAddr(flag, stack string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	var found []running
	for _, n := range nodes() {
		if n.Admin != "" && (stack == "" || n.Stack == stack) {
			found = append(found, n)
		}
	}
	switch {
	case len(found) == 0 && stack == "":
		return "", errNotRunning
	case len(found) == 0:
		return "", fmt.Errorf("stack %s is not running", stack)
	}
	var names []string
	for _, n := range found {
		if n.Admin != found[0].Admin {
			for _, m := range found {
				names = append(names, m.Stack)
			}
			return "", wrong(fmt.Errorf("several stacks run (%s): choose one with --stack", strings.Join(names, ", ")))
		}
	}
	return found[0].Admin, nil
}
