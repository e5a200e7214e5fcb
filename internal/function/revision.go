// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forelane/forelane/internal/function/build"
	"github.com/forelane/forelane/internal/model"
)

// function is one function over all its revisions.
type function struct {
	svc  *Service
	name string
	def  atomic.Pointer[model.Function] // as last applied
	cur  atomic.Pointer[revision]       // what answers; nil until first
	// first is closed when the first build has ended, well or not.
	first chan struct{}

	invocations, errs, cold, throttled atomic.Int64
	meter                              *meter

	mu       sync.Mutex
	dirty    bool // something changed since the last build began
	building bool
	settled  chan struct{} // of the build that runs; closed when it has ended
	removed  bool
	trouble  string // why the last build or start failed; empty when it did not
}

// revision is one definition with its code. err is set instead of unit when
// the code cannot be run.
type revision struct {
	fn   *function
	def  *model.Function
	unit *build.Unit
	err  error
	pool *pool
}

func newFunction(s *Service, def *model.Function) *function {
	f := &function{svc: s, name: def.Name, first: make(chan struct{}), meter: newMeter(s.opt.Metrics, def.Name)}
	f.def.Store(def)
	return f
}

// redefine takes a new definition and reports whether that needs new
// processes.
func (f *function) redefine(def *model.Function) bool {
	old := f.def.Swap(def)
	return !sameProcess(old, def)
}

// revision waits for the first build and gives what answers now.
func (f *function) revision(ctx context.Context) (*revision, error) {
	if r := f.cur.Load(); r != nil {
		return r, nil
	}
	select {
	case <-f.first:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if r := f.cur.Load(); r != nil {
		return r, nil
	}
	return nil, errRemoved
}

var errRemoved = errors.New("the function was removed")

// refresh builds the function again in the background. While a build runs it
// only notes that another is needed.
func (f *function) refresh() {
	s := f.svc
	s.mu.RLock() // against Close, which waits for s.wg
	defer s.mu.RUnlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dirty = true
	if f.building || f.removed || s.closed {
		return
	}
	f.building, f.settled = true, make(chan struct{})
	s.wg.Go(f.build)
}

func (f *function) build() {
	s := f.svc
	for {
		f.mu.Lock()
		if !f.dirty || f.removed {
			f.building = false
			close(f.settled)
			f.mu.Unlock()
			return
		}
		f.dirty = false
		f.mu.Unlock()

		def := f.def.Load()
		if old := f.cur.Load(); old == nil || old.err != nil || !reflect.DeepEqual(old.def.Code, def.Code) {
			f.watch(def, nil) // before the code is read, so that no change is missed
		}
		select {
		case s.builds <- struct{}{}:
		case <-s.ctx.Done():
			f.publish(def, nil, s.ctx.Err())
			continue
		}
		began := time.Now()
		unit, err := s.builder.Prepare(s.ctx, def)
		<-s.builds
		if took := time.Since(began); err == nil && took > time.Second {
			s.say(f.name, fmt.Sprintf("built in %.1f s", took.Seconds()))
		}
		f.publish(def, unit, err)
	}
}

// publish makes a built revision the current one, or keeps the old one when
// the build failed or made no difference.
func (f *function) publish(def *model.Function, unit *build.Unit, err error) {
	s, old := f.svc, f.cur.Load()
	if err != nil && s.ctx.Err() == nil {
		s.say(f.name, "cannot be run: "+err.Error())
	}
	f.mu.Lock()
	f.trouble = ""
	if err != nil {
		f.trouble = err.Error()
	}
	removed := f.removed
	f.mu.Unlock()
	switch {
	case removed:
	case err != nil && old != nil && old.err == nil:
		s.say(f.name, "the code that ran before goes on")
	case err == nil && old != nil && old.err == nil && old.unit.Digest == unit.Digest && sameProcess(old.def, def):
	default:
		f.replace(&revision{fn: f, def: def, unit: unit, err: err})
	}
	f.watch(def, unit)
}

func (f *function) replace(r *revision) {
	s := f.svc
	if r.err == nil {
		if r.unit.Note != "" {
			s.say(f.name, r.unit.Note)
		}
		r.pool = newPool(r)
	}
	f.mu.Lock()
	if f.removed {
		f.mu.Unlock()
		return
	}
	old := f.cur.Swap(r)
	select {
	case <-f.first:
	default:
		close(f.first)
	}
	f.mu.Unlock()
	if old != nil && old.pool != nil {
		s.say(f.name, "changed: new invocations get the new code")
		old.pool.drain()
	}
}

// watch follows the files of the code; without a unit (it is not built yet, or
// cannot be) those that the definition names, so that mending them is seen.
func (f *function) watch(def *model.Function, unit *build.Unit) {
	s := f.svc
	if s.watcher == nil {
		return
	}
	var paths []string
	switch {
	case unit != nil:
		paths = unit.Watch
	case def.Code.Dir != "":
		paths = absolute(def.Code.Dir)
	case def.Code.Zip != "":
		paths = absolute(def.Code.Zip)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.removed {
		return
	}
	if err := s.watcher.Set(f.name, paths); err != nil {
		s.say(f.name, err.Error())
	}
}

func absolute(path string) []string {
	p, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	return []string{p}
}

// remove ends the function; invocations that run go on.
func (f *function) remove() {
	f.mu.Lock()
	f.removed = true
	old := f.cur.Swap(nil)
	select {
	case <-f.first:
	default:
		close(f.first)
	}
	if w := f.svc.watcher; w != nil {
		w.Remove(f.name)
	}
	f.mu.Unlock()
	if old != nil && old.pool != nil {
		old.pool.drain()
	}
}

// limit is how many processes the function may have, and whether that is a
// limit of AWS (reserved) or of this machine.
func (f *function) limit() (n int, reserved bool) {
	if r := f.def.Load().Reserved; r != nil {
		return *r, true
	}
	return f.svc.opt.Concurrency, false
}
