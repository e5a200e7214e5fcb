// SPDX-License-Identifier: Apache-2.0

// Package spans is the trace of one exchange of the edge, when it is sampled:
//
//	GET /api/*                 the exchange; with the viewer's span as its parent
//	├ web ACL                  screen, where there is one
//	├ viewer-request           the function
//	├ cache lookup             lookup, load, wait
//	├ origin-request           the function of Lambda@Edge; origin-response, too
//	├ origin app               one member asked, all its tries; it goes on in a
//	│                          plane of this process, or by the origin's headers
//	├ viewer-response
//	├ deliver
//	└ background refresh       an exchange of its own, as is an error page
//
// The flow: Begin decides whether the request of a viewer is traced; Pass tells
// where the walk over the steps goes, so that the steps know nothing of it; Ask
// and EndAsk stand around an origin; Finish writes down what the Record says.
//
// What it does not do: it samples, keeps and exports nothing itself (package
// trace).
//
// Concurrency: a Trace belongs to the goroutine of its exchange.
package spans

import (
	"context"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
	"github.com/forelane/forelane/internal/trace"
)

// Trace is that of one exchange; the zero value is one that is not sampled.
type Trace struct {
	span *trace.Span // of the exchange
	step *trace.Span // of the step at hand
	what Step
	ask  *trace.Span // of the origin that is asked
}

// Step is a step, or several, that have a span.
type Step uint8

// The steps that have one.
const (
	None Step = iota
	Screen
	Function
	Lookup
	Reply
	Respond
	Deliver
)

var names = [...]string{"", "web ACL", "viewer-request", "cache lookup", "origin-response", "viewer-response", "deliver"}

// Sampled tells whether the exchange is traced.
func (t *Trace) Sampled() bool { return t.span != nil }

// Begin decides whether the request of a viewer is traced.
func (t *Trace) Begin(by *trace.Tracer, rq *httpmsg.Request, start time.Time) {
	h := &rq.Header
	t.span = by.Root(rq.Method, trace.Headers{
		Traceparent: h.Get("Traceparent"), Tracestate: h.Get("Tracestate"), XRay: h.Get("X-Amzn-Trace-Id"),
	}, start)
}

// Within makes t the trace of an exchange that another one has begun.
func (t *Trace) Within(other *Trace, name string) { t.span = other.span.Child(name, trace.Internal) }

// Pass tells that the walk goes to a step; r is the Record as the step before has
// left it.
func (t *Trace) Pass(to Step, r *record.Record) {
	if to == t.what {
		return
	}
	t.endStep(r)
	if to != None {
		t.step, t.what = t.span.Child(names[to], trace.Internal), to
	}
}

// Step is ctx with the span of the step at hand.
func (t *Trace) Step(ctx context.Context) context.Context { return trace.With(ctx, t.step) }

// Run begins the span of a function that runs within a step; it ends with EndRun.
func (t *Trace) Run(ctx context.Context, name string) (context.Context, *trace.Span) {
	s := t.span.Child(name, trace.Internal)
	return trace.With(ctx, s), s
}

// EndRun ends the span of a function.
func EndRun(s *trace.Span, f *record.Function) {
	runAttributes(s, f)
	s.End()
}

// endStep ends the span of the step that was passed.
func (t *Trace) endStep(r *record.Record) {
	switch t.what {
	case Screen:
		t.step.Text("forelane.webacl", r.Shield.ACL)
		t.step.Text("forelane.webacl.action", r.Shield.Action)
		t.step.Text("forelane.webacl.rule", r.Shield.Rule)
	case Function:
		runAttributes(t.step, &r.Function[model.ViewerRequest])
	case Reply:
		runAttributes(t.step, &r.Function[model.OriginResponse])
	case Respond:
		runAttributes(t.step, &r.Function[model.ViewerResponse])
	case Lookup:
		status := r.Cache.Status.String()
		t.step.Text("forelane.cache", status)
		t.step.Text("forelane.cache.reason", r.Cache.Reason.String())
	case Deliver:
		t.step.Int("http.response.body.size", r.Response.Bytes)
	case None:
	}
	t.step.End()
	t.step, t.what = nil, None
}

func runAttributes(s *trace.Span, f *record.Function) {
	s.Text("faas.name", f.Name)
	if f.Error != "" {
		s.Fail(f.Error)
	}
}

// Ask begins the span of an origin.
func (t *Trace) Ask(id, host, method string) {
	s := t.span.Child("origin "+id, trace.Client)
	s.Text("forelane.origin", id)
	s.Text("server.address", host)
	s.Text("http.request.method", method)
	t.ask = s
}

// EndAsk ends it. err is nil when there is an answer.
func (t *Trace) EndAsk(tries, status int, err error) {
	s := t.ask
	s.Int("forelane.origin.tries", int64(tries))
	if err != nil {
		s.Fail(err.Error())
	} else {
		s.Int("http.response.status_code", int64(status))
		if status >= 500 {
			s.Fail("")
		}
	}
	s.End()
	t.ask = nil
}

// Asking is ctx with the span of the origin, for a plane of this process.
func (t *Trace) Asking(ctx context.Context) context.Context { return trace.With(ctx, t.ask) }

// W3C are the fields that name the span to an origin; empty: there is none.
func (t *Trace) W3C() (parent, state string) {
	if t.ask == nil {
		return "", ""
	}
	return t.ask.Context().W3C(), t.ask.State()
}

// Finish ends the span of the exchange. viewer tells whether one asked.
func (t *Trace) Finish(r *record.Record, viewer bool) {
	if t.span == nil {
		return
	}
	t.endStep(r)
	s := t.span
	s.Text("http.route", r.Edge.Behavior)
	if viewer && r.Edge.Behavior != "" {
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
	t.span = nil
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
