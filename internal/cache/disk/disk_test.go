// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

var sizes = []int{0, 1, 63, 64, 1000, 15 << 10, 16 << 10, 40 << 10, 64 << 10, 64<<10 + 1, 200 << 10}

func TestPutIsFoundAtOnceWhenWrittenAndAfterRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, small(dir))
	step := func(when string) {
		for i, size := range sizes {
			if g, ok := check(t, s, keyOf(i)); !ok || g != 2 {
				t.Errorf("%s: %d bytes: found %v, generation %d", when, size, ok, g)
			}
		}
		none(t, s, []byte("dist\n/other\n"))
	}
	for gen := range uint64(3) {
		for i, size := range sizes {
			if !put(s, keyOf(i), gen, size) {
				t.Fatalf("%d bytes refused", size)
			}
		}
	}
	step("queued")
	s.Flush()
	step("written")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, small(dir))
	step("reopened")
	s.Close()
	if err := os.Remove(filepath.Join(dir, checkpointName)); err != nil {
		t.Fatal(err)
	}
	s = open(t, small(dir))
	step("without checkpoint")
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, small(dir))
	if _, err := Open(small(dir)); !errors.Is(err, ErrInUse) {
		t.Errorf("the folder was opened twice: %v", err)
	}
}

func TestRanges(t *testing.T) {
	o := small(t.TempDir())
	o.Budget, o.Segment = 64<<20, 4<<20
	s := open(t, o)
	const size = 900 << 10 // within a segment, but not read as a whole
	const big = 5 << 20    // a file
	put(s, keyOf(1), 1, size)
	if err := stream(t, s, keyOf(2), 1, big); err != nil {
		t.Fatal(err)
	}
	s.Flush()
	for i, length := range []int{size, big} {
		key := keyOf(i + 1)
		ref, _ := s.Find(key)
		it, err := s.Read(ref, key)
		if err != nil {
			t.Fatal(err)
		}
		defer it.Close()
		all := content(key, 1, length)
		for _, r := range [][2]int{{0, 1}, {0, chunkLen}, {1, chunkLen}, {chunkLen - 1, 2}, {length - 1, 1}, {length - 10, 100}, {chunkLen * 3, 5 * chunkLen}, {length, 1}, {length + 5, 1}} {
			p := make([]byte, r[1])
			n, err := it.ReadAt(p, int64(r[0]))
			lo := min(r[0], length)
			if exp := all[lo:min(lo+r[1], length)]; !bytes.Equal(p[:n], exp) || (n < r[1]) != errors.Is(err, io.EOF) {
				t.Errorf("%d bytes, range %v: %d bytes, %v", length, r, n, err)
			}
		}
	}
}

func TestInvalidate(t *testing.T) {
	tests := []struct {
		text   string
		prefix bool
		hit    []string
	}{
		{"d\n/a", false, []string{"d\n/a\nGET", "d\n/a\nGET\v1:x\v=y", "d\n/a"}},
		{"d\n/a", true, []string{"d\n/a\nGET", "d\n/a\nGET\v1:x\v=y", "d\n/a", "d\n/a/b\n", "d\n/ab\nHEAD"}},
		{"d\n", true, []string{"d\n/a\nGET", "d\n/a\nGET\v1:x\v=y", "d\n/a", "d\n/a/b\n", "d\n/ab\nHEAD", "d\n/\n"}},
		{"d\n/a/b", false, []string{"d\n/a/b\n"}},
		{"d\n/a/b/", true, nil},
	}
	all := []string{"d\n/a\nGET", "d\n/a\nGET\v1:x\v=y", "d\n/a", "d\n/a/b\n", "d\n/ab\nHEAD", "d\n/\n", "e\n/a\nGET", "dd\n/a\n"}
	for _, tc := range tests {
		t.Run(fmt.Sprintf("%q %v", tc.text, tc.prefix), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, small(dir))
			for _, k := range all {
				put(s, []byte(k), 1, 100)
			}
			if len(tc.text)%2 == 0 { // both from the queue and from disk
				s.Flush()
			}
			if err := s.Invalidate(Target{tc.text, tc.prefix}); err != nil {
				t.Fatal(err)
			}
			put(s, []byte("d\n/a/b/new\n"), 1, 100)
			verify := func() {
				t.Helper()
				for _, k := range all {
					hit := false
					for _, h := range tc.hit {
						hit = hit || h == k
					}
					if _, ok := check(t, s, []byte(k)); ok == hit {
						t.Errorf("%q: found %v", k, ok)
					}
				}
				want(t, s, []byte("d\n/a/b/new\n"), 1)
			}
			verify()
			for range 2 {
				s.Close()
				os.Remove(filepath.Join(dir, checkpointName))
				s = open(t, small(dir))
				verify()
			}
		})
	}
}

