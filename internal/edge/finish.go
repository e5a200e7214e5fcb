// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"fmt"
	"runtime/debug"

	"github.com/forelane/forelane/internal/record"
)

// finish runs on every path: it gives bodies and lease back and emits one
// Record.
func (x *Exchange) finish() stepID {
	if x.role == forPage { // the Exchange that asked for it goes on with the body
		x.spans.Finish(&x.rec, x.role == forViewer)
		return stepCount
	}
	x.release()
	x.hangUpCall()
	if x.role.delivers() && !x.sent {
		x.w.Abort()
	}
	if x.rec.Time.Total == 0 {
		x.rec.Time.Total = x.elapsed()
	}
	x.spans.Finish(&x.rec, x.role == forViewer)
	if x.dist != nil {
		x.count()
		if x.dist.realtime && x.role == forViewer {
			x.tellRealtime()
		}
		if x.dist.placed {
			x.tellPlace()
		}
	}
	if x.edge.deps.Record != nil {
		x.edge.deps.Record(&x.rec)
	}
	x.recall()
	x.letGo()
	return stepCount
}

// count tells the meters.
func (x *Exchange) count() {
	switch {
	case x.role == forRefresh:
		x.dist.meter.Refreshed()
	case x.beh == nil:
		x.dist.meter.Count(&x.rec, nil)
	default:
		x.dist.meter.Count(&x.rec, x.beh.meter)
	}
}

// release gives back what the Exchange holds. A viewer that left before it had
// its answer is told to the lease, which then may give the fetch up (row F17);
// one that has its answer leaves a fill that is still going on alone.
func (x *Exchange) release() {
	if x.sub != nil {
		x.sub.rec.Result.End = x.rec.Result.End
		x.sub.release()
	}
	x.body.close()
	x.store.release(x.rec.Result.End == record.EndComplete)
}

func (s *stored) release(complete bool) {
	if s.lease != nil {
		s.lease.Abandon() // does nothing when it is ended
	}
	s.unwatchAll(complete)
}

// letGo releases the objects, whose texts the Record has shown up to now.
func (x *Exchange) letGo() {
	if x.sub != nil {
		x.sub.letGo()
	}
	x.store.letGo()
}

// panicked answers after a panic of a step: an error of ours, with an id.
func (x *Exchange) panicked(step string, p any) {
	x.rec.Result.Type, x.rec.Result.End = record.Error, record.EndInternal
	x.rec.Origin.Error = fmt.Sprintf("panic in step %s: %v\n%s", step, p, debug.Stack())
	if x.role.delivers() && !x.sent {
		func() {
			defer func() { _ = recover() }() // the Writer itself may be what panics
			x.failInside()
			x.sign()
			x.deliver()
		}()
	} else if x.role.delivers() {
		x.w.Abort()
	}
	if x.role == forPage {
		x.rs.Status = 0
		x.body.close()
		x.store.release(false)
		return
	}
	x.finish()
}
