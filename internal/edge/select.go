// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strings"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// selectPart judges the viewer's preconditions and ranges, unless the origin
// was left to.
//
// A single range is served, and so are several that ascend without overlapping
// (httpspec.Cutter). Others are answered with the whole object, and so is every range
// of a body whose length is not known yet (row F15).
func (x *Exchange) selectPart() stepID {
	if !x.keyed.cacheable || x.asked.forwarded || x.rs.Status != 200 || x.role != forViewer {
		return stepHeaders
	}
	rq := x.rq
	c := x.conditions()
	if !c.Any() && !rq.Header.Has("Range") {
		return stepHeaders
	}
	v := httpspec.Validators{ETag: x.rs.Get("ETag"), LastModified: x.rs.Get("Last-Modified"), Date: x.rs.Get("Date")}
	if c.Any() {
		switch httpspec.Evaluate(rq.Method, c, v) {
		case httpspec.NotModified:
			x.notModified()
			return stepHeaders
		case httpspec.PreconditionFailed:
			x.fail(412, "A precondition of the request does not hold.")
			x.rec.Result.Type = record.Error
			return stepHeaders
		}
	}
	if r := rq.Header.Join("Range"); r != "" && rq.Method == "GET" && httpspec.IfRange(rq.Header.Get("If-Range"), v) {
		x.selectRange(r)
		if c := x.dist.errors[x.rs.Status]; c != nil && c.PagePath != "" && x.rs.Status == 416 {
			return x.page() // an error that comes up behind its step
		}
	}
	return stepHeaders
}

func (x *Exchange) conditions() httpspec.Conditions {
	h := &x.rq.Header
	return httpspec.Conditions{
		IfMatch: h.Join("If-Match"), IfNoneMatch: h.Join("If-None-Match"),
		IfModifiedSince: h.Get("If-Modified-Since"), IfUnmodifiedSince: h.Get("If-Unmodified-Since"),
	}
}

// notModified makes the answer a 304: the fields without those of the body
// (RFC 9110 15.4.5).
func (x *Exchange) notModified() {
	x.rs.Status, x.rs.ContentLength = 304, -1
	x.rs.Thaw().Filter(func(f httpmsg.Field) bool {
		return len(f.Name) < 8 || !strings.EqualFold(f.Name[:8], "content-") || strings.EqualFold(f.Name, "Content-Location")
	})
	x.body.close()
}

func (x *Exchange) selectRange(field string) {
	size := x.rs.ContentLength
	var room [1]httpspec.Span
	spans, kind := httpspec.ParseRange(field, size, room[:0])
	switch {
	case kind == httpspec.RangeUnsatisfiable:
		x.rs.Thaw().Reset()
		x.rs.Header.Add("Content-Range", string(httpspec.AppendUnsatisfied(nil, size)))
		x.fail(416, "The range of the request lies outside the object.")
		x.rec.Result.Type = record.Error
	case kind == httpspec.RangeSatisfiable && len(spans) == 1:
		s := spans[0]
		x.rs.Status, x.rs.ContentLength = 206, s.Len()
		x.rs.Thaw().Set("Content-Range", string(httpspec.AppendContentRange(nil, s, size)))
		x.body.part, x.body.from, x.body.to = true, s.First, s.Last+1
		x.rec.Response.Range, x.rec.Response.HasRange = s, true
	case kind == httpspec.RangeSatisfiable && httpspec.Ascending(spans):
		x.selectRanges(spans, size)
	}
}

// selectRanges makes the answer several ranges (RFC 9110 15.3.7.2). The body is
// read from the first byte that is wanted to the last, wherever it comes from,
// and cut on its way out.
func (x *Exchange) selectRanges(spans []httpspec.Span, size int64) {
	c := new(httpspec.Cutter)
	c.Boundary, c.Type, c.Size, c.Spans = x.rec.ID[:40], x.rs.Header.Get("Content-Type"), size, spans
	x.rs.Status, x.rs.ContentLength = 206, c.Length()
	x.rs.Header.Set("Content-Type", c.ContentType())
	x.body.part, x.body.from, x.body.to = true, spans[0].First, spans[len(spans)-1].Last+1
	x.body.parts = c
}
