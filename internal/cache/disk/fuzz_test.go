// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"testing"
)

var fuzzID = identity{salt: 7, seed: [2]uint64{1, 2}}

// FuzzRecord: what parses is what was sealed, byte for byte, and nothing that
// was changed parses.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("key"), []byte("meta"), []byte("body"), uint16(1), uint(3), byte(1))
	f.Add([]byte(""), []byte(""), []byte("0123456789"), uint16(14000), uint(60), byte(0))
	f.Fuzz(func(t *testing.T, key, meta, body []byte, times uint16, at uint, flip byte) {
		fs := newMemFS()
		s := &Store{id: fuzzID, fs: fs}
		if len(key) > maxKey || len(meta) > maxMeta || len(body)*int(times) > 256<<10 {
			return
		}
		body = bytes.Repeat(body, int(times))
		h := head{keyLen: len(key), metaLen: len(meta), body: int64(len(body)), seq: 5, hash: fuzzID.hash(key), seg: 3, off: 1}
		q := queued{head: h, rec: make([]byte, h.size())}
		copy(q.rec[headLen:], key)
		copy(q.rec[headLen+len(key):], meta)
		copy(q.rec[h.prefix():], body)
		s.out.seg = &segment{id: 3, f: &memFile{fs: fs}}
		if err := s.add(&q); err != nil {
			t.Fatal(err)
		}
		v := slot{h.hash, 5, 3, 1, uint32(h.size() / align), 0}
		g := &segment{id: 3, f: &memFile{fs: fs, now: append(make([]byte, align), q.rec...)}}
		g.refs.Store(1)
		read := func() (m, b []byte, err error) {
			it, err := s.open(g, v, key)
			if err != nil {
				return nil, nil, err
			}
			b = make([]byte, it.size)
			for off := int64(0); off < it.size; {
				n, err := it.c.readAtOr(it.body, b[off:], off)
				if err != nil {
					return nil, nil, err
				}
				off += int64(n)
			}
			return it.meta, b, nil
		}
		m, b, err := read()
		if err != nil || !bytes.Equal(m, meta) || !bytes.Equal(b, body) {
			t.Fatalf("%v", err)
		}
		if flip == 0 {
			return
		}
		g.f.(*memFile).now[align+int(at%uint(len(q.rec)))] ^= flip
		if m, b, err = read(); err == nil && (!bytes.Equal(m, meta) || !bytes.Equal(b, body)) {
			t.Fatal("a change was not noticed")
		}
	})
}

// readAtOr reads from mem if there is no file.
func (c *chunks) readAtOr(mem, p []byte, off int64) (int, error) {
	if c.f == nil {
		return copy(p, mem[off:]), nil
	}
	return c.readAt(p, off)
}

// FuzzParse gives garbage to every decoder; resealed, so that it gets past the
// checksums of the heads.
func FuzzParse(f *testing.F) {
	j := &journal{id: fuzzID}
	good := j.frame(j.frame(j.header(), rule{kind: ruleExact, seq: 1, text: "d\n/a"}), rule{kind: ruleTomb, seq: 2, hash: 9})
	f.Add(good)
	f.Add(good[16:])
	f.Add(fuzzID.encode())
	f.Add(fuzzID.checkpointHeader(position{1, 2, 3, headLen}))
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseIdentity(b)
		n := 0
		at, err := j.parse(append(j.header(), b...), func(rule) { n++ })
		if at < 16 || at > int64(16+len(b)) {
			t.Fatalf("%d rules, end %d, %v", n, at, err)
		}
		fuzzID.parseCheckpoint(bytes.NewReader(b), func(slot) {})
		head := fuzzID.checkpointHeader(position{1, 2, 3, headLen})
		fuzzID.parseCheckpoint(bytes.NewReader(append(head, b...)), func(slot) {})
		if len(b) >= headLen {
			le.PutUint32(b, recMagic)
			le.PutUint32(b[56:], fuzzID.sum(0, 1, b[:56]))
			h, ok := fuzzID.parse(b)
			if ok && (h.prefix() < headLen || h.size() < h.prefix() || h.size()%align != 0) {
				t.Fatalf("%+v: prefix %d, size %d", h, h.prefix(), h.size())
			}
			fs := newMemFS()
			s := &Store{id: fuzzID, fs: fs, log: quiet()}
			g := &segment{id: h.seg, size: int64(len(b)), f: &memFile{fs: fs, now: b}}
			s.scan(g, 0)
			if it, err := s.open(g, slot{h.hash, h.seq, h.seg, h.off, uint32(h.size() / align), 0}, []byte("k")); err == nil {
				it.Close()
			}
		}
	})
}
