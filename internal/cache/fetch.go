// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"sync"
	"time"
)

// fetch is the context of what fills a key. It costs nothing until somebody
// waits for its end, which most fetches see no one do. The zero fetch is under
// way.
type fetch struct {
	mu    sync.Mutex
	ended bool
	// Made by the first call of Done. Contexts that are derived find inner
	// through Value, and need no goroutine to follow it.
	inner  context.Context
	cancel context.CancelFunc
}

func (f *fetch) end() {
	f.mu.Lock()
	f.ended = true
	cancel := f.cancel
	f.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

// Deadline implements context.Context: there is none.
func (f *fetch) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (f *fetch) Done() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inner == nil {
		f.inner, f.cancel = context.WithCancel(context.Background())
		if f.ended {
			f.cancel()
		}
	}
	return f.inner.Done()
}

// Err implements context.Context.
func (f *fetch) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context.
func (f *fetch) Value(key any) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inner == nil {
		return nil
	}
	return f.inner.Value(key)
}
