// SPDX-License-Identifier: Apache-2.0

package disk

// scan enters the records of g from offset at on. It ends at the first that is
// not whole: the place of the next is not known then.
func (s *Store) scan(g *segment, at int64) {
	r := window{f: g.f, size: g.size}
	for at < g.size {
		b, err := r.at(at)
		if err != nil {
			s.log.Warn("disk cache: a segment cannot be read", "segment", g.id, "err", err)
			return
		}
		h, ok := s.id.parse(b)
		if !ok || h.seg != g.id || int64(h.off) != at/align || at+h.size() > g.size {
			s.log.Warn("disk cache: the end of a segment is torn or damaged, and dropped", "segment", g.id, "bytes", g.size-at)
			if g.f.Truncate(at) == nil {
				g.size = at
			}
			return
		}
		q := queued{head: h}
		s.index.set(q.slot())
		s.seq = max(s.seq, h.seq)
		at += h.size()
	}
}

// window reads heads: many at once where records are short.
type window struct {
	f    File
	size int64
	base int64
	buf  []byte
}

func (w *window) at(off int64) ([]byte, error) {
	if off+headLen > w.size {
		return nil, nil
	}
	if off < w.base || off+headLen > w.base+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, 256<<10)
		}
		w.buf = w.buf[:min(int64(cap(w.buf)), w.size-off)]
		w.base = off
		if err := fill(w.f, w.buf, off); err != nil {
			w.buf = w.buf[:0]
			return nil, err
		}
	}
	return w.buf[off-w.base:][:headLen], nil
}
