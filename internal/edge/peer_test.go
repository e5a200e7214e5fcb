// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/peer"
	"github.com/forelane/forelane/internal/record"
)

// region is a few edges, each with a cache of its own, before one origin.
type region struct {
	worlds  []*world
	servers []*peer.Server
	sets    []*peer.Set
	applied []*atomic.Uint64

	mu    sync.Mutex
	calls map[string]int // of the origin, by target
	reply func(rq *http.Request) (*http.Response, error)
}

func newRegion(t *testing.T, n int, change func(w *world)) *region {
	t.Helper()
	r := &region{calls: map[string]int{}}
	r.reply = func(rq *http.Request) (*http.Response, error) {
		<-time.After(20 * time.Millisecond) // so that requests meet
		return answer(200, "body of "+rq.URL.RequestURI(), "Cache-Control", "max-age=60", "ETag", `"1"`, "X-Tag", "t"), nil
	}
	authority, err := peer.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	var members peer.Static
	lns := make([]net.Listener, n)
	for i := range lns {
		if lns[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		members = append(members, peer.Node{Name: fmt.Sprintf("edge-%d", i), Addr: lns[i].Addr().String()})
	}
	for i := range lns {
		id, err := authority.Issue(members[i].Name)
		if err != nil {
			t.Fatal(err)
		}
		w, applied := newWorld(t), new(atomic.Uint64)
		w.dist.Origins[0].ShieldRegion = "eu-central-1"
		w.transport = func(*model.Origin) http.RoundTripper { return roundTrip(r.origin) }
		if change != nil {
			change(w)
		}
		w.compile()
		set := peer.New(peer.Options{Self: members[i].Name, Members: members, Identity: id, Patience: 10 * time.Second})
		t.Cleanup(set.Close)
		w.edge.deps.Peers, w.edge.deps.Applied = set, applied.Load
		srv := peer.Serve(lns[i], id, w.edge, nil)
		r.worlds, r.sets, r.servers, r.applied = append(r.worlds, w), append(r.sets, set), append(r.servers, srv), append(r.applied, applied)
		t.Cleanup(func() { r.stop(i) })
	}
	return r
}

func (r *region) stop(i int) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_ = r.servers[i].Close(ctx)
}

func (r *region) origin(rq *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.calls[rq.URL.RequestURI()]++
	r.mu.Unlock()
	return r.reply(rq)
}

// total is how many requests the origin has had.
func (r *region) total() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		n += c
	}
	return n
}

// get asks node i as a viewer does.
func (r *region) get(t *testing.T, i int, target string, fields ...string) *viewer {
	v := &viewer{}
	r.worlds[i].edge.Serve(t.Context(), request(target, fields...), v)
	return v
}

// burst asks all nodes for all targets, times over at once.
func (r *region) burst(t *testing.T, targets []string, times int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range r.worlds {
		for _, target := range targets {
			for range times {
				wg.Go(func() {
					if v := r.get(t, i, target); v.status != 200 || v.String() != "body of "+target {
						t.Errorf("node %d, %s: %d %q", i, target, v.status, v)
					}
				})
			}
		}
	}
	wg.Wait()
}

func targets(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("/%s/%d", prefix, i)
	}
	return all
}

// TestO8OneOriginRequestAKey: three nodes under a burst ask the origin once for
// each key. When one of them dies, and when one is stopped, that stays so for all
// keys but those that were asked of it when it did.
func TestO8OneOriginRequestAKey(t *testing.T) {
	r := newRegion(t, 3, nil)
	r.burst(t, targets("a", 30), 5)
	for target, n := range r.calls {
		if n != 1 {
			t.Errorf("%s: the origin was asked %d times", target, n)
		}
	}
	if len(r.calls) != 30 {
		t.Errorf("%d of 30 keys were asked for", len(r.calls))
	}
	for i, s := range r.sets {
		if st := s.Stats(); st.Asked == 0 || st.Failed+st.Refused > 0 {
			t.Errorf("node %d: %+v", i, st)
		}
	}
	before := r.total()
	r.burst(t, targets("a", 30), 1) // all have all
	if n := r.total() - before; n != 0 {
		t.Errorf("%d more", n)
	}
	r.stop(2)
	r.worlds, r.sets = r.worlds[:2], r.sets[:2]
	for i := range 2 { // each finds out by one question of its own
		for k := 0; r.sets[i].Stats().Failed == 0 && k < 100; k++ {
			r.get(t, i, fmt.Sprintf("/find/%d/%d", i, k))
		}
	}
	before = r.total()
	began := time.Now()
	r.burst(t, targets("b", 30), 5)
	if n := r.total() - before; n != 30 {
		t.Errorf("with a dead peer the origin was asked %d times for 30 keys", n)
	}
	if d := time.Since(began); d > 900*time.Millisecond {
		t.Logf("the burst took %v", d)
	}
}

