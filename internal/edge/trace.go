// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"github.com/forelane/forelane/internal/edge/spans"
	"github.com/forelane/forelane/internal/httpmsg"
)

// What the trace of an Exchange (room spans) is told. The steps know nothing of
// it but fetch: the spans of steps begin and end where the walk over the table
// passes from one to the next.

// beginTrace decides whether the request of a viewer is traced.
func (x *Exchange) beginTrace() {
	if t := x.edge.deps.Trace; t != nil && x.w != (nobody{}) { // what is explained leaves no trace
		x.spans.Begin(t, x.rq, x.rec.Start)
	}
}

// pass tells the trace that the walk goes to a step. It is called for Exchanges
// that are sampled.
func (x *Exchange) pass(to stepID) { x.spans.Pass(x.spanOf(to), &x.rec) }

func (x *Exchange) spanOf(to stepID) spans.Step {
	switch to {
	case stepScreen:
		if x.dist.shield != nil {
			return spans.Screen
		}
	case stepFunction:
		return spans.Function
	case stepLookup, stepLoad, stepWait:
		return spans.Lookup
	case stepReply:
		return spans.Reply
	case stepRespond:
		if x.beh != nil && x.beh.viewerResponse != nil {
			return spans.Respond
		}
	case stepDeliver:
		return spans.Deliver
	}
	return spans.None
}

// propagate names the span to an origin that may see the header by the
// behavior's policies: a traceparent that they forward is made to say what was
// done, and is no header that CloudFront would not send.
func (x *Exchange) propagate(h *httpmsg.Header) {
	parent, state := x.spans.W3C()
	if parent == "" || !x.beh.forward.Forwards("traceparent", "", false) {
		return
	}
	h.Set("Traceparent", parent)
	if state != "" && x.beh.forward.Forwards("tracestate", "", false) {
		h.Set("Tracestate", state)
	}
}
