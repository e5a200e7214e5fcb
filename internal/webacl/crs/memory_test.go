// SPDX-License-Identifier: Apache-2.0

package crs

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/forelane/forelane/internal/httpmsg"
)

func TestMemoryIsBoundedAndExact(t *testing.T) {
	m := newMemory(4, 16)
	kept := []byte("kept")
	m.store(kept, []Hit{{Rule: 1}})
	for i := range 10_000 {
		if _, ok := m.lookup(kept); !ok {
			t.Fatalf("what returns was driven out by %d new texts", i)
		}
		key := fmt.Appendf(nil, "k%d", i)
		m.store(key, []Hit{{Rule: i}})
	}
	for i := range 10_000 {
		key := fmt.Appendf(nil, "k%d", i)
		if hits, ok := m.lookup(key); ok && (len(hits) != 1 || hits[0].Rule != i) {
			t.Fatalf("%s has the hits %v", key, hits)
		}
	}
	if hits, ok := m.lookup(kept); !ok || hits[0].Rule != 1 {
		t.Errorf("%v %v", hits, ok)
	}
	long := []byte("longer than what is kept")
	m.store(long, nil)
	if _, ok := m.lookup(long); ok {
		t.Error("a long text was kept")
	}
}

func TestHeadsDoNotRunTogether(t *testing.T) {
	a, b := get("/a?b"), get("/a?b")
	a.Header.Add("X", "1")
	a.Header.Add("Y", "2")
	b.Header.Add("X", "1\x01Y\x012")
	if string(appendHead(nil, a)) == string(appendHead(nil, b)) {
		t.Error("two heads have one text")
	}
}

// TestABurstIsExaminedOnce: requests that come at once with the same new text
// have it examined once, and all get its verdict.
func TestABurstIsExaminedOnce(t *testing.T) {
	const burst = 32
	for _, tt := range []struct {
		name string
		rq   func(i int) *httpmsg.Request
		rest uint64 // transactions that join components
	}{
		{"one head", func(int) *httpmsg.Request { return get("/burst?id=1%27%20or%20%271%27=%271&a=b") }, 1},
		{"one new argument in many heads", func(i int) *httpmsg.Request {
			return get("/known?evil=1%27%20or%20%271%27=%271", "X-Many", strings.Repeat("a", i+1))
		}, burst},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, Options{})
			var results [burst]Result
			var start, done sync.WaitGroup
			start.Add(1)
			for i := range burst {
				done.Go(func() {
					rq := tt.rq(i)
					start.Wait()
					if err := e.Screen(rq, nil, &results[i]); err != nil {
						t.Error(err)
					}
				})
			}
			start.Done()
			done.Wait()
			var alone Result
			if err := open(t, Options{Forget: true}).Screen(tt.rq(0), nil, &alone); err != nil {
				t.Fatal(err)
			}
			for i := range results {
				if len(alone.Hits) == 0 || !sameHits(results[i].Hits, alone.Hits) {
					t.Errorf("request %d: %v, alone %v", i, results[i].Hits, alone.Hits)
				}
			}
			// A run for each of the rest, and for the elements: those that are new
			// in one, halved down to the bad one and its kin; what only one request
			// has, in one each.
			if n := e.runs.Load(); n > 2*tt.rest+40 {
				t.Errorf("%d transactions for %d requests", n, burst)
			}
			if len(e.toHeads.of)+len(e.toElements.of) > 0 {
				t.Error("a flight did not end")
			}
		})
	}
}

// TestAFailedFlightIsFlownAgain: who waited for an examination that left no
// verdict examines the text itself.
func TestAFailedFlightIsFlownAgain(t *testing.T) {
	e := open(t, Options{})
	synctest.Test(t, func(t *testing.T) {
		rq := get("/flight?id=1%27%20or%20%271%27=%271")
		fl, own := e.toHeads.begin(appendHead(nil, rq))
		if !own {
			t.Fatal("a flight was there")
		}
		var out Result
		done := make(chan error, 1)
		go func() { done <- e.Screen(rq, nil, &out) }()
		synctest.Wait()
		if len(done) > 0 {
			t.Error("it did not wait")
		}
		e.toHeads.end(fl)
		if err := <-done; err != nil || len(out.Hits) == 0 {
			t.Errorf("%v %v", out.Hits, err)
		}
	})
}
