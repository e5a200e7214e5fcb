// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const storeName = "store"

// seqGap is left out at each Open, so that a number that a crash has lost is
// not given again.
const seqGap = 1 << 16

// Open opens the store in o.Dir, or begins one. What is damaged there, or of
// another version, is dropped and logged. A disk that cannot be used makes a
// store that is not Healthy; an error means that o is wrong, or that another
// process has the folder.
func Open(o Options) (*Store, error) {
	s := &Store{
		fs: o.FS, log: o.Log, budget: o.Budget, limit: o.Budget, segSize: o.Segment, queueMax: o.Queue,
		pending: map[uint64]*queued{}, large: map[uint64]largeRef{},
	}
	if o.Budget < 1<<20 {
		return nil, fmt.Errorf("disk: a budget of %d bytes is too small", o.Budget)
	}
	if s.segSize <= 0 {
		s.segSize = min(max(o.Budget/64, 64<<20), 256<<20)
	}
	s.segSize = min(max(s.segSize, 64<<10), o.Budget/4)
	s.inline = min(inlineMax, s.segSize/4)
	if s.queueMax <= 0 {
		s.queueMax = 64 << 20
	}
	if s.labels = o.Labels; s.labels == nil {
		s.labels = func(_, _ []byte) [][]byte { return nil }
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.fs == nil {
		s.fs = folder(o.Dir)
	}
	s.work.L, s.idle.L, s.room.L = &s.mu, &s.mu, &s.mu
	var err error
	if s.lockFile, err = lock(o.Dir); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	began := time.Now()
	if err := s.recover(); err != nil {
		s.broken(err)
	}
	objects, _ := s.index.count()
	s.log.Info("disk cache: open", "objects", objects, "bytes", s.used, "took", time.Since(began))
	s.done.Add(1)
	go s.run()
	return s, nil
}

// found is what a folder holds.
type found struct {
	segments   []uint32 // sorted
	sizes      map[uint32]int64
	bodies     map[uint64]int64
	journal    int64 // length; -1: there is none
	checkpoint int64
}

func (s *Store) look() (found, error) {
	fd := found{sizes: map[uint32]int64{}, bodies: map[uint64]int64{}, journal: -1, checkpoint: -1}
	list, err := s.fs.List()
	for _, e := range list {
		kind, number, _ := strings.Cut(e.Name, "-")
		n, bad := strconv.ParseUint(number, 16, 64)
		switch {
		case e.Name == journalName:
			fd.journal = e.Size
		case e.Name == checkpointName:
			fd.checkpoint = e.Size
		case strings.HasSuffix(e.Name, ".new"):
			s.fs.Remove(e.Name)
		case kind == "segment" && bad == nil && n <= 1<<32-1:
			fd.segments = append(fd.segments, uint32(n))
			fd.sizes[uint32(n)] = e.Size
		case kind == "body" && bad == nil:
			fd.bodies[n] = e.Size
		}
	}
	slices.Sort(fd.segments)
	return fd, err
}

func (s *Store) recover() error {
	s.id = newIdentity()
	s.journal.fs, s.journal.id = s.fs, s.id
	if err := s.fs.Mkdir(); err != nil {
		return err
	}
	fd, err := s.look()
	if err != nil {
		return err
	}
	known := s.readIdentity()
	s.journal.id = s.id
	if known {
		if err := s.loadJournal(fd.journal); err != nil {
			s.log.Error("disk cache: begins empty, for invalidations may be lost", "err", err)
			known = false
		}
	} else if len(fd.segments) > 0 {
		s.log.Warn("disk cache: begins empty, for what is there is damaged or of another version")
	}
	if !known {
		return s.startOver(fd)
	}
	s.openSegments(&fd)
	from := position{off: headLen}
	if fd.checkpoint >= 0 {
		if from, err = s.loadCheckpoint(fd.checkpoint, fd.sizes); err != nil {
			s.log.Warn("disk cache: the checkpoint cannot be used, reading all segments", "err", err)
			from = position{off: headLen}
		}
	}
	s.seq, s.lastSeg = max(s.seq, from.seq), max(s.lastSeg, from.last)
	for _, g := range s.segs {
		s.lastSeg = max(s.lastSeg, g.id)
		switch {
		case g.id == from.seg:
			s.scan(g, from.off)
		case g.id > from.seg:
			s.scan(g, headLen)
		}
		s.used += g.size
	}
	s.seq += seqGap
	s.rules.all(func(r rule) {
		if r.kind == ruleTomb {
			s.index.drop(r.hash, func(v slot) bool { return v.seq < r.seq })
		}
	})
	s.findBodies(fd.bodies)
	return nil
}

// readIdentity takes the identity that is on disk.
func (s *Store) readIdentity() (known bool) {
	f, err := s.fs.Open(storeName, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, 33)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	id, ok := parseIdentity(b[:n])
	if ok {
		s.id = id
	}
	return ok
}

func (s *Store) writeIdentity() error {
	return replace(s.fs, storeName, func(f File) error {
		_, err := f.WriteAt(s.id.encode(), 0)
		return err
	})
}

func (s *Store) loadJournal(size int64) error {
	if size < 0 {
		return os.ErrNotExist
	}
	return s.journal.load(size, func(r rule) {
		s.rules.add(r)
		s.seq, s.lastSeg = max(s.seq, r.seq), max(s.lastSeg, r.seg)
	})
}

// startOver begins an empty store. The new identity comes first: with it, what
// is left of the old one is nothing, even if it cannot be removed.
func (s *Store) startOver(fd found) error {
	s.journal.reset()
	s.id = newIdentity()
	s.journal.id = s.id
	s.rules.reset()
	s.seq += seqGap
	for _, id := range fd.segments {
		s.lastSeg = max(s.lastSeg, id)
	}
	// Without an identity a crash before the end only means another new start.
	if err := s.fs.Remove(storeName); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, id := range fd.segments {
		s.fs.Remove(segmentName(id))
	}
	for n := range fd.bodies {
		s.removeBody(n)
		s.seq = max(s.seq, n+1)
	}
	s.fs.Remove(checkpointName)
	if err := s.journal.rewrite(&s.rules); err != nil {
		return err
	}
	return s.writeIdentity()
}

// openSegments opens what has the right header; the rest is removed.
func (s *Store) openSegments(fd *found) {
	for _, id := range fd.segments {
		g := &segment{id: id, size: fd.sizes[id]}
		b := make([]byte, headLen)
		f, err := s.fs.Open(segmentName(id), os.O_RDWR)
		if err == nil {
			if err = fill(f, b, 0); err == nil && !s.id.isSegment(b, id) {
				err = ErrDamaged
			}
		}
		if err != nil {
			s.log.Warn("disk cache: a segment is dropped", "segment", id, "err", err)
			s.lastSeg = max(s.lastSeg, id)
			delete(fd.sizes, id)
			if f != nil {
				f.Close()
			}
			if s.fs.Remove(segmentName(id)) != nil {
				s.haunted = true
			}
			continue
		}
		g.f, g.first = f, le.Uint64(b[12:])
		g.refs.Store(1)
		s.segs = append(s.segs, g)
	}
}

// findBodies matches the records of large bodies with their files. Either one
// without the other is dropped.
func (s *Store) findBodies(files map[uint64]int64) {
	var slots []slot
	b := make([]byte, headLen)
	for i := range shardCount {
		slots = s.index.shot(i, slots)
		for _, v := range slots {
			if v.flags&slotLarge == 0 {
				continue
			}
			var h head
			g := s.pin(v.seg)
			if g != nil {
				if fill(g.f, b, int64(v.off)*align) == nil {
					h, _ = s.id.parse(b)
				}
				g.release()
			}
			if size := files[h.file]; h.file == 0 || h.seq != v.seq || size != bodyFileLen(h.body) {
				s.index.drop(v.hash, func(slot) bool { return true })
				continue
			}
			q := queued{head: h}
			s.keep(&q)
			delete(files, h.file)
		}
	}
	for n := range files {
		s.removeBody(n)
		s.seq = max(s.seq, n+1)
	}
	slices.SortFunc(s.order, func(a, b largeAge) int { return cmp.Compare(a.seq, b.seq) })
}
