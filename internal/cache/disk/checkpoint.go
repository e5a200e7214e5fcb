// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// A checkpoint is the index and a place in the log: what stands behind it must
// be read again.
//
//	header: magic 4, version 4, sequence 8, segment 4, its last 4, offset 8, checksum 4
//	block:  count 4, checksum 4, slots of 32 bytes; the last block is empty
//
// While it is written, records are added and moved, and that is no harm: the
// place was taken before, so all this is read again, and of two records of a
// hash the later one wins. Slots whose segment is gone, or that a rule hits,
// are dropped by who loads it.

const (
	checkpointName  = "checkpoint"
	checkpointMagic = 0x43444c46
	checkpointHead  = 36
	blockSlots      = 2047
	slotLen         = 32
)

// position is a place in the log.
type position struct {
	seq  uint64
	seg  uint32
	last uint32 // the highest number of a segment
	off  int64
}

// end is where the next record goes. s.mu is held.
func (s *Store) end() position {
	if s.current == nil {
		return position{s.seq, s.lastSeg + 1, s.lastSeg, headLen}
	}
	return position{s.seq, s.current.id, s.lastSeg, s.current.size}
}

// checkpoint writes one at a standstill.
func (s *Store) checkpoint() error {
	s.mu.Lock()
	end := s.end()
	s.mu.Unlock()
	return s.writeCheckpoint(end)
}

func (s *Store) writeCheckpoint(end position) error {
	err := replace(s.fs, checkpointName, func(f File) error {
		w := bufio.NewWriterSize(io.NewOffsetWriter(f, 0), 1<<20)
		w.Write(s.id.checkpointHeader(end))
		n, block := 0, make([]byte, 8, 8+blockSlots*slotLen)
		put := func() error {
			le.PutUint32(block, uint32(len(block)-8)/slotLen)
			le.PutUint32(block[4:], s.id.sum(3, n, block[8:]))
			_, err := w.Write(block)
			n, block = n+1, block[:8]
			return err
		}
		var slots []slot
		for i := range shardCount {
			slots = s.index.shot(i, slots)
			for _, v := range slots {
				if v.seg == 0 {
					continue // not written yet
				}
				block = v.append(block)
				if len(block) == cap(block) {
					if err := put(); err != nil {
						return err
					}
				}
			}
		}
		if len(block) > 8 {
			put()
		}
		put()
		return w.Flush()
	})
	if err == nil {
		s.n.checkpoints.Add(1)
	}
	return err
}

func (id identity) checkpointHeader(p position) []byte {
	b := le.AppendUint32(nil, checkpointMagic)
	b = le.AppendUint32(b, version)
	b = le.AppendUint64(b, p.seq)
	b = le.AppendUint32(b, p.seg)
	b = le.AppendUint32(b, p.last)
	b = le.AppendUint64(b, uint64(p.off))
	return le.AppendUint32(b, id.sum(3, -1, b))
}

func (v slot) append(b []byte) []byte {
	b = le.AppendUint64(b, v.hash)
	b = le.AppendUint64(b, v.seq)
	b = le.AppendUint32(b, v.seg)
	b = le.AppendUint32(b, v.off)
	b = le.AppendUint32(b, v.units)
	return le.AppendUint32(b, v.flags)
}

func parseSlot(b []byte) slot {
	return slot{le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[16:]), le.Uint32(b[20:]), le.Uint32(b[24:]), le.Uint32(b[28:])}
}

// parseCheckpoint calls yield with every slot. After an error what was yielded
// is not to be used.
func (id identity) parseCheckpoint(r io.Reader, yield func(slot)) (p position, err error) {
	var h [checkpointHead]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return p, err
	}
	p = position{le.Uint64(h[8:]), le.Uint32(h[16:]), le.Uint32(h[20:]), int64(le.Uint64(h[24:]))}
	if le.Uint32(h[:]) != checkpointMagic || le.Uint32(h[4:]) != version ||
		le.Uint32(h[32:]) != id.sum(3, -1, h[:32]) || p.off < headLen {
		return position{}, ErrDamaged
	}
	buf := make([]byte, 8+blockSlots*slotLen)
	for n := 0; ; n++ {
		if _, err := io.ReadFull(r, buf[:8]); err != nil {
			return position{}, err
		}
		count := le.Uint32(buf)
		if count > blockSlots {
			return position{}, ErrDamaged
		}
		block := buf[8 : 8+count*slotLen]
		if _, err := io.ReadFull(r, block); err != nil {
			return position{}, err
		}
		if le.Uint32(buf[4:]) != id.sum(3, n, block) {
			return position{}, ErrDamaged
		}
		if count == 0 {
			return p, nil
		}
		for ; len(block) > 0; block = block[slotLen:] {
			if v := parseSlot(block); v.hash != 0 {
				yield(v)
			}
		}
	}
}

// loadCheckpoint fills the index. sizes are those of the segments that there are.
func (s *Store) loadCheckpoint(size int64, sizes map[uint32]int64) (position, error) {
	f, err := s.fs.Open(checkpointName, os.O_RDONLY)
	if err != nil {
		return position{}, err
	}
	defer f.Close()
	s.index.reserve(int(size / slotLen))
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<20)
	p, err := s.id.parseCheckpoint(r, func(v slot) {
		if (int64(v.off)+int64(v.units))*align <= sizes[v.seg] {
			s.index.set(v)
		}
	})
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrDamaged
	}
	if err != nil {
		s.index.reset()
	}
	return p, err
}
