// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"

	"github.com/forelane/forelane/internal/trace"
)

// The trace of a request, when its caller passes a span on in the context:
//
//	GET /items/{id}         the API, named by the route
//	├ authorizer            where the route has one
//	└ integration           its function, or its target, goes on below
//
// X-Amzn-Trace-Id then names the span at hand: it is what events and targets
// are told.

// beginTrace begins the span of the API.
func (x *exchange) beginTrace() {
	if x.span = trace.From(x.req.Context()).Child(x.call.API.Style.String(), trace.Server); x.span != nil {
		x.call.TraceID = x.span.Context().XRay()
	}
}

// part begins a part of it, and gives the context to ask with.
func (x *exchange) part(name string, kind trace.Kind) (*trace.Span, context.Context) {
	s := x.span.Child(name, kind)
	return s, trace.With(x.req.Context(), s)
}

// propagate tells the target of an integration which span asks it: in
// X-Amzn-Trace-Id, and in a traceparent that the caller sent.
func (x *exchange) propagate(s *trace.Span) {
	if s == nil {
		return
	}
	x.call.TraceID = s.Context().XRay()
	if x.call.Header.Get("Traceparent") != "" {
		x.call.Header = x.call.Header.Clone() // it may be the caller's own map
		x.call.Header.Set("Traceparent", s.Context().W3C())
	}
}

// finishTrace ends the span of the API.
func (x *exchange) finishTrace() {
	s, c := x.span, &x.call
	if s == nil {
		return
	}
	if c.Route.Key != "" {
		s.Rename(c.Route.Key)
		s.Text("http.route", c.Route.Key)
	}
	s.Text("http.request.method", c.Method)
	s.Text("url.path", c.Path)
	s.Text("server.address", c.Host)
	s.Text("forelane.api", c.API.ID)
	s.Text("forelane.stage", c.Stage.Name)
	s.Text("forelane.request_id", c.RequestID)
	s.Text("forelane.refusal", x.refused.reason.String())
	if x.answer != nil {
		s.Int("http.response.status_code", int64(x.answer.Status))
	}
	if x.answer == nil || x.answer.Status >= 500 {
		s.Fail(x.refused.reason.String())
	}
	s.End()
}
