// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
)

// withHead is an object with a head that tells n.
func withHead(n int, body string) *Object {
	var h httpmsg.Header
	h.Add("ETag", fmt.Sprintf("%q", fmt.Sprint(n)))
	h.Add("Content-Type", "text/plain")
	return NewObject(Object{Status: 200, Head: httpmsg.NewHead(&h), Born: time.Now(), TTL: time.Hour, Flags: uint32(n)}, []byte(body))
}

// TestObjectsComeBackAsTheyWere: of every size, in one piece and in many.
func TestObjectsComeBackAsTheyWere(t *testing.T) {
	c := New(Config{debug: true})
	r := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{0, 1, 100, 1 << 10, 64 << 10, 100_000, 1 << 20, 8 << 20} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		want := withHead(n, string(body))
		want.Age, want.Stale, want.StaleIfError = time.Second, time.Minute, 2*time.Minute
		c.Solo(key("/a")).Renew(want)
		a := open(c, "/a")
		if a.Status != Hit || a.Key != string(key("/a")) || !same(a.Object, want) {
			t.Errorf("%d bytes: %v %q %+v", n, a.Status, a.Key, a.Object)
		}
		part := ""
		_ = a.Object.Slice(int64(n/3), int64(n/2), func(p []byte) error { part += string(p); return nil })
		if part != string(body[n/3:n/2]) {
			t.Errorf("%d bytes: a part is not what it was", n)
		}
		a.Object.Release()
	}
	if n := held(c); n != 0 {
		t.Errorf("%d bytes are still held", n)
	}
}

// TestWhatIsHeldStays: an object that was evicted, replaced, refreshed or
// purged is as it was until the last one releases it.
func TestWhatIsHeldStays(t *testing.T) {
	body := strings.Repeat("body ", 4000)
	for name, gone := range map[string]func(c *Cache){
		"evicted": func(c *Cache) {
			s := &c.shards[0]
			s.mu.Lock()
			defer s.mu.Unlock()
			for s.evict() {
			}
		},
		"replaced":    func(c *Cache) { put(c, "/a", time.Hour, "new") },
		"invalidated": func(c *Cache) { c.Invalidate("E1", []Path{ParsePath("/a")}) },
		"dropped":     func(c *Cache) { c.Drop(key("/a")) },
		"marked":      func(c *Cache) { c.Solo(key("/a")).Pass(time.Now(), time.Hour, Unshared) },
		"purged":      func(c *Cache) { c.Purge() },
	} {
		c := New(Config{Budget: 1 << 20, debug: true})
		want := withHead(7, body)
		c.Solo(key("/a")).Renew(want)
		a := open(c, "/a")
		more := a.Object.Refreshed()
		a.Object.Retain()
		gone(c)
		if b := open(c, "/a"); b.Status == Hit && text(b.Object) == body {
			t.Errorf("%s: it is still there", name)
		} else {
			b.Object.Release()
			if b.Lease != nil {
				b.Lease.Abandon()
			}
		}
		for i := range 100 { // its memory would be used again
			put(c, fmt.Sprintf("/again/%d", i), time.Hour, body)
		}
		a.Object.Release()
		if !same(a.Object, want) || !same(more, want) || a.Key != string(key("/a")) {
			t.Errorf("%s: a held object changed", name)
		}
		a.Object.Release()
		if !same(more, want) {
			t.Errorf("%s: a refreshed object changed", name)
		}
		more.Release()
		if n := held(c); n != 0 {
			t.Errorf("%s: %d bytes are still held", name, n)
		}
	}
}

// TestFollowersHoldWhatWasRenewed, each for itself, also when it is gone from
// the cache by then and its maker has released it.
func TestFollowersHoldWhatWasRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{debug: true})
		put(c, "/a", time.Second, "body")
		<-time.After(time.Minute)
		lead := open(c, "/a")
		got := make(chan *Object)
		for range 3 {
			f := open(c, "/a")
			if f.Status != Wait {
				t.Fatal(f.Status)
			}
			f.Object.Release()
			go func() {
				_, o, _, _ := f.Flight.Await(t.Context())
				got <- o
			}()
		}
		synctest.Wait()
		o := lead.Object.Refreshed()
		lead.Object.Release()
		o.Born = time.Now()
		lead.Lease.Renew(o)
		o.Release()
		c.Purge()
		for range 3 {
			o := <-got
			if text(o) != "body" {
				t.Errorf("%q", text(o))
			}
			o.Release()
		}
		if n := held(c); n != 0 {
			t.Errorf("%d bytes are still held", n)
		}
	})
}

func TestOneReleaseTooMany(t *testing.T) {
	c := New(Config{debug: true})
	put(c, "/a", time.Hour, "body")
	a := open(c, "/a")
	a.Object.Release()
	defer func() {
		if recover() == nil {
			t.Error("it went unnoticed")
		}
	}()
	a.Object.Release()
}

// TestAWorkloadThatChangesItsSizes: memory does not stay with the sizes that
// were wanted before.
func TestAWorkloadThatChangesItsSizes(t *testing.T) {
	const budget = 8 << 20
	for _, tt := range []struct{ before, after int }{{1 << 10, 64 << 10}, {12 << 10, 1 << 10}, {700, 5000}} {
		ratio := func(c *Cache, size, rounds int, seed uint64) float64 {
			z := rand.NewZipf(rand.New(rand.NewPCG(seed, 1)), 1.1, 1, uint64(4*budget/size))
			body, hits := strings.Repeat("x", size), 0
			for range rounds {
				k := key(fmt.Sprintf("/%d/%d", size, z.Uint64()))
				if peek(c, k) {
					hits++
				} else {
					c.Solo(k).Renew(object(time.Hour, body))
				}
			}
			return float64(hits) / float64(rounds)
		}
		cfg := Config{Budget: budget, ObjectLimit: 1 << 20}
		fresh, used := New(cfg), New(cfg)
		ratio(used, tt.before, 5*budget/tt.before, 1)
		ratio(fresh, tt.after, 20*budget/tt.after, 2)
		ratio(used, tt.after, 20*budget/tt.after, 2)
		want, got := ratio(fresh, tt.after, 10000, 3), ratio(used, tt.after, 10000, 3)
		if got < want-0.02 {
			t.Errorf("after %d bytes now %d: hit ratio %.3f, in a fresh cache %.3f", tt.before, tt.after, got, want)
		}
		if s := used.Stats(); s.Bytes < budget*8/10 {
			t.Errorf("after %d bytes now %d: %d of %d bytes are of use", tt.before, tt.after, s.Bytes, budget)
		}
	}
}

func TestALargeBodyThatStreamsInIsStored(t *testing.T) {
	c := New(Config{debug: true})
	fill, r := open(c, "/a").Lease.Begin(&Object{Status: 200, Born: time.Now(), TTL: time.Hour, Length: -1})
	done := make(chan error, 1)
	go func() { done <- fill.Copy(io.LimitReader(rand.NewChaCha8([32]byte{1}), 3_000_000)) }()
	want, err := readAll(t.Context(), r)
	if err != nil || <-done != nil {
		t.Fatal(err)
	}
	a := open(c, "/a")
	if a.Status != Hit || a.Object.Length != 3_000_000 || text(a.Object) != want {
		t.Error(a.Status, a.Object.Length)
	}
	a.Object.Release()
}
