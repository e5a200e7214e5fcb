// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Difference counts the files that differ between two folders or two files.
type Difference struct{ Added, Removed, Changed int }

// None tells whether nothing differs.
func (d Difference) None() bool { return d == Difference{} }

// String is +1 -2 ~3 files.
func (d Difference) String() string {
	return fmt.Sprintf("files: %d added, %d removed, %d changed", d.Added, d.Removed, d.Changed)
}

// Compare compares what is at two paths by content.
func Compare(before, after string) (Difference, error) {
	old, err := sums(before)
	if err != nil {
		return Difference{}, err
	}
	now, err := sums(after)
	if err != nil {
		return Difference{}, err
	}
	var d Difference
	for name, sum := range now {
		switch was, there := old[name]; {
		case !there:
			d.Added++
		case was != sum:
			d.Changed++
		}
	}
	for name := range old {
		if _, there := now[name]; !there {
			d.Removed++
		}
	}
	return d, nil
}

// sums are the digests of the files at a path.
func sums(path string) (map[string][sha256.Size]byte, error) {
	out := map[string][sha256.Size]byte{}
	if path == "" {
		return out, nil
	}
	err := filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(at)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		fi, err := f.Stat()
		if err != nil {
			return err
		}
		fmt.Fprintln(h, fi.Mode().Perm()&0o100 != 0)
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		rel, err := filepath.Rel(path, at)
		if err != nil {
			return err
		}
		out[rel] = [sha256.Size]byte(slices.Clone(h.Sum(nil)))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return out, nil
}
