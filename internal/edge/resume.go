// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/forelane/forelane/internal/httpspec"
)

// A viewer that was too slow for a stream it shared (cache.ErrLagged) goes on
// alone: the origin is asked for the rest, by a range that holds only for the
// same strong ETag. Example: 3 MiB of an endless "v1" were delivered when the
// others went ahead; the origin gets "Range: bytes=3145728-" and "If-Range:
// "v1"", and only a 206 that begins there is taken.

// resume opens the body again at position at. An error means that it cannot
// be: the answer is cut.
func (x *Exchange) resume(at int64) error {
	tag := httpspec.ParseETag(x.rs.Get("ETag"))
	if tag == "" || tag.Weak() || x.rq.Method != http.MethodGet {
		return fmt.Errorf("no strong ETag to go on by")
	}
	if x.beh.originRequest != nil || x.beh.originResponse != nil {
		return fmt.Errorf("functions stand before the origin: it might not be the same answer")
	}
	x.store.lease, x.store.obj = nil, nil // the fetch lives as long as the viewer
	x.request()
	x.asked.rq.Header.Set("Range", "bytes="+strconv.FormatInt(at, 10)+"-")
	x.asked.rq.Header.Set("If-Range", string(tag))
	x.rec.Origin.Tries++
	m := x.target.members[0]
	if err := x.askOnce(m, x.outgoing(m.m)); err != nil {
		return err
	}
	rs := x.asked.rs
	span, _, ok := httpspec.ParseContentRange(rs.Header.Get("Content-Range"))
	if rs.Status != http.StatusPartialContent || !ok || span.First != at || !tag.StrongEqual(httpspec.ParseETag(rs.Header.Get("ETag"))) {
		_ = rs.Body.Close()
		return fmt.Errorf("the origin answered %d for the rest", rs.Status)
	}
	x.body.reader.Close()
	x.body.reader, x.body.src, x.body.part = nil, rs.Body, false
	return nil
}

// goOn delivers the rest of a body whose shared stream was too fast. The error
// is cause when the rest cannot be had.
func (x *Exchange) goOn(at int64, cause error) error {
	if x.ctx.Err() != nil {
		return gone{context.Cause(x.ctx)}
	}
	if err := x.resume(at); err != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return x.stream()
}
