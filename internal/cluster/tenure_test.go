// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestTenureEndsByEitherClock(t *testing.T) {
	begin := time.Now()
	held := &tenure{begin, 10 * time.Second}
	for _, tt := range []struct {
		name string
		now  time.Time
		want bool
	}{
		{"at its beginning", begin, true},
		{"just before its end", begin.Add(10*time.Second - 1), true},
		{"at its end", begin.Add(10 * time.Second), false},
		{"the machine slept: only the wall clock went on", time.Unix(0, begin.UnixNano()).Add(11 * time.Second), false},
		{"the wall clock was set back, the monotonic one went on", begin.Add(11 * time.Second), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := held.holds(tt.now); got != tt.want && !endless {
				t.Errorf("holds: %v", got)
			}
		})
	}
}

func TestCurrentEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c current
		if c.now(time.Now()) {
			t.Error("current before the first tenure")
		}
		c.extend(time.Now(), time.Second)
		if !c.now(time.Now()) {
			t.Error("not current within it")
		}
		time.Sleep(time.Second) // of the bubble
		if c.now(time.Now()) && !endless {
			t.Error("current after it")
		}
		c.extend(time.Now(), time.Second)
		c.end()
		c.extend(time.Now(), time.Second) // the answer to a beat that was on its way
		if c.now(time.Now()) {
			t.Error("current after the end")
		}
	})
}

