// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"io"
	"net/http"

	"github.com/forelane/forelane/internal/model"
)

// lambdaCustom hands a function the request's template's output as its event,
// and takes whatever it returns.
type lambdaCustom struct {
	invoke   Invoker
	function string
}

func compileLambdaCustom(in *model.Integration, stage *Stage, d Deps) (*lambdaCustom, error) {
	function, err := substitute(in.Function, stage)
	return &lambdaCustom{invoke: d.Invoke, function: function}, err
}

// ask invokes. A mapped X-Amz-Invocation-Type of Event invokes asynchronously:
// the function's answer is then nobody's.
func (l *lambdaCustom) ask(ctx context.Context, c *Call, out *outbound) (*inbound, error) {
	event := out.body
	if len(event) == 0 {
		event = []byte("{}")
	}
	if _, err := parseValue(event); err != nil {
		// What the Lambda API says to API Gateway, which takes it for an answer.
		return &inbound{passing: true, body: []byte(`{"Type":"User","message":"Could not parse request body into json: ` +
			`Unrecognized token: was expecting JSON"}`)}, nil
	}
	res, err := l.invoke.Invoke(ctx, &model.Invocation{
		Function: l.function, Payload: event, TraceID: c.TraceID,
		Async: first(out.header["X-Amz-Invocation-Type"]) == "Event",
	})
	if err != nil {
		return nil, invokeFault(ctx, err)
	}
	c.EndpointStatus, c.EndpointID = http.StatusOK, res.RequestID
	reply := res.Payload
	if res.Body != nil {
		reply, err = io.ReadAll(io.LimitReader(res.Body, maxReply+1))
		_ = res.Body.Close() // everything that is wanted has been read
		if err != nil {
			return nil, faultf(FaultFunction, "reading the streamed answer: %w", err)
		}
	}
	if len(reply) > maxReply {
		return nil, faultf(FaultMalformed, "the answer is above 6 MB")
	}
	return &inbound{selection: errorMessage(reply), body: reply, passing: res.Error != ""}, nil
}

// errorMessage is what selection patterns of functions are matched with. A
// function that returns such a member is taken to have failed, whether it did
// or not.
func errorMessage(reply []byte) string {
	v, err := parseValue(reply)
	if err != nil {
		return ""
	}
	s, _ := v.member("errorMessage").scalar()
	return s
}
