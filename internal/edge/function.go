// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/forelane/forelane/internal/edge/known"
	"github.com/forelane/forelane/internal/edgefunc"
	"github.com/forelane/forelane/internal/edgelambda"
	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/record"
)

// Function is a CloudFront function, as package edgefunc compiles it.
type Function interface {
	Name() string
	// ViewerRequest changes rq, or returns an answer.
	ViewerRequest(ctx context.Context, ev *edgefunc.Event, rq *httpmsg.Request) (*httpmsg.Response, edgefunc.Outcome, error)
	// ViewerResponse changes rs; a body that it sets is in rs.Body.
	ViewerResponse(ctx context.Context, ev *edgefunc.Event, rq *httpmsg.Request, rs *httpmsg.Response) (edgefunc.Outcome, error)
}

func (e *Edge) compileFunctions(b *behavior) error {
	for _, a := range b.m.Functions {
		if a.Lambda {
			if err := e.compileLambda(b, a); err != nil {
				return fmt.Errorf("%s function %s: %w", a.Event, a.ARN, err)
			}
			continue
		}
		if e.deps.Functions == nil {
			return fmt.Errorf("%s function %s: there are no functions", a.Event, a.ARN)
		}
		f, err := e.deps.Functions(a.ARN)
		if err != nil {
			return fmt.Errorf("%s function %s: %w", a.Event, a.ARN, err)
		}
		switch a.Event {
		case model.ViewerRequest:
			b.viewerRequest = f
		case model.ViewerResponse:
			b.viewerResponse = f
		default:
			return fmt.Errorf("function %s: a CloudFront function cannot run at %s", a.ARN, a.Event)
		}
		b.meter.AddFunction(e.deps.Metrics, f.Name(), a.Event)
	}
	return nil
}

// function runs the viewer-request function. It may rewrite the request (a new
// path does not choose another behavior) or answer it.
func (x *Exchange) function() stepID {
	f := x.beh.viewerRequest
	if x.edge.deps.Recent != nil {
		x.said = x.viewerHeaders()
	}
	x.viewer().ShowCertificate()
	rs, out, err := f.ViewerRequest(x.ctx, x.event(), x.rq)
	known.HideCertificate(&x.rq.Header)
	x.noteRun(model.ViewerRequest, f, out, err)
	switch {
	case err != nil:
		return x.functionFailed(err)
	case rs != nil:
		x.takeAnswer(rs)
		x.rec.Result.Type, x.rec.Cache.Reason = record.FunctionGeneratedResponse, record.ReasonGenerated
		if _, lambda := f.(atViewer); lambda {
			x.rec.Result.Type = record.LambdaGeneratedResponse
		}
		return stepHeaders
	case out.Origin != nil:
		return x.chooseOrigin(out.Origin)
	}
	return stepKey
}

func (x *Exchange) event() *edgefunc.Event {
	return &edgefunc.Event{
		DistributionDomain: x.dist.m.DomainName, DistributionID: x.dist.m.ID,
		RequestID: strings.Clone(x.rec.ID), EdgeLocation: airport(x.edge.deps.POP), Region: x.edge.region,
	}
}

// airport is the code with which the name of an edge location begins.
func airport(pop string) string { return pop[:min(len(pop), 3)] }

func (x *Exchange) noteRun(at model.EdgeEvent, f Function, out edgefunc.Outcome, err error) {
	r := &x.rec.Function[at]
	r.Name, r.Time, r.Utilization = f.Name(), out.Elapsed, out.Utilization
	if err != nil {
		r.Error = err.Error()
	}
	x.beh.meter.CountRun(at, r)
}

// takeAnswer makes a function's response the answer.
func (x *Exchange) takeAnswer(rs *httpmsg.Response) {
	x.rs = *rs
	x.rs.Body = nil
	x.body = body{src: rs.Body}
	if rs.Body == nil {
		x.rs.ContentLength = 0
	}
	x.rs.Header.Set("Server", "CloudFront")
}

// functionFailed answers for a function that threw, broke a rule (502) or took
// too long. The viewer gets the status, the log the cause.
func (x *Exchange) functionFailed(err error) stepID {
	if x.ctx.Err() != nil {
		return x.hungUp()
	}
	status, kind, detail := 503, record.FunctionExecutionError, record.DetailFunctionExecutionError
	why := "The CloudFront function of this path failed, or its result is not valid. The log has the cause."
	var e *edgefunc.Error
	var l *edgelambda.Error
	if errors.As(err, &l) {
		status, kind, detail, why = l.Kind.Status(), lambdaResult(l.Kind), record.DetailNone, whyLambda(l.Kind.Status())
	} else if bad := x.viewersFault(err); bad != 0 { // it was to see the body
		return x.refuse(bad, whyOrigin(bad))
	} else if errors.As(err, &e) {
		status = e.Kind.Status()
		switch e.Kind {
		case edgefunc.Validation:
			detail = record.DetailFunctionValidationError
		case edgefunc.Throttled:
			kind, detail = record.FunctionThrottledError, record.DetailNone
		case edgefunc.Execution:
		}
	}
	x.rs.Thaw().Reset()
	x.fail(status, why)
	x.rec.Result.Detail = detail
	return x.generated(kind)
}

// respond runs the viewer-response function. It does not run for errors of the
// origin, for custom error pages, redirects to HTTPS and answers of a
// viewer-request function (row E2).
func (x *Exchange) respond() stepID {
	t := x.rec.Result.Type
	if x.sub != nil || x.rs.Status >= 400 || t == record.Redirect || t == record.FunctionGeneratedResponse ||
		t == record.LambdaGeneratedResponse && !x.asked.generated {
		return stepDeliver
	}
	f := x.beh.viewerResponse
	x.rs.Body = nil
	x.rs.Thaw()
	out, err := f.ViewerResponse(x.ctx, x.event(), x.rq, &x.rs)
	x.noteRun(model.ViewerResponse, f, out, err)
	if err != nil {
		if x.functionFailed(err) == stepFinish {
			return stepFinish
		}
		x.rec.Response.HasRange = false
		x.sign()
		return stepDeliver
	}
	if out.Body {
		x.body.close()
		x.body = body{src: x.rs.Body}
		x.rs.Body = nil
		if x.body.src == nil {
			x.body.src, x.rs.ContentLength = io.NopCloser(noBody{}), 0
		}
	}
	return stepDeliver
}

type noBody struct{}

func (noBody) Read([]byte) (int, error) { return 0, io.EOF }
