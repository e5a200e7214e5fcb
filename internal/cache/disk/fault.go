// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// When a write fails, everything queued is lost, and nothing is admitted for a
// while; reading goes on. Then the next Put is the trial: it begins a new
// segment, for what the failed write has left in the old one is not known. A
// full disk also lowers the limit below what is used, so that the trial first
// gives space back; each new segment raises it again.

const (
	retryFirst = 5 * time.Second
	retryLast  = 5 * time.Minute
)

// Healthy is nil, or why nothing is written at present.
func (s *Store) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault.err
}

// broken notes that the disk failed; it says so once.
func (s *Store) broken(err error) {
	s.mu.Lock()
	first := s.fault.err == nil
	wait := min(max(2*s.fault.wait, retryFirst), retryLast)
	s.fault = fault{err: err, at: time.Now().Add(wait), wait: wait}
	if errors.Is(err, syscall.ENOSPC) {
		s.limit = max(min(s.limit, s.used)-s.segSize, 2*s.segSize)
	}
	s.room.Broadcast()
	s.mu.Unlock()
	if first {
		s.log.Error("disk cache: writing stopped, memory only", "err", err)
	}
}

// lose gives up what is queued. Called by the writer.
func (s *Store) lose(err error) {
	if !errors.Is(err, errResting) {
		s.broken(err)
	}
	s.resetOutput()
	s.out.seg = nil
	var files []uint64
	s.mu.Lock()
	s.current = nil // it is not gone on with
	for _, q := range s.queue {
		s.waiting -= q.cost
	}
	s.doneN += uint64(len(s.queue))
	s.queue = nil
	for hash, q := range s.pending {
		s.n.lost.Add(1)
		// What it replaced is still on disk, and is not to come back.
		s.rules.add(rule{kind: ruleTomb, seq: q.seq, seg: s.lastSeg, hash: hash})
		files = append(files, s.unlist(hash, q.seq))
	}
	s.mu.Unlock()
	for _, f := range files {
		s.removeBody(f)
	}
}

// errResting: the disk failed a short while ago.
var errResting = errors.New("disk: waiting to try again")

// ready is nil if writing may go on; after a failure it tries to begin anew.
func (s *Store) ready() error {
	s.mu.Lock()
	failed, may := s.fault.err != nil, s.mayWrite()
	s.mu.Unlock()
	if !failed {
		return nil
	}
	if !may {
		return errResting
	}
	if err := s.fs.Mkdir(); err != nil {
		return err
	}
	s.mu.Lock()
	s.current = nil
	s.mu.Unlock()
	s.makeRoom()
	if err := s.root(); err != nil {
		return err
	}
	if err := s.exorcise(); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	s.mu.Lock()
	s.fault = fault{}
	s.mu.Unlock()
	s.log.Info("disk cache: writing again")
	return nil
}

// root writes the journal and then the identity: either may be missing, or the
// folder may have been emptied under our feet.
func (s *Store) root() error {
	if err := s.journal.rewrite(&s.rules); err != nil {
		return fmt.Errorf("%s: %w", journalName, err)
	}
	return s.writeIdentity()
}

// exorcise removes the segments that could not be removed when it was their turn.
func (s *Store) exorcise() error {
	s.mu.Lock()
	haunted := s.haunted
	s.mu.Unlock()
	if !haunted {
		return nil
	}
	fd, err := s.look()
	for _, id := range fd.segments {
		s.mu.Lock()
		g := s.pin(id)
		s.mu.Unlock()
		if g != nil {
			g.release()
		} else if err == nil {
			err = s.fs.Remove(segmentName(id))
		}
	}
	if err == nil {
		err = s.fs.Sync()
	}
	s.mu.Lock()
	s.haunted = err != nil
	s.mu.Unlock()
	return err
}
