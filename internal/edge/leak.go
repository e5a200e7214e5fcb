// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"
	"strings"

	"github.com/forelane/forelane/internal/edge/guard"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Answers that are one viewer's (room guard). A distribution that is `safe` serves
// what could be a leak and does not store it; one that is `exact` does as
// CloudFront does.

func (e *Edge) newGuard(d *model.Distribution) *guard.Guard {
	safe := e.deps.Safe
	if d.LeakGuard != model.GuardOfNode {
		safe = d.LeakGuard == model.GuardSafe
	}
	return guard.New(safe, e.deps.Metrics, d.ID)
}

// personal tells whether an answer is for an identity that the key lacks.
func (x *Exchange) personal(rs *httpmsg.Response) bool {
	return guard.Personal(&rs.Header, &x.beh.inKey, x.target.sets)
}

// guarded looks for a leak in an answer that may be stored, whose fields are h.
func (x *Exchange) guarded(h *httpmsg.Header) {
	f := &x.asked.freshness
	if x.beh.rfc || !f.Store {
		return
	}
	fetched := guard.Fetched{Answer: h, Asked: &x.asked.rq.Header, Key: &x.beh.inKey, Freshness: *f}
	why := fetched.Leak()
	if why == record.ReasonNone {
		return
	}
	g := x.beh.guard
	if _, dry := x.w.(nobody); !dry && g.Count(why) && x.edge.deps.Warn != nil { // an explanation leaves no trace
		x.edge.deps.Warn(x.leakText(why))
	}
	if g.Safe() {
		*f = httpspec.Freshness{Reason: httpspec.ReasonNoStore}
		x.rec.Cache.Reason = why
	}
}

func (x *Exchange) leakText(why record.CacheReason) string {
	return x.beh.guard.Text(why, "distribution "+x.dist.m.LogicalID+", behavior "+x.beh.m.PathPattern+": an answer ("+x.rq.Path+")")
}

// sets tells whether a field comes from the custom headers of the origin, of each
// one in a group, whatever the viewer sent.
func (o *originRef) sets(name string) bool {
	for i := range o.members {
		if !slices.ContainsFunc(o.members[i].m.Headers, func(f model.HeaderField) bool { return strings.EqualFold(f.Name, name) }) {
			return false
		}
	}
	return len(o.members) > 0
}
