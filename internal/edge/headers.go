// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"strconv"
	"time"
	"unsafe"

	"github.com/forelane/forelane/internal/edge/headpolicy"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/record"
)

// headers finishes the head: the response headers policy, and the fields that
// CloudFront writes on every answer.
func (x *Exchange) headers() stepID {
	if x.role != forViewer {
		return stepDeliver
	}
	if x.beh != nil && x.beh.policyOut != nil {
		headpolicy.Apply(x.beh.policyOut, x.rq, x.rs.Thaw(), &x.rec)
	}
	x.sign()
	if x.socket.open {
		return stepUpgrade
	}
	if x.beh != nil && x.beh.viewerResponse != nil {
		return stepRespond
	}
	return stepDeliver
}

// sign writes the edge's own fields: those that depend on the request alone
// behind those that were encoded when the edge was compiled.
func (x *Exchange) sign() {
	h := &x.rs.Header
	plain := x.dist != nil && h.Len() == 0 // nothing there that ours would replace
	if !x.dated() {
		h.Add("Date", httpspec.FormatDate(x.now()))
	}
	if plain {
		x.rs.Fixed[1] = x.dist.signature[x.rec.Result.Type]
	} else {
		x.rs.Thaw()
		h.Set("X-Cache", x.rec.Result.Type.XCache())
		h.Add("Via", x.viaText())
		h.Set("X-Amz-Cf-Pop", x.edge.deps.POP)
	}
	h.Set("X-Amz-Cf-Id", x.rec.ID)
	x.offerHTTP3()
	if x.session.Due() {
		x.keepSession()
	}
	if age, ok := x.age(); ok {
		at := len(x.scratch)
		x.scratch = strconv.AppendInt(x.scratch, int64(age/time.Second), 10)
		h.Set("Age", view(x.scratch[at:]))
	}
	if x.beh != nil && (x.beh.rfc || x.beh.m.Cache.ShowKey) {
		at := len(x.scratch)
		x.rec.Cache.ShowKey = x.beh.m.Cache.ShowKey
		x.scratch = record.AppendCacheStatus(x.scratch, &x.rec)
		h.Add("Cache-Status", view(x.scratch[at:]))
	}
}

// signature are the fields of sign that depend on the result type alone.
func (d *distribution) sign(pop string) {
	for t := range d.signature {
		var h httpmsg.Header
		h.Add("X-Cache", record.ResultType(t).XCache())
		h.Add("Via", d.via)
		h.Add("X-Amz-Cf-Pop", pop)
		d.signature[t] = httpmsg.NewHead(&h)
	}
}

// dated tells whether the answer has a Date.
func (x *Exchange) dated() bool {
	if o := x.body.obj; o != nil && !x.rs.Fixed[0].Empty() {
		return o.Flags&flagNoDate == 0
	}
	_, ok := x.rs.Lookup("Date")
	return ok
}

// view is b as a text; b must not change as long as it is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

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
