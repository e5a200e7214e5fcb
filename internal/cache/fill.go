// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A body is filled by one goroutine and read by many.
//
// Stored: as long as it fits (Config.ObjectLimit, and Config.Filling for all
// fills together) every byte is kept, the filler never waits for a reader, and
// the whole is copied to become a stored object.
//
// Window: what does not fit streams past. New requests go alone from then on;
// those that follow already share a window. Bytes that all readers have are
// let go; when the window is full the filler waits for the slowest reader, so
// a single slow viewer slows its origin down and nothing else. When several
// share the window and the slowest stands still for Config.LagTimeout, it is
// cut off (ErrLagged) rather than let the others starve.
//
// Spilled: with a disk, what does not fit goes there instead (spill.go).

const (
	chunkSize  = 64 << 10
	firstChunk = 4 << 10 // of a body of unknown length
	windowSize = 1 << 20
)

// Errors that end a Reader or a Fill.
var (
	ErrLagged    = errors.New("reader too slow for the shared stream")
	ErrNoReaders = errors.New("nobody reads the body any more")
	ErrLength    = errors.New("body does not have the announced length")
)

// reserve takes n bytes from the memory for fills.
func (c *Cache) reserve(n int64) bool {
	if c.filling.Add(n) > c.cfg.Filling {
		c.filling.Add(-n)
		return false
	}
	return true
}

// Fill is the writing end of a body on its way in.
type Fill struct {
	f        *Flight
	window   bool
	told     bool // the shard knows of the window
	spilled  bool // has begun to go to disk
	why      PassReason
	reserved int64
}

// Copy fills from src until it ends and settles the flight. The error says why
// the object is not whole; nil when it is, stored or not.
func (w *Fill) Copy(src io.Reader) error {
	for {
		buf, err := w.next()
		if err != nil {
			return w.abort(err)
		}
		n, err := src.Read(buf)
		if n > 0 {
			if err := w.publish(n); err != nil {
				return w.abort(err)
			}
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return w.commit()
		}
		if err != nil {
			return w.abort(err)
		}
	}
}

// next is room to read into: the free end of the last chunk, or a new one.
// Nobody else touches those bytes before they are published.
func (w *Fill) next() ([]byte, error) {
	f := w.f
	f.mu.Lock()
	if k := len(f.chunks); k > 0 && len(f.chunks[k-1]) < cap(f.chunks[k-1]) {
		c := f.chunks[k-1]
		f.mu.Unlock()
		return c[len(c):cap(c)], nil
	}
	size := w.chunk()
	f.mu.Unlock()
	if w.window && !w.spilled {
		w.spill()
	}
	if w.window && !w.told {
		w.tell()
	}
	c := make([]byte, size)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.below != nil {
		f.trimWritten()
	} else if w.window {
		if err := w.room(); err != nil {
			return nil, err
		}
	}
	f.chunks = append(f.chunks, c[:0])
	return c, nil
}

// chunk is the size of the next chunk; a body that outgrows what may be stored
// becomes a window. The caller holds f.mu.
func (w *Fill) chunk() int64 {
	f := w.f
	switch {
	case f.obj.Length > f.size:
		return min(chunkSize, f.obj.Length-f.size)
	case f.obj.Length >= 0:
		return 1 // the end is due; a longer body shows here
	}
	size := int64(chunkSize)
	if f.size < chunkSize {
		size = max(firstChunk, f.size)
	}
	switch {
	case w.window, f.below != nil:
	case f.size+size > f.c.cfg.ObjectLimit:
		w.window, w.why = true, TooLarge
	case !f.c.reserve(size):
		w.window, w.why = true, NoCapacity
	default:
		w.reserved += size
	}
	return size
}

// publish makes n bytes of the last chunk readable.
func (w *Fill) publish(n int) error {
	f := w.f
	f.mu.Lock()
	k := len(f.chunks) - 1
	f.chunks[k] = f.chunks[k][:len(f.chunks[k])+n]
	f.size += int64(n)
	over := f.obj.Length >= 0 && f.size > f.obj.Length
	f.wake()
	f.mu.Unlock()
	w.sink(n)
	if over {
		return fmt.Errorf("%w: more than %d bytes", ErrLength, f.obj.Length)
	}
	return nil
}

