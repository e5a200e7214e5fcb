// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"

	"github.com/forelane/forelane/internal/edge/rollout"
	"github.com/forelane/forelane/internal/model"
)

// Continuous deployment (row E9): a primary distribution hands some of its
// requests to its staging distribution, which has no names of its own; room
// rollout has the choice. From
// there on the request is staging's: its behaviors, its functions, its origins
// and, since the key begins with its id, its part of the cache. Names, TLS and
// the version of HTTP are the primary's.

// split is the running form of a model.ContinuousDeployment.
type split struct {
	m       *model.ContinuousDeployment
	staging *distribution
}

// rollouts ties primary distributions to their staging ones.
func (e *Edge) rollouts() error {
	for _, d := range e.dists {
		p := d.m.Deployment
		if p == nil || !p.Enabled {
			continue
		}
		r := &split{m: p}
		for _, s := range e.dists {
			if s.m.ID == p.Staging {
				r.staging = s
			}
		}
		if r.staging == nil || !r.staging.m.Staging {
			return fmt.Errorf("%s: distribution %s: there is no staging distribution %q", d.m.Pos, d.m.LogicalID, p.Staging)
		}
		if !r.staging.m.Enabled { // then AWS sends everything to the primary
			continue
		}
		if err := d.shareMutual(r.staging); err != nil {
			return fmt.Errorf("%s: distribution %s: %w", r.staging.m.Pos, r.staging.m.LogicalID, err)
		}
		d.rollout = r
		r.staging.altSvc = d.altSvc // of HTTP/3 the primary decides
		d.secure.Fingerprint = d.secure.Fingerprint || r.staging.secure.Fingerprint
	}
	return nil
}

// rollOut decides whether staging answers instead of the primary.
func (x *Exchange) rollOut(r *split) {
	staging := false
	switch {
	case r.m.Header != "":
		staging = rollout.Marked(r.m, &x.rq.Header)
	case r.m.Idle <= 0:
		staging = rollout.Draw(r.m)
	default:
		s, there := x.takeSession()
		s = rollout.Continue(r.m, s, there, x.now())
		if staging = s.Staging; s.Due() {
			x.session = s
		}
	}
	if staging {
		x.dist, x.rec.Edge.Staging = r.staging, true
	}
}

// takeSession reads the session's cookie, and takes it off the request.
func (x *Exchange) takeSession() (s rollout.Session, ok bool) {
	h := &x.rq.Header
	field, found := h.Lookup("Cookie")
	if !found {
		return s, false
	}
	if len(h.Values("Cookie")) > 1 {
		field = h.Join("Cookie")
	}
	if !rollout.Within(field) {
		return s, false
	}
	at := len(x.scratch)
	x.scratch, s, ok = rollout.Cut(x.scratch, field)
	if len(x.scratch) == at {
		h.Del("Cookie")
	} else {
		h.Set("Cookie", view(x.scratch[at:]))
	}
	return s, ok
}

// keepSession writes the session's cookie.
func (x *Exchange) keepSession() {
	at := len(x.scratch)
	x.scratch = x.session.AppendCookie(x.scratch, x.rq.Scheme == "https")
	x.rs.Header.Add("Set-Cookie", view(x.scratch[at:]))
}
