// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a Tracer.
type Options struct {
	// Ratio is which part of the traces is sampled that nobody has decided
	// about, 0 to 1. 0: none of them.
	Ratio float64
	// Ignore starts a trace of its own for each request, whatever headers it
	// brings: for nodes whose viewers are not to decide what is sampled.
	Ignore bool
	// Export sends a batch away. Its error means that the spans are lost; it is
	// called by one goroutine and must come back when ctx ends. Required.
	Export func(ctx context.Context, batch []Data) error
	// Warn is told when exporting begins to fail, and with nil when it works
	// again. Nil: nobody is.
	Warn func(error)
	// Queue is how many ended spans may wait. 0: 4096.
	Queue int
	// Batch is how many are exported at once. 0: 512.
	Batch int
	// Every is how long a span waits for others. 0: one second.
	Every time.Duration
	// Limit is how long one Export may take. 0: 30 seconds.
	Limit time.Duration
}

// Stats are counters since the start.
type Stats struct {
	Exported, Dropped, Failed int64 // dropped: the queue was full; failed: Export did
}

// Tracer decides what is sampled and exports it. The nil Tracer samples nothing.
type Tracer struct {
	o Options

	mu     sync.Mutex
	queue  []*Span // guarded by mu
	closed bool    // guarded by mu

	wake  chan struct{} // one token: there are spans
	hurry chan struct{} // one token: without delay
	stop  context.CancelFunc
	done  chan struct{}

	exported, dropped, failed atomic.Int64
}

// New starts a Tracer; Close stops it.
func New(o Options) *Tracer {
	if o.Queue <= 0 {
		o.Queue = 4096
	}
	if o.Batch <= 0 {
		o.Batch = 512
	}
	if o.Every <= 0 {
		o.Every = time.Second
	}
	if o.Limit <= 0 {
		o.Limit = 30 * time.Second
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &Tracer{o: o, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go t.run(ctx)
	return t
}

// Headers are the fields of a request that carry a trace.
type Headers struct{ Traceparent, Tracestate, XRay string }

// Root begins the span of a request that entered the node at start, or returns
// nil when it is not sampled. A trace that a header names goes on: W3C's before
// X-Ray's, and what it decided holds.
func (t *Tracer) Root(name string, h Headers, start time.Time) *Span {
	if t == nil {
		return nil
	}
	var from Context
	if !t.o.Ignore {
		if h.Traceparent != "" {
			from = ParseW3C(h.Traceparent)
		}
		if !from.Valid() && h.XRay != "" {
			from = ParseXRay(h.XRay)
		}
	}
	c := from
	if !c.Valid() {
		c.Trace = newTrace(start)
	}
	if c.Decided && !c.Sampled || !c.Decided && !draw(c.Trace, t.o.Ratio) {
		return nil
	}
	c.Span, c.Decided, c.Sampled = newSpan(), true, true
	s := &Span{t: t, context: c, parent: from.Span, kind: Server, name: strings.Clone(name), start: start}
	if from.Valid() {
		s.SetState(h.Tracestate)
	}
	return s
}

// Stats tells what became of spans.
func (t *Tracer) Stats() Stats {
	if t == nil {
		return Stats{}
	}
	return Stats{Exported: t.exported.Load(), Dropped: t.dropped.Load(), Failed: t.failed.Load()}
}

// add puts an ended span into the queue, or drops it.
func (t *Tracer) add(s *Span) {
	t.mu.Lock()
	if t.closed || len(t.queue) >= t.o.Queue {
		t.mu.Unlock()
		t.dropped.Add(1)
		return
	}
	t.queue = append(t.queue, s)
	n := len(t.queue)
	t.mu.Unlock()
	if n == 1 {
		token(t.wake)
	}
	if n == t.o.Batch {
		token(t.hurry)
	}
}

func token(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Close exports what waits, until ctx ends, and stops the Tracer. Closing again
// is harmless.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	token(t.wake)
	token(t.hurry)
	defer t.stop()
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		t.stop()
		<-t.done
		return ctx.Err()
	}
}

func (t *Tracer) run(ctx context.Context) {
	defer close(t.done)
	gather := time.NewTimer(t.o.Every)
	defer gather.Stop()
	broken := false
	for {
		<-t.wake
		gather.Reset(t.o.Every)
		select {
		case <-gather.C:
		case <-t.hurry:
		}
		t.mu.Lock()
		spans, closed := t.queue, t.closed
		t.queue = nil
		t.mu.Unlock()
		for len(spans) > 0 {
			n := min(len(spans), t.o.Batch)
			broken = t.export(ctx, spans[:n], broken)
			spans = spans[n:]
		}
		if closed {
			return
		}
	}
}

// export sends one batch; broken is whether the one before failed, and whether
// this one did.
func (t *Tracer) export(ctx context.Context, spans []*Span, broken bool) bool {
	batch := make([]Data, len(spans))
	for i, s := range spans {
		batch[i] = s.data()
	}
	ctx, cancel := context.WithTimeout(ctx, t.o.Limit)
	defer cancel()
	err := t.o.Export(ctx, batch)
	if err == nil {
		t.exported.Add(int64(len(batch)))
	} else {
		t.failed.Add(int64(len(batch)))
	}
	if broken != (err != nil) && t.o.Warn != nil {
		t.o.Warn(err)
	}
	return err != nil
}
