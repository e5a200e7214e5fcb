// SPDX-License-Identifier: Apache-2.0

// Package client holds the runtime clients of the interpreted runtimes: the
// small programs, in JavaScript and Python, that load a handler and take
// invocations from file descriptor 3 (the frames of package runtimeapi).
//
// The flow: Install writes the files once below a folder that is named by
// their digest, and the caller starts the interpreter with Node or Python.
//
// What it does not do: it starts nothing.
package client

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed node/*.cjs node/*.mjs python/*.py
var files embed.FS

// Paths says where the clients are.
type Paths struct {
	Node   string // the file to give to node
	Python string // the file to give to python
}

// Install writes the clients below dir unless they are there.
func Install(dir string) (Paths, error) {
	h := sha256.New()
	content := map[string][]byte{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		content[path] = b
		fmt.Fprintf(h, "%s %d\n", path, len(b))
		h.Write(b)
		return err
	})
	if err != nil {
		return Paths{}, fmt.Errorf("runtime clients: %w", err)
	}
	root := filepath.Join(dir, "client", hex.EncodeToString(h.Sum(nil))[:16])
	for path, b := range content {
		if err := install(filepath.Join(root, path), b); err != nil {
			return Paths{}, fmt.Errorf("runtime clients: %w", err)
		}
	}
	return Paths{
		Node:   filepath.Join(root, "node", "main.cjs"),
		Python: filepath.Join(root, "python", "main.py"),
	}, nil
}

// install replaces the file in one step, for several may start at once.
func install(path string, b []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(b) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
