// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func tagged(ttl time.Duration, body string, tags ...string) *Object {
	o := object(ttl, body)
	o.Tags = JoinTags(tags)
	return o
}

func putTagged(c *Cache, target, body string, tags ...string) {
	c.Solo(key(target)).Renew(tagged(time.Hour, body, tags...))
}

func drop(c *Cache, paths ...string) {
	ps := make([]Path, len(paths))
	for i, p := range paths {
		ps[i] = ParsePath(p)
	}
	c.Invalidate("E1", ps)
}

// dropped is how many objects left memory for f.
func dropped(c *Cache, f func()) int {
	before := c.Stats().Invalidated
	f()
	c.Settle()
	return int(c.Stats().Invalidated - before)
}

func TestF20InvalidateByTag(t *testing.T) {
	for _, tt := range []struct{ path, gone string }{
		{"#red", "/a /b"},
		{"#RED", "/a /b"},
		{"#re", ""},
		{"#red*", ""},
		{"#b:1", "/b"},
		{"#none", ""},
	} {
		for _, below := range []bool{false, true} {
			var cfg Config
			if below {
				cfg.Disk = openDisk(t, t.TempDir())
			}
			c := New(cfg)
			putTagged(c, "/a", "a", "red", "a")
			putTagged(c, "/b", "b", "b:1", "red")
			putTagged(c, "/c", "c", "redder")
			put(c, "/d", time.Hour, "d")
			if below {
				forget(c)
			}
			drop(c, tt.path)
			var gone []string
			for _, p := range []string{"/a", "/b", "/c", "/d"} {
				if a, _ := load(t, c, key(p)); a.Status != Hit {
					gone = append(gone, p)
				} else {
					a.Object.Release()
				}
			}
			if got := strings.Join(gone, " "); got != tt.gone {
				t.Errorf("%s, on disk %v: %q gone, want %q", tt.path, below, got, tt.gone)
			}
		}
	}
}

// TestF20TagsOfAnswersOnTheirWay: an answer that was asked for before the
// invalidation is neither stored nor given to those who came after it.
func TestF20TagsOfAnswersOnTheirWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{})
		early, solo, other := open(c, "/a"), c.Solo(key("/s")), open(c, "/o")
		drop(c, "#x")
		after := open(c, "/a")
		if after.Status != Wait {
			t.Fatalf("the tags are not known yet: %v", after.Status)
		}
		early.Lease.Renew(tagged(time.Hour, "old", "x"))
		if outcome, _, _, _ := after.Flight.Await(t.Context()); outcome != Alone {
			t.Errorf("who came after the invalidation: %v", outcome)
		}
		after.Flight.Leave()
		solo.Renew(tagged(time.Hour, "old", "x"))
		other.Lease.Renew(tagged(time.Hour, "fine", "y"))
		for p, want := range map[string]bool{"/a": false, "/s": false, "/o": true} {
			if peek(c, key(p)) != want {
				t.Errorf("%s: stored %v", p, !want)
			}
		}
		putTagged(c, "/a", "new", "x")
		if !peek(c, key("/a")) {
			t.Error("what was asked for after it is not stored")
		}
	})
}

// TestF20TagsOfStreams: the same of a body that streams in: with the head
// there, and before it.
func TestF20TagsOfStreams(t *testing.T) {
	for _, headed := range []bool{true, false} {
		c := New(Config{})
		a := open(c, "/a")
		if !headed {
			drop(c, "#x")
		}
		o := tagged(time.Hour, "", "x")
		o.Length = 3
		fill, r := a.Lease.Begin(o)
		if headed {
			drop(c, "#x")
		}
		b := open(c, "/a")
		switch {
		case headed && b.Status != Miss:
			t.Errorf("a request after it follows the older fetch: %v", b.Status)
		case headed:
			b.Lease.Abandon()
		case b.Status == Wait:
			if outcome, _, _, _ := b.Flight.Await(t.Context()); outcome != Alone {
				t.Errorf("a request after it: %v", outcome)
			}
			b.Flight.Leave()
		}
		if err := fill.Copy(strings.NewReader("old")); err != nil {
			t.Fatal(err)
		}
		if got, err := readAll(t.Context(), r); got != "old" || err != nil {
			t.Errorf("the viewer that asked before: %q %v", got, err)
		}
		if peek(c, key("/a")) {
			t.Errorf("headed %v: it was stored", headed)
		}
	}
}

