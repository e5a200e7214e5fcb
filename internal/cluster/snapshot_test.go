// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestTrimAndSkip: the log is bounded, what it let go stands in the snapshot, and
// a node that is behind goes on with that.
func TestTrimAndSkip(t *testing.T) {
	ctx := limit(t)
	config := Config{Dir: t.TempDir(), Tenure: time.Second, Entries: 40}
	c := open(t, config)
	if _, err := c.Follow(ctx, newConsumer()); err != nil {
		t.Fatal(err)
	}
	d, err := c.PutBundle(ctx, bytesReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	add := func(e Entry) Entry {
		t.Helper()
		e, err := c.Append(ctx, e, AnyLast)
		if err == nil {
			_, err = c.Wait(ctx, e.Number)
		}
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	deployed := add(Entry{Kind: Deploy, Stack: "shop", Bundle: d, By: "ann"})
	add(Entry{Kind: Set, Stack: "shop", Key: "old", Value: []byte("1")})
	add(Entry{Kind: Set, Stack: "shop", Key: "kept", Value: []byte("2")})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	early, err := os.ReadFile(c.positionFile())
	if err != nil {
		t.Fatal(err)
	}
	c = open(t, config)
	if _, err := c.Follow(ctx, newConsumer()); err != nil {
		t.Fatal(err)
	}
	add(Entry{Kind: Set, Stack: "shop", Key: "old"})
	var last Entry
	for i := range 200 {
		last = add(invalidation(fmt.Sprint("/", i)))
	}
	for limit := time.After(20 * time.Second); ; {
		all, err := c.Read(ctx, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(all); n >= 40 && n <= 60 && all[n-1].Number == last.Number {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			t.Fatalf("the log has %d entries", len(all))
		}
	}
	if past, err := c.Past(ctx); err != nil || len(past) != 1 || past[0].Token != deployed.Token || past[0].By != "ann" {
		t.Errorf("past %+v %v", past, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.positionFile(), early, 0o600); err != nil {
		t.Fatal(err)
	}
	c = open(t, config)
	to := newConsumer()
	f, err := c.Follow(ctx, to)
	if err != nil {
		t.Fatal(err)
	}
	next := add(invalidation("/next"))
	to.mu.Lock()
	defer to.mu.Unlock()
	if len(to.restored) != 3 || len(to.skipped) != 1 || f.Fault() != nil {
		t.Fatalf("restored %+v, skipped %+v, %v", to.restored, to.skipped, f.Fault())
	}
	s := to.skipped[0]
	if len(s.inForce) != 2 || s.inForce[0].Token != deployed.Token || s.inForce[1].Key != "kept" || len(s.ended) != 1 || s.ended[0].Key != "old" || s.ended[0].Value != nil {
		t.Errorf("skipped %+v", s)
	}
	if n := len(to.applied); n == 0 || n > 60 || to.applied[n-1].Token != next.Token {
		t.Errorf("%d entries were applied after that", n)
	}
	for limit := time.After(10 * time.Second); !c.Current(time.Now()); {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-limit:
			t.Fatal("it is not current")
		}
	}
}

// TestAnotherLogThatWasTrimmed is not taken for the node's own.
func TestAnotherLogThatWasTrimmed(t *testing.T) {
	f := newFollower(&Cluster{config: Config{Log: testLogger}}, newConsumer())
	f.first, f.seen = "mine", place{Number: 3}
	f.c.follower.Store(f)
	s := snapshot{At: place{Number: 9}, First: "other"}
	f.mu.Lock()
	err := f.accept(&s, errGap)
	f.mu.Unlock()
	if err == nil || f.fault == nil || f.jump != nil {
		t.Errorf("%v, fault %v", err, f.fault)
	}
}
