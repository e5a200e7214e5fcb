// SPDX-License-Identifier: Apache-2.0

package throttle

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func start() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) }

// TestRate loads one bucket ten times as much as it allows, for a minute.
func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		burst int
		span  time.Duration
	}{
		{0.5, 1, time.Minute},
		{1, 1, time.Minute},
		{3, 7, time.Minute},
		{10, 100, time.Minute},
		{333.3, 50, time.Minute},
		{10000, 5000, time.Minute},
		{2e9 / 60, 10, time.Second / 50},
	} {
		t.Run(fmt.Sprintf("%g a second, burst %d", c.rate, c.burst), func(t *testing.T) {
			table, l := NewTable(0, start()), NewLimit(c.rate, c.burst)
			k := table.Scope("stage")
			now := start()
			for i := range c.burst {
				if !table.Take(k, l, now) {
					t.Fatalf("token %d of the burst is missing", i+1)
				}
			}
			if table.Take(k, l, now) {
				t.Fatal("one token more than the burst")
			}
			calls := int(c.rate * 10 * c.span.Seconds())
			got := 0
			for i := 1; i <= calls; i++ {
				if table.Take(k, l, now.Add(time.Duration(float64(c.span)*float64(i)/float64(calls)))) {
					got++
				}
			}
			if want := c.rate * c.span.Seconds(); math.Abs(float64(got)-want) > want*0.02 {
				t.Errorf("%d tokens in %s, want %g ± 2 %%", got, c.span, want)
			}
		})
	}
}

// TestRateInParallel has 16 callers at one bucket, on a clock that they share.
func TestRateInParallel(t *testing.T) {
	const rate, burst, callers = 1000, 250, 16
	table, l := NewTable(0, start()), NewLimit(rate, burst)
	k := table.Scope("stage")
	round := func(now time.Time, calls int) int {
		var got atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range calls {
					if table.Take(k, l, now) {
						got.Add(1)
					}
				}
			})
		}
		wg.Wait()
		return int(got.Load())
	}
	if got := round(start(), 1000); got != burst {
		t.Fatalf("a burst of %d, want %d", got, burst)
	}
	got := 0
	for ms := 50; ms <= 60_000; ms += 50 {
		got += round(start().Add(time.Duration(ms)*time.Millisecond), 10*rate/20/callers+1)
	}
	if math.Abs(float64(got)-60*rate) > 60*rate*0.02 {
		t.Errorf("%d tokens in a minute, want %d ± 2 %%", got, 60*rate)
	}
}

func TestLimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    float64
		burst   int
		atOnce  int           // tokens of a full bucket
		refills time.Duration // after which there is one again; 0: never
	}{
		{"nothing", 0, 0, 0, 0},
		{"no rate", 0, 5, 0, 0},
		{"no burst", 5, 0, 0, 0},
		{"not a number", math.NaN(), 5, 0, 0},
		{"negative", -1, -1, 0, 0},
		{"one", 1, 1, 1, time.Second},
		{"two a second", 2, 3, 3, 500 * time.Millisecond},
		{"one a day", 1.0 / 86400, 2, 2, 24 * time.Hour},
		{"hardly ever", 1e-300, 1, 1, 0},
		{"faster than the clock", 1e300, 4, 4, time.Nanosecond},
		{"endless", math.Inf(1), 4, 4, time.Nanosecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, l := NewTable(0, start()), NewLimit(c.rate, c.burst)
			k, n := table.Scope("x"), 0
			for n < 100 && table.Take(k, l, start()) {
				n++
			}
			if n != c.atOnce {
				t.Errorf("%d tokens at once, want %d", n, c.atOnce)
			}
			if c.refills == 0 {
				if table.Take(k, l, start().AddDate(1, 0, 0)) {
					t.Error("a token after a year")
				}
				return
			}
			if c.refills > time.Nanosecond && table.Take(k, l, start().Add(c.refills-time.Millisecond)) {
				t.Error("a token too early")
			}
			if !table.Take(k, l, start().Add(c.refills)) {
				t.Error("no token in time")
			}
		})
	}
}

// TestLowered has a bucket whose limit changes under it: it is never emptier
// than empty, and a caller whose time is a little old takes nothing away.
func TestLowered(t *testing.T) {
	table := NewTable(0, start())
	k, slow, fast := table.Scope("x"), NewLimit(1, 3600), NewLimit(10, 10)
	for table.Take(k, slow, start()) {
	}
	if table.Take(k, fast, start().Add(2*time.Second)) {
		t.Error("a lowered limit gave a fresh burst")
	}
	n := 0
	for table.Take(k, fast, start().Add(4*time.Second)) {
		n++
	}
	if n != 10 {
		t.Errorf("%d tokens two seconds later, want 10", n)
	}
	if table.Take(k, fast, start().Add(3500*time.Millisecond)) {
		t.Error("a token for a caller whose time is old")
	}
	if table.Take(k, fast, start().Add(4*time.Second)) {
		t.Error("that caller made the bucket fuller")
	}
}