// TestF20TagsSurviveARestart, and so does their invalidation, also when what
// was hit is copied by the disk later on.
func TestF20TagsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	d := openDisk(t, dir)
	c := New(Config{Disk: d})
	putTagged(c, "/a", "a", "x")
	putTagged(c, "/b", "b", "x", "y")
	putTagged(c, "/c", "c", "z")
	drop(c, "#x")
	putTagged(c, "/b", "newer", "x")
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		d = openDisk(t, dir)
		c = New(Config{Disk: d})
		for p, want := range map[string]string{"/a": "", "/b": "newer", "/c": "c"} {
			got := ""
			if a, _ := load(t, c, key(p)); a.Status == Hit {
				got = text(a.Object)
				a.Object.Release()
			}
			if got != want {
				t.Errorf("%s: %q, want %q", p, got, want)
			}
		}
	}
	if memory, below, err := c.Reach(t.Context(), "E1", []Path{ParsePath("#x"), ParsePath("/c")}); err != nil || memory.Entries != 2 || below.Entries != 2 {
		t.Errorf("reach %+v %+v %v", memory, below, err)
	}
	drop(c, "#X", "#z")
	forget(c)
	for _, p := range []string{"/b", "/c"} {
		if a, _ := load(t, c, key(p)); a.Status == Hit {
			t.Errorf("%s is back", p)
		}
	}
}

func TestF19Reach(t *testing.T) {
	for _, below := range []bool{false, true} {
		var cfg Config
		if below {
			cfg.Disk = openDisk(t, t.TempDir())
		}
		c := New(cfg)
		for i := range 300 {
			for _, v := range []string{"en", "de"} {
				c.Solo(append(key(fmt.Sprintf("/%d/x", i%100+i/100*1000)), v...)).Renew(object(time.Hour, "body"))
			}
		}
		if below {
			cfg.Disk.Flush() // what waits to be written is not there yet
		}
		got, onDisk, err := c.Reach(t.Context(), "E1", []Path{ParsePath("/10*"), ParsePath("/2/x"), ParsePath("/none")})
		if err != nil || got.Entries != 102 || got.Variants != 204 || got.Bytes < 204*100 {
			t.Errorf("memory: %+v %v", got, err)
		}
		if below && (onDisk.Entries != 102 || onDisk.Variants != 204) || !below && onDisk != (Reach{}) {
			t.Errorf("disk: %+v", onDisk)
		}
		if n := dropped(c, func() { drop(c, "/10*", "/2/x") }); n != got.Variants {
			t.Errorf("dropped %d of %d", n, got.Variants)
		}
	}
}

// TestTargets compares with looking at each path.
func TestTargets(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	word := func() string {
		b := []byte("/")
		for range r.IntN(5) {
			b = append(b, "/ab?"[r.IntN(4)])
		}
		return string(b)
	}
	for range 300 {
		var paths []Path
		for range r.IntN(8) {
			paths = append(paths, Path{Text: word(), Prefix: r.IntN(2) == 0})
		}
		ts := newTargets("E1", paths)
		for range 50 {
			w, want := word(), false
			for _, p := range paths {
				want = want || w == p.Text || p.Prefix && strings.HasPrefix(w, p.Text)
			}
			if got := ts.hit(string(key(w)), ""); got != want {
				t.Fatalf("%q of %v: %v", w, paths, got)
			}
		}
	}
}
