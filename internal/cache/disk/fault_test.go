// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestFailingDisk breaks the disk in each way, and mends it again.
func TestFailingDisk(t *testing.T) {
	tests := []struct {
		name string
		ops  string // that fail
		err  error
	}{
		{"full", "write create", syscall.ENOSPC},
		{"full, syncs too", "write create sync syncdir", syscall.ENOSPC},
		{"broken", "write create sync syncdir rename remove", syscall.EIO},
		{"vanished", "create rename syncdir remove", syscall.ENOENT},
		{"read-only", "write create rename remove", syscall.EROFS},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { failing(t, dir, tc.ops, tc.err) })
		})
	}
}

func failing(t *testing.T, dir, ops string, fail error) {
	fs := newMemFS()
	var log bytes.Buffer
	o := Options{Dir: dir, Budget: 1 << 20, Segment: 64 << 10, FS: fs, Log: slog.New(slog.NewTextHandler(&log, nil))}
	s := open(t, o)
	for i := range 5 {
		put(s, keyOf(i), 1, 1000)
	}
	s.Flush()
	broken := true
	fs.mu.Lock()
	fs.before = func(op, _ string) error {
		if broken && strings.Contains(" "+ops+" ", " "+op+" ") {
			return fail
		}
		return nil
	}
	fs.mu.Unlock()

	for i := range 20 { // more than a segment
		put(s, keyOf(100+i), 1, 15000)
		s.Flush()
	}
	if s.Healthy() == nil {
		t.Fatal("the store thinks that it is healthy")
	}
	if put(s, keyOf(4), 2, 10) {
		t.Error("Put took an object")
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("said so %d times:\n%s", n, log.String())
	}
	for i := range 5 {
		want(t, s, keyOf(i), 1) // reading goes on
	}
	invalidated := s.Invalidate(Target{string(textOf(keyOf(0))), false}) == nil
	none(t, s, keyOf(0))

	// As it is now, and killed: what was acknowledged must hold.
	fs.mu.Lock()
	image := fs.cut(nil)
	fs.mu.Unlock()
	o2 := o
	o2.FS, o2.Dir = image, filepath.Join(dir, "image")
	again := open(t, o2)
	if invalidated {
		none(t, again, keyOf(0))
	}
	again.Close()

	time.Sleep(2 * retryLast) // of the bubble's clock
	fs.mu.Lock()
	broken = false
	fs.mu.Unlock()
	put(s, keyOf(50), 1, 100)
	s.Flush()
	if err := s.Healthy(); err != nil {
		t.Fatalf("still %v", err)
	}
	if !put(s, keyOf(51), 1, 100) {
		t.Error("Put refuses")
	}
	s.Flush()
	for range 2 {
		none(t, s, keyOf(0))
		want(t, s, keyOf(51), 1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, o)
	}
	s.Close()
}

// TestDiskSmallerThanBudget: the disk is full before the budget is; the store
// must go on within what there is. DISK_FULL_DIR names a real file system of 1
// MiB or so to do it on:
//
//	mount -t tmpfs -o size=1m none /mnt && DISK_FULL_DIR=/mnt/x go test -run SmallerThanBudget ./internal/cache/disk
func TestDiskSmallerThanBudget(t *testing.T) {
	o := Options{Dir: os.Getenv("DISK_FULL_DIR"), Budget: 4 << 20, Segment: 64 << 10, Log: quiet()}
	if o.Dir == "" {
		fs := newMemFS()
		fs.before = func(op, _ string) error {
			var n int
			for _, f := range fs.names {
				n += len(f.now)
			}
			if (op == "write" || op == "create") && n > 700<<10 {
				return syscall.ENOSPC
			}
			return nil
		}
		o.FS, o.Dir = fs, t.TempDir()
	}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, o)
		taken, failed := 0, 0
		for i := range 2000 {
			if put(s, keyOf(i), 1, 10000) {
				taken++
			} else {
				time.Sleep(retryFirst) // of the bubble's clock
			}
			s.Flush()
			if s.Healthy() != nil {
				failed++
			}
			check(t, s, keyOf(i-5))
			if i%50 == 0 {
				if err := s.Invalidate(Target{string(textOf(keyOf(i - 1))), false}); err != nil {
					t.Error(err)
				}
				none(t, s, keyOf(i-1))
			}
		}
		if taken < 1500 || failed == 0 {
			t.Errorf("%d of 2000 taken, %d times failed", taken, failed)
		}
		s.Close()
		s = open(t, o)
		for i := range 1999 {
			if _, ok := check(t, s, keyOf(i)); ok && (i+1)%50 == 0 {
				t.Errorf("object %d was invalidated", i)
			}
		}
		s.Close()
	})
}

func TestOpenOnABrokenDisk(t *testing.T) {
	dir := t.TempDir()
	for _, op := range []string{"mkdir", "list", "open", "create", "write", "sync", "syncdir", "rename"} {
		t.Run(op, func(t *testing.T) {
			fs := newMemFS()
			o := Options{Dir: dir, Budget: 1 << 20, FS: fs, Log: quiet()}
			fs.before = func(o, _ string) error {
				if o == op {
					return syscall.EIO
				}
				return nil
			}
			s := open(t, o)
			put(s, keyOf(1), 1, 100)
			s.Flush()
			if s.Healthy() == nil {
				t.Error("the store thinks that it is healthy")
			}
			s.Close()
		})
	}
}

// TestFolderVanishes removes it on a real disk.
func TestFolderVanishes(t *testing.T) {
	parent := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(parent, "data")
		s := open(t, small(dir))
		put(s, keyOf(1), 1, 1000)
		s.Flush()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			put(s, keyOf(i), 1, 15000)
			s.Flush()
		}
		if s.Healthy() == nil {
			t.Fatal("the store thinks that it is healthy")
		}
		time.Sleep(retryFirst)
		put(s, keyOf(2), 2, 1000)
		s.Flush()
		if err := s.Healthy(); err != nil {
			t.Fatalf("still %v", err)
		}
		want(t, s, keyOf(2), 2)
		s.Close()
		s = open(t, small(dir))
		want(t, s, keyOf(2), 2)
		s.Close()
	})
}
