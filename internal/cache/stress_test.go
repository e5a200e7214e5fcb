// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestNothingOlderThanAnInvalidation: many viewers, leases that end in every
// way, and invalidations between them. When an invalidation has returned, no
// viewer that comes later may see what was current before it.
func TestNothingOlderThanAnInvalidation(t *testing.T) {
	const keys, viewers, rounds = 5, 6, 400
	c := New(Config{Budget: 128 << 10, ObjectLimit: 8 << 10, debug: true})
	var current, floor [keys]atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	go func() {
		r := rand.New(rand.NewPCG(9, 9))
		for {
			select {
			case <-stop:
				return
			default:
			}
			k := r.IntN(keys)
			n := current[k].Add(1)
			c.Invalidate("E1", []Path{{Text: fmt.Sprintf("/%d", k)}})
			floor[k].Store(n)
		}
	}()
	for v := range viewers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(v), 1))
			for range rounds {
				k := r.IntN(keys)
				least := floor[k].Load()
				got := viewOnce(c, r, k, func() int64 { return current[k].Load() })
				if got >= 0 && got < least {
					t.Errorf("key %d: version %d after an invalidation at %d", k, got, least)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	if n := c.Stats().Filling; n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
	if n := held(c); n != 0 {
		t.Errorf("%d bytes are still held", n)
	}
}

// held empties the cache and is what is not free then.
func held(c *Cache) int64 {
	c.Purge()
	c.Settle()
	return c.Stats().Held
}

// viewOnce is one viewer: the version it saw, -1 when it left.
func viewOnce(c *Cache, r *rand.Rand, k int, version func() int64) int64 {
	for {
		a := c.Open(key(fmt.Sprintf("/%d", k)), time.Now(), r.IntN(8) > 0)
		switch a.Status {
		case Hit:
			defer a.Object.Release()
			return versionOf(text(a.Object))
		case Wait:
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(3))*time.Millisecond)
			out, o, rd, err := a.Flight.Await(ctx)
			n := int64(-1)
			if err == nil && out == Ready {
				body := ""
				if rd == nil {
					body = text(o)
				} else {
					body, err = readAll(ctx, rd)
				}
				if err == nil {
					n = versionOf(body)
				}
			}
			o.Release()
			a.Object.Release()
			a.Flight.Leave()
			cancel()
			if err != nil || out == Ready {
				return n
			}
			continue
		case Miss, Expired, Pass, Stale:
		}
		a.Object.Release()
		body := strconv.FormatInt(version(), 10) + strings.Repeat(" ", r.IntN(12<<10))
		return end(a.Lease, r, body)
	}
}

func versionOf(body string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(body), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// end ends a lease in some way; it returns the version that its own viewer saw.
func end(l *Lease, r *rand.Rand, body string) int64 {
	o := &Object{Status: 200, Born: time.Now(), TTL: time.Hour, Length: int64(len(body))}
	switch r.IntN(6) {
	case 0:
		l.Abandon()
	case 1:
		l.Pass(time.Now(), time.Millisecond, Unshared)
	case 2:
		l.Leave()
		l.Renew(NewObject(*o, []byte(body)))
	default:
		if r.IntN(2) == 0 {
			o.Length = -1
		}
		fill, rd := l.Begin(o)
		go func() { _ = fill.Copy(strings.NewReader(body)) }()
		got, err := readAll(context.Background(), rd)
		if err != nil {
			return -1
		}
		return versionOf(got)
	}
	return -1
}
