// SPDX-License-Identifier: Apache-2.0

package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// fault is what is done to a node.
type fault uint8

const (
	killed   fault = iota // kill -9, and a new process later
	stopped               // SIGSTOP, SIGCONT
	cut                   // nothing between it and the others
	cutOut                // nothing from it to the others, but from them to it
	isolated              // cut, and killed while it is
	faultCount
)

func (f fault) String() string {
	return [...]string{"kill -9", "SIGSTOP", "partition", "one-way partition", "partition and kill -9"}[f]
}

// settleTime is how long the nodes may take to agree after a fault: two
// elections, on a machine that has little time for them.
const settleTime = 2 * time.Minute

// arenaRounds is the test, inside the arena.
func arenaRounds(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	if err := settled(ctx, w.places, lag); err != nil {
		t.Fatal("the nodes do not meet: ", err, w.tail())
	}
	if err := w.deployNext(ctx, w.places[0]); err != nil {
		t.Fatal("first deploy: ", err, w.tail())
	}
	load, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range w.places {
		w.healthy[i].Store(int64(w.now()))
		running.Go(func() { w.reads(load, i) })
		running.Go(func() { w.reads(load, i) })
	}
	running.Go(func() { w.invalidates(load, 0, pathCount/2) })
	running.Go(func() { w.invalidates(load, pathCount/2, pathCount) })
	running.Go(func() { w.deploysSome(load) })
	count, _ := strconv.Atoi(os.Getenv(roundsVar))
	for n := range count {
		if !w.round(t, n, count) {
			break
		}
	}
	stop()
	running.Wait()
	end, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	if err := settled(end, w.places, 0); err != nil {
		t.Error("at the end: ", err, w.tail())
	}
	if err := w.collectWhole(end); err != nil {
		t.Error(err)
	}
	w.report(t)
}

// newWorld starts origin and nodes.
func newWorld(t *testing.T) *world {
	w := &world{start: time.Now(), dir: t.TempDir(), healthy: make([]atomic.Int64, nodeCount)}
	for i := range w.versions {
		w.versions[i].Store(1)
	}
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	origin := &http.Server{Handler: w}
	go func() { _ = origin.Serve(ln) }()
	t.Cleanup(func() { _ = origin.Close() })
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	w.places = build(t, "http://"+hubAddr+":"+port)
	for _, p := range w.places {
		p.start()
		t.Cleanup(p.kill)
	}
	return w
}

// round does one thing to one node, under load, and waits until all is well.
func (w *world) round(t *testing.T, n, of int) bool {
	what, i := fault(n%int(faultCount)), rand.IntN(len(w.places))
	if of == 1 {
		what = cut // the one that needs the tenure
	}
	acked, begin := w.acked[0].Load(), time.Now()
	w.healthy[i].Store(0)
	w.inject(t.Context(), what, i, func() { w.while(t.Context(), of == 1 || n%2 == 0) })
	took := time.Since(begin)
	ctx, cancel := context.WithTimeout(t.Context(), settleTime)
	defer cancel()
	err := settled(ctx, w.places, lag)
	w.healthy[i].Store(int64(w.now()))
	t.Logf("round %d: %v of %s for %v; well again after %v; %d invalidations complete meanwhile", n+1, what, w.places[i].name,
		took.Round(10*time.Millisecond), time.Since(begin).Round(10*time.Millisecond), w.acked[0].Load()-acked)
	if err != nil {
		t.Error("round ", n+1, ": ", err, w.tail())
	}
	return err == nil
}

// while is how long a fault lasts: until some invalidations are complete without
// the node, and it was read a little longer; or not so long.
func (w *world) while(ctx context.Context, untilComplete bool) {
	if !untilComplete {
		rest(ctx, time.Second/2+time.Duration(rand.Int64N(int64(2*tenure))))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime/3)
	defer cancel()
	for acked := w.acked[0].Load(); w.acked[0].Load() < acked+4 && rest(ctx, 10*time.Millisecond); {
	}
	rest(ctx, time.Second/2)
}

func (w *world) inject(ctx context.Context, what fault, i int, while func()) {
	p := w.places[i]
	others := slices.DeleteFunc(slices.Clone(w.places), func(q *place) bool { return q == p })
	switch what {
	case killed:
		p.kill()
		while()
		p.start()
	case stopped:
		p.signal(syscall.SIGSTOP)
		while()
		p.signal(syscall.SIGCONT)
	case cut, cutOut, isolated:
		for _, q := range others {
			p.deaf(q)
			if what != cutOut {
				q.deaf(p)
			}
		}
		if what == isolated {
			rest(ctx, time.Second)
			p.kill()
			p.start() // from what it has, while it hears nobody
		}
		while()
		for _, q := range others {
			p.hears(q)
			if what != cutOut {
				q.hears(p)
			}
		}
	}
}

// report says what was seen, and fails for what must not be.
func (w *world) report(t *testing.T) {
	slices.Sort(w.latency)
	at := func(q float64) time.Duration {
		if len(w.latency) == 0 {
			return 0
		}
		return w.latency[int(q*float64(len(w.latency)-1))].Round(100 * time.Microsecond)
	}
	t.Logf("%d answers of cached paths, %d of revisions; invalidations: %d asked, %d complete (p50 %v, p90 %v, p99 %v, longest %v); deploys: %d asked, %d complete",
		len(w.history.reads), len(w.revisions), w.tried[0].Load(), w.acked[0].Load(), at(0.5), at(0.9), at(0.99), at(1), w.tried[1].Load(), w.acked[1].Load())
	bad := w.check()
	t.Logf("%d violations", len(bad))
	for i, b := range bad {
		if i == 20 {
			t.Error("… and more")
			break
		}
		t.Error(b)
	}
	if len(w.history.reads) == 0 || len(w.writes) == 0 || len(w.deploys) == 0 {
		t.Error("nothing was proven")
	}
}

// tail is the end of the nodes' logs.
func (w *world) tail() string {
	var all string
	for _, p := range w.places {
		_ = p.process.Process.Signal(syscall.SIGQUIT) // its goroutines
		<-p.exited
		b, _ := os.ReadFile(p.log.Name())
		if keep := os.Getenv("FORELANE_FAULT_LOGS"); keep != "" {
			_ = os.WriteFile(filepath.Join(keep, p.name+".log"), b, 0o600)
		}
		all += fmt.Sprintf("\n--- %s\n%s", p.name, b[max(0, len(b)-3000):])
	}
	return all
}
