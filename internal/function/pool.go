// SPDX-License-Identifier: Apache-2.0

package function

// A pool holds the workers of one revision. Whoever wants one takes the idle
// worker that was used last (so that the others grow old and are reaped);
// if there is none, a new one is started as long as the limit allows, and the
// first one that is free, new or not, goes to the first who waits.
//
// A worker serves one version: its environment says which. An idle worker of
// another version makes room when the limit is reached.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// errDrained: the revision was replaced; ask the new one.
var errDrained = errors.New("the revision was replaced")

// errThrottled: the limit is reached.
var errThrottled = errors.New("the concurrency limit is reached")

type pool struct {
	rev *revision

	mu       sync.Mutex
	idle     []*worker // the last is the one used last
	total    int       // starting, idle and busy
	starting int
	waiters  []*waiter
	drained  bool
}

// waiter gets exactly one grant unless it leaves.
type waiter struct {
	version string
	grant   chan grant
}

// grant is a worker, or why there is none.
type grant struct {
	w    *worker
	fail *startError
	err  error
}

func newPool(r *revision) *pool { return &pool{rev: r} }

// acquire gives a worker of this version. The error is errDrained,
// errThrottled, a *startError, or that of ctx.
func (p *pool) acquire(ctx context.Context, version string) (*worker, error) {
	p.mu.Lock()
	if p.drained {
		p.mu.Unlock()
		return nil, errDrained
	}
	limit, reserved := p.rev.fn.limit()
	if reserved && limit == 0 {
		p.mu.Unlock()
		return nil, errThrottled
	}
	if w := p.takeIdle(version); w != nil {
		p.mu.Unlock()
		return w, nil
	}
	var evicted *worker
	switch {
	case p.starting > len(p.waiters): // one is on its way and nobody waits for it
	case p.total < limit:
		p.launch(version)
	case len(p.idle) > 0:
		evicted = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		p.forget(evicted)
		p.launch(version)
	case reserved || len(p.waiters)-p.starting >= p.rev.fn.svc.opt.Queue:
		p.mu.Unlock()
		return nil, errThrottled
	}
	wt := &waiter{version, make(chan grant, 1)}
	p.waiters = append(p.waiters, wt)
	p.mu.Unlock()
	if evicted != nil {
		evicted.proc.Kill()
	}
	select {
	case g := <-wt.grant:
		return g.result()
	case <-ctx.Done():
		return p.leave(wt, ctx.Err())
	}
}

func (g grant) result() (*worker, error) {
	switch {
	case g.fail != nil:
		return nil, g.fail
	default:
		return g.w, g.err
	}
}

// leave takes a waiter out of the queue; what it was given meanwhile goes
// back.
func (p *pool) leave(wt *waiter, err error) (*worker, error) {
	p.mu.Lock()
	i := slices.Index(p.waiters, wt)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		if g := <-wt.grant; g.w != nil {
			p.release(g.w)
		}
	}
	return nil, err
}

// slowNext is how long a process may take from its answer until it asks for
// the next invocation and still count as idle.
const slowNext = 250 * time.Millisecond

// takeIdle is called with the lock held.
func (p *pool) takeIdle(version string) *worker {
	late := time.Now().Add(-slowNext).UnixNano()
	for i := len(p.idle) - 1; i >= 0; i-- {
		w := p.idle[i]
		if w.version == version && (w.lastUsed.Load() > late || w.desk.Parked()) {
			p.idle = slices.Delete(p.idle, i, i+1)
			if w.alive() {
				return w
			}
		}
	}
	return nil
}

// launch starts a worker in the background; the lock is held.
func (p *pool) launch(version string) {
	p.total++
	p.starting++
	p.rev.fn.svc.wg.Go(func() {
		w, fail := p.rev.start(version)
		p.mu.Lock()
		p.starting--
		if fail == nil && w.alive() {
			w.counted = true
		} else {
			p.total--
		}
		p.mu.Unlock()
		if fail == nil {
			p.release(w)
			return
		}
		p.give(version, grant{fail: fail})
		p.revive()
	})
}

// forget takes a worker out of the count; the lock is held.
func (p *pool) forget(w *worker) {
	if w.counted {
		w.counted = false
		p.total--
	}
}

// give hands something to the first who waits for this version.
func (p *pool) give(version string, g grant) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, wt := range p.waiters {
		if wt.version == version {
			p.waiters = slices.Delete(p.waiters, i, i+1)
			wt.grant <- g
			return true
		}
	}
	return false
}

// release takes a worker back that is free.
func (p *pool) release(w *worker) {
	w.lastUsed.Store(time.Now().UnixNano())
	if !w.alive() {
		p.revive()
		return
	}
	if p.give(w.version, grant{w: w}) {
		return
	}
	p.mu.Lock()
	if p.drained {
		p.mu.Unlock()
		w.proc.Kill()
		return
	}
	if p.starting < len(p.waiters) { // they wait for another version: make room
		p.forget(w)
		p.launch(p.waiters[0].version)
		p.mu.Unlock()
		w.proc.Kill()
		return
	}
	p.idle = append(p.idle, w)
	p.mu.Unlock()
}

// gone is a worker whose process ended.
func (p *pool) gone(w *worker) {
	p.mu.Lock()
	if i := slices.Index(p.idle, w); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.forget(w)
	p.mu.Unlock()
	p.revive()
}

// revive starts workers for those who wait when others died.
func (p *pool) revive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit, _ := p.rev.fn.limit()
	for i := p.starting; i < len(p.waiters) && p.total < limit; i++ {
		p.launch(p.waiters[i].version)
	}
}

// drain ends the pool: idle workers at once, busy ones when they are free,
// and those who wait ask the new revision.
func (p *pool) drain() {
	p.mu.Lock()
	p.drained = true
	idle, waiters := p.idle, p.waiters
	p.idle, p.waiters = nil, nil
	p.mu.Unlock()
	for _, wt := range waiters {
		wt.grant <- grant{err: errDrained}
	}
	for _, w := range idle {
		w.proc.Kill()
	}
}

// reap ends the workers that were idle for too long.
func (p *pool) reap(before time.Time) {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && p.idle[n].lastUsed.Load() < before.UnixNano() {
		n++
	}
	old := slices.Clone(p.idle[:n])
	p.idle = slices.Delete(p.idle, 0, n)
	p.mu.Unlock()
	for _, w := range old {
		w.proc.Kill()
	}
}

// size is how many processes there are.
func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// warm sees to it that there is one worker.
func (p *pool) warm(ctx context.Context) error {
	if limit, _ := p.rev.fn.limit(); p.size() > 0 || limit == 0 {
		return nil
	}
	w, err := p.acquire(ctx, latest)
	var fail *startError
	switch {
	case errors.As(err, &fail):
		return fail
	case errors.Is(err, errDrained), errors.Is(err, errThrottled):
		return nil
	case err != nil:
		return err
	}
	p.release(w)
	return nil
}
