// SPDX-License-Identifier: Apache-2.0

package function

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/forelane/forelane/internal/function/runtimeapi"
	"github.com/forelane/forelane/internal/model"
)

// unhandled is the X-Amz-Function-Error of every failure.
const unhandled = "Unhandled"

// status is how an invocation ended.
type status uint8

const (
	statusOK      status = iota
	statusError          // the function reported an error
	statusTimeout        // it took too long and was killed
	statusCrash          // its process ended
)

// word is the form of the JSON log.
func (s status) word() string {
	return [...]string{"success", "error", "timeout", "failure"}[s&3]
}

// outcome is what became of an invocation.
type outcome struct {
	status  status
	kind    string // errorType; empty when all went well
	payload []byte // answer or error object
	stream  *runtimeapi.Stream
}

// exchange is one invocation in one worker.
type exchange struct {
	w     *worker
	v     *invocation
	call  *runtimeapi.Call
	began time.Time
	timer *time.Timer
}

// await waits for the end, or for done; left says that done was first.
func (e *exchange) await(done <-chan struct{}) (o outcome, left bool) {
	select {
	case r := <-e.call.Done():
		return e.answered(r), false
	case <-e.w.gone:
		select { // it answered and then ended
		case r := <-e.call.Done():
			return e.answered(r), false
		default:
			return e.crashed(), false
		}
	case <-e.timer.C:
		return e.late(), false
	case <-done:
		return outcome{}, true
	}
}

func (e *exchange) answered(r runtimeapi.Result) outcome {
	switch {
	case r.Stream != nil:
		return outcome{stream: r.Stream}
	case r.Failed:
		return outcome{status: statusError, kind: r.ErrorType, payload: r.Payload}
	case r.TooLarge:
		const kind = "Function.ResponseSizeTooLarge"
		return outcome{status: statusError, kind: kind, payload: errorObject(kind,
			fmt.Sprintf("Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", r.Size, runtimeapi.MaxPayload))}
	}
	return outcome{payload: r.Payload}
}

func (e *exchange) crashed() outcome {
	const kind = "Runtime.ExitError"
	if e.w.oom.Load() {
		e.w.write(LogService, fmt.Sprintf("the process held more than %d MB and was killed: raise MemorySize", e.w.rev.memory()))
	}
	return outcome{status: statusCrash, kind: kind, payload: errorObject(kind, "RequestId: "+e.v.id+" "+e.w.exitText())}
}

// late kills the process; it is dead when late returns.
func (e *exchange) late() outcome {
	e.w.proc.Kill()
	<-e.w.gone
	const kind = "Sandbox.Timedout"
	return outcome{status: statusTimeout, kind: kind, payload: errorObject(kind,
		fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", e.v.id, e.v.limit.Seconds()))}
}

// finish closes the invocation, gives the worker back and makes the result.
// For a stream that happens in the background, when it has ended.
func (e *exchange) finish(o outcome) *model.InvocationResult {
	res := e.result(o)
	if o.stream != nil {
		e.w.rev.fn.svc.background(func() { e.close(e.follow(o.stream)) })
		return res
	}
	res.LogTail = e.close(o)
	return res
}

// follow waits for the end of a stream.
func (e *exchange) follow(s *runtimeapi.Stream) outcome {
	select {
	case r := <-s.End:
		return e.answered(r)
	case <-e.w.gone:
		select {
		case r := <-s.End:
			return e.answered(r)
		default:
			return e.crashed()
		}
	case <-e.timer.C:
		return e.late()
	}
}

func (e *exchange) close(o outcome) []byte {
	took := time.Since(e.began)
	e.timer.Stop()
	if o.status != statusOK {
		e.v.fn.failed()
	}
	if o.status == statusTimeout {
		took = max(took, e.v.limit)
	}
	e.v.fn.meter.duration.Observe(took)
	e.endTrace(o)
	e.v.fn.meter.running.Add(-1)
	t := e.w.closing(e.v, took, o)
	e.w.busy.Store(false)
	e.w.rev.pool.release(e.w)
	return t
}

// abandon lets go of a worker that died without having seen the invocation.
func (e *exchange) abandon() {
	e.timer.Stop()
	e.v.fn.meter.running.Add(-1)
	e.w.busy.Store(false)
	e.w.rev.pool.release(e.w)
}

func (e *exchange) result(o outcome) *model.InvocationResult {
	res := &model.InvocationResult{RequestID: e.v.id, Version: e.v.version, Payload: o.payload}
	if o.status != statusOK {
		res.Error = unhandled
	}
	if o.stream != nil {
		res.Head, res.Body = o.stream.Head, o.stream.Body
	}
	return res
}

// errorObject is an error as the Lambda service itself reports it.
func errorObject(kind, message string) []byte {
	b, err := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		return []byte(`{}`)
	}
	return b
}
