// SPDX-License-Identifier: Apache-2.0

package build

// Unpacking is done through os.Root, so no name and no link can lead out of
// the folder, whatever the archive says; sizes are counted while they are
// read, because the archive's own figures may lie.

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxUnzipped is twice what Lambda takes (250 MB, layers included).
	maxUnzipped = 500 << 20
	maxEntries  = 100_000
	maxLink     = 4 << 10
)

func (b *Builder) unzip(ctx context.Context, path string) (dir, digest string, err error) {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return "", "", broken("the zip %s is not there: correct CodeUri", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", fmt.Errorf("zip: %w", err)
	}
	digest = sum(abs, fmt.Sprint(st.Size()), fmt.Sprint(st.ModTime().UnixNano()))
	dir = filepath.Join(b.Dir, "zip", digest)
	if isDir(dir) {
		return dir, digest, nil
	}
	err = inPlace(dir, func(tmp string) error { return Unzip(ctx, path, tmp) })
	if err != nil {
		return "", "", err
	}
	return dir, digest, nil
}

// Unzip unpacks a zip into a folder that exists.
func Unzip(ctx context.Context, path, dir string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return broken("%s is no zip that can be read: %v", path, err)
	}
	defer z.Close()
	if len(z.File) > maxEntries {
		return broken("%s: %v (%d)", path, errTooMany, len(z.File))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	defer root.Close()
	left := int64(maxUnzipped)
	var links []*zip.File
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.Mode()&fs.ModeSymlink != 0 {
			links = append(links, f) // last, so that nothing is written through one
			continue
		}
		n, err := unpack(root, f, left)
		if err != nil {
			return broken("%s: %s: %v", path, f.Name, err)
		}
		left -= n
	}
	for _, f := range links {
		if err := link(root, f); err != nil {
			return broken("%s: %s: %v", path, f.Name, err)
		}
	}
	return nil
}

func local(name string) (string, error) {
	name = filepath.FromSlash(strings.TrimSuffix(strings.ReplaceAll(name, `\`, "/"), "/"))
	if !filepath.IsLocal(name) {
		return "", errors.New("the name leads out of the archive")
	}
	return name, nil
}

func unpack(root *os.Root, f *zip.File, left int64) (int64, error) {
	name, err := local(f.Name)
	if err != nil {
		return 0, err
	}
	if strings.HasSuffix(f.Name, "/") || f.Mode().IsDir() {
		return 0, root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, err
	}
	perm := f.Mode().Perm() | 0o600
	if f.Mode().Perm() == 0 { // made where files have no permissions
		perm = 0o755
	}
	in, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, left+1))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if n > left {
		err = fmt.Errorf("unpacked it is larger than %d MB", maxUnzipped>>20)
	}
	return n, err
}

func link(root *os.Root, f *zip.File) error {
	name, err := local(f.Name)
	if err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxLink))
	if err != nil {
		return err
	}
	to := string(b)
	if filepath.IsAbs(to) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), to)) {
		return errors.New("the link leads out of the archive")
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return root.Symlink(to, name)
}
