// SPDX-License-Identifier: Apache-2.0

// Package vigil watches over a viewer for whom an origin is asked: the fetch of
// one who holds a lease ends when nobody is interested in the answer any more
// (row F17).
//
// The flow: New makes the context of the fetch; Move follows the lease to another
// key; End says that the watch is over, and whether the viewer has its answer.
//
// Concurrency: a Vigil may be used by many at once, and outlive its request,
// with a fill that goes on alone.
package vigil

import (
	"context"
	"sync"

	"github.com/forelane/forelane/internal/cache"
)

// Vigil is the context of the fetch. Whether the viewer is
// still there is looked at when somebody asks how the context is, and watched
// only when somebody waits for its end: most fetches are over before.
type Vigil struct {
	context.Context // the lease's
	viewer          context.Context

	mu    sync.Mutex
	lease *cache.Lease // nil: the viewer has left, or the watch is over
	stop  func() bool  // the watch over viewer
}

// New is the vigil of who holds l.
func New(viewer context.Context, l *cache.Lease) *Vigil {
	return &Vigil{Context: l.Context(), viewer: viewer, lease: l}
}

// Err implements context.Context.
func (v *Vigil) Err() error {
	if v.viewer.Err() != nil {
		v.leave()
	}
	return v.Context.Err()
}

// Done implements context.Context.
func (v *Vigil) Done() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lease != nil && v.stop == nil {
		v.stop = context.AfterFunc(v.viewer, v.leave)
	}
	return v.Context.Done()
}

func (v *Vigil) leave() {
	v.mu.Lock()
	l := v.lease
	v.lease = nil
	v.mu.Unlock()
	if l != nil {
		l.Leave()
	}
}

// Move makes l the lease that is left. The fetch goes on under it.
func (v *Vigil) Move(l *cache.Lease) {
	if v == nil {
		return
	}
	v.mu.Lock()
	if v.lease != nil {
		v.lease = l
	}
	v.mu.Unlock()
}

// End ends the watch. Unless the viewer is complete, it leaves.
func (v *Vigil) End(complete bool) {
	if !complete {
		v.leave()
	}
	v.mu.Lock()
	stop := v.stop
	v.lease, v.stop = nil, nil
	v.mu.Unlock()
	if stop != nil {
		stop()
	}
}
