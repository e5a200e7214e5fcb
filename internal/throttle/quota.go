// SPDX-License-Identifier: Apache-2.0

package throttle

import (
	"sync"
	"time"
)

// Period is how long a quota holds: a closed list.
type Period uint8

// The periods, in UTC.
const (
	Day   Period = iota // from midnight
	Week                // from Sunday
	Month               // from the first
)

// String is API Gateway's word.
func (p Period) String() string {
	return [...]string{"DAY", "WEEK", "MONTH", "?"}[p&3]
}

// Quota is a number of requests in a period. The zero Quota lets nothing pass.
type Quota struct {
	Limit  int64
	Period Period
	// Offset is the day on which a week (0, Sunday, to 6) or a month (0, the
	// first, to 27) begins.
	Offset int
}

// Bounds are the beginning and the end of the period that a time is in.
func (q Quota) Bounds(now time.Time) (from, to time.Time) {
	y, m, d := now.UTC().Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	switch q.Period {
	case Week:
		from = day.AddDate(0, 0, -(int(day.Weekday())-q.Offset+7)%7)
		return from, from.AddDate(0, 0, 7)
	case Month:
		if d <= q.Offset {
			m--
		}
		return time.Date(y, m, 1+q.Offset, 0, 0, 0, 0, time.UTC), time.Date(y, m+1, 1+q.Offset, 0, 0, 0, 0, time.UTC)
	case Day:
	}
	return day, day.AddDate(0, 0, 1)
}

// Counter counts the requests of one quota. The zero Counter has counted none.
type Counter struct {
	mu       sync.Mutex
	from, to time.Time
	used     int64
	others   int64 // what other nodes have counted in this period, as far as is known
}

// Take counts a request and tells whether the quota has room for it. One that
// has no room is not counted.
func (c *Counter) Take(q Quota, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(c.to) { // a clock that is set back opens no new period
		c.from, c.to = q.Bounds(now)
		c.used, c.others = 0, 0
	}
	if c.used+c.others >= q.Limit {
		return false
	}
	c.used++
	return true
}

// Count is what a Counter has counted, as it is kept on disk.
type Count struct {
	Name string    `json:"name"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Used int64     `json:"used"`
}

// Counts holds counters by name. The zero Counts is empty.
type Counts struct {
	mu sync.Mutex
	m  map[string]*Counter
}

// Counter is the one of a name; it is made when there is none.
func (c *Counts) Counter(name string) *Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.m[name]
	if k == nil {
		if c.m == nil {
			c.m = map[string]*Counter{}
		}
		k = &Counter{}
		c.m[name] = k
	}
	return k
}

// Counts are the counters that have counted something in a period that is not
// over.
func (c *Counts) Counts(now time.Time) []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Count
	for name, k := range c.m {
		k.mu.Lock()
		if k.used > 0 && now.Before(k.to) {
			out = append(out, Count{name, k.from, k.to, k.used})
		}
		k.mu.Unlock()
	}
	return out
}

// Merge takes counts of before: of the same period the larger one holds. What
// is of a time to come, or over, is left out.
func (c *Counts) Merge(counts []Count, now time.Time) {
	for _, n := range counts {
		if n.From.After(now) || !now.Before(n.To) {
			continue
		}
		k := c.Counter(n.Name)
		k.mu.Lock()
		switch {
		case n.From.After(k.from):
			k.from, k.to, k.used, k.others = n.From, n.To, n.Used, 0
		case n.From.Equal(k.from):
			k.used = max(k.used, n.Used)
		}
		k.mu.Unlock()
	}
}

// Others takes what each other node has counted. It replaces what was known of
// them: a count of a period that is not the counter's own is left out.
func (c *Counts) Others(nodes [][]Count) {
	type one struct {
		name string
		from int64
	}
	sum := map[one]int64{}
	for _, counts := range nodes {
		for _, n := range counts {
			if n.Used > 0 {
				sum[one{n.Name, n.From.UnixNano()}] += n.Used
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, k := range c.m {
		k.mu.Lock()
		k.others = sum[one{name, k.from.UnixNano()}]
		k.mu.Unlock()
	}
}
