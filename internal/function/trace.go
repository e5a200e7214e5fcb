// SPDX-License-Identifier: Apache-2.0

package function

import (
	"context"

	"github.com/forelane/forelane/internal/trace"
)

// beginTrace begins the span of an invocation whose caller passes one on. It
// ends with the invocation, which may be after the caller has left; of a stream,
// with its last byte.
func (v *invocation) beginTrace(ctx context.Context) {
	v.span, v.served = trace.From(ctx).Child("invoke "+v.fn.name, trace.Server), false
	v.span.Text("faas.name", v.fn.name)
	v.span.Text("faas.version", v.version)
	v.span.Text("faas.invocation_id", v.id)
	v.span.Text("cloud.resource_id", v.arn)
}

// traceID is what the function gets as _X_AMZN_TRACE_ID: the span of its
// invocation, so that what it calls goes on below; else what the caller gave.
func (v *invocation) traceID() string {
	if v.span != nil {
		return v.span.Context().XRay()
	}
	return v.in.TraceID
}

// unserved ends the span of an invocation that no process took.
func (v *invocation) unserved(err error) {
	why := "the function's process did not start"
	if err != nil {
		why = err.Error()
	}
	v.span.Fail(why)
	v.span.End()
}

// endTrace ends the span of an invocation that ended as o.
func (e *exchange) endTrace(o outcome) {
	s := e.v.span
	if s == nil {
		return
	}
	if !e.w.used {
		s.Text("faas.coldstart", "true")
		s.Int("forelane.init_ms", e.w.initTook.Milliseconds())
	}
	if o.status != statusOK {
		s.Fail(o.kind)
	}
	s.End()
}
