// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
)

// Continuous deployment (row E9): a primary distribution hands some of its
// requests to its staging distribution, which has no names of its own. From
// there on the request is staging's: its behaviors, its functions, its origins
// and, since the key begins with its id, its part of the cache. Names, TLS and
// the version of HTTP are the primary's.
//
// By header, a request with exactly that value is staging's. By weight each
// request is chosen at random; with sessions the choice is kept in a cookie:
//
//	CloudFront-CD=staging.946684800.946684950
//	              side    began     last seen, seconds
//
// The cookie ends when the viewer was away for IdleTTL, or MaximumTTL after the
// session began; then the viewer is chosen for anew. It is written again when a
// tenth of IdleTTL has passed. Neither origins nor keys see it. It is not
// signed: what it could gain, asking without it gains too.

// rolloutCookie is the name of the session's cookie; AWS does not tell its own.
const rolloutCookie = "CloudFront-CD"

// rollout is the running form of a model.ContinuousDeployment.
type rollout struct {
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
		r := &rollout{m: p}
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
func (x *Exchange) rollOut(r *rollout) {
	if r.m.Header != "" {
		if v, ok := x.rq.Header.Lookup(r.m.Header); ok && v == r.m.Value {
			x.toStaging(r)
		}
		return
	}
	if r.m.Idle <= 0 {
		if rand.Float64() < r.m.Weight {
			x.toStaging(r)
		}
		return
	}
	now := x.now().Unix()
	s, ok := x.takeSession()
	if !ok || s.over(r.m, now) {
		s = session{staging: rand.Float64() < r.m.Weight, began: now}
	}
	if s.staging {
		x.toStaging(r)
	}
	if s.seen == 0 || now-s.seen >= int64(r.m.Idle/time.Second)/10 {
		s.seen = now
		x.session, x.idle = s, r.m.Idle
	}
}

func (x *Exchange) toStaging(r *rollout) {
	x.dist, x.rec.Edge.Staging = r.staging, true
}

// session is what the cookie says. Without seen there is none to write.
type session struct {
	staging     bool
	began, seen int64 // Unix seconds
}

func (s session) over(p *model.ContinuousDeployment, now int64) bool {
	return now-s.seen >= int64(p.Idle/time.Second) || now-s.began >= int64(p.Max/time.Second) ||
		s.seen > now || s.began > s.seen
}

func parseSession(v string) (s session, ok bool) {
	side, rest, _ := strings.Cut(v, ".")
	began, seen, ok := strings.Cut(rest, ".")
	s.staging = side == "staging"
	var err, err2 error
	s.began, err = strconv.ParseInt(began, 10, 64)
	s.seen, err2 = strconv.ParseInt(seen, 10, 64)
	return s, ok && err == nil && err2 == nil && (s.staging || side == "primary")
}

// takeSession reads the session's cookie, and takes it off the request.
func (x *Exchange) takeSession() (s session, ok bool) {
	h := &x.rq.Header
	field, found := h.Lookup("Cookie")
	if !found {
		return s, false
	}
	if len(h.Values("Cookie")) > 1 {
		field = h.Join("Cookie")
	}
	if !strings.Contains(field, rolloutCookie) {
		return s, false
	}
	at := len(x.scratch)
	for name, value, rest, more := httpspec.NextCookie(field); more; name, value, rest, more = httpspec.NextCookie(rest) {
		if name == rolloutCookie {
			s, ok = parseSession(value)
			continue
		}
		if len(x.scratch) > at {
			x.scratch = append(x.scratch, "; "...)
		}
		if name != "" {
			x.scratch = append(append(x.scratch, name...), '=')
		}
		x.scratch = append(x.scratch, value...)
	}
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
	side := "=primary."
	if x.session.staging {
		side = "=staging."
	}
	b := append(append(x.scratch, rolloutCookie...), side...)
	b = strconv.AppendInt(b, x.session.began, 10)
	b = strconv.AppendInt(append(b, '.'), x.session.seen, 10)
	b = strconv.AppendInt(append(b, "; Path=/; Max-Age="...), int64(x.idle/time.Second), 10)
	b = append(b, "; HttpOnly; SameSite=Lax"...)
	if x.rq.Scheme == "https" {
		b = append(b, "; Secure"...)
	}
	x.scratch = b
	x.rs.Header.Add("Set-Cookie", view(b[at:]))
}
