// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/cache/disk"
)

// The cache's folder has one owner. A node that takes over finds it locked, and
// begins with memory; when the predecessor has left, it opens the folder and
// attaches the disk (cache/lower.go). The predecessor may have had one itself
// that has not left yet: then the folder is tried again, for as long as it takes.

// The pauses between tries: they double.
const (
	folderPause    = 100 * time.Millisecond
	folderPauseMax = 2 * time.Second
)

// lateDisk is the disk that the cache waits for.
type lateDisk struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when nobody waits any more; Server.disk is set by then
}

// openCache makes the cache, with its disk if there is to be one. Without it the
// node serves all the same.
func (s *Server) openCache() {
	cfg := cache.Config{Budget: s.o.CacheBytes}
	if s.o.CacheDisk > 0 {
		d, err := s.openDisk()
		switch {
		case err == nil:
			cfg.Disk, s.disk = d, d
		case s.o.Predecessor != nil && errors.Is(err, disk.ErrInUse):
			cfg.DiskLater = true
		default:
			s.log.Warn("the cache is in memory only", "error", err)
		}
	}
	s.cache = cache.New(cfg)
	if cfg.DiskLater {
		ctx, cancel := context.WithCancel(context.Background())
		s.late = &lateDisk{cancel: cancel, done: make(chan struct{})}
		go s.awaitDisk(ctx)
	}
}

func (s *Server) openDisk() (*disk.Store, error) {
	return disk.Open(disk.Options{Dir: filepath.Join(s.o.Data, "cache"), Budget: s.o.CacheDisk, Labels: cache.Labels, Log: s.log})
}

// awaitDisk attaches the disk when its folder is free.
func (s *Server) awaitDisk(ctx context.Context) {
	defer close(s.late.done)
	select {
	case <-s.o.Predecessor:
	case <-ctx.Done():
		return
	}
	for pause := folderPause; ; pause = min(2*pause, folderPauseMax) {
		d, err := s.openDisk()
		switch {
		case err == nil:
			s.cache.Attach(ctx, d)
			s.disk = d
			s.log.Info("the cache on disk is taken over")
			return
		case !errors.Is(err, disk.ErrInUse):
			s.log.Warn("the cache is in memory only, until the next start", "error", err)
			return
		case pause == folderPause:
			s.log.Info("the cache is in memory only, until its folder is free", "error", err)
		}
		free := time.NewTimer(pause)
		select {
		case <-free.C:
		case <-ctx.Done():
			free.Stop()
			return
		}
	}
}

// close ends the wait. If an invalidation came meanwhile that the disk must be
// told, it waits on until ctx ends: else a later node would find what it hit.
func (l *lateDisk) close(ctx context.Context, c *cache.Cache) error {
	if l == nil {
		return nil
	}
	if c.Unsettled() {
		select {
		case <-l.done:
		case <-ctx.Done():
		}
	}
	l.cancel()
	<-l.done
	if c.Unsettled() {
		return errors.New("server: the cache on disk was not told of the invalidations since the start: clear it or invalidate again")
	}
	return nil
}
