// SPDX-License-Identifier: Apache-2.0

package edgelambda

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/forelane/forelane/internal/httpmsg"
	"github.com/forelane/forelane/internal/model"
)

// Invoker asks a Lambda function.
type Invoker interface {
	Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error)
}

// Function is a function at one event of one behavior.
type Function struct {
	event  model.EdgeEvent
	arn    string
	name   string
	body   bool // the event includes the body of the request
	invoke Invoker
}

// New makes the function of an association. Its ARN must be that of a numbered
// version.
func New(a model.FunctionAssociation, to Invoker) (*Function, error) {
	name, version := model.SplitFunctionRef(a.ARN)
	if !numbered(version) {
		return nil, fmt.Errorf("%q is no numbered version of a function; Lambda@Edge takes neither $LATEST nor an alias", a.ARN)
	}
	return &Function{event: a.Event, arn: a.ARN, name: name + ":" + version, body: a.IncludeBody, invoke: to}, nil
}

// numbered tells whether a qualifier is the number of a version.
func numbered(qualifier string) bool {
	return qualifier != "" && strings.Trim(qualifier, "0123456789") == ""
}

// Name is NAME:VERSION.
func (f *Function) Name() string { return f.name }

// Call is what an event says beside the messages.
type Call struct {
	DistributionDomain string // d….cloudfront.net
	DistributionID     string
	RequestID          string
	// Origin is the one that is asked; nil at viewer events.
	Origin *model.Origin
}

// Outcome is what a run says beside the changed message.
type Outcome struct {
	Elapsed time.Duration
	Changed bool // the message was changed
	// Response is the answer that the function made at a request event; nil:
	// the request goes on.
	Response *httpmsg.Response
	// Origin is the one that the function chose in place of Call.Origin; nil: it
	// did not.
	Origin *model.Origin
	// Body tells that the body of the response was replaced.
	Body bool
}

// Request runs f at viewer-request or origin-request. rq is changed as the
// function says, unless it answered or failed. At origin-request rq is what
// the origin is sent, but without the origin's path and custom headers; a
// function that changes the origin finds rq.Host as it left it, for CloudFront
// does not make it follow.
//
// An error is an *Error, that of ctx, or that of reading the body.
func (f *Function) Request(ctx context.Context, c *Call, rq *httpmsg.Request) (Outcome, error) {
	ev := f.newEvent(c, rq)
	if f.body {
		var err error
		if ev.cf().Request.Body, err = f.readBody(rq); err != nil {
			return Outcome{}, err
		}
	}
	begun := time.Now()
	payload, err := f.ask(ctx, ev)
	out := Outcome{Elapsed: time.Since(begun)}
	if err != nil {
		return out, err
	}
	r, err := parse(payload)
	if err == nil && r.has("status") {
		out.Response, err = f.answer(r)
	} else if err == nil {
		err = f.applyRequest(&out, r, &ev.cf().Request, exchange{c, rq})
	}
	if err != nil {
		return Outcome{Elapsed: out.Elapsed}, f.named(err)
	}
	return out, nil
}

// exchange is what a run is about.
type exchange struct {
	call *Call
	rq   *httpmsg.Request
}

// Response runs f at origin-response or viewer-response and changes rs. rq is
// shown to the function; changes of it are ignored. A body that the function
// sets is in rs.Body, and the one before is closed.
func (f *Function) Response(ctx context.Context, c *Call, rq *httpmsg.Request, rs *httpmsg.Response) (Outcome, error) {
	ev := f.newEvent(c, rq)
	sent := &response{
		Headers: headersOf(&rs.Header, ""), Status: fmt.Sprint(rs.Status), StatusDescription: http.StatusText(rs.Status),
	}
	if rs.ContentLength >= 0 {
		sent.Headers["content-length"] = []pair{{"Content-Length", fmt.Sprint(rs.ContentLength)}}
	}
	ev.cf().Response = sent
	begun := time.Now()
	payload, err := f.ask(ctx, ev)
	out := Outcome{Elapsed: time.Since(begun)}
	if err != nil {
		return out, err
	}
	r, err := parse(payload)
	if err == nil {
		err = f.applyResponse(&out, r, sent, rs)
	}
	if err != nil {
		return Outcome{Elapsed: out.Elapsed}, f.named(err)
	}
	return out, nil
}
