// SPDX-License-Identifier: Apache-2.0

package stagecache

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/integration"
	"github.com/forelane/forelane/internal/model"
)

// kept makes a reply with a body of n bytes, the way a gateway gets one.
func kept(t testing.TB, n int) (out *integration.Kept) {
	t.Helper()
	api := &integration.API{Style: integration.RESTAPI}
	run, err := integration.Compile(&model.Integration{Kind: model.HTTPProxy, URI: "https://t.example/"}, api, &integration.Stage{}, &integration.Route{}, integration.Deps{Client: target(n)})
	if err != nil {
		t.Fatal(err)
	}
	c := &integration.Call{API: api, Method: "GET", Header: http.Header{}, Keep: func(k *integration.Kept) { out = k }}
	if _, err := run.Run(context.Background(), c); err != nil || out == nil {
		t.Fatal("nothing is kept", err)
	}
	return out
}

type target int

func (n target) RoundTrip(rq *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", int(n)))), ContentLength: -1, Request: rq}, nil
}

func key(i int) (k Key) {
	binary.BigEndian.PutUint64(k[:], uint64(i))
	return k
}

// TestA16Bounds: no stage takes more than its size, all of them no more than the
// node's limit, and what was used least lately goes.
func TestA16Bounds(t *testing.T) {
	now := time.Unix(0, 0)
	k := kept(t, 1000)
	cost := int64(k.Size()) + entryCost
	n := &Node{Limit: 10 * cost}
	a, b := n.Stage("a", "v1", 4*cost), n.Stage("b", "v1", 100*cost)
	for i := range 5 {
		a.Put(key(i), k, now.Add(time.Hour))
		if i == 3 && a.Find(key(0), now) == nil { // used lately
			t.Error("the first one is gone early")
		}
	}
	for i, want := range []bool{true, false, true, true, true} {
		if got := a.Find(key(i), now) != nil; got != want {
			t.Errorf("entry %d: %v, want %v", i, got, want)
		}
	}
	for i := range 50 {
		b.Put(key(i), k, now.Add(time.Hour))
	}
	if c := n.Counts(); c.Bytes > n.Limit || c.Entries != 10 {
		t.Errorf("%+v, the limit is %d", c, n.Limit)
	}
	if a.Find(key(0), now) == nil {
		t.Error("a stage that has little lost it to one that has much")
	}
	a.Put(key(9), kept(t, 1<<20), now.Add(time.Hour)) // larger than the stage
	if a.Find(key(9), now) != nil || a.Find(key(0), now) == nil {
		t.Error("what is too large for a stage emptied it")
	}
}

func TestA16ExpiryFlushAndSize(t *testing.T) {
	now := time.Unix(0, 0)
	n := &Node{}
	k := kept(t, 10)
	s := n.Stage("a", "v1", 1<<20)
	s.Put(key(1), k, now.Add(time.Second))
	if s.Find(key(1), now.Add(time.Second-1)) != k || s.Find(key(1), now.Add(time.Second)) != nil {
		t.Error("the lifetime is not what was said")
	}
	s.Put(key(1), k, now.Add(time.Hour))
	s.Put(key(1), kept(t, 20), now.Add(time.Hour)) // in its place
	s.Put(key(2), k, now.Add(time.Hour))
	if n.Stage("a", "v1", 1<<20) != s || n.Counts().Entries != 2 {
		t.Errorf("another revision: %+v", n.Counts())
	}
	if n.Stage("a", "v1", 2<<20) != s || n.Counts() != (Counts{Hits: 1, Misses: 1}) {
		t.Errorf("another size: %+v", n.Counts())
	}
	s.Put(key(1), k, now.Add(time.Hour))
	s.Flush()
	if s.Find(key(1), now) != nil || n.Counts().Bytes != 0 {
		t.Errorf("flushed: %+v", n.Counts())
	}
	none := &Node{Limit: -1}
	if s = none.Stage("a", "v1", 1<<20); s != nil {
		s.Put(key(1), k, now.Add(time.Hour))
	}
	if none.Counts().Entries != 0 {
		t.Error("a node without memory keeps something")
	}
}

// TestA16Parallel: what is counted stays true.
func TestA16Parallel(t *testing.T) {
	now := time.Now()
	n := &Node{Limit: 64 << 10}
	k := kept(t, 500)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			for range 2000 {
				s := n.Stage("a", []string{"v1", "v2", "v3"}[r.IntN(3)], 32<<10)
				switch i := key(r.IntN(100)); r.IntN(20) {
				case 0:
					s.Flush()
				case 1, 2, 3, 4, 5:
					s.Put(i, k, now.Add(time.Duration(r.IntN(3))*time.Hour))
				default:
					s.Find(i, now.Add(time.Hour))
				}
			}
		})
	}
	wg.Wait()
	var bytes int64
	for _, name := range []string{"v1", "v2", "v3"} {
		bytes += n.Stage("a", name, 32<<10).bytes
	}
	if c := n.Counts(); c.Bytes != bytes || c.Bytes != int64(c.Entries)*(int64(k.Size())+entryCost) || c.Bytes > n.Limit {
		t.Errorf("%+v, of stages %d", c, bytes)
	}
}
