// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// hold keeps memory from being swept until it is called again.
func hold(c *Cache) (release func()) {
	p := &c.pending
	p.order.Lock()
	defer p.order.Unlock()
	p.running = true
	return func() { c.sweep() }
}

// TestInForceBeforeTheSweep: as long as memory has not been swept, nothing
// looks at what an invalidation hit, and all else is as before.
func TestInForceBeforeTheSweep(t *testing.T) {
	now := time.Now()
	for name, ask := range map[string]func(c *Cache, target string) bool{
		"open": func(c *Cache, target string) bool {
			a := open(c, target)
			defer a.Object.Release()
			if a.Lease != nil {
				a.Lease.Abandon()
			}
			return a.Status == Hit
		},
		"peek": func(c *Cache, target string) bool { return peek(c, key(target)) },
		"inspect": func(c *Cache, target string) bool {
			a := c.Inspect(t.Context(), key(target), now, true)
			defer a.Object.Release()
			return a.Status == Hit
		},
		"keys": func(c *Cache, target string) (found bool) {
			c.KeysOf("E1", target, func(string) bool { found = true; return true })
			return found
		},
		"reach": func(c *Cache, target string) bool {
			r, _, err := c.Reach(t.Context(), "E1", []Path{{Text: target}})
			return err == nil && r.Entries > 0
		},
		"written down": func(c *Cache, target string) bool {
			if c.disk.pending() {
				c.Attach(t.Context(), openDisk(t, t.TempDir()))
			}
			return c.Below(key(target))
		},
	} {
		c := New(Config{DiskLater: true})
		for _, p := range []string{"/a", "/b/1", "/c", "/d", "/e"} {
			putTagged(c, p, p, "tag"+p[1:2])
		}
		release := hold(c)
		drop(c, "/a", "/b*")
		drop(c, "#tagd")
		putTagged(c, "/e", "newer", "tage")
		for p, want := range map[string]bool{"/a": false, "/b/1": false, "/c": true, "/d": false, "/e": true} {
			for range 2 {
				if got := ask(c, p); got != want {
					t.Errorf("%s %s: %v", name, p, got)
				}
			}
		}
		release()
		if st := c.Stats(); st.Objects != 2 || st.Invalidated != 3 {
			t.Errorf("%s: %+v", name, st)
		}
		if c.pending.fresh.Len()+c.pending.round.Len() != 0 {
			t.Errorf("%s: something is still pending", name)
		}
	}
}

// TestVariantsBeforeTheSweep: a marker that was hit leads nowhere.
func TestVariantsBeforeTheSweep(t *testing.T) {
	c := New(Config{})
	defer hold(c)()
	m := c.Vary(key("/a"), []string{"accept"})
	drop(c, "/a")
	if got := c.Marker(key("/a")); got != "" {
		t.Errorf("marker %q", got)
	}
	if again := c.Vary(key("/a"), []string{"accept"}); again == m {
		t.Error("the marker came again")
	}
}

// TestPendingIsBounded: who comes when too much is pending waits for the sweep;
// nothing else is dropped for it.
func TestPendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{})
		put(c, "/kept", time.Hour, "x")
		put(c, "/last", time.Hour, "x")
		release := hold(c)
		paths := make([]Path, pendingLimit)
		for i := range paths {
			paths[i] = Path{Text: fmt.Sprintf("/%d", i), Prefix: i%2 == 0}
		}
		c.Invalidate("E1", paths)
		done := false
		go func() {
			drop(c, "/last")
			done = true
		}()
		synctest.Wait()
		if done || !peek(c, key("/last")) {
			t.Error("it did not wait")
		}
		release()
		synctest.Wait()
		if !done || !peek(c, key("/kept")) || peek(c, key("/last")) || c.pending.fresh.Len() != 0 {
			t.Errorf("done %v, %+v", done, c.Stats())
		}
	})
}

