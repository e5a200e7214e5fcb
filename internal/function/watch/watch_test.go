// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func put(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWatch(t *testing.T) {
	told := make(chan string, 100)
	w, err := New(func(name string) bool { return name == "skipped" }, func(key string) { told <- key })
	if err != nil {
		t.Fatal(err)
	}
	dir, other := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "sub", "skipped", "a"))
	put(t, filepath.Join(other, "code.zip"))
	if err := w.Set("tree", []string{dir}); err != nil {
		t.Fatal(err)
	}
	if err := w.Set("file", []string{filepath.Join(other, "code.zip")}); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "sub", "skipped", "a")) // tells nothing
	put(t, filepath.Join(other, "else"))              // nor this
	put(t, filepath.Join(dir, "sub", "a"))
	if got := <-told; got != "tree" {
		t.Errorf("got %s", got)
	}
	put(t, filepath.Join(other, "code.zip"))
	if got := <-told; got != "file" {
		t.Errorf("got %s", got)
	}
	put(t, filepath.Join(dir, "new", "deep", "a")) // folders that did not exist
	if got := <-told; got != "tree" {
		t.Errorf("got %s", got)
	}
	put(t, filepath.Join(dir, "new", "deep", "a"))
	if got := <-told; got != "tree" {
		t.Errorf("got %s", got)
	}
	w.Remove("tree")
	put(t, filepath.Join(dir, "sub", "a"))
	put(t, filepath.Join(other, "code.zip"))
	if got := <-told; got != "file" {
		t.Errorf("got %s", got)
	}
	if err := w.Set("file", nil); err != nil || len(w.dirs) != 0 {
		t.Errorf("folders are left: %v, %v", w.dirs, err)
	}
	w.Close()
}
