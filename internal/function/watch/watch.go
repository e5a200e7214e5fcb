// SPDX-License-Identifier: Apache-2.0

// Package watch tells when files of a function change.
//
// The flow: (1) Set names the folders and files of a key; folders are watched
// with all below them, but for those that build.Skip leaves out; (2) events
// of the kernel are gathered until there was none for a while; (3) the
// callback gets the key. It says "look again", not what changed.
//
// What it does not do: it reads no file and does not follow symbolic links.
// It watches at most maxDirs folders a key; beyond that Set says so.
//
// Concurrency: Set, Remove and Close may be called from any goroutine; the
// callback runs on a goroutine of the Watcher, one key at a time.
package watch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quiet   = 100 * time.Millisecond // no event for so long: tell
	longest = time.Second            // but wait no longer than this
	maxDirs = 2000
)

// Watcher watches for many keys. Make it with New.
type Watcher struct {
	fs   *fsnotify.Watcher
	skip func(name string) bool
	tell func(key string)
	wg   sync.WaitGroup

	mu   sync.Mutex
	keys map[string]*entry
	dirs map[string]int // how many entries hold a folder
}

type entry struct {
	roots []string            // folders, watched with all below
	files map[string]struct{} // single files
	dirs  map[string]struct{} // all folders that are watched for it
}

// New makes a watcher. skip names folders that are left out.
func New(skip func(name string) bool, tell func(key string)) (*Watcher, error) {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	w := &Watcher{fs: n, skip: skip, tell: tell, keys: map[string]*entry{}, dirs: map[string]int{}}
	w.wg.Go(w.run)
	return w, nil
}

// Close ends all. No callback runs after it.
func (w *Watcher) Close() {
	w.fs.Close()
	w.wg.Wait()
}

// Set makes these the paths of a key.
func (w *Watcher) Set(key string, paths []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.keys[key]
	e := &entry{files: map[string]struct{}{}, dirs: map[string]struct{}{}}
	w.keys[key] = e
	var err error
	for _, p := range paths {
		st, serr := os.Stat(p)
		if serr == nil && st.IsDir() {
			e.roots = append(e.roots, p)
			if aerr := w.addTree(e, p); err == nil {
				err = aerr
			}
			continue
		}
		e.files[p] = struct{}{}
		w.add(e, filepath.Dir(p))
	}
	w.drop(old)
	return err
}

// Remove forgets a key.
func (w *Watcher) Remove(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(w.keys[key])
	delete(w.keys, key)
}

func (w *Watcher) drop(e *entry) {
	if e == nil {
		return
	}
	for d := range e.dirs {
		if w.dirs[d]--; w.dirs[d] == 0 {
			delete(w.dirs, d)
			_ = w.fs.Remove(d) // it may be gone already
		}
	}
}

func (w *Watcher) addTree(e *entry, root string) error {
	full := false
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return nil
		case path != root && w.skip(d.Name()):
			return filepath.SkipDir
		case len(e.dirs) >= maxDirs:
			full = true
			return filepath.SkipAll
		}
		w.add(e, path)
		return nil
	})
	if full {
		return fmt.Errorf("%s has more than %d folders: changes in the others are seen at the next start", root, maxDirs)
	}
	return err
}

func (w *Watcher) add(e *entry, dir string) {
	if _, have := e.dirs[dir]; have {
		return
	}
	if w.dirs[dir] == 0 && w.fs.Add(dir) != nil {
		return // it went, or the kernel has no more watches: then it is not seen
	}
	w.dirs[dir]++
	e.dirs[dir] = struct{}{}
}

// run gathers events and tells.
func (w *Watcher) run() {
	pending := map[string]time.Time{} // key: first event
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case ev, ok := <-w.fs.Events:
			if !ok {
				return
			}
			now := time.Now()
			for _, key := range w.hit(ev) {
				if _, have := pending[key]; !have {
					pending[key] = now
				}
			}
			if len(pending) > 0 {
				timer.Reset(wait(pending, now))
			}
		case _, ok := <-w.fs.Errors: // events were lost: look at everything
			if !ok {
				return
			}
			for _, key := range w.all() {
				pending[key] = time.Now()
			}
			timer.Reset(quiet)
		case <-timer.C:
			for key := range pending {
				delete(pending, key)
				w.tell(key)
			}
		}
	}
}

// wait is how long to be quiet still, bounded by the oldest event.
func wait(pending map[string]time.Time, now time.Time) time.Duration {
	d := quiet
	for _, first := range pending {
		d = min(d, max(0, longest-now.Sub(first)))
	}
	return d
}

func (w *Watcher) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []string
	for k := range w.keys {
		keys = append(keys, k)
	}
	return keys
}

// hit finds the keys that an event concerns, and watches a new folder.
func (w *Watcher) hit(ev fsnotify.Event) []string {
	if ev.Op == fsnotify.Chmod || strings.HasSuffix(ev.Name, ".pyc") || w.skip(filepath.Base(ev.Name)) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var keys []string
	for key, e := range w.keys {
		_, ok := e.files[ev.Name]
		for _, root := range e.roots {
			if ev.Name != root && !strings.HasPrefix(ev.Name, root+string(filepath.Separator)) {
				continue
			}
			ok = true
			if st, err := os.Lstat(ev.Name); err == nil && st.IsDir() && ev.Has(fsnotify.Create) && len(e.dirs) < maxDirs {
				_ = w.addTree(e, ev.Name)
			}
		}
		if ok {
			keys = append(keys, key)
		}
	}
	return keys
}
