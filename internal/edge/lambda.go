// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/forelane/forelane/internal/edge/made"
	"github.com/forelane/forelane/internal/edge/spans"
	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/edgelambda"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Lambda@Edge (row E5). At the viewer's events its functions stand where
// CloudFront functions do, and run for every request, hits too. At the
// origin's events they stand behind the cache, inside a lease, so that those
// who wait for a fetch share one run:
//
//	fetch   origin-request, before each member that is asked: what is sent, to
//	        whom, or an answer in its place, which is cached as any other
//	reply   origin-response, on the answer that goes on, also on errors of the
//	        origin and on a 304
//
// What fails there is an error as one of the origin: kept for a while, and an
// expired object may stand in. An answer of another edge has passed through the
// functions of that one.

// atViewer lets a Lambda@Edge function stand where a CloudFront function does.
type atViewer struct{ *edgelambda.Function }

// ViewerRequest is part of Function.
func (a atViewer) ViewerRequest(ctx context.Context, ev *edgefunc.Event, rq *httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error) {
	out, err := a.Request(ctx, callOf(ev), rq)
	return out.Response, edgefunc.Outcome{Elapsed: out.Elapsed, Changed: out.Changed}, err
}

// ViewerResponse is part of Function.
func (a atViewer) ViewerResponse(ctx context.Context, ev *edgefunc.Event, rq *httpmsg.Request, rs *httpmsg.Response) (edgefunc.Outcome, error) {
	out, err := a.Response(ctx, callOf(ev), rq, rs)
	return edgefunc.Outcome{Elapsed: out.Elapsed, Changed: out.Changed, Body: out.Body}, err
}

func callOf(ev *edgefunc.Event) *edgelambda.Call {
	return &edgelambda.Call{DistributionDomain: ev.DistributionDomain, DistributionID: ev.DistributionID, RequestID: ev.RequestID}
}

func (e *Edge) compileLambda(b *behavior, a model.FunctionAssociation) error {
	if e.deps.Lambda == nil {
		return errors.New("there are no Lambda functions")
	}
	f, err := edgelambda.New(a, e.deps.Lambda)
	if err != nil {
		return err
	}
	switch a.Event {
	case model.ViewerRequest:
		b.viewerRequest = atViewer{f}
	case model.ViewerResponse:
		b.viewerResponse = atViewer{f}
	case model.OriginRequest:
		b.originRequest = f
	case model.OriginResponse:
		b.originResponse = f
	}
	b.meter.AddFunction(e.deps.Metrics, f.Name(), a.Event)
	return nil
}

func lambdaResult(k edgelambda.ErrorKind) record.ResultType {
	switch k {
	case edgelambda.Validation:
		return record.LambdaValidationError
	case edgelambda.Limit:
		return record.LambdaLimitExceeded
	case edgelambda.Execution:
	}
	return record.LambdaExecutionError
}

// whyLambda is the sentence of the edge's own page for a failed function.
func whyLambda(status int) string {
	if status == http.StatusBadGateway {
		return "The Lambda function of this path returned what is not valid. The log has the cause."
	}
	return "The Lambda function of this path failed, or took too long. The log has the cause."
}

// lambdaFault is the error of a function for which there is no answer.
func (x *Exchange) lambdaFault() *edgelambda.Error {
	var l *edgelambda.Error
	if x.asked.err != nil && errors.As(x.asked.err, &l) {
		return l
	}
	return nil
}

// atOrigin is what an event of the origin says of the exchange.
func (x *Exchange) atOrigin(o *model.Origin) *edgelambda.Call {
	return &edgelambda.Call{
		DistributionDomain: x.dist.m.DomainName, DistributionID: x.dist.m.ID, RequestID: strings.Clone(x.rec.ID), Origin: o,
	}
}

// beforeOrigin lets the origin-request function have its say about one member:
// what it is sent, or who is asked in its place. ok is false when nobody is to
// be asked: the function answered, or failed.
func (x *Exchange) beforeOrigin(m member) (to member, ok bool) {
	x.asked.edited, x.asked.origin = nil, m.m
	f := x.beh.originRequest
	if f == nil {
		return m, true
	}
	from := x.bare(m.m)
	rq := from.Clone()
	rq.Body, rq.ContentLength = from.Body, from.ContentLength
	rq.Viewer = x.rq.Viewer
	for _, c := range m.m.Headers { // the origin's own win
		rq.Header.Del(c.Name)
	}
	ctx, span := x.spans.Run(x.asked.ctx, "origin-request")
	out, err := f.Request(ctx, x.atOrigin(m.m), rq)
	if err == nil && out.Origin != nil {
		m, err = x.divert(f, m, out.Origin)
	}
	x.noteRun(model.OriginRequest, atViewer{f}, edgefunc.Outcome{Elapsed: out.Elapsed}, err)
	spans.EndRun(span, &x.rec.Function[model.OriginRequest])
	switch {
	case err != nil:
		x.asked.rs, x.asked.err, x.asked.generated = nil, err, true
		return m, false
	case out.Response != nil:
		rs := &x.asked.room
		*rs = *out.Response
		if rs.Body == nil {
			rs.Body = http.NoBody
		}
		if !rs.Header.Has("Server") {
			rs.Header.Add("Server", "CloudFront")
		}
		x.asked.rs, x.asked.err, x.asked.generated = rs, nil, true
		x.asked.sent = x.now()
		x.asked.received = x.asked.sent
		return m, false
	}
	x.asked.edited, x.asked.origin = rq, m.m
	return m, true
}

// reply runs the origin-response function.
func (x *Exchange) reply() stepID {
	f, rs := x.beh.originResponse, x.asked.rs
	rq := x.bare(x.asked.origin)
	rq.Viewer = x.rq.Viewer
	out, err := f.Response(x.spans.Step(x.asked.ctx), x.atOrigin(x.asked.origin), rq, rs)
	x.noteRun(model.OriginResponse, atViewer{f}, edgefunc.Outcome{Elapsed: out.Elapsed}, err)
	if err != nil {
		_ = rs.Body.Close() // what it has left is not wanted
		x.asked.rs, x.asked.err = nil, err
		return x.fetched()
	}
	if rs.Body == nil {
		rs.Body = http.NoBody
	}
	return stepResponse
}

// divert is the way to an origin that a function made of that of m. Where only
// path or custom headers differ it is the same way; agents of a private origin
// choose theirs.
func (x *Exchange) divert(f *edgelambda.Function, m member, o *model.Origin) (member, error) {
	c, moved := made.Replace(m.m, o)
	if !moved || o.VPCOrigin != "" {
		m.m = o
		return m, nil
	}
	to, err := x.reach(m, c, c.Key())
	if err != nil {
		return m, &edgelambda.Error{Kind: edgelambda.Execution, Function: f.Name(), Message: "its origin cannot be reached: " + err.Error()}
	}
	return to, nil
}
