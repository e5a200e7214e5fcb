// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"cmp"
	"context"
	"slices"
)

// Walk calls yield with key, meta and the room of every object that is not
// dead, as they stand in the segments; yield must keep neither. What is put
// meanwhile may be left out, and what cannot be read is.
func (s *Store) Walk(ctx context.Context, yield func(key, meta []byte, size int64)) error {
	var buf, all []slot
	for i := range shardCount {
		buf = s.index.shot(i, buf)
		all = append(all, buf...)
	}
	slices.SortFunc(all, func(a, b slot) int {
		return cmp.Or(cmp.Compare(a.seg, b.seg), cmp.Compare(a.off, b.off))
	})
	var w window
	var g *segment
	defer func() {
		if g != nil {
			g.release()
		}
	}()
	for i, v := range all {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if g == nil || g.id != v.seg {
			if g != nil {
				g.release()
			}
			s.mu.Lock()
			if g = s.pin(v.seg); g != nil {
				w = window{f: g.f, size: g.size, buf: w.buf[:0:cap(w.buf)]}
			}
			s.mu.Unlock()
		}
		if g == nil { // not written yet, or gone
			s.walkPending(v, yield)
			continue
		}
		s.walkRecord(&w, v, yield)
	}
	return nil
}

func (s *Store) walkPending(v slot, yield func(key, meta []byte, size int64)) {
	s.mu.Lock()
	q := s.pending[v.hash]
	if q == nil || q.seq != v.seq {
		s.mu.Unlock()
		return
	}
	c := *q
	s.mu.Unlock()
	s.walked(&c, yield)
}

func (s *Store) walkRecord(w *window, v slot, yield func(key, meta []byte, size int64)) {
	at := int64(v.off) * align
	b, err := w.at(at)
	if err != nil || b == nil {
		return
	}
	h, ok := s.id.parse(b)
	if !ok || h.seq != v.seq || h.hash != v.hash {
		return
	}
	n := headLen + int64(h.keyLen) + int64(h.metaLen)
	rec := make([]byte, n)
	if have := w.buf[at-w.base:]; int64(len(have)) >= n {
		copy(rec, have)
	} else if fill(w.f, rec, at) != nil {
		return
	}
	s.walked(&queued{head: h, rec: rec}, yield)
}

func (s *Store) walked(q *queued, yield func(key, meta []byte, size int64)) {
	if s.rules.kills(q.key(), s.labels(q.key(), q.meta()), q.hash, q.seq) {
		return
	}
	size := q.size()
	if q.file != 0 {
		size += bodyFileLen(q.body)
	}
	yield(q.key(), q.meta(), size)
}