func TestDelete(t *testing.T) {
	dir := t.TempDir()
	s := open(t, small(dir))
	for i := range 20 {
		put(s, keyOf(i), 1, 3000)
	}
	s.Flush()
	for i := range 10 {
		put(s, keyOf(i), 2, 30000)
	}
	for i := range 20 {
		if i%2 == 0 {
			if err := s.Delete(keyOf(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		for i := range 20 {
			switch {
			case i%2 == 0:
				none(t, s, keyOf(i))
			case i < 10:
				want(t, s, keyOf(i), 2)
			default:
				want(t, s, keyOf(i), 1)
			}
		}
		s.Close()
		os.Remove(filepath.Join(dir, checkpointName))
		s = open(t, small(dir))
	}
}

func TestLateAnswersAreRefused(t *testing.T) {
	s := open(t, small(t.TempDir()))
	key := keyOf(1)
	for name, drop := range map[string]func() error{
		"invalidate": func() error { return s.Invalidate(Target{string(textOf(key)), false}) },
		"delete":     func() error { return s.Delete(key) },
	} {
		clock := s.Clock()
		w, err := s.CreateSince(s.Clock(), key)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(content(key, 1, 100000))
		if err := drop(); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(metaOf(1, 100000)); !errors.Is(err, ErrGone) {
			t.Errorf("%s: commit: %v", name, err)
		}
		w.Close()
		if s.PutSince(clock, key, metaOf(1, 5), [][]byte{content(key, 1, 5)}) {
			t.Errorf("%s: PutSince took it", name)
		}
		late, err := s.CreateSince(clock, key)
		if err != nil {
			t.Fatal(err)
		}
		late.Write(content(key, 1, 100000))
		if err := late.Commit(metaOf(1, 100000)); !errors.Is(err, ErrGone) {
			t.Errorf("%s: commit of what began before: %v", name, err)
		}
		late.Close()
		none(t, s, key)
		if !put(s, key, 2, 5) {
			t.Errorf("%s: a new answer is refused", name)
		}
		want(t, s, key, 2)
	}
}

// TestPutNew takes nothing's place.
func TestPutNew(t *testing.T) {
	s := open(t, small(t.TempDir()))
	key := keyOf(1)
	add := func(clock, gen uint64) bool {
		return s.PutNew(clock, key, metaOf(gen, 5), [][]byte{content(key, gen, 5)})
	}
	clock := s.Clock()
	if !add(clock, 1) {
		t.Error("refused where there was nothing")
	}
	if add(s.Clock(), 2) {
		t.Error("it replaced an object")
	}
	want(t, s, key, 1)
	if err := s.Invalidate(Target{string(textOf(key)), false}); err != nil {
		t.Fatal(err)
	}
	if add(clock, 3) {
		t.Error("it took what was invalidated")
	}
	if !add(s.Clock(), 4) {
		t.Error("refused where there was an invalidated object")
	}
	want(t, s, key, 4)
}

func TestRenew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, small(dir))
	for i, size := range []int{0, 1000, 200 << 10} {
		if err := stream(t, s, keyOf(i), 1, size); err != nil {
			t.Fatal(err)
		}
		s.Flush()
		ref, _ := s.Find(keyOf(i))
		if !s.Renew(ref, keyOf(i), fmt.Appendf(nil, "1 %d renewed", size)) {
			t.Fatalf("%d bytes: not renewed", size)
		}
		if s.Renew(ref, keyOf(i), []byte("1 0 again")) {
			t.Error("an outdated ref was renewed")
		}
	}
	for range 2 {
		for i := range 3 {
			want(t, s, keyOf(i), 1)
			ref, _ := s.Find(keyOf(i))
			it, err := s.Read(ref, keyOf(i))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasSuffix(it.Meta(), []byte("renewed")) {
				t.Errorf("meta %q", it.Meta())
			}
			it.Close()
		}
		s.Close()
		s = open(t, small(dir))
	}
	bodies, _ := filepath.Glob(filepath.Join(dir, "body-*"))
	if len(bodies) != 1 {
		t.Errorf("files of bodies: %v", bodies)
	}
}

func TestFollowersReadWhileItIsWritten(t *testing.T) {
	o := small(t.TempDir())
	o.Budget, o.Segment = 64<<20, 4<<20
	s := open(t, o)
	key := keyOf(3)
	const size = 4 << 20
	all := content(key, 1, size)
	w, err := s.CreateSince(s.Clock(), key)
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan int, 1000)
	var readers sync.WaitGroup
	readers.Go(func() {
		for n := range written {
			for _, lo := range []int{0, n / 2, n - 100} {
				p := make([]byte, 100)
				if k, err := w.ReadAt(p, int64(lo)); k != 100 || err != nil || !bytes.Equal(p, all[lo:lo+100]) {
					t.Errorf("at %d of %d: %d, %v", lo, n, k, err)
				}
			}
		}
	})
	for n := 0; n < size; n += 50000 {
		if _, err := w.Write(all[n:min(n+50000, size)]); err != nil {
			t.Fatal(err)
		}
		written <- min(n+50000, size)
	}
	if err := w.Commit(metaOf(1, size)); err != nil {
		t.Fatal(err)
	}
	close(written)
	readers.Wait()
	p := make([]byte, size)
	if n, err := w.ReadAt(p, 0); n != size || err != nil || !bytes.Equal(p, all) {
		t.Errorf("after Commit: %d, %v", n, err)
	}
	w.Close()
	want(t, s, key, 1)
}

func TestFindDoesNotAllocate(t *testing.T) {
	s := open(t, small(t.TempDir()))
	key := keyOf(1)
	put(s, key, 1, 100)
	s.Flush()
	if n := testing.AllocsPerRun(100, func() {
		ref, _ := s.Find(key)
		s.Touch(ref)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
