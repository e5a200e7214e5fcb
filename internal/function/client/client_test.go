// SPDX-License-Identifier: Apache-2.0

package client

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInstall(t *testing.T) {
	dir := t.TempDir()
	first, err := Install(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{first.Node, first.Python, filepath.Join(filepath.Dir(first.Node), "hook.mjs")} {
		if st, err := os.Stat(path); err != nil || st.Size() == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := os.WriteFile(first.Node, []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := Install(dir)
	if err != nil || again != first {
		t.Fatalf("got %+v, %v", again, err)
	}
	if b, err := os.ReadFile(first.Node); err != nil || string(b) == "broken" {
		t.Errorf("a broken client was left: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(first.Node), ".new-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