// TestMillionKeys holds a million buckets in use at once, and then as many more.
func TestMillionKeys(t *testing.T) {
	const keys = 1_000_000 / tenfold
	const most = DefaultKeys / tenfold * (1 + tenfold/10) // shards of few vary more
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table, l := NewTable(most, start()), NewLimit(1.0/60, 1)
	scope := table.Scope("rule")
	name := make([]byte, 8)
	take := func(i int, now time.Time) bool {
		binary.BigEndian.PutUint64(name, uint64(i))
		return table.Take(table.In(scope, name), l, now)
	}
	for i := range keys {
		if !take(i, start()) {
			t.Fatalf("key %d has no token", i)
		}
	}
	for i := 0; i < keys; i += 1000 {
		if take(i, start()) {
			t.Fatalf("key %d has a second one", i)
		}
	}
	if got := table.Len(); got != keys {
		t.Errorf("%d buckets of %d", got, keys)
	}
	for i := range 3 * keys { // a flood of other names, none of which is full again
		take(keys+i, start().Add(time.Second))
	}
	for i := range keys {
		if take(i, start().Add(2*time.Second)) {
			t.Fatalf("the flood gave key %d a fresh burst", i)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 40<<20 {
		t.Errorf("%d MiB for a million keys", grown>>20)
	}
	if got := table.Len(); got > most+1 {
		t.Errorf("%d buckets, the bound is %d", got, most)
	}
	runtime.KeepAlive(table)
}

// TestBound fills a small table.
func TestBound(t *testing.T) {
	table, l := NewTable(shards*16, start()), NewLimit(1, 5)
	scope, other := table.Scope("rule"), table.Scope("another rule")
	key := func(i int) Key { return table.InString(scope, fmt.Sprint(i)) }
	placed := 0
	for i := range 1 << 14 {
		before := table.Len()
		table.Take(key(i), l, start())
		if table.Len() > before {
			placed++
		}
	}
	if placed > shards*16+1 || placed < shards*16 {
		t.Errorf("%d buckets, want %d and the shared one", placed, shards*16)
	}
	if table.Take(table.InString(scope, "newcomer"), l, start()) {
		t.Error("names without a bucket have more than one limit together")
	}
	if !table.Take(table.InString(other, "newcomer"), l, start()) || !table.Take(scope, l, start()) {
		t.Error("the names of one scope used up the bucket of another")
	}
	if !table.Take(table.InString(scope, "newcomer"), l, start().Add(time.Second)) {
		t.Error("the shared bucket does not fill")
	}
	// What is full again makes room.
	later := start().Add(time.Minute)
	for i := range 200 {
		if !table.Take(table.InString(scope, fmt.Sprint("later", i)), l, later) {
			t.Fatalf("no room for newcomer %d", i)
		}
	}
}

// TestForgetting compares a table under churn with a map that forgets nothing.
func TestForgetting(t *testing.T) {
	table, l := NewTable(0, start()), NewLimit(2, 3)
	scope := table.Scope("x")
	all := map[int]*ticks{}
	rnd := uint64(1)
	for step := range 200_000 {
		rnd = rnd*6364136223846793005 + 1442695040888963407
		i, now := int(rnd>>33)%5000, start().Add(time.Duration(step)*100*time.Microsecond)
		if all[i] == nil {
			all[i] = new(ticks)
		}
		want := l.take(all[i], int64(now.Sub(start()))*perNano)
		if got := table.Take(table.InString(scope, fmt.Sprint(i)), l, now); got != want {
			t.Fatalf("step %d, key %d: %v, want %v", step, i, got, want)
		}
	}
	if n := table.Len(); n > 5000 {
		t.Errorf("%d buckets for 5000 keys", n)
	}
}

func TestScope(t *testing.T) {
	table := NewTable(0, start())
	keys := map[Key]string{}
	for _, words := range [][]string{{}, {""}, {"", ""}, {"a", "bc"}, {"ab", "c"}, {"abc"}, {"a", "b", "c"}, {"c", "ab"}} {
		k := table.Scope(words...)
		if other, ok := keys[k]; ok {
			t.Errorf("%q has the bucket of %s", words, other)
		}
		keys[k] = fmt.Sprintf("%q", words)
		if k != table.Scope(words...) {
			t.Errorf("%q names two buckets", words)
		}
		if in := table.InString(k, "x"); in == k || in != table.In(k, []byte("x")) || in == table.InString(k, "y") {
			t.Errorf("%q: names within the scope", words)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	table, l := NewTable(0, start()), NewLimit(10, 10)
	k, name, now := table.Scope("x"), []byte("2001:db8::1"), start()
	table.Take(table.In(k, name), l, now)
	table.Take(k, l, now)
	var c Counter
	q := Quota{Limit: 10, Period: Month, Offset: 3}
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		table.Take(table.In(k, name), l, now)
		table.Take(k, l, now)
		c.Take(q, now)
	}); n != 0 {
		t.Errorf("%v allocations a decision", n)
	}
}

func BenchmarkTake(b *testing.B) {
	b.Run("one bucket", func(b *testing.B) {
		table, l := NewTable(0, start()), NewLimit(1e6, 1000)
		k := table.Scope("x")
		b.RunParallel(func(pb *testing.PB) {
			for now := start(); pb.Next(); now = now.Add(time.Microsecond) {
				table.Take(k, l, now)
			}
		})
	})
	b.Run("a million", func(b *testing.B) {
		table, l := NewTable(0, start()), NewLimit(1, 5)
		k := table.Scope("x")
		b.RunParallel(func(pb *testing.PB) {
			var name [8]byte
			for i := uint64(0); pb.Next(); i += 7919 {
				binary.BigEndian.PutUint64(name[:], i%1_000_000)
				table.Take(table.In(k, name[:]), l, start())
			}
		})
	})
}
