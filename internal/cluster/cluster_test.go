// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// consumer keeps what it was given.
type consumer struct {
	mu       sync.Mutex
	restored []Entry
	applied  []Entry
	skipped  []skipped
	apply    func(Entry) error // nil: nothing fails
	news     chan struct{}
}

// skipped is what a consumer was given in place of entries.
type skipped struct{ inForce, ended []Entry }

func newConsumer() *consumer { return &consumer{news: make(chan struct{}, 1)} }

func (c *consumer) Skip(_ context.Context, inForce, ended []Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipped = append(c.skipped, skipped{inForce, ended})
	return nil
}

func (c *consumer) Restore(_ context.Context, inForce []Entry) error {
	c.restored = inForce
	return nil
}

func (c *consumer) Apply(_ context.Context, e Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.apply != nil {
		if err := c.apply(e); err != nil {
			return err
		}
	}
	c.applied = append(c.applied, e)
	kick(c.news)
	return nil
}

func (c *consumer) numbers() (all []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.applied {
		all = append(all, e.Number)
	}
	return all
}

// until waits for n entries.
func (c *consumer) until(t *testing.T, n int) []uint64 {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		if got := c.numbers(); len(got) >= n {
			return got
		}
		select {
		case <-c.news:
		case <-deadline:
			t.Fatalf("applied %v, waited for %d", c.numbers(), n)
		}
	}
}

func testLog(t testing.TB) *slog.Logger {
	if !testing.Verbose() {
		return nil
	}
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func open(t testing.TB, c Config) *Cluster {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Log == nil {
		c.Log = testLog(t)
	}
	n, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// nodes opens n nodes that know each other.
func nodes(t testing.TB, n int, tenure time.Duration) []*Cluster {
	t.Helper()
	var addrs []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, ln.Addr().String())
		defer ln.Close()
	}
	var all []*Cluster
	for i, a := range addrs {
		c := Config{
			Dir: t.TempDir(), Node: fmt.Sprint("n", i+1), Listen: a, Routes: addrs, Secret: bytes.Repeat([]byte("s"), 32),
			Tenure: tenure, Log: testLog(t),
		}
		all = append(all, &Cluster{config: c})
	}
	return all
}