// TestNumbersWrap: an entry's 32 bits mean the right number.
func TestNumbersWrap(t *testing.T) {
	c := New(Config{})
	c.pending.last = 1<<32 - 2
	drop(c, "/none")
	c.Settle()
	put(c, "/a", time.Hour, "a") // has seen the last number before 32 bits begin anew
	put(c, "/b", time.Hour, "b")
	defer hold(c)()
	for range 3 {
		drop(c, "/other")
	}
	if !peek(c, key("/a")) {
		t.Error("an older invalidation hit")
	}
	drop(c, "/a")
	if peek(c, key("/a")) || !peek(c, key("/b")) {
		t.Error("the numbers are mixed up")
	}
}

// BenchmarkHitInvalidations is a hit on one of a thousand objects beside a
// hundred thousand invalidations that memory has not been swept for, half of
// them with a star; "times-none" is that against none at all. The two take turns
// and the shortest turn of each counts, so that what else the machine does says
// little.
func BenchmarkHitInvalidations(b *testing.B) {
	const turn = 1000
	now := time.Now()
	make1000 := func(pending int) (hits func()) {
		c := New(Config{})
		keys := make([][]byte, turn)
		for i := range keys {
			target := fmt.Sprintf("/assets/img/%04d.webp", i)
			put(c, target, time.Hour, "x")
			keys[i] = key(target)
		}
		b.Cleanup(hold(c))
		for i := range pending {
			c.Invalidate("E1", []Path{{Text: fmt.Sprintf("/products/%d/", i), Prefix: i%2 == 0}})
		}
		return func() {
			for _, k := range keys {
				a := c.Open(k, now, true)
				if a.Status != Hit {
					b.Fatal(a.Status)
				}
				a.Object.Release()
			}
		}
	}
	none, many := make1000(0), make1000(100_000)
	least := [2]time.Duration{time.Hour, time.Hour}
	b.ReportAllocs()
	for b.Loop() {
		for i, hits := range []func(){none, many} {
			from := time.Now()
			hits()
			least[i] = min(least[i], time.Since(from))
		}
	}
	b.ReportMetric(float64(least[1].Nanoseconds())/turn, "ns/hit")
	b.ReportMetric(float64(least[1])/float64(least[0]), "times-none")
}

// BenchmarkInvalidateMillion says how long it takes until "/*" over a million
// objects is in force, until their memory is given back, and what the slowest of
// the hits on another distribution waits meanwhile.
//
//	go test -run '^$' -bench InvalidateMillion -benchtime 3x ./internal/cache
func BenchmarkInvalidateMillion(b *testing.B) {
	const objects = 1_000_000
	c := New(Config{Budget: 2 << 30, ObjectLimit: 1 << 20})
	head := usualHead()
	other := AppendKey(nil, "E2", "/")
	fill := func() {
		c.Solo(other).Renew(NewObject(Object{Status: 200, Head: head, Born: time.Now(), TTL: time.Hour}, []byte("x")))
		body := make([]byte, 64)
		for i := range objects {
			c.Solo(fmt.Appendf(nil, "E1\n/assets/img/%d.webp\n", i)).Renew(NewObject(Object{Status: 200, Head: head, Born: time.Now(), TTL: time.Hour}, body))
		}
	}
	var force, memory, slowest time.Duration
	for b.Loop() {
		b.StopTimer()
		fill()
		if n := c.Stats().Objects; n < objects {
			b.Fatalf("only %d were kept", n)
		}
		b.StartTimer()
		from := time.Now()
		c.Invalidate("E1", []Path{{Text: "/", Prefix: true}})
		force = max(force, time.Since(from))
		if a := c.Open([]byte("E1\n/assets/img/999999.webp\n"), from, true); a.Status != Miss {
			b.Fatal(a.Status)
		} else {
			a.Lease.Abandon()
		}
		done := make(chan struct{})
		go func() { c.Settle(); close(done) }()
		for swept := false; !swept; {
			select {
			case <-done:
				swept = true
			default:
			}
			at := time.Now()
			c.Open(other, at, true).Object.Release()
			slowest = max(slowest, time.Since(at))
		}
		memory = max(memory, time.Since(from))
	}
	b.ReportMetric(float64(force.Microseconds())/1e3, "ms-in-force-max")
	b.ReportMetric(float64(memory.Microseconds())/1e3, "ms-swept-max")
	b.ReportMetric(float64(slowest.Microseconds())/1e3, "ms-slowest-hit")
}
