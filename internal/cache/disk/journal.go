// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// The journal holds the rules that are not forgotten, in the order they were
// made. It has a file of its own because it is what must be durable at once: a
// sync of a segment would take all its bodies along.
//
//	header: magic version checksum, 16 bytes
//	frame:  length, its complement, checksum; kind 1, sequence 8, segment 4, hash 8, text
//
// What follows the last whole frame was not acknowledged if a crash explains
// it: too few bytes, or zeros. Anything else is damage, and since a lost
// invalidation would bring objects back, damage costs the whole store (open.go).

const (
	journalName  = "journal"
	journalMagic = 0x4a444c46
	frameHead    = 12
	ruleHead     = 21
)

var errDamaged = errors.New("the journal is damaged")

type journal struct {
	fs FS
	id identity

	mu      sync.Mutex // held while writing
	f       File
	at      int64
	frames  int
	durable uint64
	closed  bool

	bufMu sync.Mutex // after mu
	buf   []byte
	added uint64 // rules ever added
}

func (j *journal) header() []byte {
	b := le.AppendUint32(nil, journalMagic)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, j.id.sum(2, 0, b))
}

func (j *journal) frame(b []byte, r rule) []byte {
	p := append(make([]byte, 0, ruleHead+len(r.text)), byte(r.kind))
	p = le.AppendUint64(p, r.seq)
	p = le.AppendUint32(p, r.seg)
	p = le.AppendUint64(p, r.hash)
	p = append(p, r.text...)
	b = le.AppendUint32(b, uint32(len(p)))
	b = le.AppendUint32(b, ^uint32(len(p)))
	b = le.AppendUint32(b, j.id.sum(2, 1, p))
	return append(b, p...)
}

// parse reads a whole journal. good is where the last whole frame ends.
func (j *journal) parse(b []byte, yield func(rule)) (good int64, err error) {
	h := j.header()
	if len(b) < len(h) || string(b[:len(h)]) != string(h) {
		return 0, errDamaged
	}
	good = int64(len(h))
	for rest := b[len(h):]; len(rest) > 0; rest = b[good:] {
		if len(rest) < frameHead || zeros(rest) {
			return good, nil
		}
		n := int64(le.Uint32(rest))
		if le.Uint32(rest) != ^le.Uint32(rest[4:]) || n < ruleHead {
			return good, errDamaged
		}
		if int64(len(rest)) < frameHead+n {
			return good, nil
		}
		p := rest[frameHead : frameHead+n]
		r := rule{kind: ruleKind(p[0]), seq: le.Uint64(p[1:]), seg: le.Uint32(p[9:]), hash: le.Uint64(p[13:]), text: string(p[ruleHead:])}
		if le.Uint32(rest[8:]) != j.id.sum(2, 1, p) || r.kind < ruleExact || r.kind > ruleTomb {
			return good, errDamaged
		}
		yield(r)
		good += frameHead + n
	}
	return good, nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// load reads the journal's file and goes on writing behind it.
func (j *journal) load(size int64, yield func(rule)) error {
	f, err := j.fs.Open(journalName, os.O_RDWR)
	if err != nil {
		return err
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		f.Close()
		return err
	}
	j.at, err = j.parse(b, func(r rule) { j.frames++; yield(r) })
	if err == nil && j.at < size {
		err = f.Truncate(j.at)
	}
	if err != nil {
		f.Close()
		return err
	}
	j.f = f
	return nil
}

// add queues a rule and returns the ticket to commit it with.
func (j *journal) add(r rule) uint64 {
	j.bufMu.Lock()
	defer j.bufMu.Unlock()
	j.buf = j.frame(j.buf, r)
	j.added++
	return j.added
}

// commit returns when the rule of ticket is durable. Those who wait meanwhile
// share the next sync.
func (j *journal) commit(ticket uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.durable >= ticket {
		return nil
	}
	if j.closed {
		return ErrClosed
	}
	if j.f == nil {
		return fmt.Errorf("%s: %w", journalName, os.ErrClosed)
	}
	j.bufMu.Lock()
	b, added := j.buf, j.added
	j.buf = nil
	j.bufMu.Unlock()
	_, err := j.f.WriteAt(b, j.at)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		// What is on disk now nobody knows: the file is not gone on with.
		j.f.Close()
		j.f = nil
		return err
	}
	j.at += int64(len(b))
	j.frames += int(added - j.durable)
	j.durable = added
	return nil
}

// rewrite replaces the file by one with the rules that rs holds now.
func (j *journal) rewrite(rs *rules) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	// A forgotten rule may go when the files it was for are gone for good.
	if err := j.fs.Sync(); err != nil {
		return err
	}
	j.bufMu.Lock()
	added := j.added
	j.buf = nil
	j.bufMu.Unlock()
	b, n := j.header(), 0
	rs.all(func(r rule) { b = j.frame(b, r); n++ })
	if j.f != nil {
		j.f.Close()
		j.f = nil
	}
	err := replace(j.fs, journalName, func(f File) error {
		_, err := f.WriteAt(b, 0)
		return err
	})
	if err != nil {
		return err
	}
	if j.f, err = j.fs.Open(journalName, os.O_RDWR); err != nil {
		j.f = nil
		return err
	}
	j.at, j.frames, j.durable = int64(len(b)), n, added
	return nil
}

// bloated tells whether most of the file is rules that are forgotten.
func (j *journal) bloated(rules int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.frames > 2*rules+1024
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if j.f != nil {
		j.f.Close()
		j.f = nil
	}
}

// reset lets the file go that cannot be used.
func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f != nil {
		j.f.Close()
		j.f = nil
	}
	j.frames = 0
}
