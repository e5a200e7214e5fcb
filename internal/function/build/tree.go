// SPDX-License-Identifier: Apache-2.0

package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// maxFiles bounds how many files of a folder are looked at.
const maxFiles = 20_000

// Skip says whether a folder of this name is left out when changes are looked
// for: what tools write there is not the user's code, or is far too much.
func Skip(name string) bool {
	switch name {
	case "node_modules", "__pycache__", "site-packages":
		return true
	}
	return len(name) > 1 && strings.HasPrefix(name, ".")
}

// treeDigest is made of the names, sizes and times of the files below dir.
// Beyond maxFiles nothing is looked at.
func treeDigest(dir string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, dir)
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // it went while we looked
		case d.IsDir() && path != dir && Skip(d.Name()):
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(path, ".pyc"):
			return nil
		}
		if n++; n > maxFiles {
			return filepath.SkipAll
		}
		if st, err := d.Info(); err == nil {
			fmt.Fprintln(h, path, st.Size(), st.ModTime().UnixNano(), st.Mode())
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("code folder: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil))[:24], nil
}
