// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// headers finishes the head: the response headers policy, the viewer-response
// function, and the fields that CloudFront writes on every answer.
func (x *Exchange) headers() stepID {
	if x.role != forViewer {
		return stepDeliver
	}
	if x.beh != nil {
		x.applyPolicy()
		x.respond()
	}
	h := &x.rs.Header
	if !h.Has("Date") {
		h.Add("Date", httpspec.FormatDate(x.now()))
	}
	via := x.viaText()
	if v := h.Join("Via"); v != "" {
		via = v + ", " + via
	}
	h.Set("X-Cache", x.rec.Result.Type.XCache())
	h.Set("Via", via)
	h.Set("X-Amz-Cf-Pop", x.edge.deps.POP)
	h.Set("X-Amz-Cf-Id", x.rec.ID)
	if age, ok := x.age(); ok {
		h.Set("Age", strconv.FormatInt(int64(age/time.Second), 10))
	}
	return stepDeliver
}

func (x *Exchange) viaText() string {
	if x.dist != nil {
		return x.dist.via
	}
	return "1.1 forelane (CloudFront)"
}

// age is the Age of an answer that came out of the cache.
func (x *Exchange) age() (time.Duration, bool) {
	if x.sub != nil {
		return x.sub.age()
	}
	switch x.rec.Cache.Status {
	case record.CacheHit, record.CacheStale, record.CacheFresh:
		return x.rec.Cache.Age, true
	}
	return 0, false
}
