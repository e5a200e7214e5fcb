// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"slices"

	"github.com/forelane/forelane/internal/edge/forward"
	"github.com/forelane/forelane/internal/edge/guard"
	"github.com/forelane/forelane/internal/edge/meter"
	"github.com/forelane/forelane/internal/edgelambda"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/httpspec"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/pattern"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/signed"
)

// behavior is the running form of a model.Behavior.
type behavior struct {
	m       *model.Behavior
	pattern pattern.Path
	target  *originRef
	policy  httpspec.Policy

	// cacheable is false for policies that forbid caching and for legacy
	// `Headers: ["*"]`. collapse is false where every viewer must ask alone
	// (row F14).
	cacheable bool
	collapse  bool
	// rfc: RFC 9111 decides what CloudFront's rules decide otherwise. vary:
	// Vary makes variants.
	rfc       bool
	vary      bool
	encodings httpspec.Encodings // the two flags

	inKey     forward.Key
	forward   forward.Rules
	policyOut *model.ResponseHeadersPolicy

	viewerRequest  Function
	viewerResponse Function
	// of Lambda@Edge, where the origin is asked; nil: none
	originRequest  *edgelambda.Function
	originResponse *edgelambda.Function

	guard *guard.Guard // against leaks

	keys *signed.Keys // of signed URLs and cookies; nil: everybody may come

	realtime *record.Realtime // nil: none
	keepHead bool             // realtime tells of fields that may be changed before

	meter *meter.Behavior // nil: nothing is counted
}

func (e *Edge) compileBehavior(d *distribution, m *model.Behavior) (*behavior, error) {
	p, err := pattern.CompilePath(m.PathPattern)
	if err != nil {
		return nil, err
	}
	b := &behavior{m: m, pattern: p, target: d.origins[m.Target], policyOut: m.ResponseHeaders}
	if b.target == nil {
		return nil, fmt.Errorf("there is no origin or origin group %q", m.Target)
	}
	c := m.Cache
	if c == nil {
		return nil, fmt.Errorf("no cache policy")
	}
	b.policy = httpspec.Policy{Min: c.MinTTL, Default: c.DefaultTTL, Max: c.MaxTTL}
	b.cacheable = !c.Disabled() && c.Headers.Mode != model.SelectAll
	star := c.Headers.Mode == model.SelectAll // Accept-Encoding goes on as it came
	if c.Gzip && !star {
		b.encodings |= httpspec.Gzip
	}
	if c.Brotli && !star {
		b.encodings |= httpspec.Brotli
	}
	b.inKey = forward.Key{Query: forward.NewSelector(c.Queries), Cookies: forward.NewSelector(c.Cookies)}
	if c.Headers.Mode == model.SelectList {
		b.inKey.Headers = forward.Lowered(c.Headers.Names)
		if b.encodings != 0 { // the normalised one stands in the key instead
			b.inKey.Headers = slices.DeleteFunc(b.inKey.Headers, func(n string) bool { return n == "accept-encoding" })
		}
	}
	b.forward = forward.New(m, b.inKey)
	b.rfc, b.vary = c.Rules == model.RFC9111Rules, c.HonoursVary()
	b.collapse = b.cacheable && (b.rfc || !b.forward.Cookies())
	b.guard = e.newGuard(d.m)
	if err := b.compileSigners(); err != nil {
		return nil, err
	}
	b.meter = meter.NewBehavior(e.deps.Metrics, d.m, m.PathPattern)
	if err := e.compileFunctions(b); err != nil {
		return nil, err
	}
	e.compileRealtime(d, b)
	return b, nil
}

func (x *Exchange) behavior() stepID {
	if x.beh = x.dist.behaviorOf(x.rq.Path); x.beh == nil { // only a path that no pattern can match, such as *
		x.rec.Result.Detail = record.InvalidRequest
		return x.refuse(400, "The request's path cannot be served.")
	}
	x.rec.Edge.Behavior = x.beh.m.PathPattern
	x.target, x.keyed.origin = x.beh.target, x.beh.m.Target
	if x.role == forPage {
		return stepKey
	}
	if x.beh.keepHead {
		x.keepHead()
	}
	x.rpc.wanted = x.beh.m.GRPC && x.isCall()
	if next, ok := x.protocol(); !ok {
		return next
	}
	if !slices.Contains(x.beh.m.Allowed, x.rq.Method) {
		x.rec.Result.Detail = record.InvalidRequestMethod
		return x.refuse(403, "The behavior for this path does not allow the method of the request.")
	}
	if x.beh.keys != nil {
		if next, ok := x.signature(); !ok {
			return next
		}
	}
	if x.rq.Method == "GET" && x.rq.Body != nil && x.rq.ContentLength != 0 {
		x.rec.Result.Detail = record.InvalidRequest
		return x.refuse(403, "A GET request must not have a body.")
	}
	if x.beh.viewerRequest == nil {
		return stepKey
	}
	return stepFunction
}

// protocol applies the viewer protocol policy (row C5).
func (x *Exchange) protocol() (next stepID, ok bool) {
	if x.rq.Scheme == "https" || x.beh.m.Viewer == model.AllowAll && x.dist.mutual == "" {
		return 0, true
	}
	if x.beh.m.Viewer == model.RedirectToHTTPS {
		switch {
		case x.rq.Method == "GET" || x.rq.Method == "HEAD":
			return x.redirect(301), false
		case x.rq.Proto != httpmsg.HTTP10:
			return x.redirect(307), false
		}
	}
	x.rec.Result.Detail = record.InvalidRequest
	return x.refuse(403, "This path is served over HTTPS only."), false
}
