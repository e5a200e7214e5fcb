// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/httpspec"
)

// Several ranges of one object are answered as multipart/byteranges (RFC 9110
// 15.3.7.2), in both kinds of rules: CloudFront answers those that ascend and
// do not overlap, and others with the whole object (row F15), which RFC 9110
// 14.2 allows. So the body is read once from the first byte to the last that
// is wanted, wherever it comes from, and cut on its way out. Example, ranges
// 0-0 and 2-3 of "hello": from "hell" are written head 0, "h", head 1, "ll",
// end; "e" lies in no range.
type parts struct {
	httpspec.Multipart

	at   int64 // position in the representation
	next int   // the span that at is in, or comes next
	open bool  // the head of next is written
}

// selectRanges makes the answer the parts that spans name.
func (x *Exchange) selectRanges(spans []httpspec.Span, size int64) {
	p := &parts{at: spans[0].First}
	p.Boundary, p.Type, p.Size, p.Spans = x.rec.ID[:40], x.rs.Header.Get("Content-Type"), size, spans
	x.rs.Status, x.rs.ContentLength = 206, p.Length()
	x.rs.Header.Set("Content-Type", p.ContentType())
	x.body.part, x.body.from, x.body.to = true, spans[0].First, spans[len(spans)-1].Last+1
	x.body.parts = p
}

// write passes on what of b lies in ranges, with what stands between them.
func (p *parts) write(b []byte, put func([]byte) error) error {
	for len(b) > 0 && p.next < len(p.Spans) {
		s := p.Spans[p.next]
		if skip := s.First - p.at; skip > 0 {
			skip = min(skip, int64(len(b)))
			p.at, b = p.at+skip, b[skip:]
			continue
		}
		if !p.open {
			p.open = true
			if err := put(p.AppendHead(nil, p.next)); err != nil {
				return err
			}
		}
		n := min(s.Last+1-p.at, int64(len(b)))
		if err := put(b[:n]); err != nil {
			return err
		}
		if p.at, b = p.at+n, b[n:]; p.at <= s.Last {
			continue
		}
		if p.next, p.open = p.next+1, false; p.next == len(p.Spans) {
			return put(p.AppendEnd(nil))
		}
	}
	return nil
}
