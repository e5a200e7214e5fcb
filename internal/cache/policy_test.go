// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache/index"
)

func TestTheBudgetHolds(t *testing.T) {
	c := New(Config{Budget: 1 << 20, ObjectLimit: 64 << 10})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		put(c, fmt.Sprintf("/%d", i), time.Hour, strings.Repeat("x", r.IntN(32<<10)))
		if b := c.Stats().Bytes; b > 1<<20 {
			t.Fatalf("after %d: %d bytes", i, b)
		}
	}
	s := c.Stats()
	if s.Evicted == 0 || s.Bytes < 1<<19 {
		t.Errorf("%+v", s)
	}
	// What the queues count is what the entries are.
	var sum int64
	for i := range c.shards {
		x := c.shards[i].index
		for e := x.Next(0); e != index.None; e = x.Next(e + 1) {
			sum += x.At(e).Cost()
		}
	}
	if sum != s.Bytes {
		t.Errorf("entries have %d bytes, queues %d", sum, s.Bytes)
	}
}

func TestAScanDoesNotSweepOutWhatIsUsed(t *testing.T) {
	c := New(Config{Budget: 1 << 20, ObjectLimit: 256 << 10})
	body := strings.Repeat("x", 1000)
	hot := func(i int) []byte { return key(fmt.Sprintf("/hot/%d", i)) }
	for i := range 200 {
		c.Solo(hot(i)).Renew(object(time.Hour, body))
	}
	for range 3 {
		for i := range 200 {
			peek(c, hot(i))
		}
	}
	for i := range 10000 {
		put(c, fmt.Sprintf("/scan/%d", i), time.Hour, body)
		if i%50 == 0 {
			for j := range 200 {
				peek(c, hot(j))
			}
		}
	}
	left := 0
	for i := range 200 {
		if peek(c, hot(i)) {
			left++
		}
	}
	if left < 195 {
		t.Errorf("%d of 200 hot objects survived a scan", left)
	}
}

func TestLargeObjectsEnterAFullShardOnTheirSecondAppearance(t *testing.T) {
	c := New(Config{Budget: 1 << 20, ObjectLimit: 256 << 10})
	for i := range 2000 {
		put(c, fmt.Sprintf("/%d", i), time.Hour, strings.Repeat("x", 1000))
	}
	large := strings.Repeat("x", 200<<10)
	put(c, "/large", time.Hour, large)
	if peek(c, key("/large")) {
		t.Error("admitted at once")
	}
	put(c, "/large", time.Hour, large)
	if !peek(c, key("/large")) {
		t.Error("not admitted when it came back")
	}
}

func TestZipfBeatsFIFO(t *testing.T) {
	const objects, room, rounds = 20000, 1000, 200000
	body := strings.Repeat("x", 500)
	one := New(Config{})
	put(one, "/12345", time.Hour, body)
	c := New(Config{Budget: room * one.Stats().Bytes, ObjectLimit: room * 100})
	z := rand.NewZipf(rand.New(rand.NewPCG(3, 4)), 1.01, 10, objects)
	hits, fifoHits := 0, 0
	fifo, order := map[uint64]bool{}, []uint64{}
	for range rounds {
		n := z.Uint64()
		k := key(fmt.Sprintf("/%d", n))
		if peek(c, k) {
			hits++
		} else {
			c.Solo(k).Renew(object(time.Hour, body))
		}
		if fifo[n] {
			fifoHits++
		} else {
			fifo[n], order = true, append(order, n)
			if len(order) > room {
				delete(fifo, order[0])
				order = order[1:]
			}
		}
	}
	if hits <= fifoHits+rounds/50 {
		t.Errorf("hit ratio %.3f, plain FIFO %.3f", float64(hits)/rounds, float64(fifoHits)/rounds)
	}
}

func TestAHitAllocatesNothing(t *testing.T) {
	c := New(Config{})
	put(c, "/a", time.Hour, "body")
	k, now := key("/a"), time.Now()
	if n := testing.AllocsPerRun(100, func() { c.Open(k, now, true).Object.Release() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAHitThroughAMarkerAllocatesNothing(t *testing.T) {
	c := New(Config{})
	k, now := key("/a"), time.Now()
	variant := func(marker string) []byte {
		return []byte(string(k) + string(rune(VariantSep)) + marker + string(rune(VariantSep)) + "=en")
	}
	v := variant(c.Vary(k, []string{"accept-language"}))
	open := func() {
		if a := c.Open(k, now, true); a.Status != Varies || a.Vary != c.Marker(k) {
			t.Fatalf("%v %q", a.Status, a.Vary)
		}
		c.Open(v, now, true).Object.Release()
	}
	fill := func() {
		a := c.Open(v, now, true)
		f, r := a.Lease.Begin(&Object{Status: 200, Born: now, TTL: time.Hour, Length: 4})
		if err := f.Copy(strings.NewReader("body")); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	fill()
	if n := testing.AllocsPerRun(100, open); n != 0 {
		t.Errorf("%v allocations", n)
	}
	was := c.Marker(k)
	if v = variant(c.Vary(k, []string{"foo"})); c.Marker(k) == was {
		t.Error("the marker that was replaced is still answered")
	}
	fill()
	if n := testing.AllocsPerRun(100, open); n != 0 {
		t.Errorf("%v allocations after a change of the marker", n)
	}
}

func BenchmarkHit(b *testing.B) {
	c := New(Config{})
	put(c, "/a", time.Hour, "body")
	k, now := key("/a"), time.Now()
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			c.Open(k, now, true).Object.Release()
		}
	})
}
