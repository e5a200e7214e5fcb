// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/function/runtimeapi"
	"github.com/forelane/forelane/internal/model"
	"github.com/forelane/forelane/internal/trace"
)

// The limits of what is sent to a function (L4).
const (
	maxSync  = 6 << 20
	maxAsync = 1 << 20
)

// invocation is one on its way through the service.
type invocation struct {
	in      *model.Invocation
	id      string
	fn      *function
	version string
	arn     string        // as invoked
	limit   time.Duration // time limit; set when a worker takes it
	served  bool          // a worker has it, or had it
	span    *trace.Span   // nil: not sampled; it ends with the invocation
}

// Invoke asks a function. The error is a *model.InvokeError or that of ctx;
// a function that ran and failed is a result with Error set.
//
// When ctx ends the function goes on, as on AWS; only its answer is lost. The
// caller closes a Body that it got.
func (s *Service) Invoke(ctx context.Context, in *model.Invocation) (*model.InvocationResult, error) {
	v, err := s.invocation(in)
	if err != nil {
		return nil, err
	}
	if !s.enter() {
		return nil, fault(model.FaultBroken, "the function service is shutting down")
	}
	defer s.flight.Done()
	if in.Async {
		return s.enqueue(v)
	}
	return v.run(ctx)
}

func (s *Service) invocation(in *model.Invocation) (*invocation, error) {
	name, qualifier := model.SplitFunctionRef(in.Function)
	f := s.lookup(name)
	if f == nil {
		return nil, fault(model.FaultNotFound, "Function not found: "+s.arn(in.Function, name))
	}
	def := f.def.Load()
	version, ok := resolve(def, qualifier, draw)
	if !ok {
		return nil, fault(model.FaultNotFound, "Function not found: "+def.ARN+":"+qualifier)
	}
	limit := maxSync
	if in.Async {
		limit = maxAsync
	}
	if len(in.Payload) > limit {
		return nil, fault(model.FaultTooLarge, fmt.Sprintf("%d byte payload is too large for the limit of %d bytes", len(in.Payload), limit))
	}
	v := &invocation{in: in, id: requestID(), fn: f, version: version, arn: def.ARN}
	if qualifier != "" {
		v.arn += ":" + qualifier
	}
	return v, nil
}

func (s *Service) arn(ref, name string) string {
	if ref != name {
		return ref
	}
	return "arn:aws:lambda:" + s.opt.Region + ":" + s.opt.AccountID + ":function:" + name
}

func fault(f model.InvokeFault, msg string) error { return &model.InvokeError{Fault: f, Msg: msg} }

// maxTries is how often an invocation is given to another worker because the
// one before died without having seen it.
const maxTries = 4

// run gives the invocation to a worker, or to another one when that dies before
// it has seen it.
func (v *invocation) run(ctx context.Context) (*model.InvocationResult, error) {
	v.beginTrace(ctx)
	res, err := v.attempt(ctx)
	if v.span != nil && !v.served { // else the worker's exchange ends the span
		v.unserved(err)
	}
	return res, err
}

func (v *invocation) attempt(ctx context.Context) (*model.InvocationResult, error) {
	v.fn.invocations.Add(1)
	for tries := 0; ; {
		rev, err := v.fn.revision(ctx)
		switch {
		case errors.Is(err, errRemoved):
			return nil, fault(model.FaultNotFound, "Function not found: "+v.arn)
		case err != nil:
			return nil, err
		case rev.err != nil:
			v.fn.failed()
			return nil, fault(model.FaultBroken, "function "+v.fn.name+": "+rev.err.Error())
		}
		w, err := rev.pool.acquire(ctx, v.version)
		if fail := asStartError(err); fail != nil {
			v.fn.meter.invocations.Inc()
			return v.neverStarted(fail), nil
		}
		switch {
		case errors.Is(err, errDrained):
			continue
		case errors.Is(err, errThrottled):
			v.fn.throttled.Add(1)
			v.fn.meter.throttles.Inc()
			return nil, fault(model.FaultThrottled, "Rate Exceeded.")
		case err != nil:
			return nil, err
		}
		if tries == 0 {
			v.fn.meter.invocations.Inc()
		}
		res, again, err := w.serve(ctx, v)
		if tries++; !again || tries == maxTries {
			return res, err
		}
	}
}

// serve gives the invocation to the worker, which is free and ours. again
// says that the worker died before it saw it.
func (w *worker) serve(ctx context.Context, v *invocation) (res *model.InvocationResult, again bool, err error) {
	v.limit = w.rev.timeout()
	w.busy.Store(true)
	v.fn.meter.running.Add(1)
	w.opening(v)
	began := time.Now()
	call := runtimeapi.NewCall()
	call.ID, call.ARN, call.TraceID = v.id, v.arn, v.traceID()
	call.Deadline, call.Payload, call.Stream = began.Add(v.limit), v.in.Payload, v.in.Stream
	e := &exchange{w: w, v: v, call: call, began: began, timer: time.NewTimer(v.limit)}
	v.served = true
	w.desk.Send(call)
	o, left := e.await(ctx.Done())
	if left {
		w.rev.fn.svc.background(func() {
			o, _ := e.await(nil)
			if o.stream != nil {
				o.stream.Body.Close()
			}
			e.finish(o)
		})
		return nil, false, ctx.Err()
	}
	if o.status == statusCrash && !w.desk.Delivered(call) {
		e.abandon()
		v.served = false
		return e.result(o), true, nil
	}
	return e.finish(o), false, nil
}

// background runs what an invocation leaves behind; Close waits for it.
func (s *Service) background(f func()) {
	s.flight.Add(1) // the invocation that asks is still counted, so this is no race with Wait
	go func() {
		defer s.flight.Done()
		f()
	}()
}

// neverStarted is the result of an invocation whose process did not come up.
func (v *invocation) neverStarted(fail *startError) *model.InvocationResult {
	v.fn.failed()
	payload := fail.object
	if payload == nil {
		payload = errorObject(fail.kind, "RequestId: "+v.id+" "+fail.text)
	}
	return &model.InvocationResult{RequestID: v.id, Error: unhandled, Payload: payload, Version: v.version}
}