// room waits until the window has place for a chunk. The caller holds f.mu.
func (w *Fill) room() error {
	f := w.f
	for {
		f.trim()
		if len(f.readers) == 0 {
			return ErrNoReaders
		}
		if f.size-f.base < windowSize {
			return nil
		}
		ctx, cancel := context.Context(f.fetch), func() {}
		if len(f.readers) > 1 {
			ctx, cancel = context.WithTimeout(f.fetch, f.c.cfg.LagTimeout)
		}
		before := f.slowest()
		err := f.wait(ctx)
		cancel()
		if err == nil {
			continue
		}
		if f.fetch.Err() != nil {
			return ErrNoReaders
		}
		if f.slowest() == before {
			f.cut(before)
		}
	}
}

// slowest is the position up to which everybody has the body. A follower that
// is about to come needs its beginning.
func (f *Flight) slowest() int64 {
	if f.coming > 0 {
		return f.base
	}
	at := f.size
	for _, r := range f.readers {
		at = min(at, r.at)
	}
	return at
}

// cut takes the readers that stand at position at away, if others are ahead.
func (f *Flight) cut(at int64) {
	ahead := slices.ContainsFunc(f.readers, func(r *Reader) bool { return r.at > at })
	if !ahead {
		return
	}
	for _, r := range f.readers {
		r.lagged = r.at <= at
	}
	f.readers = slices.DeleteFunc(f.readers, func(r *Reader) bool { return r.lagged })
	f.wake()
}

// trim lets chunks go that every reader has passed. The caller holds f.mu.
func (f *Flight) trim() {
	low := f.slowest()
	n := 0
	for n < len(f.chunks) && f.base+int64(len(f.chunks[n])) <= low {
		f.base += int64(len(f.chunks[n]))
		n++
	}
	if n > 0 {
		f.chunks = append(f.chunks[:0], f.chunks[n:]...)
		clear(f.chunks[len(f.chunks):cap(f.chunks)])
	}
}

// commit settles a body that came to its end.
func (w *Fill) commit() error {
	f := w.f
	if f.obj.Length >= 0 && f.size != f.obj.Length { // only this goroutine writes size
		return w.abort(fmt.Errorf("%w: %d of %d bytes", ErrLength, f.size, f.obj.Length))
	}
	f.mu.Lock()
	o := *f.obj
	o.Length, o.chunks = f.size, slices.Clone(f.chunks)
	f.mu.Unlock()
	switch {
	case f.below != nil: // only this goroutine changes it
		w.sunk(&o)
	case !w.window:
		f.store(&o)
	}
	w.release()
	f.end(whole, nil)
	return nil
}

// tell lands the flight and leaves a marker, so that the next requests go
// alone instead of sharing a window whose beginning has passed.
func (w *Fill) tell() {
	w.told = true
	f := w.f
	if f.early() {
		f.c.disk.outdate(bytesOf(f.key))
	}
	f.s.mu.Lock()
	f.land()
	f.alone = true
	marked := f.mark(time.Now().Add(MarkTime(w.why)), w.why)
	f.s.mu.Unlock()
	if marked {
		f.c.disk.outdate(bytesOf(f.key))
	}
}

// MarkTime is how long requests for a key go alone for a reason.
func MarkTime(why PassReason) time.Duration {
	switch why {
	case NoCapacity:
		return time.Second
	case TooLarge:
		return 10 * time.Minute
	}
	return 2 * time.Minute
}

// abort settles a body that broke off: nothing is stored.
func (w *Fill) abort(err error) error {
	f := w.f
	f.s.mu.Lock()
	f.land()
	f.s.mu.Unlock()
	w.release()
	if f.below != nil {
		f.below.Abort()
	}
	f.end(broken, err)
	return err
}

func (w *Fill) release() {
	w.f.c.filling.Add(-w.reserved)
	w.reserved = 0
}
