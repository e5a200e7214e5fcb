// SPDX-License-Identifier: Apache-2.0

package throttle

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return t
}

func TestQuotaBounds(t *testing.T) {
	for _, c := range []struct {
		name     string
		q        Quota
		now      string
		from, to string
	}{
		{"day", Quota{Period: Day}, "2026-03-04 05:06:07", "2026-03-04", "2026-03-05"},
		{"first second of a day", Quota{Period: Day}, "2026-03-04 00:00:00", "2026-03-04", "2026-03-05"},
		{"last second of a year", Quota{Period: Day}, "2026-12-31 23:59:59", "2026-12-31", "2027-01-01"},
		{"week from Sunday", Quota{Period: Week}, "2026-03-04 05:06:07", "2026-03-01", "2026-03-08"},
		{"on Sunday", Quota{Period: Week}, "2026-03-01 00:00:00", "2026-03-01", "2026-03-08"},
		{"on Saturday", Quota{Period: Week}, "2026-03-07 23:59:59", "2026-03-01", "2026-03-08"},
		{"week from Monday, on Sunday", Quota{Period: Week, Offset: 1}, "2026-03-01 12:00:00", "2026-02-23", "2026-03-02"},
		{"week from Saturday, on Friday", Quota{Period: Week, Offset: 6}, "2026-03-06 12:00:00", "2026-02-28", "2026-03-07"},
		{"month", Quota{Period: Month}, "2026-02-28 12:00:00", "2026-02-01", "2026-03-01"},
		{"month from the 28th, before", Quota{Period: Month, Offset: 27}, "2026-03-27 23:59:59", "2026-02-28", "2026-03-28"},
		{"month from the 28th, on it", Quota{Period: Month, Offset: 27}, "2026-03-28 00:00:00", "2026-03-28", "2026-04-28"},
		{"month over new year", Quota{Period: Month, Offset: 9}, "2026-01-03 00:00:00", "2025-12-10", "2026-01-10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := at(c.now).In(time.FixedZone("elsewhere", -9*3600))
			from, to := c.q.Bounds(now)
			if got := from.Format(time.DateOnly); got != c.from {
				t.Errorf("from %s, want %s", got, c.from)
			}
			if got := to.Format(time.DateOnly); got != c.to {
				t.Errorf("to %s, want %s", got, c.to)
			}
		})
	}
}

func TestCounter(t *testing.T) {
	var c Counter
	q := Quota{Limit: 2, Period: Day}
	for i, step := range []struct {
		now  string
		want bool
	}{
		{"2026-03-04 23:59:58", true},
		{"2026-03-04 23:59:59", true},
		{"2026-03-04 23:59:59", false},
		{"2026-03-05 00:00:00", true},
		{"2026-03-04 12:00:00", true}, // the clock was set back: no new period
		{"2026-03-04 12:00:01", false},
		{"2026-03-05 23:59:59", false},
		{"2026-03-09 00:00:00", true},
	} {
		if got := c.Take(q, at(step.now)); got != step.want {
			t.Errorf("step %d, %s: %v", i, step.now, got)
		}
	}
	q.Limit = 100 // raised: what was used stays
	for range 99 {
		if !c.Take(q, at("2026-03-09 01:00:00")) {
			t.Fatal("a raised quota is used up too early")
		}
	}
	if c.Take(q, at("2026-03-09 01:00:00")) {
		t.Error("a raised quota forgot what was used")
	}
}

func TestCounterInParallel(t *testing.T) {
	var counts Counts
	var got atomic.Int64
	var wg sync.WaitGroup
	q := Quota{Limit: 1000, Period: Week}
	for range 16 {
		wg.Go(func() {
			for range 200 {
				if counts.Counter("plan").Take(q, start()) {
					got.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if got.Load() != q.Limit {
		t.Errorf("%d requests of %d", got.Load(), q.Limit)
	}
}

func TestCounts(t *testing.T) {
	q := Quota{Limit: 10, Period: Day}
	now := at("2026-03-04 12:00:00")
	var before Counts
	before.Counter("unused")
	for range 4 {
		before.Counter("a").Take(q, now)
	}
	before.Counter("old").Take(q, now.AddDate(0, 0, -1))
	kept := before.Counts(now)
	if len(kept) != 1 || kept[0].Name != "a" || kept[0].Used != 4 {
		t.Fatalf("kept %+v", kept)
	}
	var after Counts
	after.Counter("a").Take(q, now)
	after.Merge(kept, now)
	after.Merge([]Count{{"a", kept[0].From, kept[0].To, 2}, {"future", now.AddDate(0, 1, 0), now.AddDate(0, 2, 0), 9}, {"over", now.AddDate(0, -1, 0), now, 9}}, now)
	n := 0
	for after.Counter("a").Take(q, now) {
		n++
	}
	if n != 6 {
		t.Errorf("%d requests left of 10 with 4 used before", n)
	}
	if !after.Counter("future").Take(Quota{Limit: 1}, now) || !after.Counter("over").Take(Quota{Limit: 1}, now) {
		t.Error("counts of another time were taken over")
	}
}
