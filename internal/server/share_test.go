// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forelane/forelane/internal/throttle"
)

// board is where nodes of a test tell what they have.
type board struct {
	mu    sync.Mutex
	words map[string][]byte
}

type seat struct {
	b    *board
	name string
}

func (s seat) Tell(_ context.Context, word []byte) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.words[s.name] = word
	return nil
}

func (s seat) Others(context.Context) (all [][]byte, err error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for name, w := range s.b.words {
		if name != s.name {
			all = append(all, w)
		}
	}
	return all, nil
}

// TestA15NodesShareAQuota: two nodes let through what the quota has and, at the
// most, what passed before each heard of the other.
func TestA15NodesShareAQuota(t *testing.T) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		b := &board{words: map[string][]byte{}}
		var nodes [2]*keeper
		for i := range nodes {
			nodes[i] = newKeeper(&Options{Data: dirs[i], Words: seat{b, string(rune('a' + i))}}, func(msg string, _ ...any) { t.Error(msg) })
			defer nodes[i].close()
		}
		q := throttle.Quota{Limit: 100, Period: throttle.Month}
		take := func(n *keeper, times int) (passed int) {
			for range times {
				if n.limits.Quotas.Counter("plan").Take(q, time.Now()) {
					passed++
				}
			}
			return passed
		}
		passed := take(nodes[0], 30) + take(nodes[1], 30)
		time.Sleep(2*shareEvery + time.Millisecond) // of the bubble
		passed += take(nodes[0], 30)
		time.Sleep(2*shareEvery + time.Millisecond)
		if passed != 90 {
			t.Fatalf("%d passed of the first 90", passed)
		}
		if n := take(nodes[1], 30); n != 10 {
			t.Errorf("the second node let %d through, of the 10 that were left", n)
		}
		time.Sleep(2*shareEvery + time.Millisecond)
		if n := take(nodes[0], 30); n != 0 {
			t.Errorf("%d more than the quota", n)
		}
	})
}
