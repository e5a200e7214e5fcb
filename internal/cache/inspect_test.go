// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"slices"
	"testing"
	"time"
)

// TestInspectHasNoEffects: it answers as Open does, and takes no lease.
func TestInspectHasNoEffects(t *testing.T) {
	c := New(Config{debug: true})
	now := time.Now()
	key := func(path string) []byte { return AppendKey(nil, "E1", path) }
	put := func(path string, o Object) {
		l := c.Open(key(path), now, true).Lease
		l.Renew(NewObject(o, []byte("x")))
	}
	put("/fresh", Object{Status: 200, Born: now, TTL: time.Minute})
	put("/stale", Object{Status: 200, Born: now.Add(-2 * time.Minute), TTL: time.Minute, Stale: time.Hour})
	put("/old", Object{Status: 200, Born: now.Add(-2 * time.Minute), TTL: time.Minute})
	put("/fresh?a=1\nlang:de", Object{Status: 200, Born: now, TTL: time.Minute})
	c.Open(key("/pass"), now, true).Lease.Pass(now, MarkTime(TooLarge), TooLarge)
	busy := c.Open(key("/busy"), now, true).Lease
	before := c.Stats()
	for path, want := range map[string]Status{
		"/fresh": Hit, "/stale": Stale, "/old": Expired, "/pass": Pass, "/busy": Wait, "/none": Miss,
	} {
		for range 2 {
			a := c.Inspect(t.Context(), key(path), now, true)
			if a.Status != want || a.Lease != nil || a.Flight != nil {
				t.Errorf("%s: %v %+v, want %v", path, a.Status, a, want)
			}
			if (a.Object != nil) != (want == Hit || want == Stale || want == Expired) {
				t.Errorf("%s: object %v", path, a.Object)
			}
			a.Object.Release()
		}
	}
	if after := c.Stats(); after != before {
		t.Errorf("statistics changed: %+v, were %+v", after, before)
	}
	busy.Abandon()

	var keys []string
	c.KeysOf("E1", "/fresh", func(k string) bool { keys = append(keys, k); return true })
	slices.Sort(keys)
	if want := []string{"E1\n/fresh?a=1\nlang:de"}; !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want) // a key of the edge always goes on behind its target
	}
}
