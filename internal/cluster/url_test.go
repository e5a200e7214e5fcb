// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// elsewhere is a NATS server that is not a node's own.
func elsewhere(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: "node", Password: "secret",
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s
}

func TestNodesOfAClusterElsewhere(t *testing.T) {
	url := fmt.Sprintf("nats://node:secret@%s", elsewhere(t).Addr())
	ctx := limit(t)
	var all []*Cluster
	var to []*consumer
	for _, name := range []string{"a", "b"} {
		c := open(t, Config{Node: name, URL: url, Replicas: 1, Tenure: 2 * time.Second})
		all, to = append(all, c), append(to, newConsumer())
		f, err := c.Follow(ctx, to[len(to)-1])
		if err != nil {
			t.Fatal(err)
		}
		until(t, "it is current", func() bool { return f.Current(time.Now()) })
	}
	d, err := all[0].PutBundle(ctx, strings.NewReader("bundle"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := all[0].Append(ctx, Entry{Kind: Deploy, Stack: "s", Bundle: d}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := all[1].Wait(ctx, e.Number); err != nil || !slices.Equal(done.Applied, []string{"a", "b"}) {
		t.Errorf("%+v, %v", done, err)
	}
	b, err := all[1].Bundle(ctx, d)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if text, err := io.ReadAll(b); string(text) != "bundle" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := all[1].Bundle(ctx, Digest("sha256:"+strings.Repeat("0", 64))); !errors.Is(err, ErrNoBundle) {
		t.Errorf("a bundle that nobody stored: %v", err)
	}
	other := open(t, Config{Node: "a", Name: "other", URL: url, Replicas: 1})
	if last, err := other.Last(ctx); last.Number != 0 || err != nil {
		t.Errorf("another cluster at the same address has entry %d, %v", last.Number, err)
	}
}

// TestNodeThatReachesNobody starts, has what it had, and says that nothing was
// changed.
func TestNodeThatReachesNobody(t *testing.T) {
	c := open(t, Config{Node: "a", URL: "nats://127.0.0.1:1", Replicas: 1})
	f, err := c.Follow(t.Context(), newConsumer())
	if err != nil {
		t.Fatal(err)
	}
	if f.Current(time.Now()) {
		t.Error("current without anybody")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Append(ctx, invalidation("/a"), AnyLast); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
