// SPDX-License-Identifier: Apache-2.0

// Package store keeps the objects that were written into a bucket, on disk.
//
// The flow: (1) Draft takes the bytes of an object into a file of its own and
// computes what its ETag is made of; (2) Commit makes them durable and renames
// the object's description into place, which is the moment it exists; (3) Get
// reads description and file; (4) After walks the keys in order; (5) Delete
// takes the description away, or replaces it by one that says "deleted" where
// something below the store would show through.
//
//	DIR/objects/ab/abcd….json          description: key, size, tag, fields, name of the data
//	DIR/objects/ab/abcd….0123….data    bytes
//	DIR/objects/ab/….tmp               not finished, or never will be
//	DIR/uploads/ID/                    a multipart upload (upload.go)
//
// Names are the SHA-256 of the key, so no key leads anywhere. A description is
// whole or absent, and names data that was written before it: whatever moment
// the machine stops, the object is the old one or the new one. Data that no
// description names is left over from such a moment and is removed later.
//
// What it does not do: it has no versions and decides nothing about who may.
//
// Concurrency: a Store may be used by many at once. Another process may use the
// same folder (a successor and its predecessor): Get sees what it writes, and
// After looks at the disk each time while that may be.
package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Field is a header field that an object is served with.
type Field struct{ Name, Value string }

// Object is the description of an object.
type Object struct {
	Key      string
	Size     int64
	ETag     string // without quotes
	Modified time.Time
	Fields   []Field `json:",omitempty"`
	// Deleted says that the key is to be hidden where it is below the store.
	Deleted bool   `json:",omitempty"`
	Data    string `json:",omitempty"` // random part of the data file's name
}

// MaxObjects bounds how many descriptions a store holds: their keys are in
// memory once somebody lists.
const MaxObjects = 1 << 20

// Errors of a Store.
var (
	ErrFull     = errors.New("store: the bucket holds as many objects as it may")
	ErrNoUpload = errors.New("store: there is no such upload")
)

// leftOver is the age from which what nobody names is removed.
const leftOver = time.Hour

// Store is one bucket's folder. It is made on the first write.
type Store struct {
	dir string

	mu     sync.Mutex
	shared <-chan struct{}    // nil: nobody else writes
	index  map[string]*Object // nil: not read yet
	sorted []string           // keys of index; nil: to be sorted again
}

// New is a store in dir. It does not look at the disk. shared is closed when no
// other process writes to the folder any more; nil: none does.
func New(dir string, shared <-chan struct{}) *Store { return &Store{dir: dir, shared: shared} }

// name is the path of a key's files without their endings.
func (s *Store) name(key string) string {
	sum := sha256.Sum256([]byte(key))
	h := hex.EncodeToString(sum[:])
	return filepath.Join(s.dir, "objects", h[:2], h)
}

func dataFile(name string, o *Object) string { return name + "." + o.Data + ".data" }

// Get opens an object. Nil: the store knows nothing of the key. The file is nil
// for one that is deleted.
func (s *Store) Get(key string) (*Object, *os.File, error) {
	if s == nil {
		return nil, nil, nil
	}
	name := s.name(key)
	for try := 0; ; try++ {
		o, err := describe(name + ".json")
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, nil
		case err != nil:
			return nil, nil, err
		case o.Deleted:
			return o, nil, nil
		}
		f, err := os.Open(dataFile(name, o))
		if err == nil {
			return o, f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || try >= 10 { // else: replaced between the two
			return nil, nil, err
		}
	}
}

func describe(file string) (*Object, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	o := new(Object)
	return o, json.Unmarshal(b, o)
}

