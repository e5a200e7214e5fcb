// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
)

// memFS is a disk in memory that knows what was synced, and whose power can be
// cut at any operation.
type memFS struct {
	mu      sync.Mutex
	names   map[string]*memFile
	durable map[string]*memFile // as of the last Sync

	// before is called ahead of each operation, with its name and its file's;
	// what it returns is the operation's error. The lock is held.
	before func(op, name string) error
}

type memFile struct {
	fs          *memFS
	name        string
	now, synced []byte
}

func newMemFS() *memFS {
	return &memFS{names: map[string]*memFile{}, durable: map[string]*memFile{}}
}

func (m *memFS) step(op, name string) error {
	if m.before != nil {
		return m.before(op, name)
	}
	return nil
}

// cut is what is on the disk when the power comes back: of everything that was
// not synced, block by block and name by name, it may or may not be there.
// With a nil r all of it is: that is a kill, not a cut.
func (m *memFS) cut(r *rand.Rand) *memFS {
	lands := func() bool { return r == nil || r.IntN(2) == 0 }
	c := newMemFS()
	all := maps.Clone(m.durable)
	maps.Copy(all, m.names)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := m.durable[name]
		if lands() {
			f = m.names[name]
		}
		if f == nil {
			continue
		}
		b := slices.Clone(f.synced)
		if lands() && len(f.now) != len(b) {
			b = append(b, make([]byte, max(len(f.now)-len(b), 0))...)[:len(f.now)]
		}
		for lo := 0; lo < min(len(b), len(f.now)); lo += 512 {
			if lands() {
				hi := min(lo+512, len(b), len(f.now))
				copy(b[lo:hi], f.now[lo:hi])
			}
		}
		c.names[name] = &memFile{fs: c, name: name, now: b, synced: slices.Clone(b)}
	}
	c.durable = maps.Clone(c.names)
	return c
}

func (m *memFS) Mkdir() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.step("mkdir", "")
}

func (m *memFS) List() (list []Entry, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, f := range m.names {
		list = append(list, Entry{name, int64(len(f.now))})
	}
	return list, m.step("list", "")
}

func (m *memFS) Open(name string, flag int) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	if err := m.step(op, name); err != nil {
		return nil, err
	}
	f := m.names[name]
	switch {
	case f == nil && flag&os.O_CREATE == 0:
		return nil, os.ErrNotExist
	case f != nil && flag&os.O_EXCL != 0:
		return nil, os.ErrExist
	case f == nil:
		f = &memFile{fs: m, name: name}
		m.names[name] = f
	}
	if flag&os.O_TRUNC != 0 {
		f.now = nil
	}
	return f, nil
}

func (m *memFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("rename", to); err != nil {
		return err
	}
	f := m.names[from]
	if f == nil {
		return os.ErrNotExist
	}
	f.name = to
	m.names[to] = f
	delete(m.names, from)
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("remove", name); err != nil {
		return err
	}
	if m.names[name] == nil {
		return os.ErrNotExist
	}
	delete(m.names, name)
	return nil
}

func (m *memFS) Sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("syncdir", ""); err != nil {
		return err
	}
	m.durable = maps.Clone(m.names)
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step("read", f.name); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.now).ReadAt(p, off)
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step("write", f.name); err != nil {
		return 0, err
	}
	if end := off + int64(len(p)); end > int64(len(f.now)) {
		f.now = append(f.now, make([]byte, end-int64(len(f.now)))...)
	}
	return copy(f.now[off:], p), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if size > int64(len(f.now)) {
		return io.ErrShortWrite
	}
	f.now = f.now[:size:size]
	return f.fs.step("truncate", f.name)
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step("sync", f.name); err != nil {
		return err
	}
	f.synced = slices.Clone(f.now)
	return nil
}

func (f *memFile) Close() error { return nil }
