// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// realtimes are the real-time logs of a world.
type realtimes struct {
	mu      sync.Mutex
	lines   []realtimeLine
	writers []*record.Writer
}

type realtimeLine struct {
	fields []string
	line   string
}

// realtimeOf takes the lines of one log.
type realtimeOf struct {
	all    *realtimes
	fields []string
}

func (t *realtimeOf) Write(p []byte) (int, error) {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	for l := range strings.Lines(string(p)) {
		t.all.lines = append(t.all.lines, realtimeLine{t.fields, strings.TrimSuffix(l, "\n")})
	}
	return len(p), nil
}

func (t *realtimes) close() {
	for _, w := range t.writers {
		_ = w.Close()
	}
}

// realtime is Deps.Realtime.
func (w *world) realtime(b *model.Behavior) *record.Realtime {
	if b.Realtime == nil {
		return nil
	}
	layout, err := record.NewRealtimeLayout(b.Realtime.Fields)
	if err != nil {
		w.t.Fatal(err)
	}
	lines := record.NewWriter(&realtimeOf{&w.realtimes, b.Realtime.Fields}, record.WriterOptions{NoHead: true, Layout: layout})
	w.realtimes.writers = append(w.realtimes.writers, lines)
	return record.NewRealtime(layout, b.Realtime.Sampling, lines)
}

// realtimeRecords are all that were written so far.
func (w *world) realtimeRecords() []realtimeLine {
	for _, l := range w.realtimes.writers {
		l.Flush()
	}
	w.realtimes.mu.Lock()
	defer w.realtimes.mu.Unlock()
	return w.realtimes.lines
}

// TestE13ARealtimeRecordDoesNotAllocate: a hit with every field that a request
// without media data has.
func TestE13ARealtimeRecordDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes pools forget: what is counted then says nothing")
		return
	}
	w := newWorld(t)
	layout, err := record.NewRealtimeLayout(model.RealtimeFields())
	if err != nil {
		t.Fatal(err)
	}
	lines := record.NewWriter(io.Discard, record.WriterOptions{NoHead: true, Layout: layout})
	defer lines.Close()
	w.compile()
	w.edge.dists[0].realtime = true
	w.edge.dists[0].behaviors[0].realtime = record.NewRealtime(layout, 100, lines)
	w.edge.deps.Record = nil
	w.do("/a")
	rq := request("/a", "Accept", "*/*", "User-Agent", "me", "X-Forwarded-For", "192.0.2.1")
	ctx := t.Context()
	for range 2000 { // buffers grow
		w.edge.Begin(ctx, rq, nothing{})
	}
	lines.Flush()
	n := testing.AllocsPerRun(500, func() {
		if w.edge.Begin(ctx, rq, nothing{}) != nil {
			t.Fatal("a hit left its connection")
		}
	})
	if n >= 1 {
		t.Errorf("%v allocations for a hit with its real-time record", n)
	}
}

// stalled is a disk that takes nothing until it is opened.
type stalled struct{ open chan struct{} }

func (s stalled) Write(p []byte) (int, error) { <-s.open; return len(p), nil }

// TestE10AStalledDiskHoldsNoRequestUp: requests are answered while nothing can be
// written of them; what finds no room is lost and counted, and every line is
// either.
func TestE10AStalledDiskHoldsNoRequestUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		disk := stalled{make(chan struct{})}
		layout, err := record.NewRealtimeLayout([]string{"timestamp", "cs-uri-stem"})
		if err != nil {
			t.Fatal(err)
		}
		access := record.NewWriter(disk, record.WriterOptions{NoHead: true, Limit: 64 << 10})
		live := record.NewWriter(disk, record.WriterOptions{NoHead: true, Layout: layout, Limit: 4 << 10})
		w.compile()
		w.edge.deps.Record = access.Write
		w.edge.dists[0].realtime = true
		w.edge.dists[0].behaviors[0].realtime = record.NewRealtime(layout, 100, live)
		w.do("/a")
		const requests = 2000
		began := time.Now()
		for range requests {
			w.expect(w.do("/a"), 200, "Hit", "hello")
			if d := access.Dropped(); d == 0 {
				pass(time.Millisecond) // the writer begins, and hangs
			}
		}
		if d := time.Since(began); d > requests*time.Millisecond {
			t.Errorf("requests took %v of a clock that only moves when somebody waits", d)
		}
		lost, lostLive := access.Dropped(), live.Dropped()
		if lost == 0 || lostLive == 0 {
			t.Errorf("%d lines and %d records are lost of more than the buffers hold", lost, lostLive)
		}
		close(disk.open)
		if err := access.Close(); err != nil {
			t.Error(err)
		}
		if err := live.Close(); err != nil {
			t.Error(err)
		}
		if access.Dropped() != lost || live.Dropped() != lostLive {
			t.Error("what had room is lost")
		}
	})
}

func BenchmarkHitWithRealtimeLog(b *testing.B) {
	for _, fields := range [][]string{nil, {"timestamp", "c-ip", "sc-status", "cs-uri-stem", "time-taken"}, model.RealtimeFields()} {
		b.Run(fmt.Sprintf("%d_fields", len(fields)), func(b *testing.B) {
			w := newWorld(&testing.T{}).compile()
			w.edge.deps.Record = nil
			if fields != nil {
				layout, err := record.NewRealtimeLayout(fields)
				if err != nil {
					b.Fatal(err)
				}
				lines := record.NewWriter(io.Discard, record.WriterOptions{NoHead: true, Layout: layout})
				defer lines.Close()
				w.edge.dists[0].realtime = true
				w.edge.dists[0].behaviors[0].realtime = record.NewRealtime(layout, 100, lines)
			}
			w.start(b.Context(), "/a")
			rq := request("/a", "Accept", "*/*", "User-Agent", "me")
			b.ReportAllocs()
			for b.Loop() {
				w.edge.Serve(b.Context(), rq, nothing{})
			}
		})
	}
}
