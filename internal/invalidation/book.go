// SPDX-License-Identifier: Apache-2.0

package invalidation

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Status is how far an invalidation is.
type Status uint8

// The statuses.
const (
	InProgress Status = iota
	Completed         // no node serves what it hit any more
)

// String is CloudFront's word.
func (s Status) String() string { return [...]string{"InProgress", "Completed"}[s&1] }

// Request is what somebody asks for.
type Request struct {
	Distribution string // its id
	// CallerReference is the caller's own name for the request. Empty: one is
	// made up.
	CallerReference string
	Paths           []string
	// Quotas says that CloudFront's count.
	Quotas bool
	// Wait lets Create wait for the end for as long as its context lasts.
	Wait bool
}

// Invalidation is one entry of the book.
type Invalidation struct {
	ID              string    `json:"id"`
	Distribution    string    `json:"distribution"`
	CallerReference string    `json:"callerReference"`
	Paths           []string  `json:"paths"`
	Created         time.Time `json:"created"`
	Status          Status    `json:"status"`
}

// Carrier sees to it that every node does an invalidation.
type Carrier interface {
	// Append says so to all; when it returns nil, that cannot be lost any more.
	// The number is for Wait.
	Append(ctx context.Context, v Invalidation) (number uint64, err error)
	// Wait returns nil when every live node has done it.
	Wait(ctx context.Context, number uint64) error
}

// The bounds of a Book.
const (
	Kept      = 2000
	KeptPaths = 100_000
	// patience is how long Create waits for the end before it answers that the
	// invalidation is in progress.
	patience = 2 * time.Second
	pause    = time.Second // before a Carrier that failed is tried again
)

// Book is the list. Make it with Open.
type Book struct {
	carrier Carrier
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	file    file
	entries []*entry // oldest first
	byID    map[string]*entry
	byRef   map[string]*entry // distribution, line end, CallerReference
	paths   int
}

type entry struct {
	Invalidation
	done chan struct{} // closed when it is completed
}

