// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"sync"

	"github.com/forelane/forelane/internal/cache"
)

// vigil is the context of the fetch of one who holds a lease: it ends when
// nobody is interested in the answer any more (row F17). Whether the viewer is
// still there is looked at when somebody asks how the context is, and watched
// only when somebody waits for its end: most fetches are over before.
//
// It may outlive its Exchange, with a fill that goes on alone.
type vigil struct {
	context.Context // the lease's
	viewer          context.Context

	mu    sync.Mutex
	lease *cache.Lease // nil: the viewer has left, or the watch is over
	stop  func() bool  // the watch over viewer
}

// Err implements context.Context.
func (v *vigil) Err() error {
	if v.viewer.Err() != nil {
		v.leave()
	}
	return v.Context.Err()
}

// Done implements context.Context.
func (v *vigil) Done() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lease != nil && v.stop == nil {
		v.stop = context.AfterFunc(v.viewer, v.leave)
	}
	return v.Context.Done()
}

func (v *vigil) leave() {
	v.mu.Lock()
	l := v.lease
	v.lease = nil
	v.mu.Unlock()
	if l != nil {
		l.Leave()
	}
}

// move makes l the lease that is left. The fetch goes on under it.
func (v *vigil) move(l *cache.Lease) {
	if v == nil {
		return
	}
	v.mu.Lock()
	if v.lease != nil {
		v.lease = l
	}
	v.mu.Unlock()
}

// end ends the watch. Unless the viewer is complete, it leaves.
func (v *vigil) end(complete bool) {
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

// watch tells the lease or flight when the viewer leaves.
func (x *Exchange) watch() {
	s := &x.store
	switch {
	case x.role == forRefresh:
	case s.lease != nil:
		s.vigil = &vigil{Context: s.lease.Context(), viewer: x.ctx, lease: s.lease}
	case s.flight != nil:
		s.unwatch = context.AfterFunc(x.ctx, s.flight.Leave)
	}
}

// unwatchAll ends what watch began. complete: the viewer has its answer, and a
// fill that is still going on may go on alone.
func (s *stored) unwatchAll(complete bool) {
	if s.vigil != nil {
		s.vigil.end(complete)
		s.vigil = nil
	}
	if s.unwatch != nil && s.unwatch() && !complete {
		s.flight.Leave()
	}
	s.unwatch = nil
}