// Delete forgets a key. With hide the store remembers that it is deleted.
func (s *Store) Delete(key string, hide bool) error {
	name := s.name(key)
	if hide {
		return s.commit(name, &Object{Key: key, Modified: time.Now().UTC(), Deleted: true}, nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := describe(name + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.Remove(name + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && old.Data != "" {
		_ = os.Remove(dataFile(name, old)) // it is left over otherwise
	}
	if s.index != nil {
		delete(s.index, key)
		s.sorted = nil
	}
	return syncDir(filepath.Dir(name))
}

// commit makes o what the key's description says, if the check (nil: none),
// which is called with everything else waiting, agrees.
func (s *Store) commit(name string, o *Object, check func() error) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := s.folder(filepath.Dir(name)); err != nil {
		return err
	}
	tmp := name + "." + token() + ".tmp"
	if err := writeSynced(tmp, text); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := s.replace(name, tmp, o, check); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return syncDir(filepath.Dir(name))
}

func (s *Store) replace(name, tmp string, o *Object, check func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.index) >= MaxObjects && s.index[o.Key] == nil { // counted once somebody lists
		return ErrFull
	}
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	old, _ := describe(name + ".json") // none, or broken: nothing to remove
	if err := os.Rename(tmp, name+".json"); err != nil {
		return err
	}
	if old != nil && old.Data != "" {
		_ = os.Remove(dataFile(name, old)) // readers have it open, or find the new one
	}
	if s.index != nil {
		if s.index[o.Key] == nil {
			s.sorted = nil
		}
		s.index[o.Key] = o
	}
	return nil
}

// After is the first object, deleted ones included, whose key is min or comes
// after it.
func (s *Store) After(min string) (*Object, bool, error) {
	if s == nil {
		return nil, false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared != nil {
		s.index = nil
		select {
		case <-s.shared:
			s.shared = nil
		default:
		}
	}
	if s.index == nil {
		if err := s.scan(); err != nil {
			return nil, false, err
		}
	}
	if s.sorted == nil {
		s.sorted = make([]string, 0, len(s.index))
		for key := range s.index {
			s.sorted = append(s.sorted, key)
		}
		slices.Sort(s.sorted)
	}
	i, _ := slices.BinarySearch(s.sorted, min)
	if i == len(s.sorted) {
		return nil, false, nil
	}
	return s.index[s.sorted[i]], true, nil
}

// scan reads all descriptions and removes what is left over. A description
// that cannot be read is no object.
func (s *Store) scan() error {
	index := map[string]*Object{}
	shards, err := os.ReadDir(filepath.Join(s.dir, "objects"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, shard := range shards {
		dir := filepath.Join(s.dir, "objects", shard.Name())
		files, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		data := map[string]string{} // of what a description names; "?" where it cannot be read
		for _, f := range files {
			id, ok := strings.CutSuffix(f.Name(), ".json")
			if !ok {
				continue
			}
			o, err := describe(filepath.Join(dir, f.Name()))
			if err != nil || s.name(o.Key) != filepath.Join(dir, id) {
				data[id] = "?"
				continue
			}
			data[id] = o.Data
			if len(index) < MaxObjects {
				index[o.Key] = o
			}
		}
		for _, f := range files {
			id, rest, _ := strings.Cut(f.Name(), ".")
			if rest != "json" && data[id] != "?" && rest != data[id]+".data" {
				removeOld(filepath.Join(dir, f.Name()), f, leftOver)
			}
		}
	}
	s.sweepUploads()
	s.index, s.sorted = index, nil
	return nil
}

// removeOld removes what nobody has written to for that long.
func removeOld(path string, f fs.DirEntry, age time.Duration) {
	if fi, err := f.Info(); err == nil && time.Since(fi.ModTime()) > age {
		_ = os.RemoveAll(path) // it is tried again at the next scan
	}
}

// folder makes a folder of the store, durably.
func (s *Store) folder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	parent := filepath.Dir(s.dir)
	return errors.Join(syncDir(filepath.Dir(dir)), syncDir(s.dir), syncDir(parent), syncDir(filepath.Dir(parent)))
}

func writeSynced(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func token() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail
	return hex.EncodeToString(b[:])
}