// Open reads the book in dir, which it makes when the first entry comes. What
// is not completed goes to the Carrier again. Log may be nil.
func Open(dir string, c Carrier, log *slog.Logger) (*Book, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	b := &Book{carrier: c, log: log, byID: map[string]*entry{}, byRef: map[string]*entry{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.file.name = filepath.Join(dir, fileName)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.readOn(); err != nil {
		b.cancel()
		return nil, err
	}
	for _, e := range b.entries {
		if e.Status == InProgress {
			b.running.Go(func() { b.carry(e) })
		}
	}
	return b, nil
}

// Close stops waiting for what is in progress; the next Open goes on with it.
func (b *Book) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.running.Wait()
}

// Create begins an invalidation, or finds the one that was asked for before by
// the same CallerReference. It waits a little for the end, or as Request.Wait
// says: in a node that is alone it most often returns what is completed. When
// the context ends first, what it returns is in progress, and goes on.
func (b *Book) Create(ctx context.Context, rq Request) (Invalidation, error) {
	e, err := b.enter(rq)
	if err != nil {
		return Invalidation{}, err
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	if rq.Wait {
		wait.Stop()
	}
	select {
	case <-e.done:
	case <-wait.C:
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return e.Invalidation, nil
}

// enter puts a new entry into the book and sets it going.
func (b *Book) enter(rq Request) (*entry, error) {
	if len(rq.Paths) == 0 {
		return nil, refused(InvalidPath, "an invalidation needs a path or a tag")
	}
	if len(rq.Paths) > MostPaths {
		return nil, refused(TooMany, "%d paths in one request, %d are allowed", len(rq.Paths), MostPaths)
	}
	for _, p := range rq.Paths {
		if err := Check(p); err != nil {
			return nil, err
		}
	}
	if rq.CallerReference == "" {
		rq.CallerReference = "forelane-" + rand.Text()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.readOn(); err != nil {
		return nil, err
	}
	if e := b.byRef[rq.Distribution+"\n"+rq.CallerReference]; e != nil {
		if !same(e.Paths, rq.Paths) {
			return nil, refused(ReferenceTaken, "the caller reference %q was used for other paths, as invalidation %s", rq.CallerReference, e.ID)
		}
		return e, nil
	}
	if err := b.room(&rq); err != nil {
		return nil, err
	}
	v := Invalidation{
		ID: "I" + rand.Text()[:13], Distribution: rq.Distribution, CallerReference: rq.CallerReference,
		Paths: slices.Clone(rq.Paths), Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	if err := b.file.append(line{Invalidation: &v}); err != nil {
		return nil, err
	}
	e := b.add(v)
	if !b.closed {
		b.running.Go(func() { b.carry(e) })
	}
	return e, nil
}

// room tells whether so much more may be in progress.
func (b *Book) room(rq *Request) error {
	paths, wild, all := 0, 0, 0
	count := func(list []string) {
		for _, p := range list {
			if wildcard(p) {
				wild++
			} else {
				paths++
			}
		}
	}
	count(rq.Paths)
	for _, e := range b.entries {
		if e.Status == InProgress {
			all++
			if e.Distribution == rq.Distribution {
				count(e.Paths)
			}
		}
	}
	switch {
	case rq.Quotas && paths > MostPaths:
		return refused(TooMany, "more than %d paths would be in progress", MostPaths)
	case rq.Quotas && wild > MostWildcards:
		return refused(TooMany, "more than %d paths with a star would be in progress", MostWildcards)
	case all >= Kept/2 || paths+wild > KeptPaths/2:
		return refused(TooMany, "%d invalidations are in progress: wait for some to complete", all)
	}
	return nil
}

// same tells whether two batches have the same paths, in any order.
func same(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// carry hands an entry to the Carrier until it is completed.
func (b *Book) carry(e *entry) {
	var number uint64
	ok := b.insist(e, func() (err error) {
		number, err = b.carrier.Append(b.ctx, e.Invalidation)
		return err
	})
	if ok && b.insist(e, func() error { return b.carrier.Wait(b.ctx, number) }) {
		b.complete(e)
	}
}

// insist tries until it works; false: the book was closed meanwhile.
func (b *Book) insist(e *entry, try func() error) bool {
	for {
		err := try()
		if err == nil || b.ctx.Err() != nil {
			return err == nil
		}
		b.log.Warn("an invalidation goes on", "id", e.ID, "error", err)
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-b.ctx.Done():
			again.Stop()
			return false
		}
	}
}

func (b *Book) complete(e *entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Status == Completed {
		return
	}
	if err := b.file.append(line{Completed: e.ID}); err != nil {
		b.log.Warn("the end of an invalidation is not kept: it is done again at the next start", "id", e.ID, "error", err)
	}
	e.Status = Completed
	close(e.done)
	b.trim()
}

// Learn enters an invalidation that another node has begun and sees to being
// done; it is completed when wait returns nil. An id that is known is left
// alone.
func (b *Book) Learn(v Invalidation, wait func(context.Context) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byID[v.ID] != nil || b.closed {
		return nil
	}
	v.Status = InProgress
	if err := b.file.append(line{Invalidation: &v}); err != nil {
		return err
	}
	e := b.add(v)
	b.running.Go(func() {
		if wait(b.ctx) == nil {
			b.complete(e)
		}
	})
	return nil
}

// Get finds an invalidation of a distribution.
func (b *Book) Get(distribution, id string) (Invalidation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.readOn() // what it holds already is still true
	e := b.byID[id]
	if e == nil || e.Distribution != distribution {
		return Invalidation{}, refused(NotFound, "the distribution %s has no invalidation %s", distribution, id)
	}
	return e.Invalidation, nil
}

// List are the invalidations of a distribution, the newest first.
func (b *Book) List(distribution string) []Invalidation {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.readOn()
	var list []Invalidation
	for _, e := range slices.Backward(b.entries) {
		if e.Distribution == distribution {
			list = append(list, e.Invalidation)
		}
	}
	return list
}

// InProgress is how many batches of a distribution are not completed.
func (b *Book) InProgress(distribution string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, e := range b.entries {
		if e.Distribution == distribution && e.Status == InProgress {
			n++
		}
	}
	return n
}

// add makes v an entry. b.mu is held.
func (b *Book) add(v Invalidation) *entry {
	e := &entry{Invalidation: v, done: make(chan struct{})}
	if v.Status == Completed {
		close(e.done)
	}
	b.entries = append(b.entries, e)
	b.byID[v.ID] = e
	b.byRef[v.Distribution+"\n"+v.CallerReference] = e
	b.paths += len(v.Paths)
	b.trim()
	return e
}

// trim drops the oldest that are completed, while there are too many.
func (b *Book) trim() {
	for i := 0; i < len(b.entries) && (len(b.entries) > Kept || b.paths > KeptPaths); {
		e := b.entries[i]
		if e.Status != Completed {
			i++
			continue
		}
		b.entries = slices.Delete(b.entries, i, i+1)
		b.paths -= len(e.Paths)
		delete(b.byID, e.ID)
		if ref := e.Distribution + "\n" + e.CallerReference; b.byRef[ref] == e {
			delete(b.byRef, ref)
		}
	}
}
