// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/forelane/forelane/internal/cache"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// Partial content (RFC 9111 3.3, 3.4; row F15). A miss fetches the whole, so
// parts exist of objects alone that are too large to be stored: the viewer's
// Range goes to the origin, and the 206 is kept as an object of its own under
//
//	…                             the key, with its variant
//	part
//
// Its Content-Range stays in its head and says which span the body is. Ranges
// inside the span are answered from it while it is fresh. A new part with the
// same strong ETag and size that touches the old one is combined with it; any
// other replaces it. Example: bytes 0-99/1000 of "v" are stored, 80-199/1000 of
// "v" come: stored is 0-199/1000, the viewer gets 80-199.
//
// A 206 is not kept when it says another length than it has, several ranges,
// or no size of the whole.

// partKey is the key of the part; it shares the shard of the whole's.
func (x *Exchange) partKey() []byte {
	return append(append(append([]byte(nil), x.keyed.key...), cache.VariantSep), "part"...)
}

// fromPart answers a range out of a stored part.
func (x *Exchange) fromPart() bool {
	rq := x.rq
	field := rq.Header.Join("Range")
	if field == "" || rq.Method != http.MethodGet || x.role != forViewer {
		return false
	}
	if c := x.conditions(); c.Any() {
		return false
	}
	at, _ := x.cacheTime()
	o, fresh := x.edge.deps.Cache.Peek(x.partKey(), at)
	if x.store.hold(o); !fresh {
		return false
	}
	have, size, ok := partSpan(o.Head.Get("Content-Range"), o.Length)
	want, kind := httpspec.ParseRange(field, size, nil)
	if !ok || kind != httpspec.RangeSatisfiable || len(want) != 1 || !httpspec.IfRange(rq.Header.Get("If-Range"), validators(o)) {
		return false
	}
	s := want[0]
	if s.First < have.First || s.Last > have.Last {
		x.rec.Cache.Reason = record.ReasonPart
		return false
	}
	x.store.lease.Abandon()
	x.store.lease = nil
	x.rec.Cache.Reason = record.ReasonNone
	x.hit(o)
	x.rs.ContentLength = s.Len()
	x.rs.Thaw().Set("Content-Range", string(httpspec.AppendContentRange(nil, s, size)))
	x.body.part, x.body.from, x.body.to = true, s.First-have.First, s.Last+1-have.First
	x.rec.Response.Range, x.rec.Response.HasRange = s, true
	return true
}

// partSpan reads a Content-Range, which must be of as many bytes as there are.
func partSpan(field string, length int64) (s httpspec.Span, size int64, ok bool) {
	s, size, ok = httpspec.ParseContentRange(field)
	return s, size, ok && size >= 0 && s.Len() == length
}

func validators(o *cache.Object) httpspec.Validators {
	return httpspec.Validators{ETag: o.Head.Get("ETag"), LastModified: o.Head.Get("Last-Modified"), Date: o.Head.Get("Date")}
}

// keepPart stores a 206 to the viewer's own Range, if it may; the viewer reads
// it as it comes.
func (x *Exchange) keepPart() bool {
	if x.rs.Status != http.StatusPartialContent || x.rq.Method != http.MethodGet || x.asked.rs == nil || x.role != forViewer {
		return false
	}
	h := x.storedFields()
	now := &cache.Object{Status: http.StatusPartialContent, Length: x.rs.ContentLength}
	s, size, ok := partSpan(h.Get("Content-Range"), now.Length)
	limit := x.edge.deps.Cache.ObjectLimit()
	if !ok || s.Len() > limit {
		return false
	}
	if names, _ := x.selecting(varyOf(x.asked.rs)); x.beh.vary && len(names) > 0 && !(x.keyed.marker != "" && covers(x.keyed.marker, names)) {
		return false // of which variant is told only by a marker
	}
	x.judge(http.StatusOK, &x.rs.Header, x.asked.rs) // what holds for the whole holds for a part
	if f := &x.asked.freshness; !f.Store || f.TTL <= 0 {
		return false
	}
	src, span := io.Reader(&exact{r: x.asked.rs.Body, left: s.Len()}), s
	old, _ := x.edge.deps.Cache.Peek(x.partKey(), x.now())
	if x.store.hold(old) != nil {
		if joined, head, tail := join(old, h.Get("ETag"), s, size); joined.Len() <= limit && joined != s {
			span, src = joined, io.MultiReader(bytes.NewReader(head), src, bytes.NewReader(tail))
			now.Head, now.Length = old.Head, span.Len()
			h = x.merge(now)
			h.Set("Content-Range", string(httpspec.AppendContentRange(nil, span, size)))
		}
	}
	x.setHead(now, &h)
	x.date(now)
	closer := x.asked.rs.Body
	x.store.lease = x.store.lease.Move(x.partKey(), false)
	x.store.vigil.Move(x.store.lease)
	fill, reader := x.store.lease.Begin(now)
	x.body = body{reader: reader, part: true, from: s.First - span.First, to: s.Last + 1 - span.First}
	x.edge.spawn(func() {
		_ = fill.Copy(src)
		_ = closer.Close()
	})
	x.rec.Cache.Store = record.Stored
	x.rec.Cache.TTL, x.rec.Cache.TTLReason = x.asked.freshness.TTL, x.asked.freshness.Reason
	return true
}

// exact reads left bytes of r; that they are fewer is an error, so that what
// comes behind them does not move up.
type exact struct {
	r    io.Reader
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	if e.left -= int64(n); e.left > 0 && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// join is the span of a new part s, whose ETag is tag, together with a stored
// one, and what of the stored one lies before and behind s. When they must not be combined, or do
// not touch, it is s.
func join(old *cache.Object, etag string, s httpspec.Span, size int64) (all httpspec.Span, head, tail []byte) {
	have, total, ok := partSpan(old.Head.Get("Content-Range"), old.Length)
	tag := httpspec.ParseETag(etag)
	if !ok || total != size || !tag.StrongEqual(httpspec.ParseETag(old.Head.Get("ETag"))) ||
		have.Last+1 < s.First || s.Last+1 < have.First {
		return s, nil, nil
	}
	all = httpspec.Span{First: min(have.First, s.First), Last: max(have.Last, s.Last)}
	cut := func(from, to int64) (b []byte) {
		if from < to {
			_ = old.Slice(from-have.First, to-have.First, func(p []byte) error { b = append(b, p...); return nil })
		}
		return b
	}
	return all, cut(have.First, s.First), cut(s.Last+1, have.Last+1)
}
