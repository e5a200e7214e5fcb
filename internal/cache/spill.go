// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"slices"

	"github.com/forelane/forelane/internal/cache/disk"
	"github.com/forelane/forelane/internal/cache/index"
)

// A body that does not fit into memory goes to disk while it arrives.
//
// What has arrived is published to the readers and then written. Of what is
// written, memory keeps the last window; who reads before that reads from disk.
// So nobody has to wait for the slowest reader and nobody is cut off, requests
// that come meanwhile follow from the beginning, and the fetch is as fast as
// origin and disk. When the body is whole it is found on disk.
//
// When the disk fails on the way, the rest goes on as a window (fill.go):
// readers that are not within it are cut off, new requests go alone.

// spill begins to write to disk, if that is possible, what would else be a
// window. f.chunks has all of the body so far.
func (w *Fill) spill() {
	w.spilled = true
	f := w.f
	if d := &f.c.disk; !d.there() || f.obj.Transient || f.obj.Length > d.limit.Load() {
		return
	}
	to, err := f.c.disk.create(f.clock, bytesOf(f.key))
	if err != nil {
		return // the store says itself when it fails
	}
	f.mu.Lock()
	held := slices.Clone(f.chunks)
	f.mu.Unlock()
	var n int64
	for _, c := range held {
		if _, err := to.Write(c); err != nil {
			to.Close()
			return
		}
		n += int64(len(c))
	}
	f.mu.Lock()
	f.below, f.written = to, n
	f.mu.Unlock()
	w.window = false
	w.release()
}

// sink writes the last n bytes that were published.
func (w *Fill) sink(n int) {
	f := w.f
	if f.below == nil {
		return
	}
	f.mu.Lock()
	last := f.chunks[len(f.chunks)-1]
	f.mu.Unlock()
	_, err := f.below.Write(last[len(last)-n:])
	f.mu.Lock()
	if err == nil {
		f.written += int64(n)
		f.mu.Unlock()
		return
	}
	f.below.Abort()
	f.drown()
	f.mu.Unlock()
	w.window, w.why = true, NoCapacity
}

// drown ends the reading from disk before the end. The caller holds f.mu.
func (f *Flight) drown() {
	f.below.Close()
	f.below = nil
	for _, r := range f.readers {
		r.lagged = r.at < f.base
	}
	f.readers = slices.DeleteFunc(f.readers, func(r *Reader) bool { return r.lagged })
	f.wake()
}

// trimWritten lets go of chunks that are on disk and no part of the last
// window. The caller holds f.mu.
func (f *Flight) trimWritten() {
	n := 0
	for n < len(f.chunks) && f.size-f.base >= windowSize && f.base+int64(len(f.chunks[n])) <= f.written {
		f.base += int64(len(f.chunks[n]))
		n++
	}
	if n > 0 {
		f.chunks = append(f.chunks[:0], f.chunks[n:]...)
		clear(f.chunks[len(f.chunks):cap(f.chunks)])
	}
}

// sunk stores a body that is all on disk, unless an invalidation came.
func (w *Fill) sunk(o *Object) {
	f, s := w.f, w.f.s
	s.mu.Lock()
	valid := !f.invalid() && !f.struck(o)
	s.mu.Unlock()
	if valid { // of what comes from now on the disk knows itself
		valid = f.below.Commit(encode(kindObject, o)) == nil
	} else {
		f.below.Abort()
	}
	s.mu.Lock()
	f.land()
	if e, _ := s.find(f.hash, bytesOf(f.key)); valid && e != index.None && s.index.At(e).Kind != kindVary {
		s.drop(e) // it would hide what is new
	}
	s.mu.Unlock()
}

// settle closes the file when nobody can want it any more. The caller holds
// f.mu.
func (f *Flight) settle() {
	if f.below != nil && f.state > headed && f.coming == 0 && len(f.readers) == 0 {
		f.below.Close()
		f.below = nil
	}
}

// nextBelow is Next for what is on disk. The caller holds f.mu, which is let
// go while it reads.
func (r *Reader) nextBelow(w *disk.Writer) ([]byte, error) {
	f := r.f
	if r.buf == nil {
		r.buf = make([]byte, chunkSize)
	}
	p := r.buf[:min(chunkSize, f.written-r.at)]
	f.mu.Unlock()
	n, err := w.ReadAt(p, r.at)
	f.mu.Lock()
	switch {
	case r.lagged:
		return nil, ErrLagged
	case n == 0 && f.state == broken:
		return nil, f.err
	case n == 0:
		return nil, fmt.Errorf("cache: read what was spilled: %w", err)
	}
	r.at += int64(n)
	return p[:n], nil
}
