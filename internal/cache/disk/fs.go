// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// FS is the folder that a Store lives in: the seam at which tests cut the
// power, fill the disk and break it. Names have no folder. It has six methods
// because that is what the store asks of a file system, and no less.
type FS interface {
	// Mkdir makes the folder itself, if it is missing.
	Mkdir() error
	// List is every file of the folder.
	List() ([]Entry, error)
	// Open opens by os.O_* flags.
	Open(name string, flag int) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// Sync makes names durable: what Open created, Rename and Remove changed.
	Sync() error
}

// Entry is a file in an FS.
type Entry struct {
	Name string
	Size int64
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// folder is the real FS.
type folder string

func (d folder) Mkdir() error { return os.MkdirAll(string(d), 0o700) }

func (d folder) List() ([]Entry, error) {
	names, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, n := range names {
		if info, err := n.Info(); err == nil && info.Mode().IsRegular() {
			list = append(list, Entry{Name: n.Name(), Size: info.Size()})
		}
	}
	return list, nil
}

func (d folder) Open(name string, flag int) (File, error) {
	f, err := os.OpenFile(filepath.Join(string(d), name), flag, 0o600)
	if err != nil {
		return nil, err // not a *os.File that is nil within a File
	}
	return f, nil
}

func (d folder) Rename(from, to string) error {
	return os.Rename(filepath.Join(string(d), from), filepath.Join(string(d), to))
}

func (d folder) Remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

func (d folder) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// lock keeps a second process out of dir for as long as the file is open: also
// kill -9 lets it go.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return f, nil
}

// replace writes name as a whole, durably: after a crash there is the old
// content or the new, nothing between.
func replace(fs FS, name string, write func(File) error) error {
	tmp := name + ".new"
	f, err := fs.Open(tmp, os.O_CREATE|os.O_TRUNC|os.O_RDWR)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = fs.Rename(tmp, name)
	}
	if err != nil {
		fs.Remove(tmp)
		return err
	}
	return fs.Sync()
}
