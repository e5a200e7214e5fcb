// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/trace"
)

// The trace of an Exchange, when it is sampled:
//
//	GET /api/*                 the Exchange; with the viewer's span as its parent
//	├ web ACL                  screen, where there is one
//	├ viewer-request           the function
//	├ cache lookup             lookup, load, wait
//	├ origin-request           the function of Lambda@Edge; origin-response, too
//	├ origin app               one member asked, all its tries; it goes on in a
//	│                          plane of this process, or by the origin's headers
//	├ viewer-response
//	├ deliver
//	└ background refresh       an Exchange of its own, as is an error page
//
// The steps know nothing of it but fetch: the spans of steps begin and end where
// the walk over the table passes from one to the next.

// traced is the trace of an Exchange; all of it is nil when it is not sampled.
type traced struct {
	span *trace.Span // of the Exchange
	step *trace.Span // of the step at hand
	what spanStep
	ask  *trace.Span // of the origin that is asked
}

// spanStep is a step, or several, that have a span.
type spanStep uint8

const (
	noSpan spanStep = iota
	spanScreen
	spanFunction
	spanLookup
	spanReply
	spanRespond
	spanDeliver
)

var spanNames = [...]string{"", "web ACL", "viewer-request", "cache lookup", "origin-response", "viewer-response", "deliver"}

// beginTrace decides whether the request of a viewer is traced.
func (x *Exchange) beginTrace() {
	t := x.edge.deps.Trace
	if t == nil || x.w == (nobody{}) { // what is explained leaves no trace
		return
	}
	h := &x.rq.Header
	x.spans.span = t.Root(x.rq.Method, trace.Headers{
		Traceparent: h.Get("Traceparent"), Tracestate: h.Get("Tracestate"), XRay: h.Get("X-Amzn-Trace-Id"),
	}, x.rec.Start)
}

// pass tells the trace that the walk goes to a step. It is called for Exchanges
// that are sampled.
func (x *Exchange) pass(to stepID) {
	what := noSpan
	switch to {
	case stepScreen:
		if x.dist.shield != nil {
			what = spanScreen
		}
	case stepFunction:
		what = spanFunction
	case stepLookup, stepLoad, stepWait:
		what = spanLookup
	case stepReply:
		what = spanReply
	case stepRespond:
		if x.beh != nil && x.beh.viewerResponse != nil {
			what = spanRespond
		}
	case stepDeliver:
		what = spanDeliver
	}
	t := &x.spans
	if what == t.what {
		return
	}
	x.endStep()
	if what != noSpan {
		t.step, t.what = t.span.Child(spanNames[what], trace.Internal), what
	}
}

// endStep ends the span of the step that was passed.
func (x *Exchange) endStep() {
	t, r := &x.spans, &x.rec
	switch t.what {
	case spanScreen:
		t.step.Text("forelane.webacl", r.Shield.ACL)
		t.step.Text("forelane.webacl.action", r.Shield.Action)
		t.step.Text("forelane.webacl.rule", r.Shield.Rule)
	case spanFunction:
		runAttributes(t.step, &r.Function[model.ViewerRequest])
	case spanReply:
		runAttributes(t.step, &r.Function[model.OriginResponse])
	case spanRespond:
		runAttributes(t.step, &r.Function[model.ViewerResponse])
	case spanLookup:
		status := r.Cache.Status.String()
		t.step.Text("forelane.cache", status)
		t.step.Text("forelane.cache.reason", r.Cache.Reason.String())
	case spanDeliver:
		t.step.Int("http.response.body.size", r.Response.Bytes)
	case noSpan:
	}
	t.step.End()
	t.step, t.what = nil, noSpan
}

func runAttributes(s *trace.Span, f *record.Function) {
	s.Text("faas.name", f.Name)
	if f.Error != "" {
		s.Fail(f.Error)
	}
}

// beginAsk begins the span of an origin.
func (x *Exchange) beginAsk(id, host string) {
	s := x.spans.span.Child("origin "+id, trace.Client)
	s.Text("forelane.origin", id)
	s.Text("server.address", host)
	s.Text("http.request.method", x.asked.rq.Method)
	x.spans.ask = s
}

// endAsk ends it.
func (x *Exchange) endAsk(tries int) {
	s := x.spans.ask
	s.Int("forelane.origin.tries", int64(tries))
	if x.asked.err != nil {
		s.Fail(x.asked.err.Error())
	} else {
		s.Int("http.response.status_code", int64(x.asked.rs.Status))
		if x.asked.rs.Status >= 500 {
			s.Fail("")
		}
	}
	s.End()
	x.spans.ask = nil
}

// askContext is the context for a plane of this process.
func (x *Exchange) askContext() context.Context { return trace.With(x.asked.ctx, x.spans.ask) }

// propagate names the span to an origin that may see the header by the
// behavior's policies: a traceparent that they forward is made to say what was
// done, and is no header that CloudFront would not send.
func (x *Exchange) propagate(h *httpmsg.Header) {
	if x.spans.ask == nil || !x.beh.forward.forwards("traceparent", "", false) {
		return
	}
	h.Set("Traceparent", x.spans.ask.Context().W3C())
	if state := x.spans.ask.State(); state != "" && x.beh.forward.forwards("tracestate", "", false) {
		h.Set("Tracestate", state)
	}
}

// finishTrace ends the span of the Exchange.
func (x *Exchange) finishTrace() {
	if x.spans.span == nil {
		return
	}
	x.endStep()
	s, r := x.spans.span, &x.rec
	s.Text("http.route", r.Edge.Behavior)
	if x.role == forViewer && r.Edge.Behavior != "" {
		s.Rename(r.Request.Method + " " + r.Edge.Behavior)
	}
	s.Text("http.request.method", r.Request.Method)
	s.Text("url.scheme", r.Request.Scheme)
	s.Text("url.path", r.Request.Path)
	s.Text("server.address", r.Request.Host)
	s.Text("user_agent.original", r.Request.UserAgent)
	s.Text("network.protocol.version", protocolVersion(r.Viewer.Proto))
	if a := r.Viewer.Addr.Addr(); a.IsValid() {
		s.Text("client.address", a.Unmap().String())
	}
	s.Text("forelane.request_id", r.ID)
	s.Text("forelane.distribution", r.Edge.Distribution)
	result := r.Result.Type.String()
	s.Text("forelane.result", result)
	if r.Response.Status != 0 {
		s.Int("http.response.status_code", int64(r.Response.Status))
	}
	switch {
	case r.Result.End != record.EndComplete:
		s.Fail(r.Result.End.String())
	case r.Response.Status >= 500:
		s.Fail(r.Result.Detail.String())
	}
	s.End()
	x.spans.span = nil
}

func protocolVersion(p httpmsg.Proto) string {
	switch p {
	case httpmsg.HTTP10:
		return "1.0"
	case httpmsg.HTTP11:
		return "1.1"
	case httpmsg.HTTP2:
		return "2"
	case httpmsg.HTTP3:
		return "3"
	}
	return ""
}
