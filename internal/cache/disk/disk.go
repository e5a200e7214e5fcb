// SPDX-License-Identifier: Apache-2.0

// Package disk keeps answers in files: the lower tier of the cache.
//
// The flow:
//
//  1. Put copies an object into a queue; CreateSince takes a body as it streams in.
//     The newest of a key is found from then on (queue.go, large.go).
//  2. One goroutine appends the queue to the current segment, many records a
//     write, and only then points the index at them (writer.go). Bodies over
//     4 MiB are files of their own; a small record in a segment names them.
//  3. Find looks into the index, in memory; Read verifies the record and opens
//     its body; Item.ReadAt verifies each chunk before it hands it out.
//  4. Space is taken back by whole segments and whole large bodies, the oldest
//     first; what was touched is written again (reclaim.go).
//  5. Invalidate and Delete write a rule and sync it before they return; what a
//     rule hits is dead wherever it stands (rules.go, journal.go).
//  6. Open reads the last checkpoint of the index and the heads of the records
//     behind it (checkpoint.go, open.go).
//
// Durable are checkpoints, invalidations and deletions. Bodies are not synced:
// a crash may lose the newest objects, and then an older one of the same key
// may be found again, unless it was invalidated or deleted. What a crash has
// torn is never handed out, for every byte is verified.
//
// A disk that is full or fails stops the writing, not the reading: Put answers
// false, Healthy says why, and after a while the store tries again (fault.go).
//
// What it does not do: it knows no freshness and no HTTP, what it is given as
// meta it gives back; it does not keep two processes from one folder beyond
// refusing the second.
//
// Concurrency: everything may be called from any goroutine, but a Writer's
// Write, Commit and Abort belong to one. Lock order: Store.mu, then one of
// index shard, rules.mu, journal.bufMu. journal.mu is taken with no lock held.
// No lock but journal.mu and Writer.mu is held during I/O.
package disk

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// The errors of this package, beside ErrDamaged and those of the disk.
var (
	// ErrGone: the object was reclaimed, replaced, deleted or invalidated, or
	// has another key.
	ErrGone = errors.New("disk: object is gone")
	// ErrClosed: the store is closed.
	ErrClosed = errors.New("disk: store is closed")
	// ErrInUse: another process has the folder.
	ErrInUse = errors.New("disk: in use by another process")
	// ErrNoSpace: the budget has no room for a body that long.
	ErrNoSpace = errors.New("disk: no room within the budget")
)

// Options say where a Store is and how large.
type Options struct {
	// Dir is the folder; it is made. It must hold nothing else.
	Dir string
	// Budget is the space in bytes for all files; at least 1 MiB. What is read
	// while it is reclaimed, and the last segment, may exceed it.
	Budget int64
	// Segment is the length of a segment; 0: a 64th of Budget, but 64 to 256
	// MiB, and at most a quarter of Budget.
	Segment int64
	// Queue is how many bytes may wait to be written; 0: 64 MiB.
	Queue int64
	// Labels are further texts that an exact Invalidate of a record with this
	// key and meta may have; each is allocated, or shared with nothing that
	// changes. It may be called with locks held. Nil: none.
	Labels func(key, meta []byte) [][]byte
	// Log takes what an operator must know; nil: slog.Default().
	Log *slog.Logger
	// FS is for tests; nil: the real one.
	FS FS
}

// Store is the tier. Make it with Open; Close it.
type Store struct {
	fs       FS
	log      *slog.Logger
	lockFile *os.File
	id       identity
	budget   int64
	segSize  int64
	queueMax int64
	inline   int64 // the longest body within a segment
	labels   func(key, meta []byte) [][]byte

	index   index
	rules   rules
	journal journal

	mu       sync.Mutex
	work     sync.Cond // the writer's: something to do
	idle     sync.Cond // the queue has become shorter
	room     sync.Cond // space was taken back, or cannot be
	seq      uint64
	lastSeg  uint32
	segs     []*segment // oldest first; the last may be current
	current  *segment   // nil: the next record begins one
	pending  map[uint64]*queued
	queue    []*queued
	large    map[uint64]largeRef // by hash of the key
	order    []largeAge          // oldest first; some are outdated
	queuedN  uint64              // ever queued, and of these done
	doneN    uint64
	waiting  int64 // bytes in the queue
	used     int64
	limit    int64 // Budget, or what a full disk has left of it
	wants    int   // bodies that wait for room
	stuck    bool  // there is nothing to reclaim
	removing int   // segments whose file is about to go
	haunted  bool  // a file could not be removed: no rule is forgotten
	closing  bool
	fault    fault

	buffers  sync.Pool // of *[]byte, writeLen long
	out      output
	tail     int // records since the last checkpoint began
	snapping bool
	done     sync.WaitGroup
	n        counters
}

type counters struct {
	puts, refused, lost, reads, gone, damaged atomic.Uint64
	reclaimed, reinserted, checkpoints        atomic.Uint64
}

// Stats are counters since Open and the present filling.
type Stats struct {
	Objects    int
	IndexBytes int64
	Used       int64 // bytes of files
	Budget     int64
	Segments   int
	Large      int
	Rules      int
	Queued     int64 // bytes

	Puts, Refused        uint64 // Refused: the queue was full or the disk is failing
	Lost                 uint64 // queued, but not written
	Reads, Gone, Damaged uint64
	Reclaimed            uint64 // segments
	Reinserted           uint64 // records
	Checkpoints          uint64
}

// Stats gathers them.
func (s *Store) Stats() Stats {
	t := Stats{
		Rules: s.rules.count(), Budget: s.budget,
		Puts: s.n.puts.Load(), Refused: s.n.refused.Load(), Lost: s.n.lost.Load(),
		Reads: s.n.reads.Load(), Gone: s.n.gone.Load(), Damaged: s.n.damaged.Load(),
		Reclaimed: s.n.reclaimed.Load(), Reinserted: s.n.reinserted.Load(), Checkpoints: s.n.checkpoints.Load(),
	}
	t.Objects, t.IndexBytes = s.index.count()
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Used, t.Segments, t.Large, t.Queued = s.used, len(s.segs), len(s.large), s.waiting
	return t
}

// Flush returns when everything queued before it is written, or lost. It does
// not sync.
func (s *Store) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := s.queuedN; s.doneN < n; {
		s.idle.Wait()
	}
}

// Close writes what is queued and a checkpoint. Items that are open stay
// readable; Writers fail.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	s.work.Broadcast()
	s.room.Broadcast()
	s.mu.Unlock()
	s.done.Wait()
	err := s.Healthy()
	if err != nil {
		s.root() // without it the next Open begins empty: what can be kept is kept
	}
	if e := s.checkpoint(); err == nil {
		err = e
	}
	s.mu.Lock()
	for _, g := range s.segs {
		g.release()
	}
	s.segs, s.current = nil, nil
	s.mu.Unlock()
	s.journal.close()
	s.lockFile.Close()
	return err
}

// fault is why nothing is written at present.
type fault struct {
	err  error
	at   time.Time // when to try again
	wait time.Duration
}