// TestO8WhatComesAlong: the answer is as the origin's, its lifetime is what is
// left at the owner, and the log says where it came from.
func TestO8WhatComesAlong(t *testing.T) {
	r := newRegion(t, 2, func(w *world) {
		w.dist.TagHeader = "x-tag"
		w.behavior().ResponseHeaders = &model.ResponseHeadersPolicy{Custom: []model.PolicyHeader{{Name: "X-Policy", Value: "1"}}}
	})
	target := ""
	for _, c := range targets("k", 50) { // one that node 1 owns
		if peer.Pick([]peer.Node{{Name: "edge-0"}, {Name: "edge-1"}}, cache.AppendKey(nil, "E1TEST", c), nil) == 1 {
			target = c
			break
		}
	}
	if v := r.get(t, 1, target); v.header.Get("X-Cache") != "Miss from cloudfront" {
		t.Fatalf("%v", v.header)
	}
	v := r.get(t, 0, target)
	rec := r.worlds[0].lastRecord()
	if v.header.Get("X-Cache") != "Miss from cloudfront" || rec.Origin.Peer != "edge-1" || rec.Result.Detail != record.OriginShieldHit || r.total() != 1 {
		t.Errorf("%v, record %+v, %d requests to the origin", v.header, rec.Origin, r.total())
	}
	if n := len(v.header.Values("X-Policy")); n != 1 {
		t.Errorf("the policy was applied %d times", n)
	}
	if ttl := rec.Cache.TTL; ttl > time.Minute || ttl < 50*time.Second {
		t.Errorf("ttl %v", ttl)
	}
	if v := r.get(t, 0, target); v.header.Get("X-Cache") != "Hit from cloudfront" || v.header.Get("Age") == "" {
		t.Errorf("%v", v.header)
	}
	// The tag came along too. What the invalidation finds may be the object or still its flight: a viewer sees no difference.
	for i := range 2 {
		r.worlds[i].cache.Invalidate("E1TEST", []cache.Path{cache.ParsePath("#t")})
		if v := r.get(t, i, target); v.header.Get("X-Cache") != "Miss from cloudfront" {
			t.Errorf("node %d after the tag was invalidated: %v", i, v.header)
		}
	}
	if n := r.total(); n != 2 {
		t.Errorf("%d requests to the origin", n)
	}
}

// TestO8AnInvalidationIsNotUndone: a node that has applied an invalidation takes
// nothing from an owner that has not.
func TestO8AnInvalidationIsNotUndone(t *testing.T) {
	r := newRegion(t, 2, nil)
	all := targets("k", 20)
	r.burst(t, all, 1)
	r.applied[0].Store(7)
	r.worlds[0].cache.Purge()
	before := r.total()
	for _, target := range all {
		r.get(t, 0, target)
	}
	if n := r.total() - before; n != len(all) {
		t.Errorf("the origin was asked %d times for %d keys", n, len(all))
	}
	if st := r.sets[0].Stats(); st.Refused == 0 {
		t.Errorf("%+v", st)
	}
	r.applied[1].Store(7)
	r.worlds[1].cache.Purge()
	r.worlds[0].cache.Purge()
	before = r.total()
	r.burst(t, all, 1)
	if n := r.total() - before; n != len(all) {
		t.Errorf("when both have applied it: %d times", n)
	}
	r.worlds[1].edge.deps.Revision = "next"
	r.worlds[0].cache.Purge()
	refused := r.sets[0].Stats().Refused
	r.burst(t, all, 1)
	if r.sets[0].Stats().Refused == refused {
		t.Error("an owner of another revision answered")
	}
}

// TestO8WhatIsNotShared: what the owner may not keep the others do not keep
// either, and an origin that is down is down for all.
func TestO8WhatIsNotShared(t *testing.T) {
	r := newRegion(t, 2, nil)
	r.reply = func(*http.Request) (*http.Response, error) {
		return answer(200, "private", "Cache-Control", "no-store"), nil
	}
	for range 3 {
		for i := range 2 {
			if v := r.get(t, i, "/private"); v.status != 200 || !strings.HasPrefix(v.header.Get("X-Cache"), "Miss") {
				t.Errorf("node %d: %d %v", i, v.status, v.header)
			}
		}
	}
	if r.total() != 6 {
		t.Errorf("the origin was asked %d times", r.total())
	}
	r.reply = func(*http.Request) (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: net.ErrClosed} }
	before := r.total()
	for i := range 2 {
		if v := r.get(t, i, "/down"); v.status != 502 || v.header.Get("X-Cache") != "Error from cloudfront" {
			t.Errorf("node %d: %d %v", i, v.status, v.header)
		}
	}
	if n := r.total() - before; n != 1 {
		t.Errorf("an origin that is down was asked %d times", n)
	}
}

// TestO8Revalidation: an owner that still has what the other knows sends no body.
func TestO8Revalidation(t *testing.T) {
	r := newRegion(t, 2, nil)
	all := targets("k", 10)
	r.burst(t, all, 1)
	stale := func(w *world, target string) {
		key := cache.AppendKey(nil, "E1TEST", target)
		key = append(key, "\norigin=o"...)
		o, _ := w.cache.Peek(key, time.Now())
		if o == nil {
			t.Fatal("not there")
		}
		old := o.Refreshed()
		old.TTL = 0
		w.cache.Solo(key).Renew(old)
		old.Release()
		o.Release()
	}
	var results []record.ResultType
	for _, target := range all {
		stale(r.worlds[0], target)
		v := r.get(t, 0, target)
		rec := r.worlds[0].lastRecord()
		if v.String() != "body of "+target {
			t.Errorf("%q", v)
		}
		if rec.Origin.Peer != "" {
			results = append(results, rec.Result.Type)
			if rec.Origin.Status != 304 {
				t.Errorf("%s: the peer said %d", target, rec.Origin.Status)
			}
		}
	}
	if len(results) == 0 || !slices.Contains(results, record.RefreshHit) {
		t.Errorf("%v", results)
	}
}
