// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/forelane/forelane/internal/server"
)

// settle is how long files must be quiet before they are read again: editors
// write in several steps.
const settle = 100 * time.Millisecond

// watch takes over edits of the template's files until ctx ends. A template
// that is wrong is told and changes nothing.
func (f *upFlags) watch(ctx context.Context, srv *server.Server, l *loader, now *loaded, out *output) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		out.warn("edits of the template will not be noticed", err)
		<-ctx.Done()
		return nil
	}
	defer w.Close()
	files := watched(w, now.files(), nil, out)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.Errors:
			out.warn("watching files", err)
		case ev := <-w.Events:
			if files[filepath.Clean(ev.Name)] && ev.Op&^fsnotify.Chmod != 0 {
				timer.Reset(settle)
			}
		case <-timer.C:
			next, err := l.load(ctx)
			if err == nil {
				err = next.accept(f.strict)
			}
			if err == nil {
				err = srv.Apply(ctx, next.stacks())
			}
			if err != nil {
				out.event("reload-failed", map[string]any{"error": err.Error()})
				out.warn("the edit was not taken over; what ran before goes on", err)
				continue
			}
			now = next
			files = watched(w, now.files(), files, out)
			out.reloaded(srv.Ready(), now)
		}
	}
}

// watched follows the folders of files: an editor replaces a file, and a watch
// on the file itself would be lost with it.
func watched(w *fsnotify.Watcher, files []string, before map[string]bool, out *output) map[string]bool {
	set := map[string]bool{}
	dirs := map[string]bool{}
	for name := range before {
		dirs[filepath.Dir(name)] = true
	}
	for _, name := range files {
		abs, err := filepath.Abs(name)
		if err != nil {
			continue
		}
		set[abs] = true
		if dir := filepath.Dir(abs); !dirs[dir] {
			dirs[dir] = true
			if err := w.Add(dir); err != nil {
				out.warn("edits in "+dir+" will not be noticed", err)
			}
		}
	}
	return set
}
