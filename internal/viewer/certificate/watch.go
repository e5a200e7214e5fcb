// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long folders must be quiet before files are read: whoever
// renews a certificate writes several.
const settle = 100 * time.Millisecond

// Watch reads files anew when something changes in their folders, until ctx
// ends. Folders are watched rather than files: renewal replaces a file, or a
// symbolic link to it or to its folder, whose name is not known here.
func (s *Store) Watch(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	var errs []error
	ours := map[string]bool{}
	for _, l := range s.all {
		for _, name := range []string{l.files.Cert, l.files.Cert + ocspSuffix, l.files.Key} {
			if name != "" {
				ours[filepath.Clean(name)] = true
				errs = append(errs, w.Add(filepath.Dir(name))) // twice is once
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.Reload() // what changed before the folders were watched
	timer := time.NewTimer(settle)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.Errors:
			s.log.Warn("watching certificates", "err", err)
			timer.Reset(settle) // events may be lost
		case ev := <-w.Events:
			if ours[filepath.Clean(ev.Name)] || ev.Op&(fsnotify.Create|fsnotify.Rename|fsnotify.Remove) != 0 {
				timer.Reset(settle)
			}
		case <-timer.C:
			s.Reload()
		}
	}
}
