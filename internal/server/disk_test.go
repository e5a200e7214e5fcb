// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/function"
)

// former is the cache of a predecessor, which has "/a" on disk.
func former(t *testing.T, data string) *disk.Store {
	t.Helper()
	d, err := disk.Open(disk.Options{Dir: filepath.Join(data, "cache"), Budget: 8 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	c := cache.New(cache.Config{Disk: d})
	c.Solo(aKey()).Renew(cache.NewObject(cache.Object{Status: 200, Born: time.Now(), TTL: time.Hour}, []byte("a")))
	return d
}

func aKey() []byte { return cache.AppendKey(nil, "E1", "/a") }

// heir is a node that waits for the folder in data.
func heir(t *testing.T, data string, gone <-chan struct{}) *Server {
	t.Helper()
	s, err := New(Options{Data: data, CacheDisk: 8 << 20, Predecessor: gone, Functions: function.Options{Environ: os.Environ()}})
	if err != nil {
		t.Fatal(err)
	}
	if s.late == nil || s.cache.Below(aKey()) {
		t.Fatal("it has the disk already")
	}
	return s
}

func TestTheDiskIsTakenOver(t *testing.T) {
	for name, inTime := range map[string]bool{"when the predecessor has left": true, "and when another one has": false} {
		data, gone := t.TempDir(), make(chan struct{})
		d := former(t, data)
		s := heir(t, data, gone)
		if inTime {
			_ = d.Close()
		}
		close(gone)
		if !inTime {
			time.AfterFunc(folderPause/2, func() { _ = d.Close() })
		}
		<-s.late.done
		if !s.cache.Below(aKey()) {
			t.Errorf("%s: the object is not found", name)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCloseBeforeTheDiskIsFree: nobody is waited for, unless the disk must be
// told of an invalidation.
func TestCloseBeforeTheDiskIsFree(t *testing.T) {
	data := t.TempDir()
	d := former(t, data)
	if err := heir(t, data, make(chan struct{})).Close(t.Context()); err != nil {
		t.Error(err)
	}
	gone := make(chan struct{})
	close(gone)
	if err := heir(t, data, gone).Close(t.Context()); err != nil {
		t.Errorf("between two tries: %v", err)
	}

	s := heir(t, data, make(chan struct{}))
	s.cache.Drop(aKey())
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Close(short); err == nil {
		t.Error("a lost invalidation is not told")
	}

	gone = make(chan struct{})
	s = heir(t, data, gone)
	s.cache.Invalidate("E1", []cache.Path{cache.ParsePath("/a")})
	time.AfterFunc(10*time.Millisecond, func() {
		_ = d.Close()
		close(gone)
	})
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	next, err := disk.Open(disk.Options{Dir: filepath.Join(data, "cache"), Budget: 8 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	ref, ok := next.Find(aKey())
	if it, err := next.Read(ref, aKey()); ok && err == nil {
		it.Close()
		t.Error("what was invalidated is there again")
	}
}

// TestFiguresOfOrgans: the metrics have what cache and gate count, as of the
// scrape.
func TestFiguresOfOrgans(t *testing.T) {
	data, gone := t.TempDir(), make(chan struct{})
	d := former(t, data)
	s := heir(t, data, gone)
	shows := func(when string, lines ...string) {
		t.Helper()
		text := "\n" + string(node{s}.AppendMetrics(nil))
		for _, l := range lines {
			if !strings.Contains(text, "\n"+l+"\n") {
				t.Errorf("%s: no %q in %s", when, l, text)
			}
		}
	}
	shows("before", "forelane_cache_disk_objects 0", "forelane_cache_disk_budget_bytes 0", "forelane_connections 0")
	_ = d.Close()
	close(gone)
	<-s.late.done
	shows("with a disk", "forelane_cache_disk_objects 1", "forelane_cache_disk_budget_bytes 8388608",
		"# TYPE forelane_cache_disk_puts_total counter", "forelane_connections_silent_total 0", "forelane_connections_refused_total 0")
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