func TestCurrentAllocatesNothing(t *testing.T) {
	var c Cluster
	f := &Follower{}
	f.current.extend(time.Now(), time.Hour)
	c.follower.Store(f)
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() { c.Current(now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestCompletion judges nodes by what is known of them.
func TestCompletion(t *testing.T) {
	const tenure = 10 * time.Second
	past := tenure + margin(tenure)
	begin := time.Now()
	for _, tt := range []struct {
		name    string
		kind    Kind
		node    known
		after   time.Duration // since the entry was written
		applied bool
		gone    bool
		refused bool
		waits   bool
	}{
		{"it has applied it", Invalidate, known{seq: 1, heard: begin, applied: 7}, 0, true, false, false, false},
		{"it has refused it", Deploy, known{seq: 1, heard: begin, applied: 7, last: beat{Refused: map[uint64]string{7: "no"}}}, 0, false, false, true, false},
		{"it was heard of just now", Invalidate, known{seq: 1, heard: begin, applied: 6}, time.Second, false, false, false, true},
		{"its tenure is just not over", Invalidate, known{seq: 1, heard: begin, applied: 6}, past - 1, false, false, false, true},
		{"its tenure is over", Invalidate, known{seq: 1, heard: begin, applied: 6}, past, false, true, false, false},
		{"it was long gone", Deploy, known{seq: 1, heard: begin.Add(-time.Hour), applied: 6}, 0, false, true, false, false},
		{"it is alive, but has not dropped: it calls nothing current", Invalidate, known{seq: 1, heard: begin.Add(past), applied: 6}, past, false, true, false, false},
		{"it is alive, and still deploys", Deploy, known{seq: 1, heard: begin.Add(past), applied: 6}, past, false, false, false, true},
		{"it has left", Deploy, known{seq: 1, heard: begin, applied: 6, last: beat{Left: true}}, 0, false, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Cluster{config: Config{Tenure: tenure}, roster: newRoster()}
			c.roster.nodes["n"] = &tt.node
			done, next, ok := c.completion(Entry{Number: 7, Kind: tt.kind}, begin, begin.Add(tt.after))
			if ok == tt.waits || (len(done.Applied) == 1) != tt.applied || (len(done.Gone) == 1) != tt.gone || (len(done.Refused) == 1) != tt.refused {
				t.Errorf("%+v, in %v, %v", done, next, ok)
			}
			if tt.waits && (next <= 0 || next > past) {
				t.Errorf("looks again in %v", next)
			}
		})
	}
}

// TestStoppedNodeIsGoneAfterItsTenure: with three nodes of which one does not
// answer, an entry is complete once its tenure is over, and not before.
func TestStoppedNodeIsGoneAfterItsTenure(t *testing.T) {
	c := open(t, Config{Tenure: time.Second})
	ctx := limit(t)
	to := newConsumer()
	if _, err := c.Follow(ctx, to); err != nil {
		t.Fatal(err)
	}
	// Another node, which beats once and no more.
	other := &Follower{c: &Cluster{config: Config{Node: "silent", Log: testLogger}, link: c.link, roster: c.roster}, fetchSoon: make(chan struct{}, 1)}
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := other.writeBeat(ctx, beat{Node: "silent", Current: true}, &place{}); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	e, err := c.Append(ctx, invalidation("/a"), AnyLast)
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Wait(ctx, e.Number)
	if err != nil || !slices.Equal(done.Applied, []string{c.Node()}) || !slices.Equal(done.Gone, []string{"silent"}) {
		t.Errorf("%+v, %v", done, err)
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("complete after %v, within the tenure of a node that did not answer", took)
	}
	// It would have to see the entry before it may beat as current again.
	if err := other.writeBeat(ctx, beat{Node: "silent", Current: true}, &place{}); !errors.Is(err, errMismatch) {
		t.Errorf("a beat of a node that has missed an entry: %v", err)
	}
}

// TestSlowDeployKeepsTheTenure: a node that deploys for long has seen what comes
// behind, and calls what it has current, until that is an invalidation.
func TestSlowDeployKeepsTheTenure(t *testing.T) {
	c := open(t, Config{Tenure: time.Second})
	ctx := limit(t)
	to, hold := newConsumer(), make(chan struct{})
	f, err := c.Follow(ctx, blocking{to, hold})
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.keepBundle(bytesReader("b"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(ctx, Entry{Kind: Deploy, Stack: "s", Bundle: d}, AnyLast); err != nil {
		t.Fatal(err)
	}
	until(t, "the entry is seen", func() bool { return f.place().Number == 1 })
	begin := time.Now()
	until(t, "the tenure is renewed", func() bool { return f.Current(begin.Add(time.Second)) })
	e, err := c.Append(ctx, invalidation("/a"), AnyLast)
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Wait(ctx, e.Number)
	if err != nil || len(done.Gone) != 1 || f.Current(time.Now()) && !endless {
		t.Errorf("an invalidation behind a deploy: %+v, %v, current: %v", done, err, f.Current(time.Now()))
	}
	close(hold)
	until(t, "it is current again", func() bool { return f.Position() == 2 && f.Current(time.Now()) })
}

// TestRefusedEntryDoesNotStop: a node goes on behind what it refuses, says so,
// and has what was in force before.
func TestRefusedEntryDoesNotStop(t *testing.T) {
	dir := t.TempDir()
	c := open(t, Config{Dir: dir, Tenure: time.Second})
	ctx := limit(t)
	to := newConsumer()
	tries := 0
	to.apply = func(e Entry) error {
		switch {
		case e.Note == "broken":
			return ErrRefused
		case e.Note == "not yet" && tries < 2:
			tries++
			return errors.New("not yet")
		}
		return nil
	}
	if _, err := c.Follow(ctx, to); err != nil {
		t.Fatal(err)
	}
	d, err := c.keepBundle(bytesReader("b"), "")
	if err != nil {
		t.Fatal(err)
	}
	var last Entry
	for _, note := range []string{"good", "broken", "not yet"} {
		stage := note
		if note == "broken" {
			stage = "good"
		}
		if last, err = c.Append(ctx, Entry{Kind: Deploy, Stack: "s", Stage: stage, Bundle: d, Note: note}, AnyLast); err != nil {
			t.Fatal(err)
		}
		done, err := c.Wait(ctx, last.Number)
		if err != nil || (len(done.Refused) == 1) != (note == "broken") || (len(done.Applied) == 1) == (note == "broken") {
			t.Errorf("%s: %+v, %v", note, done, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, Config{Dir: dir, Tenure: time.Second})
	again := newConsumer()
	if _, err := c.Follow(ctx, again); err != nil {
		t.Fatal(err)
	}
	if got := again.restored; len(got) != 2 || got[0].Note != "good" || got[1].Note != "not yet" || tries != 2 {
		t.Errorf("in force: %+v, %d tries", got, tries)
	}
}

// TestAnotherLogStopsTheNode: a node whose log was lost does not take another
// one for it.
func TestAnotherLogStopsTheNode(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name    string
		entries int // of the other log
	}{{"a shorter one", 0}, {"one that goes on", 3}} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, sub := limit(t), dir+"/"+tt.name
			c := open(t, Config{Dir: sub, Tenure: time.Second})
			to := newConsumer()
			if _, err := c.Follow(ctx, to); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Invalidate(ctx, "", []string{"/a"}); err != nil {
				t.Fatal(err)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			removeAll(t, sub+"/nats")
			c = open(t, Config{Dir: sub, Tenure: time.Second})
			for range tt.entries {
				if _, err := c.Append(ctx, invalidation("/b"), AnyLast); err != nil {
					t.Fatal(err)
				}
			}
			f, err := c.Follow(ctx, newConsumer())
			if err != nil {
				t.Fatal(err)
			}
			until(t, "it stops", func() bool { return f.Fault() != nil })
			if f.Current(time.Now()) {
				t.Error("current after", f.Fault())
			}
		})
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	end := time.After(30 * time.Second)
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for !done() {
		select {
		case <-every.C:
		case <-end:
			t.Fatal("in vain: ", what)
		}
	}
}

// blocking holds back deploys.
type blocking struct {
	*consumer
	hold chan struct{}
}

func (b blocking) Apply(ctx context.Context, e Entry) error {
	if e.Kind == Deploy {
		select {
		case <-b.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return b.consumer.Apply(ctx, e)
}
