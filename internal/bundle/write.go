// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Builder collects the files of a project.
type Builder struct {
	files map[string]string // slashed name below Project -> path on this machine
}

// AddFile adds one file under a slashed name.
func (b *Builder) AddFile(name, from string) error {
	if !local(name) {
		return fmt.Errorf("bundle: %s cannot be named %q in it", from, name)
	}
	if b.files == nil {
		b.files = map[string]string{}
	}
	if len(b.files) >= MaxFiles {
		return fmt.Errorf("%w: more than %d files", errTooLarge, MaxFiles)
	}
	b.files[name] = from
	return nil
}

// AddDir adds the files below a folder under a slashed name, "." for the
// project itself. Symbolic links become what they lead to: inside the folder,
// or, with outside, anywhere. What version control and Forelane keep beside
// the code is left out.
func (b *Builder) AddDir(name, from string, outside bool) error {
	top, err := filepath.EvalSymlinks(from)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return b.dir(name, top, top, outside, nil)
}

// skipped are folders that are never part of a project.
func skipped(name string) bool {
	return name == ".git" || name == ".forelane" || name == "__pycache__"
}

func (b *Builder) dir(name, from, top string, outside bool, open []string) error {
	if slices.Contains(open, from) {
		return fmt.Errorf("bundle: %s: a symbolic link leads back to a folder above it", from)
	}
	open = append(open, from)
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	for _, e := range entries {
		at, here := path.Join(name, e.Name()), filepath.Join(from, e.Name())
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			if here, mode, err = follow(here, top, outside); err != nil {
				return err
			}
		}
		switch {
		case mode.IsDir() && skipped(e.Name()):
		case mode.IsDir():
			err = b.dir(at, here, top, outside, open)
		case mode.IsRegular():
			err = b.AddFile(at, here)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// follow finds what a link leads to.
func follow(link, top string, outside bool) (string, fs.FileMode, error) {
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		return "", 0, fmt.Errorf("bundle: %s: the symbolic link leads nowhere", link)
	}
	if rel, err := filepath.Rel(top, to); !outside && (err != nil || !filepath.IsLocal(rel)) {
		return "", 0, fmt.Errorf("bundle: %s: the symbolic link leads out of %s", link, top)
	}
	fi, err := os.Stat(to)
	if err != nil {
		return "", 0, fmt.Errorf("bundle: %w", err)
	}
	return to, fi.Mode().Type(), nil
}

// Write writes the archive.
func (b *Builder) Write(w io.Writer, m *Manifest) error {
	m.Format = 1
	if err := m.Validate(); err != nil {
		return err
	}
	head, err := json.Marshal(m) // keys of maps are sorted
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if len(head) > maxManifest {
		return fmt.Errorf("%w: its parameters have more than %d bytes", errTooLarge, maxManifest)
	}
	tw := tar.NewWriter(w)
	if err := entry(tw, manifestName, int64(len(head)), false, strings.NewReader(string(head))); err != nil {
		return err
	}
	total := int64(0)
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		n, err := b.file(tw, name)
		if err != nil {
			return fmt.Errorf("bundle: %s: %w", b.files[name], err)
		}
		if total += n; total > MaxBytes {
			return fmt.Errorf("%w: more than %d bytes", errTooLarge, int64(MaxBytes))
		}
	}
	return tw.Close()
}

func (b *Builder) file(tw *tar.Writer, name string) (int64, error) {
	f, err := os.Open(b.files[name])
	if err != nil {
		return 0, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !fi.Mode().IsRegular() {
		return 0, fmt.Errorf("it is no file any more")
	}
	return fi.Size(), entry(tw, Project+"/"+name, fi.Size(), fi.Mode().Perm()&0o100 != 0, f)
}

// entry writes one file. One that grows meanwhile is cut, one that shrinks is
// an error.
func entry(tw *tar.Writer, name string, size int64, program bool, r io.Reader) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatPAX}
	if program {
		h.Mode = 0o755
	}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	if n, err := io.CopyN(tw, r, size); err != nil {
		return fmt.Errorf("it changed while it was read (%d of %d bytes): %w", n, size, err)
	}
	return nil
}
