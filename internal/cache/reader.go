// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"io"
	"slices"
)

// Reader reads a body while it arrives. It belongs to one goroutine. Close it.
type Reader struct {
	f *Flight
	// Under f.mu:
	at     int64
	lagged bool
	closed bool

	buf []byte // for what is read from disk
}

// Next is the next piece, waiting for it if need be: never empty, shared, and
// valid until the following call. The end is io.EOF; any other error means
// that the rest will not come.
func (r *Reader) Next(ctx context.Context) ([]byte, error) {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if r.lagged {
			return nil, ErrLagged
		}
		if p := f.from(r.at); len(p) > 0 {
			r.at += int64(len(p))
			f.wake() // the filler may wait for room
			return p, nil
		}
		if w := f.below; w != nil && r.at < f.written && f.state != broken {
			return r.nextBelow(w)
		}
		switch f.state {
		case whole:
			return nil, io.EOF
		case broken:
			return nil, f.err
		}
		if err := f.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// Ready tells whether Next would return at once.
func (r *Reader) Ready() bool {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	return r.lagged || f.state == whole || f.state == broken || len(f.from(r.at)) > 0 || f.below != nil && r.at < f.written
}

// from is what is held of the chunk around position at.
func (f *Flight) from(at int64) []byte {
	pos := f.base
	for _, c := range f.chunks {
		if end := pos + int64(len(c)); at < end {
			if at < pos {
				return nil // skipped ahead of the window: not reached yet
			}
			return c[at-pos:]
		} else {
			pos = end
		}
	}
	return nil
}

// Skip leaves out n bytes that have not been read.
func (r *Reader) Skip(n int64) {
	r.f.mu.Lock()
	r.at += n
	r.f.wake()
	r.f.mu.Unlock()
}

// Close ends the reading. It does not Leave the flight.
func (r *Reader) Close() {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	f.readers = slices.DeleteFunc(f.readers, func(q *Reader) bool { return q == r })
	f.settle()
	f.wake()
}
