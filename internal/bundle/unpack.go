// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Unpack makes dir of an archive: all of it or nothing. When dir is there, it is
// left as it is. The folder above must be there.
func Unpack(r io.Reader, dir string) error {
	if _, err := Open(dir); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".new-*")
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp, r); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := Open(dir); there == nil {
			return nil // somebody else was faster
		}
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

// fill unpacks into an empty folder.
func fill(dir string, r io.Reader) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer root.Close()
	tr := tar.NewReader(r)
	last, total := "", int64(0)
	for n := 0; ; n++ {
		h, err := tr.Next()
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case err != nil:
			return fmt.Errorf("bundle: this is no bundle: %w", err)
		}
		if err := acceptable(h, n, last); err != nil {
			return err
		}
		if total += h.Size; total > MaxBytes || n > MaxFiles {
			return errTooLarge
		}
		last = h.Name
		if n == 0 {
			err = manifest(root, tr, h)
		} else {
			err = unpackFile(root, tr, h)
		}
		if err != nil {
			return err
		}
	}
}

// acceptable refuses what Write does not make.
func acceptable(h *tar.Header, n int, last string) error {
	name := h.Name
	below, ok := strings.CutPrefix(name, Project+"/")
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("bundle: %q is no plain file", name)
	case n == 0 && name != manifestName:
		return fmt.Errorf("bundle: this is no bundle: it begins with %q", name)
	case n == 0:
		return nil
	case !ok || !local(below):
		return fmt.Errorf("bundle: %q leads out of it", name)
	case n > 1 && name <= last:
		return fmt.Errorf("bundle: %q is out of order, or there twice", name)
	case h.Size < 0:
		return fmt.Errorf("bundle: %q has no size", name)
	}
	return nil
}

func manifest(root *os.Root, r io.Reader, h *tar.Header) error {
	if h.Size > maxManifest {
		return errTooLarge
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if _, err := decodeManifest(text); err != nil {
		return err
	}
	if err := root.WriteFile(manifestName, text, 0o600); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

func unpackFile(root *os.Root, r io.Reader, h *tar.Header) error {
	name := filepath.FromSlash(h.Name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o100 != 0 {
		mode = 0o755
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	_, err = io.Copy(f, r)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("bundle: %s: %w", h.Name, err)
	}
	return nil
}

// Date gives all files of an unpacked bundle one time. Archives have none: when
// a file was last modified is when it was deployed, on all nodes the same.
func Date(dir string, at time.Time) error {
	at = at.Truncate(time.Second)
	err := filepath.WalkDir(filepath.Join(dir, Project), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}
