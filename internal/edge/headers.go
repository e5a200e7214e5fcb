// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strconv"
	"time"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// headers finishes the head: the response headers policy, and the fields that
// CloudFront writes on every answer.
func (x *Exchange) headers() stepID {
	if x.role != forViewer {
		return stepDeliver
	}
	if x.beh != nil {
		x.applyPolicy()
	}
	x.sign()
	if x.beh != nil && x.beh.viewerResponse != nil {
		return stepRespond
	}
	return stepDeliver
}

// sign writes the edge's own fields.
func (x *Exchange) sign() {
	h := &x.rs.Header
	if !h.Has("Date") {
		h.Add("Date", httpspec.FormatDate(x.now()))
	}
	h.Set("X-Cache", x.rec.Result.Type.XCache())
	h.Add("Via", x.viaText())
	h.Set("X-Amz-Cf-Pop", x.edge.deps.POP)
	h.Set("X-Amz-Cf-Id", x.rec.ID)
	if age, ok := x.age(); ok {
		h.Set("Age", strconv.FormatInt(int64(age/time.Second), 10))
	}
	if x.beh != nil && x.beh.rfc {
		var room [128]byte
		h.Add("Cache-Status", string(record.AppendCacheStatus(room[:0], &x.rec)))
	}
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
	if x.beh != nil && x.beh.rfc && x.asked.rs != nil && x.rec.Cache.Status != record.CacheStale {
		if v := x.asked.rs.Header.Get("Age"); v != "" { // a cache behind us answered
			age := httpspec.Age("", v, x.asked.sent, x.asked.received, x.now())
			return age, age > 0 || v == "0"
		}
	}
	switch x.rec.Cache.Status {
	case record.CacheHit, record.CacheStale, record.CacheFresh:
		return x.rec.Cache.Age, true
	}
	return 0, false
}
