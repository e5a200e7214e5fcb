// SPDX-License-Identifier: Apache-2.0

package record

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Rotation says when a log file makes room for the next one, and what becomes
// of it. The zero value never rotates.
type Rotation struct {
	MaxBytes int64         // 0: size does not count
	Every    time.Duration // from midnight UTC on; 0: age does not count
	Keep     int           // rotated files that are kept; 0: all
	Gzip     bool          // rotated files are compressed
}

// File is a log file that is appended to, for a Writer: its Write may wait for
// the disk, which is why only the Writer's goroutine calls it.
//
//	access.log                           written to
//	access.log.20261127-190000.123456    rotated at that time, UTC
//	access.log.20261127-180000.004321.gz and compressed, in the background
//
// A file that somebody moved away is let go of by Reopen, which a program calls
// on SIGHUP. When the file cannot be opened or written, Write fails and the next
// one tries again.
type File struct {
	path string
	head string // of each new file
	r    Rotation

	reopen atomic.Bool

	mu     sync.Mutex // Write and Close
	f      *os.File   // nil: not open
	size   int64
	period int64

	tidying sync.WaitGroup
	tidyOne sync.Mutex
}

// NewFile makes a File; it opens nothing yet. head begins each new file.
func NewFile(path, head string, r Rotation) *File { return &File{path: path, head: head, r: r} }

// Open opens the file now, so that a path that cannot work is told.
func (f *File) Open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open(time.Now())
}

// Reopen lets go of the file before the next line.
func (f *File) Reopen() { f.reopen.Store(true) }

// Write appends whole lines.
func (f *File) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.reopen.Swap(false) {
		_ = f.release()
	}
	if err := f.open(now); err != nil {
		return 0, err
	}
	full := f.r.MaxBytes > 0 && f.size+int64(len(p)) > f.r.MaxBytes
	if f.size > int64(len(f.head)) && (full || f.periodOf(now) != f.period) {
		if err := f.rotate(now); err != nil {
			return 0, err
		}
	}
	if f.size == 0 && f.head != "" {
		p = append([]byte(f.head), p...)
	}
	n, err := f.f.Write(p)
	f.size += int64(n)
	if err != nil {
		return 0, errors.Join(err, f.release()) // where it failed is not known
	}
	return len(p), nil
}

func (f *File) open(now time.Time) error {
	if f.f != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	fi, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.f, f.size, f.period = file, fi.Size(), f.periodOf(now)
	if f.size > 0 {
		f.period = f.periodOf(fi.ModTime()) // it may be of before
	}
	return nil
}

func (f *File) periodOf(t time.Time) int64 {
	if f.r.Every <= 0 {
		return 0
	}
	return t.UnixNano() / int64(f.r.Every) // whole days begin at midnight UTC
}

func (f *File) release() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}

// rotate moves the file away and begins a new one.
func (f *File) rotate(now time.Time) error {
	if err := f.release(); err != nil {
		return err
	}
	to := ""
	for at := now.UTC(); ; at = at.Add(time.Microsecond) { // names sort as the files came
		to = f.path + "." + at.Format("20060102-150405.000000")
		_, plain := os.Lstat(to)
		_, packed := os.Lstat(to + ".gz")
		if errors.Is(plain, os.ErrNotExist) && errors.Is(packed, os.ErrNotExist) {
			break
		}
	}
	if err := os.Rename(f.path, to); err != nil {
		return err
	}
	f.tidying.Go(func() { f.tidy(to) })
	return f.open(now)
}

// tidy compresses a rotated file and removes those that are too many. What
// fails leaves files behind, never lines out.
func (f *File) tidy(name string) {
	f.tidyOne.Lock()
	defer f.tidyOne.Unlock()
	if f.r.Gzip {
		if err := compress(name); err != nil {
			_ = os.Remove(name + ".gz.tmp") // the plain file is still there
		}
	}
	if f.r.Keep <= 0 {
		return
	}
	old, err := filepath.Glob(globEscape(f.path) + ".[0-9]*")
	if err != nil {
		return
	}
	slices.Sort(old)
	for _, name := range old[:max(0, len(old)-f.r.Keep)] {
		_ = os.Remove(name)
	}
}

func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

func compress(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(name+".gz.tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(out)
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".gz.tmp", name+".gz"); err != nil {
		return err
	}
	return os.Remove(name)
}

// Close closes the file and waits for what runs in the background.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.release()
	f.tidying.Wait()
	return err
}
