// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"slices"

	"github.com/forelane/forelane/internal/edge/known"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// viewer is what room known tells of.
func (x *Exchange) viewer() known.Viewer {
	v := known.Viewer{Request: x.rq, Place: x.edge.deps.Place}
	if x.dist != nil {
		v.Asked, v.Shown, v.Passes = x.dist.mutual != "", x.certificates(), x.dist.passes
	}
	return v
}

// place is where the viewer is; nil: not known.
func (x *Exchange) place() *model.Place {
	if x.edge.deps.Place == nil {
		return nil
	}
	return x.edge.deps.Place(x.rq.Viewer.Addr.Addr())
}

// abroad tells whether the distribution's geo restriction keeps the viewer out.
// Who is nowhere that is known is served (row C11).
func (x *Exchange) abroad() bool {
	g := &x.dist.m.Geo
	if len(g.Countries) == 0 || x.role != forViewer {
		return false
	}
	p := x.place()
	if p == nil || p.Country == "" {
		return false
	}
	return slices.Contains(g.Countries, p.Country) != g.Allow
}

func (x *Exchange) refuseAbroad() stepID {
	x.rec.Result.Detail = record.ClientGeoBlocked
	return x.refuse(403, "The Amazon CloudFront distribution is configured to block access from your country.")
}