// openAll opens what nodes made, once their addresses are free.
func openAll(t testing.TB, all []*Cluster) {
	t.Helper()
	for i := range all {
		all[i] = open(t, all[i].config)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for _, c := range all {
		if err := c.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

var testLogger = slog.New(slog.DiscardHandler)

const time0 = time.Millisecond

func bytesReader(s string) io.Reader { return strings.NewReader(s) }

func removeAll(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func invalidation(paths ...string) Entry {
	return Entry{Kind: Invalidate, Invalidation: &Invalidation{Paths: paths}}
}

func TestAloneFromAppendToRestore(t *testing.T) {
	ctx, dir := limit(t), t.TempDir()
	c := open(t, Config{Dir: dir, Tenure: time.Second})
	to := newConsumer()
	f, err := c.Follow(ctx, to)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.PutBundle(ctx, strings.NewReader("one"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Append(ctx, Entry{Kind: Deploy, Stack: "shop", Stage: "prod", Bundle: d, By: "ann"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(ctx, Entry{Kind: Deploy, Stack: "shop", Stage: "prod", Bundle: d}, 0); !errors.Is(err, ErrConflict) {
		t.Errorf("append behind an old end: %v", err)
	}
	if _, err := c.Append(ctx, Entry{Kind: Set, Stack: "shop", Stage: "prod", Key: "weight", Value: []byte("5")}, 1); err != nil {
		t.Fatal(err)
	}
	if id, err := c.Invalidate(ctx, "", []string{"/a*"}); err != nil || len(id) != 14 {
		t.Fatal(id, err)
	}
	if got := to.until(t, 3); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("applied %v", got)
	}
	if done, err := c.Wait(ctx, 3); err != nil || !slices.Equal(done.Applied, []string{c.Node()}) {
		t.Errorf("completion %+v, %v", done, err)
	}
	if !c.Current(time.Now()) || f.Current(time.Now().Add(2*time.Second)) {
		t.Error("current now, and not after the tenure")
	}
	if got, err := c.Read(ctx, 0, 10); err != nil || len(got) != 3 || got[0].Token != first.Token || got[0].By != "ann" || got[2].Prev != got[1].Token {
		t.Errorf("read %+v, %v", got, err)
	}
	if err := c.Close(); err != nil || c.Current(time.Now()) {
		t.Error("after Close", err)
	}

	c = open(t, Config{Dir: dir, Tenure: time.Second})
	again := newConsumer()
	if f, err = c.Follow(ctx, again); err != nil {
		t.Fatal(err)
	}
	if got := again.restored; len(got) != 2 || got[0].Token != first.Token || got[1].Key != "weight" || f.Position() != 3 {
		t.Errorf("restored %+v at %d", got, f.Position())
	}
	b, err := c.Bundle(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if text, err := io.ReadAll(b); string(text) != "one" || err != nil {
		t.Errorf("bundle %q, %v", text, err)
	}
	if _, err := c.Invalidate(ctx, "", []string{"/b"}); err != nil {
		t.Fatal(err)
	}
	if got := again.until(t, 1); !slices.Equal(got, []uint64{4}) {
		t.Errorf("applied after the restart: %v", got)
	}
}

func TestThreeNodesAgree(t *testing.T) {
	all := nodes(t, 3, 5*time.Second)
	openAll(t, all)
	ctx := limit(t)
	var to []*consumer
	for _, c := range all {
		to = append(to, newConsumer())
		if _, err := c.Follow(ctx, to[len(to)-1]); err != nil {
			t.Fatal(err)
		}
	}
	bundle := strings.Repeat("bundle", 1<<19) // of several chunks
	d, err := all[0].PutBundle(ctx, strings.NewReader(bundle))
	if err != nil {
		t.Fatal(err)
	}
	var appends sync.WaitGroup
	for i := range 30 { // from all sides at once
		appends.Go(func() {
			if _, err := all[i%3].Append(ctx, invalidation(fmt.Sprint("/", i)), AnyLast); err != nil {
				t.Error(err)
			}
		})
	}
	appends.Wait()
	last, err := all[1].Append(ctx, Entry{Kind: Deploy, Stack: "s", Bundle: d}, 30)
	if err != nil {
		t.Fatal(err)
	}
	done, err := all[2].Wait(ctx, last.Number)
	if err != nil || !slices.Equal(done.Applied, []string{"n1", "n2", "n3"}) || done.Gone != nil {
		t.Errorf("completion %+v, %v", done, err)
	}
	want := to[0].until(t, 31)
	for i, c := range to {
		if got := c.until(t, 31); !slices.Equal(got, want) || got[30] != 31 {
			t.Errorf("node %d applied %v", i+1, got)
		}
		b, err := all[i].Bundle(ctx, d)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(b); string(text) != bundle || err != nil {
			t.Errorf("node %d has a bundle of %d bytes, %v", i+1, len(text), err)
		}
		b.Close()
	}
}

// TestSecretDecides: a node with another secret does not get in.
func TestSecretDecides(t *testing.T) {
	all := nodes(t, 3, time.Second)
	all[2].config.Secret = bytes.Repeat([]byte("z"), 32)
	for i := range all {
		all[i] = open(t, all[i].config)
	}
	ctx := limit(t)
	for _, c := range all[:2] { // two of three are a majority, but the log needs three
		if _, err := c.Follow(ctx, newConsumer()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the two know each other", func() bool { return all[0].engine.NumRoutes() > 0 })
	if n := all[2].engine.NumRoutes(); n != 0 {
		t.Errorf("the stranger has %d routes", n)
	}
	if n := all[0].engine.NumRoutes(); n != 1 {
		t.Errorf("%d routes of a node with one that it knows", n)
	}
}

func TestTable(t *testing.T) {
	c := open(t, Config{})
	ctx := limit(t)
	table := c.Table("quota")
	if v, revision, err := table.Get(ctx, "a"); v != nil || revision != 0 || err != nil {
		t.Fatal(v, revision, err)
	}
	first, err := table.Put(ctx, "a", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Put(ctx, "a", []byte("2"), 0); !errors.Is(err, ErrConflict) {
		t.Errorf("a value that is there already: %v", err)
	}
	if _, err := table.Put(ctx, "a", []byte("2"), first+7); !errors.Is(err, ErrConflict) {
		t.Errorf("another revision: %v", err)
	}
	if _, err := table.Put(ctx, "a", []byte("2"), first); err != nil {
		t.Error(err)
	}
	var adds sync.WaitGroup
	for range 20 {
		adds.Go(func() {
			if _, err := table.Add(ctx, "n", 3); err != nil {
				t.Error(err)
			}
		})
	}
	adds.Wait()
	if sum, err := table.Add(ctx, "n", 0); sum != 60 || err != nil {
		t.Errorf("sum %d, %v", sum, err)
	}
	if err := table.Set(ctx, "other", []byte("x")); err != nil {
		t.Error(err)
	}
	if all, err := table.All(ctx); len(all) != 3 || string(all["n"]) != "60" || string(all["other"]) != "x" || err != nil {
		t.Errorf("%q, %v", all, err)
	}
	words := Words{c.Table("words")}
	if err := words.Tell(ctx, []byte("mine")); err != nil {
		t.Error(err)
	}
	if err := words.Set(ctx, "n2", []byte("theirs")); err != nil {
		t.Error(err)
	}
	if got, err := words.Others(ctx); len(got) != 1 || string(got[0]) != "theirs" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, _, err := c.Table("no.name").Get(ctx, "a"); err == nil {
		t.Error("a table of that name")
	}
}

// TestFolderHasOneProcess: two nodes on one folder would tear its log.
func TestFolderHasOneProcess(t *testing.T) {
	c := open(t, Config{})
	if _, err := Open(Config{Dir: c.config.Dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("%v", err)
	}
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }
