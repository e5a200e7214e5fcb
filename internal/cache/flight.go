// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"context"
	"sync"

	"github.com/forelane/forelane/internal/cache/disk"
)

// Flight is a fill on its way, as those see it who wait for it.
//
// It is in one of these states:
//
//	waiting    the holder has no answer yet
//	headed     the head is known, the body streams in (fill.go)
//	whole      the body is complete
//	broken     the body broke off; err says why
//	renewed    a complete object is the answer
//	private    the answer is not to be shared: go alone
//	abandoned  the holder gave up: ask the cache again
type Flight struct {
	c    *Cache
	s    *shard
	key  string
	hash uint64

	// fetch ends when nobody is interested any more.
	fetch *fetch

	followed bool // under s.mu: somebody waited

	doomed bool // under s.mu: invalidated on the way, must not be stored
	alone  bool // not in s.flights before its end: a sweep cannot see it
	epoch  uint64
	clock  uint64 // the disk's, when it began
	// tagClock is that of the tags (tag.go), when it began.
	tagClock uint64

	mu      sync.Mutex
	state   state
	coming  int // followers that have not got the head yet
	refs    int // viewers that want the answer, the holder's own included
	changed chan struct{}
	obj     *Object
	err     error

	// The body that has arrived and is still held: chunks[0] begins at base.
	chunks  [][]byte
	base    int64
	size    int64 // bytes that have arrived, all together
	readers []*Reader
	below   *disk.Writer // nil, or has all up to written (spill.go)
	written int64
}

type state uint8

const (
	waiting state = iota
	headed
	whole
	broken
	renewed
	private
	abandoned
)

// join counts one more follower. The caller holds s.mu.
func (f *Flight) join() {
	f.mu.Lock()
	f.refs++
	f.coming++
	f.followed = true
	f.mu.Unlock()
}

// Leave says that one viewer does not want the answer any more, or has all of
// it. When the last one has left, a fill that is not complete is given up.
func (f *Flight) Leave() {
	f.s.mu.Lock()
	f.mu.Lock()
	f.refs--
	last := f.refs == 0 && (f.state <= headed || f.state == private)
	if last {
		f.land()
		f.alone = true
	}
	f.mu.Unlock()
	f.s.mu.Unlock()
	if last {
		f.fetch.end()
	}
}

// wake tells all waiters that something changed. The caller holds f.mu.
func (f *Flight) wake() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// wait gives up f.mu until something changes or ctx ends.
func (f *Flight) wait(ctx context.Context) error {
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	ch := f.changed
	f.mu.Unlock()
	defer f.mu.Lock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *Flight) end(st state, err error) {
	f.mu.Lock()
	f.state, f.err = st, err
	f.settle()
	f.wake()
	f.mu.Unlock()
	if st != private { // its holder goes on reading for itself
		f.fetch.end()
	}
}

// Outcome is what became of a flight for one that waited.
type Outcome uint8

// The outcomes.
const (
	Ready Outcome = iota // an object, with a Reader while its body streams in
	Alone                // not to be shared: make an own request
	Again                // nothing came of it: ask the cache again
)

// String is a word for messages.
func (o Outcome) String() string { return [...]string{"ready", "alone", "again", "?"}[o&3] }

// Await waits for the head of the answer; every follower calls it, once. The
// Reader is nil when the object is complete. The caller must Release the object.
// The error is that of ctx.
func (f *Flight) Await(ctx context.Context) (Outcome, *Object, *Reader, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() {
		f.coming--
		if f.coming == 0 && f.state == renewed && f.obj != nil { // nobody can join any more
			f.obj.Release()
			f.obj = nil
		}
		f.settle()
		f.wake() // the filler may wait for room
	}()
	for {
		switch f.state {
		case waiting:
			if err := f.wait(ctx); err != nil {
				return Again, nil, nil, err
			}
		case headed, whole:
			if f.base > 0 && f.below == nil || f.obj.Alone { // the beginning has passed by
				return Alone, nil, nil, nil
			}
			return Ready, f.obj, f.reader(), nil
		case renewed:
			f.obj.Retain()
			return Ready, f.obj, nil, nil
		case private:
			return Alone, nil, nil, nil
		case broken, abandoned:
			return Again, nil, nil, nil
		}
	}
}

// reader registers a reader at the beginning. The caller holds f.mu.
func (f *Flight) reader() *Reader {
	r := &Reader{f: f}
	f.readers = append(f.readers, r)
	return r
}
