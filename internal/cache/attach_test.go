// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache/disk"
)

// leftBehind is a disk on which a cache of before has stored "old" under the
// targets.
func leftBehind(t *testing.T, targets ...string) *disk.Store {
	t.Helper()
	d := openDisk(t, t.TempDir())
	c := New(Config{Disk: d})
	for _, target := range targets {
		put(c, target, time.Hour, "old")
	}
	return d
}

// found is what a key has once memory has forgotten it: its body, "varies", or
// nothing.
func found(t *testing.T, c *Cache, k []byte) string {
	t.Helper()
	forget(c)
	a, _ := load(t, c, k)
	switch a.Status {
	case Hit:
		defer a.Object.Release()
		return text(a.Object)
	case Varies:
		return "varies"
	}
	if a.Lease != nil {
		a.Lease.Abandon()
	}
	return ""
}

// TestADiskThatComesLater: what happens while there is no disk yet holds when
// it has come, whether or not memory still has it; what nothing happened to is
// found.
func TestADiskThatComesLater(t *testing.T) {
	window := func(c *Cache) {
		f, r := c.Solo(key("/a")).Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Hour, Length: 3 << 20})
		go func() { _ = f.Copy(strings.NewReader(strings.Repeat("x", 3<<20))) }()
		_, _ = readAll(t.Context(), r)
	}
	for name, tt := range map[string]struct {
		happens   func(c *Cache)
		a         string // what /a has then, if memory had kept it
		forgotten string // and if not
		b         string // what another key has
	}{
		"nothing":       {func(*Cache) {}, "old", "old", "old"},
		"stored":        {func(c *Cache) { put(c, "/a", time.Hour, "new") }, "new", "", "old"},
		"short-lived":   {func(c *Cache) { put(c, "/a", time.Second, "new") }, "new", "", "old"},
		"too large":     {window, "", "", "old"},
		"passed":        {func(c *Cache) { c.Solo(key("/a")).Pass(time.Now(), time.Nanosecond, TooLarge) }, "", "", "old"},
		"not shared":    {func(c *Cache) { c.Solo(key("/a")).Pass(time.Now(), time.Nanosecond, Unshared) }, "", "", "old"},
		"a part passed": {func(c *Cache) { c.Solo(key("/a")).Pass(time.Now(), 0, Unshared) }, "old", "old", "old"},
		"failed":        {func(c *Cache) { c.Solo(key("/a")).Abandon() }, "old", "old", "old"},
		"varies":        {func(c *Cache) { c.Vary(key("/a"), []string{"accept"}) }, "varies", "", "old"},
		"dropped":       {func(c *Cache) { c.Drop(key("/a")) }, "", "", "old"},
		"invalidated":   {func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/a")}) }, "", "", "old"},
		"of another":    {func(c *Cache) { c.Invalidate("E2", []Path{ParsePath("/*")}) }, "old", "old", "old"},
		"prefix":        {func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/*")}) }, "", "", ""},
		"purged":        {func(c *Cache) { c.Purge() }, "", "", ""},
		"purged, stored": {func(c *Cache) {
			c.Purge()
			put(c, "/a", time.Hour, "new")
		}, "new", "", ""},
		"stored, invalidated": {func(c *Cache) {
			put(c, "/a", time.Hour, "new")
			c.Invalidate("E1", []Path{ParsePath("/a")})
		}, "", "", "old"},
		"too much": {func(c *Cache) {
			c.disk.room = 1000
			for i := range 100 {
				put(c, fmt.Sprintf("/other/%d", i), time.Hour, "new")
			}
			put(c, "/a", time.Hour, "new")
		}, "new", "", ""},
	} {
		for _, kept := range []bool{true, false} {
			c := New(Config{DiskLater: true, Budget: 16 << 20, debug: true})
			d := leftBehind(t, "/a", "/b")
			tt.happens(c)
			want := tt.a
			if !kept {
				forget(c)
				want = tt.forgotten
			}
			c.Attach(t.Context(), d)
			if a, b := found(t, c, key("/a")), found(t, c, key("/b")); a != want || b != tt.b {
				t.Errorf("%s, in memory %v: %q and %q, want %q and %q", name, kept, a, b, want, tt.b)
			}
			put(c, "/c", time.Hour, "later")
			if got := found(t, c, key("/c")); got != "later" {
				t.Errorf("%s: stored afterwards: %q", name, got)
			}
			if n := held(c); n != 0 {
				t.Errorf("%s: %d bytes are still held", name, n)
			}
		}
	}
}

// TestAFetchAcrossAttach: it began before the disk came and ends after that.
func TestAFetchAcrossAttach(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after func(c *Cache)
		want          string
	}{
		"nothing":                    {nil, nil, "new"},
		"invalidated before":         {func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/a")}) }, nil, ""},
		"invalidated after":          {nil, func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/a")}) }, ""},
		"dropped before":             {func(c *Cache) { c.Drop(key("/a")) }, nil, ""},
		"dropped after":              {nil, func(c *Cache) { c.Drop(key("/a")) }, ""},
		"another one invalidated":    {nil, func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/b")}) }, "new"},
		"old one read in the middle": {nil, func(c *Cache) { c.lift(t.Context(), key("/a")) }, "new"},
	} {
		for _, large := range []bool{false, true} {
			c := New(Config{DiskLater: true})
			d := leftBehind(t, "/a")
			a := open(c, "/a")
			if tt.before != nil {
				tt.before(c)
			}
			c.Attach(t.Context(), d)
			if tt.after != nil {
				tt.after(c)
			}
			want := tt.want
			if large {
				want = strings.Repeat(want, 1<<20)
				f, r := a.Lease.Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Hour, Length: 3 << 20})
				go func() { _ = f.Copy(strings.NewReader(strings.Repeat("new", 1<<20))) }()
				if s, err := readAll(t.Context(), r); len(s) != 3<<20 || err != nil {
					t.Errorf("%s: the viewer got %d bytes, %v", name, len(s), err)
				}
				<-a.Lease.Context().Done()
			} else {
				a.Lease.Renew(object(time.Hour, "new"))
			}
			got := ""
			forget(c)
			if now, _ := load(t, c, key("/a")); now.Status == Hit {
				_ = now.Object.Slice(0, now.Object.Length, func(p []byte) error { got += string(p); return nil })
				now.Object.Release()
			}
			if got != want {
				t.Errorf("%s, large %v: %d bytes, want %d", name, large, len(got), len(want))
			}
		}
	}
}

// TestAnInvalidationThatStillSweeps: a fetch that it has not reached yet is not
// put on the disk that came meanwhile.
func TestAnInvalidationThatStillSweeps(t *testing.T) {
	c := New(Config{DiskLater: true})
	l := c.Solo(key("/a"))
	if !c.disk.noteHits([]disk.Target{{Text: "E1\n/a"}}) { // the first half of Invalidate
		t.Fatal("not noted")
	}
	c.Attach(t.Context(), leftBehind(t, "/a"))
	l.Renew(object(time.Hour, "old"))
	if got := found(t, c, key("/a")); got != "" {
		t.Errorf("found %q", got)
	}
}

// TestVariantsOutliveAttach: a marker of before leads to what is stored after.
func TestVariantsOutliveAttach(t *testing.T) {
	c := New(Config{DiskLater: true})
	marker := c.Vary(key("/a"), []string{"accept-language"})
	v := variantOf(key("/a"), marker, "=en")
	c.Attach(t.Context(), leftBehind(t, "/a"))
	c.Solo(v).Renew(object(time.Hour, "english"))
	forget(c)
	if a, _ := load(t, c, key("/a")); a.Status != Varies || a.Vary != marker {
		t.Fatalf("%v %q", a.Status, a.Vary)
	}
	if got := found(t, c, v); got != "english" {
		t.Errorf("the variant: %q", got)
	}
}

// TestLimitsOfALaterDisk: they are those of one from the beginning.
func TestLimitsOfALaterDisk(t *testing.T) {
	d := openDisk(t, t.TempDir())
	at, c := New(Config{Disk: d}), New(Config{DiskLater: true})
	if c.MemoryLimit() != at.MemoryLimit() || c.ObjectLimit() != c.MemoryLimit() || c.Unsettled() {
		t.Errorf("before: %d in memory, %d at most", c.MemoryLimit(), c.ObjectLimit())
	}
	c.Drop(key("/a"))
	if !c.Unsettled() {
		t.Error("a Drop is not told")
	}
	if c.Attach(t.Context(), d); c.ObjectLimit() != at.ObjectLimit() || c.Unsettled() {
		t.Errorf("after: %d at most", c.ObjectLimit())
	}
}

func TestADiskThatWasNotAnnounced(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it was attached")
		}
	}()
	New(Config{}).Attach(t.Context(), openDisk(t, t.TempDir()))
}

// TestNothingOldComesFromALaterDisk: while the disk comes, viewers and
// invalidations go on and memory forgets all the time. Who has seen a newer
// answer, or dropped the old one, does not see the old one again.
func TestNothingOldComesFromALaterDisk(t *testing.T) {
	const keys, viewers, turns = 24, 3, 150
	targets := make([]string, keys)
	for k := range targets {
		targets[k] = fmt.Sprintf("/%d", k)
	}
	old := 0
	for round := range 12 {
		d := leftBehind(t, targets...)
		c := New(Config{DiskLater: true, Budget: 16 << 20, debug: true})
		if round%4 == 3 {
			c.disk.room = 2000
		}
		var past [keys]atomic.Bool // the old one may not be seen any more
		var wg sync.WaitGroup
		for v := range viewers {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(round), uint64(v)))
				for range turns {
					k := r.IntN(keys)
					gone := past[k].Load()
					if viewLater(t, c, r, key(targets[k])) {
						past[k].Store(true)
					} else if gone {
						t.Errorf("round %d: %s is old again", round, targets[k])
					}
				}
			})
		}
		stop := make(chan struct{})
		var helpers sync.WaitGroup
		helpers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					forget(c)
				}
			}
		})
		wg.Go(func() { c.Attach(t.Context(), d) })
		wg.Wait()
		close(stop)
		helpers.Wait()
		for k := range targets {
			switch got := found(t, c, key(targets[k])); {
			case got == "old" && past[k].Load():
				t.Errorf("round %d: in the end %s is old again", round, targets[k])
			case got == "old":
				old++
			}
		}
		if n := held(c); n != 0 {
			t.Errorf("%d bytes are still held", n)
		}
	}
	t.Logf("%d objects of before were left", old)
}

// viewLater looks a key up and does something to it where it is not found; it
// tells whether the old object is past.
func viewLater(t *testing.T, c *Cache, r *rand.Rand, k []byte) bool {
	if r.IntN(8) == 0 {
		_, target := SplitKey(string(k))
		switch r.IntN(4) {
		case 0:
			c.Invalidate("E1", []Path{{Text: target}})
		case 1:
			c.Invalidate("E1", []Path{{Text: target + "/"}, {Text: target, Prefix: true}})
		case 2:
			c.Drop(k)
		case 3:
			c.Vary(k, []string{"accept"})
		}
		return true
	}
	a, _ := load(t, c, k)
	defer a.Object.Release()
	switch {
	case a.Status == Hit:
		return text(a.Object) != "old"
	case a.Flight != nil:
		_, o, rd, _ := a.Flight.Await(t.Context())
		if rd != nil {
			rd.Close()
		}
		o.Release()
		a.Flight.Leave()
	case a.Lease != nil && r.IntN(4) == 0:
		a.Lease.Pass(time.Now(), time.Nanosecond, PassReason(r.IntN(3)+1))
	case a.Lease != nil:
		a.Lease.Renew(object(time.Hour, "new"))
	}
	return true
}

// TestTheDiskComesFirst: at the end of a fetch that began before Attach, the old
// object is gone from disk before memory has the new one, so that eviction
// cannot bring it back.
func TestTheDiskComesFirst(t *testing.T) {
	for name, end := range map[string]func(l *Lease){
		"stored": func(l *Lease) { l.Renew(object(time.Hour, "new")) },
		"passed": func(l *Lease) { l.Pass(time.Now(), time.Hour, Unshared) },
		"too large": func(l *Lease) {
			f, r := l.Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Hour, Length: 2 << 20, Transient: true})
			go func() { _, _ = readAll(context.Background(), r) }()
			_ = f.Copy(strings.NewReader(strings.Repeat("x", 2<<20)))
		},
	} {
		d := leftBehind(t, "/a")
		c := New(Config{DiskLater: true})
		l := c.Solo(key("/a"))
		c.Attach(t.Context(), d)
		was, _ := d.Find(key("/a"))
		s, _ := c.shard(key("/a"))
		s.mu.Lock() // nothing gets into memory
		done := make(chan struct{})
		go func() {
			end(l)
			close(done)
		}()
		late := time.After(3 * time.Second)
		for old := true; old; {
			select {
			case <-late:
				t.Errorf("%s: memory comes first", name)
				old = false
			default:
				now, ok := d.Find(key("/a"))
				old = ok && now == was
				runtime.Gosched()
			}
		}
		s.mu.Unlock()
		<-done
	}
}

// TestMemoryIsWrittenDown: also more of it than the disk's queue should hold at
// a time, unless the node ends.
func TestMemoryIsWrittenDown(t *testing.T) {
	const objects = 250
	body := strings.Repeat("x", 40<<10)
	for name, ends := range map[string]bool{"all of it": false, "the node ends": true} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := New(Config{DiskLater: true})
		for i := range objects {
			put(c, fmt.Sprintf("/%d", i), time.Hour, body)
		}
		if ends {
			cancel()
		}
		c.Attach(ctx, openDisk(t, t.TempDir()))
		n := 0
		forget(c)
		for i := range objects {
			if a, _ := load(t, c, key(fmt.Sprintf("/%d", i))); a.Status == Hit && text(a.Object) == body {
				n++
			}
		}
		if want := map[bool]int{false: objects, true: 0}[ends]; n != want {
			t.Errorf("%s: %d on disk, want %d", name, n, want)
		}
	}
}
