// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"

	"github.com/forelane/forelane/internal/model"
)

// What tells one viewer from another, and where it must go: to the authorizer,
// and into the key of what is stored (rows N3, N4, K4, K9, F5).

// identity looks at the guards of the routes behind a behavior, and at
// Authorization where no guard is known.
func (s *site) identity(f *flow) {
	known := map[input]bool{}
	for _, g := range f.protected {
		for _, in := range g.inputs {
			if !known[in] { // what holds of one route holds of all
				s.guard(f, g, in)
			}
			known[in] = true
		}
	}
	if auth := (input{header, "Authorization"}); !known[auth] && f.cacheable() && !f.static() && f.forwarded(auth) && !f.keyed(auth) {
		s.add(UnkeyedIdentity, f.severity(Error), f.forwardAt(), Finding{
			What: fmt.Sprintf("%s forwards Authorization and does not have it in the key of %s: an answer for one viewer is given to others", f.name(), f.policy()),
			Mend: "put Authorization into the cache policy, or use CachingDisabled",
		})
	}
	s.minTTL(f)
}

// guard looks at one thing that a guard looks at.
func (s *site) guard(f *flow, g guarded, in input) {
	switch {
	case !f.forwarded(in) && !custom(g.t.o, in) && !f.atOrigin():
		s.add(IdentityNotForwarded, Warning, at{property: f.at}, Finding{
			What: fmt.Sprintf("%s is guarded by %s, which %s does not forward: GET requests are refused", routeName(g.route), in, f.name()),
			Mend: mendForward(f, in), Path: g.path,
		})
	case f.cacheable() && f.forwarded(in) && !f.keyed(in) && !custom(g.t.o, in):
		s.add(UnkeyedIdentity, Error, f.forwardAt(), Finding{
			What: fmt.Sprintf("%s is guarded by %s, which is not in the key of %s: an answer for one caller is given to those it would refuse", routeName(g.route), in, f.policy()),
			Mend: fmt.Sprintf("put %s into the cache policy, or use CachingDisabled", in), Path: g.path,
		})
	}
}

func routeName(rt *model.Route) string { return "the route " + rt.Key }

// custom tells whether the edge itself sends the header to the origin.
func custom(o *model.Origin, in input) bool {
	return in.kind == header && slices.ContainsFunc(o.Headers, func(h model.HeaderField) bool { return containsFold([]string{in.name}, h.Name) })
}

// atOrigin tells whether a function writes the request to the origin.
func (f *flow) atOrigin() bool {
	return slices.ContainsFunc(f.b.Functions, func(a model.FunctionAssociation) bool { return a.Event == model.OriginRequest })
}

func mendForward(f *flow, in input) string {
	if f.cacheable() {
		return fmt.Sprintf("put %s into the cache policy, so that answers are kept apart by it", in)
	}
	return "add OriginRequestPolicyId: b689b0a8-53d0-40ab-baf2-68738e2966ac (AllViewerExceptHostHeader)"
}

// minTTL finds MinTTL above 0 where viewers are told apart.
func (s *site) minTTL(f *flow) {
	c := f.b.Cache
	if !f.cacheable() || c.MinTTL <= 0 || len(f.protected) == 0 {
		return
	}
	sev, about := Warning, guarded{}
	for _, g := range f.protected {
		for _, in := range g.inputs {
			if custom(g.t.o, in) {
				continue // the edge itself is the caller
			}
			if about.route == nil {
				about = g
			}
			if f.forwarded(in) && !f.keyed(in) {
				sev = Error
			}
		}
	}
	if about.route == nil {
		return
	}
	s.add(MinTTLAuthorizer, sev, at{property: f.keyAt().property, policy: f.keyAt().policy}, Finding{
		What: fmt.Sprintf("%s has a MinTTL of %s and leads to %s, which has an authorizer or wants a key: answers are kept although they say private or no-store", f.policy(), c.MinTTL, routeName(about.route)),
		Mend: "set MinTTL to 0, or use CachingDisabled", Path: about.path,
	})
}

// cookies finds behaviors that store Set-Cookie (row K4).
func (s *site) cookies(f *flow) {
	if !f.cacheable() || f.static() || !f.byDefault() {
		return
	}
	some := f.b.Cache.Cookies.Mode != model.SelectNone
	where := f.keyAt()
	if p := f.b.OriginRequest; p != nil && p.Cookies.Mode != model.SelectNone {
		some, where = true, f.forwardAt()
	}
	if !some {
		return
	}
	s.add(SetCookieReplayed, Warning, at{property: where.property, policy: where.policy}, Finding{
		What: fmt.Sprintf("%s forwards cookies and caches by default: a Set-Cookie of the origin is stored and replayed", f.name()),
		Mend: `let the origin answer with Cache-Control: no-cache="Set-Cookie" or private where it sets cookies (MinTTL 0), or use CachingDisabled`,
	})
}

// cleartext finds identities that can be read on the way.
func (s *site) cleartext(f *flow) {
	if f.b.Viewer != model.AllowAll {
		return
	}
	why := ""
	switch {
	case f.signed():
		why = "wants signed URLs or cookies"
	case len(f.protected) > 0:
		why = "leads to " + routeName(f.protected[0].route) + ", which has an authorizer or wants a key,"
	case has(f.b.Cache.Headers, "Authorization", true) && f.b.Cache.Headers.Mode == model.SelectList:
		why = "keys Authorization"
	default:
		return
	}
	s.add(CleartextIdentity, Warning, at{property: f.at + ".ViewerProtocolPolicy"}, Finding{
		What: fmt.Sprintf("%s %s and takes cleartext requests: what identifies the viewer can be read on the way", f.name(), why),
		Mend: "ViewerProtocolPolicy: redirect-to-https, or https-only for an API",
	})
}
