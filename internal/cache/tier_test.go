// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/cache/index"
)

// openDisk opens the tier in dir; the test closes it, if it has not been.
func openDisk(t *testing.T, dir string) *disk.Store {
	t.Helper()
	d, err := disk.Open(disk.Options{Dir: dir, Budget: 64 << 20, Labels: Labels, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// forget empties memory and leaves the disk alone.
func forget(c *Cache) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for e := s.index.Next(0); e != index.None; e = s.index.Next(e + 1) {
			s.drop(e)
		}
		s.mu.Unlock()
	}
}

// load opens a key, through the disk if it is there.
func load(t *testing.T, c *Cache, k []byte) (a Answer, below bool) {
	a = c.Open(k, time.Now(), true)
	if a.Status == OnDisk {
		return c.Load(t.Context(), k, time.Now(), true), true
	}
	return a, false
}

func TestWhatLeftMemoryComesFromDisk(t *testing.T) {
	c := New(Config{Disk: openDisk(t, t.TempDir()), ObjectLimit: 8 << 20, debug: true})
	for _, n := range []int{0, 10, 5000, 200 << 10, 5 << 20} {
		want := withHead(n, strings.Repeat("b", n))
		want.Age, want.Stale, want.StaleIfError = 3*time.Second, time.Minute, time.Hour
		want.Born = want.Born.Round(0) // the disk keeps the wall clock
		k := key(fmt.Sprintf("/%d", n))
		c.Solo(k).Renew(want)
		forget(c)
		a, below := load(t, c, k)
		if !below || a.Status != Hit || !same(a.Object, want) || a.Key != string(k) {
			t.Errorf("%d bytes: from disk %v, %v", n, below, a.Status)
		}
		a.Object.Release()
		a, below = load(t, c, k)
		if below || a.Status != Hit || !same(a.Object, want) {
			t.Errorf("%d bytes: not moved up (%v)", n, a.Status)
		}
		a.Object.Release()
	}
	if n := held(c); n != 0 {
		t.Errorf("%d bytes are still held", n)
	}
}

func TestARestartKeepsObjectsAndVariants(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	c := New(Config{Disk: d})
	put(c, "/a", time.Hour, "a")
	marker := c.Vary(key("/v"), []string{"accept-language"})
	c.Solo(variantOf(key("/v"), marker, "=en")).Renew(object(time.Hour, "english"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	c = New(Config{Disk: openDisk(t, dir)})
	if a, below := load(t, c, key("/a")); !below || a.Status != Hit || text(a.Object) != "a" {
		t.Errorf("object: %v", a.Status)
	}
	a, _ := load(t, c, key("/v"))
	if a.Status != Varies || a.Vary != marker {
		t.Fatalf("marker: %v %q", a.Status, a.Vary)
	}
	if a, _ := load(t, c, variantOf(key("/v"), a.Vary, "=en")); a.Status != Hit || text(a.Object) != "english" {
		t.Errorf("variant: %v", a.Status)
	}
	if m := c.Vary(key("/w"), []string{"accept-language"}); m == marker {
		t.Error("a number of before came again")
	}
}

// TestNothingComesBack: what was invalidated, dropped, purged or superseded in
// memory is not found on disk afterwards.
func TestNothingComesBack(t *testing.T) {
	for name, gone := range map[string]func(c *Cache){
		"invalidated": func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/a")}) },
		"prefix":      func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/*")}) },
		"dropped":     func(c *Cache) { c.Drop(key("/a")) },
		"purged":      func(c *Cache) { c.Purge() },
		"passed":      func(c *Cache) { c.Solo(key("/a")).Pass(time.Now(), time.Nanosecond, Unshared) },
	} {
		for _, memory := range []bool{true, false} {
			c := New(Config{Disk: openDisk(t, t.TempDir())})
			put(c, "/a", time.Hour, "old")
			late := c.Solo(key("/a"))
			if !memory {
				forget(c)
			}
			gone(c)
			if name != "passed" {
				late.Renew(object(time.Hour, "old"))
			}
			forget(c)
			if a, _ := load(t, c, key("/a")); a.Status != Miss {
				t.Errorf("%s, in memory %v: %v", name, memory, a.Status)
			}
		}
	}
}

func TestManyPathsAtOnce(t *testing.T) {
	c := New(Config{Disk: openDisk(t, t.TempDir())})
	var paths []Path
	for i := range 300 {
		put(c, fmt.Sprintf("/%d", i), time.Hour, "x")
		if i%2 == 0 {
			paths = append(paths, ParsePath(fmt.Sprintf("/%d", i)))
		}
	}
	if n := dropped(c, func() { c.Invalidate("E1", paths) }); n != 150 {
		t.Errorf("%d dropped", n)
	}
	forget(c)
	for i := range 300 {
		if a, _ := load(t, c, key(fmt.Sprintf("/%d", i))); (a.Status == Hit) != (i%2 == 1) {
			t.Errorf("/%d: %v", i, a.Status)
		}
	}
}

// TestLargeObjectsStayOnDisk: what memory may not hold is read in pieces.
func TestLargeObjectsStayOnDisk(t *testing.T) {
	dir, body := t.TempDir(), strings.Repeat("0123456789", 300_000)
	d := openDisk(t, dir)
	c := New(Config{Disk: d})
	put(c, "/a", time.Minute, body)
	_ = d.Close()
	c = New(Config{Disk: openDisk(t, dir), ObjectLimit: 1 << 20})
	a, _ := load(t, c, key("/a"))
	if a.Status != Hit || !a.Object.OnDisk() || a.Object.Length != int64(len(body)) {
		t.Fatalf("%v %+v", a.Status, a.Object)
	}
	for _, r := range [][2]int64{{0, 10}, {1_000_000, 1_000_003}, {0, 3_000_000}, {2_999_999, 3_000_000}} {
		got := ""
		err := a.Object.Slice(r[0], r[1], func(p []byte) error { got += string(p); return nil })
		if err != nil || got != body[r[0]:r[1]] {
			t.Errorf("%v: %d bytes, %v", r, len(got), err)
		}
	}
	next := a.Object.Refreshed()
	a.Object.Release()
	next.TTL = 2 * time.Hour
	c.Solo(key("/a")).Renew(next)
	next.Release()
	if a, _ = load(t, c, key("/a")); a.Status != Hit || a.Object.TTL != 2*time.Hour {
		t.Errorf("after a revalidation: %v", a.Status)
	}
	a.Object.Release()
}

// TestNothingOlderThanAnInvalidationFromDisk is the same promise as without a
// disk, with a memory that forgets all the time.
func TestNothingOlderThanAnInvalidationFromDisk(t *testing.T) {
	const keys, viewers, rounds = 3, 4, 300
	c := New(Config{Disk: openDisk(t, t.TempDir()), debug: true})
	var current, floor [keys]atomic.Int64
	stop := make(chan struct{})
	var helpers, wg sync.WaitGroup
	loop := func(f func(r *rand.Rand)) {
		helpers.Go(func() {
			r := rand.New(rand.NewPCG(8, 8))
			for {
				select {
				case <-stop:
					return
				default:
					f(r)
				}
			}
		})
	}
	loop(func(r *rand.Rand) {
		k := r.IntN(keys)
		n := current[k].Add(1)
		c.Invalidate("E1", []Path{{Text: fmt.Sprintf("/%d", k)}})
		floor[k].Store(n)
	})
	loop(func(*rand.Rand) { forget(c) })
	for v := range viewers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(v), 3))
			for range rounds {
				k := r.IntN(keys)
				name, least := key(fmt.Sprintf("/%d", k)), floor[k].Load()
				a, _ := load(t, c, name)
				if a.Status == Hit {
					if got := versionOf(text(a.Object)); got < least {
						t.Errorf("key %d: version %d after an invalidation at %d", k, got, least)
					}
				} else if a.Lease != nil {
					a.Lease.Renew(object(time.Hour, strconv.FormatInt(current[k].Load(), 10)+strings.Repeat(" ", r.IntN(30<<10))))
				}
				if a.Flight != nil {
					_, o, rd, _ := a.Flight.Await(t.Context())
					if rd != nil {
						rd.Close()
					}
					o.Release()
					a.Flight.Leave()
				}
				a.Object.Release()
			}
		})
	}
	wg.Wait()
	close(stop)
	helpers.Wait()
	if n := held(c); n != 0 {
		t.Errorf("%d bytes are still held", n)
	}
}

// TestRevalidationsAreNotAllWritten: what is good for a short time only, is
// written once.
func TestRevalidationsAreNotAllWritten(t *testing.T) {
	for ttl, want := range map[time.Duration]uint64{0: 1, 10 * time.Second: 1, time.Hour: 4} {
		d := openDisk(t, t.TempDir())
		c := New(Config{Disk: d, debug: true})
		put(c, "/a", ttl, "body")
		for range 3 {
			o, _ := c.Peek(key("/a"), time.Now())
			next := o.Refreshed()
			c.Solo(key("/a")).Renew(next)
			next.Release()
			o.Release()
		}
		if n := d.Stats().Puts; n != want {
			t.Errorf("good for %v: written %d times, want %d", ttl, n, want)
		}
	}
}

// TestManyLoadOnce: those who want an object that is on disk wait for the one
// who reads it. When memory does not take it, they read it one after the other.
func TestManyLoadOnce(t *testing.T) {
	for name, tt := range map[string]struct{ budget, most int64 }{"moved up": {64 << 20, 1}, "stays below": {1 << 20, 50}} {
		c := New(Config{Budget: tt.budget, ObjectLimit: 600 << 10, Disk: openDisk(t, t.TempDir())})
		put(c, "/a", time.Hour, strings.Repeat("x", 600<<10))
		forget(c)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if a, _ := load(t, c, key("/a")); a.Status != Hit || a.Object.Length != 600<<10 {
					t.Errorf("%s: %v", name, a.Status)
				}
			})
		}
		wg.Wait()
		if s := c.Stats(); int64(s.Loaded) > tt.most || s.Disk.Objects != 1 {
			t.Errorf("%s: read %d times, %d objects on disk", name, s.Loaded, s.Disk.Objects)
		}
	}
}

func TestMetaOfAnotherVersionIsNotRead(t *testing.T) {
	b := encode(kindObject, withHead(1, ""))
	if _, o := decode(b); o == nil {
		t.Error("not read")
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "short": b[:metaSize-1], "version": append([]byte{9}, b[1:]...), "lines too long": b[:metaSize+3],
	} {
		if _, o := decode(bad); o != nil {
			t.Errorf("%s: read", name)
		}
	}
}
